//! Synthetic traffic for every kind of anomaly: one stream that is told, and one that is not.

use super::*;

fn settings() -> Anomalies {
    Anomalies::default()
}

fn at(seconds: i64) -> Moment {
    Moment::from_secs(1_760_000_040_i64.saturating_add(seconds))
}

fn network(place: u8) -> Network {
    Network::of([10, 0, place, 1].into())
}

fn refusal(code: Code, place: u8, named: &str) -> Refusal {
    let named = match named {
        "" => Named::Nobody,
        "?" => Named::Unknown,
        key => Named::Known(key.into()),
    };
    Refusal { code, network: Some(network(place)), named }
}

fn kinds(found: &[Finding]) -> Vec<Kind> {
    found.iter().map(|finding| finding.kind).collect()
}

/// So many refusals in each minute, one after the other; what was found.
fn minutes(watch: &mut Watch, counts: &[u32], refusal: &Refusal) -> Vec<Finding> {
    let mut found = Vec::new();
    for (minute, count) in (0..).zip(counts) {
        let now = at(60_i64.saturating_mul(minute));
        watch.turn(now);
        (0..*count).for_each(|_| found.extend(watch.refused(refusal.clone(), now)));
    }
    found
}

fn sighting(key: &str, place: u8) -> Sighting {
    Sighting {
        key: key.into(),
        network: Some(network(place)),
        skew: None,
        window: Some((60_000, 60_000)),
        retiring: false,
    }
}

#[test]
fn refusals_of_a_key_above_its_own_baseline_are_told() {
    let bad = refusal(Code::SignatureInvalid, 1, "partner");
    assert_eq!(minutes(&mut Watch::new(settings()), &[3, 5, 19, 4, 2, 19], &bad), []);
    let found = minutes(&mut Watch::new(settings()), &[3, 5, 2, 40], &bad);
    assert_eq!(kinds(&found), [Kind::KeyRefusals]);
    assert_eq!((found[0].key.as_deref(), found[0].count), (Some("partner"), Some((20, 0))));
}

#[test]
fn a_key_that_is_often_refused_alarms_only_far_above_that() {
    let bad = refusal(Code::SignatureInvalid, 1, "partner");
    let mut watch = Watch::new(Anomalies { source_refusals: 0, ..settings() });
    let long = [50; 90];
    assert_eq!(kinds(&minutes(&mut watch, &long, &bad)), [Kind::KeyRefusals], "told once, then usual");
    let later = |watch: &mut Watch, count: u32, minute: i64| -> Vec<Kind> {
        (0..count).flat_map(|_| kinds(&watch.refused(bad.clone(), at(minute.saturating_mul(60))))).collect()
    };
    assert_eq!(later(&mut watch, 150, 90), [], "three times the usual");
    assert_eq!(later(&mut watch, 400, 91), [Kind::KeyRefusals], "eight times");
}

#[test]
fn refusals_of_a_network_are_told_and_those_of_many_are_not() {
    let found = minutes(&mut Watch::new(settings()), &[10, 150], &refusal(Code::SignatureMissing, 7, ""));
    assert_eq!(kinds(&found), [Kind::SourceRefusals]);
    assert_eq!(found[0].network.unwrap().to_string(), "10.0.7.0/24");

    let mut watch = Watch::new(settings());
    let spread = (0..200).flat_map(|place| {
        (0..99).flat_map(|_| watch.refused(refusal(Code::SignatureMissing, place, ""), at(0))).collect::<Vec<_>>()
    });
    assert_eq!(spread.count(), 0);
}

#[test]
fn a_flood_of_unknown_keys_is_told_and_a_few_are_not() {
    let unknown = |count: u32| {
        let mut watch = Watch::new(settings());
        let found = (0..count).flat_map(|place| {
            let place = u8::try_from(place % 250).unwrap();
            kinds(&watch.refused(refusal(Code::SignatureInvalid, place, "?"), at(0)))
        });
        found.collect::<Vec<_>>()
    };
    assert_eq!((unknown(99), unknown(500)), (vec![], vec![Kind::UnknownKeys]));
}

#[test]
fn a_burst_of_replays_is_told_apart_from_other_refusals() {
    let replay = refusal(Code::Replayed, 1, "partner");
    assert_eq!(minutes(&mut Watch::new(settings()), &[5, 19, 3], &replay), []);
    let found = minutes(&mut Watch::new(settings()), &[5, 25], &replay);
    assert_eq!(kinds(&found), [Kind::ReplayBurst]);
}

#[test]
fn a_new_network_is_told_after_the_time_of_learning() {
    let mut watch = Watch::new(settings());
    let mut seen = |place, now| kinds(&watch.used(&sighting("k", place), at(now)));
    assert_eq!((seen(1, 0), seen(2, 3599)), (vec![], vec![]), "while it learns");
    assert_eq!(seen(1, 9000), [], "known");
    assert_eq!(seen(3, 9000), [Kind::NewNetwork]);
    assert_eq!(seen(3, 9001), [], "known now");
    assert_eq!(kinds(&watch.used(&sighting("other", 9), at(9002))), [], "a key that is new comes from somewhere");
}

#[test]
fn a_key_that_comes_from_everywhere_is_told_no_more() {
    let mut watch = Watch::new(settings());
    watch.used(&sighting("k", 0), at(0));
    let told = (1..=250).filter(|place| !watch.used(&sighting("k", *place), at(7200)).is_empty()).count();
    assert_eq!(told, 63);
}

#[test]
fn a_clock_that_drifts_is_told_before_requests_are_refused() {
    let mut watch = Watch::new(settings());
    let mut drifting = |skew: i64, now| {
        let seen = Sighting { skew: Some(skew), ..sighting("k", 1) };
        watch.used(&seen, at(now))
    };
    let mut first = None;
    for second in 0..600 {
        if let Some(found) = drifting(second * 100, second).pop() {
            first = first.or(Some((second, found.kind)));
        }
    }
    let (second, kind) = first.unwrap();
    assert_eq!(kind, Kind::SkewDrift);
    assert!((300..340).contains(&second), "{second}: half of the window is 30 s");

    let mut watch = Watch::new(settings());
    for (second, skew) in (0..600).zip([200, -300, 29_000, 0, 500].into_iter().cycle()) {
        let seen = Sighting { skew: Some(skew), ..sighting("k", 1) };
        assert_eq!(watch.used(&seen, at(second)), [], "single stamps are not the clock");
    }
}

#[test]
fn a_stamp_from_the_future_has_an_edge_of_its_own() {
    for (window, told) in [((60_000, 10_000), 1), ((10_000, 60_000), 0)] {
        let mut watch = Watch::new(settings());
        let seen = Sighting { skew: Some(-6000), window: Some(window), ..sighting("k", 1) };
        let found: Vec<_> = (0..50).flat_map(|second| watch.used(&seen, at(second))).collect();
        assert_eq!(found.len(), told, "{window:?}");
    }
}

#[test]
fn a_retiring_key_in_use_is_told_once_an_hour() {
    let mut watch = Watch::new(settings());
    let retiring = Sighting { retiring: true, ..sighting("old", 1) };
    let mut used = |now| kinds(&watch.used(&retiring, at(now)));
    assert_eq!((used(0), used(3599), used(3600)), (vec![Kind::RetiringKey], vec![], vec![Kind::RetiringKey]));
    assert_eq!(kinds(&watch.used(&sighting("new", 1), at(0))), []);
}

#[test]
fn what_is_turned_off_is_not_told() {
    let off = Anomalies {
        key_refusals: 0,
        source_refusals: 0,
        unknown_keys: 0,
        replays: 0,
        skew: 0,
        new_networks: false,
        retiring_keys: false,
        ..settings()
    };
    let mut watch = Watch::new(off);
    for named in ["", "?", "k"] {
        assert_eq!(minutes(&mut watch, &[500], &refusal(Code::SignatureInvalid, 1, named)), []);
    }
    for place in 0..20 {
        let seen = Sighting { skew: Some(59_000), retiring: true, ..sighting("k", place) };
        assert_eq!(watch.used(&seen, at(7200 * i64::from(place))), []);
    }
}

#[test]
fn tables_stay_bounded_and_are_empty_again_after_silence() {
    let mut watch = Watch::new(settings());
    for place in 0..(3 * TOLD_APART) {
        let [.., a, b] = place.to_be_bytes();
        let key: Arc<str> = format!("k{place}").into();
        let network = Some(Network::of([10, a, b, 1].into()));
        let named = Named::Known(Arc::clone(&key));
        watch.refused(Refusal { code: Code::SignatureInvalid, network, named: named.clone() }, at(0));
        watch.refused(Refusal { code: Code::Replayed, network, named }, at(0));
        watch.used(&Sighting { key, network, ..sighting("", 0) }, at(0));
    }
    let sizes = [watch.keys.len(), watch.sources.len(), watch.replays.len(), watch.met.len()];
    assert_eq!(sizes, [TOLD_APART; 4]);
    watch.turn(at(4 * 3600 + 60));
    assert!(watch.is_settled());
    let week = 8 * 86_400;
    watch.used(&sighting("later", 1), at(week));
    assert_eq!(watch.met.len(), 1, "keys that are silent for a week make room");
}
