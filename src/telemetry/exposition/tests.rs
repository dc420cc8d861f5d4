//! What the exposition says, line by line.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::super::Telemetry;
use super::super::cells::{KEYS_MAX, OTHER};
use super::super::fixture::{key, record, route};
use super::super::gauges::{Certificate, Fill, Health, Replay};
use super::super::record::Verdict;
use super::*;
use crate::clock::Clock;
use crate::policy::operations::{Audit, AuditSink};
use crate::policy::rate::Per;
use crate::policy::upkeep::{Origin, Table, Upkeep};
use crate::reject::{Code, Rejection};
use crate::sig::key::{Key, Window};
use crate::sig::keyring::Keyring;

fn telemetry() -> Arc<Telemetry> {
    Telemetry::new(&Audit::to(AuditSink::Off), None, &Clock::system()).unwrap()
}

/// Samples by name and labels; panics where the text is not `OpenMetrics`.
fn samples(text: &str) -> HashMap<&str, f64> {
    let mut types: HashMap<&str, &str> = HashMap::new();
    let mut samples = HashMap::new();
    let body = text.strip_suffix("# EOF\n").expect("ends with # EOF");
    for line in body.lines() {
        if let Some(meta) = line.strip_prefix("# ") {
            let mut words = meta.splitn(3, ' ');
            let (kind, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            assert!(kind != "TYPE" || types.insert(name, rest).is_none(), "{name} is declared twice");
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        let family = name.split('{').next().unwrap();
        let declared = types.iter().any(|(base, kind)| match *kind {
            "counter" => family.strip_suffix("_total") == Some(base),
            "histogram" => ["_bucket", "_sum", "_count"].iter().any(|end| family.strip_suffix(end) == Some(base)),
            "info" => family.strip_suffix("_info") == Some(base),
            "gauge" => family == *base,
            other => panic!("unknown type {other}"),
        });
        assert!(declared, "{line}");
        assert!(samples.insert(name, value.parse().unwrap()).is_none(), "{name} occurs twice");
    }
    samples
}

#[test]
fn shards_of_several_threads_are_summed() {
    let telemetry = telemetry();
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let shard = telemetry.shard();
            std::thread::spawn(move || {
                let mut told = record();
                told.key = Some(key("a"));
                (0..250).for_each(|_| {
                    let _running = shard.begin();
                    shard.finish(&mut told);
                });
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
    let text = telemetry.render(&Gauges::default(), Form::OpenMetrics);
    let samples = samples(&text);
    let count = |name: &str| samples.get(name).copied();
    let requests = r#"countersign_requests_total{route="/orders",verdict="verified",code="",key="a"}"#;
    assert_eq!(count(requests), Some(1000.0), "{text}");
    assert_eq!(count(r#"countersign_responses_total{route="/orders",class="2xx"}"#), Some(1000.0));
    assert_eq!(count(r#"countersign_request_duration_seconds_count{route="/orders"}"#), Some(1000.0));
    assert_eq!(count(r#"countersign_key_uses_total{route="/orders",key="a"}"#), Some(1000.0));
    assert_eq!(count("countersign_in_flight_requests"), Some(0.0));
    let used = r#"countersign_key_last_used_timestamp_seconds{route="/orders",key="a"}"#;
    assert_eq!(count(used), Some(1_795_321_800.0));
}

#[test]
fn a_request_in_flight_shows_until_it_is_dropped() {
    let telemetry = telemetry();
    let shard = telemetry.shard();
    let running = shard.begin();
    assert_eq!(telemetry.in_flight(), 1);
    drop(running);
    assert_eq!(telemetry.in_flight(), 0);
}

#[test]
fn buckets_are_cumulative_and_end_with_the_count() {
    let telemetry = telemetry();
    let shard = telemetry.shard();
    for skew in [-61_000, -500, 0, 1000, 1001] {
        let mut told = record();
        told.skew = Some(skew);
        shard.finish(&mut told);
    }
    let text = telemetry.render(&Gauges::default(), Form::OpenMetrics);
    let samples = samples(&text);
    let cases = [("past", "0.1", 1.0), ("past", "1.0", 2.0), ("past", "2.0", 3.0), ("past", "+Inf", 3.0)];
    let future = [("future", "0.5", 1.0), ("future", "60.0", 1.0), ("future", "120.0", 2.0), ("future", "+Inf", 2.0)];
    for (stamp, le, count) in cases.into_iter().chain(future) {
        let name = format!(r#"countersign_clock_skew_seconds_bucket{{le="{le}",route="/orders",stamp="{stamp}"}}"#);
        assert_eq!(samples.get(&*name), Some(&count), "{name}\n{text}");
    }
}

#[test]
fn only_a_request_that_a_key_verified_is_a_use_of_it() {
    let telemetry = telemetry();
    let shard = telemetry.shard();
    for verdict in [Verdict::Refused, Verdict::Observed, Verdict::Public] {
        let mut told = record();
        (told.verdict, told.key) = (verdict, Some(key("a")));
        shard.finish(&mut told);
    }
    assert_eq!(telemetry.key_uses(), []);
    let mut told = record();
    told.key = Some(key("a"));
    shard.finish(&mut told);
    let uses = telemetry.key_uses();
    assert_eq!((uses.len(), uses[0].count, uses[0].last.secs()), (1, 1, told.started.secs()));
}

#[test]
fn keys_beyond_the_cap_share_one_label() {
    let telemetry = telemetry();
    let shard = telemetry.shard();
    for number in 0..KEYS_MAX + 5 {
        let mut told = record();
        told.key = Some(key(&format!("key-{number}")));
        shard.finish(&mut told);
    }
    let uses = telemetry.key_uses();
    assert_eq!(uses.len(), KEYS_MAX + 1);
    assert_eq!(uses.iter().find(|used| &*used.key == OTHER).unwrap().count, 5);
}

#[test]
fn nothing_that_a_client_chose_becomes_a_label() {
    let telemetry = telemetry();
    let mut told = record();
    told.route = None;
    told.target = "/canary?canary=1".into();
    told.authority = "canary".into();
    told.request_id = "canary".into();
    told.method = crate::sig::message::Method::new("CANARY");
    told.verdict = Verdict::Refused;
    told.rejection = Some(Rejection::from(Code::BadRequest).because("canary"));
    telemetry.shard().finish(&mut told);
    let text = telemetry.render(&Gauges::default(), Form::OpenMetrics);
    assert!(!text.to_lowercase().contains("canary"), "{text}");
    assert!(text.contains(r#"{route="",verdict="refused",code="bad_request",key=""} 1"#), "{text}");
}

#[test]
fn an_upstream_is_blamed_only_for_its_own_failures() {
    let telemetry = telemetry();
    let shard = telemetry.shard();
    for code in [Code::UpstreamTimeout, Code::UpstreamTimeout, Code::Replayed] {
        let mut told = record();
        (told.upstream, told.rejection) = (Some("app".into()), Some(code.into()));
        shard.finish(&mut told);
    }
    let text = telemetry.render(&Gauges::default(), Form::OpenMetrics);
    assert!(text.contains(r#"countersign_upstream_errors_total{upstream="app",code="upstream_timeout"} 2"#));
    assert_eq!(text.matches("countersign_upstream_errors_total{").count(), 1);

    let known = Gauges { upstream_in_flight: vec![("app".into(), 0), ("idle".into(), 0)], ..Gauges::default() };
    let text = telemetry.render(&known, Form::OpenMetrics);
    assert!(text.contains(r#"countersign_upstream_errors_total{upstream="app",code="upstream_timeout"} 2"#));
    assert!(text.contains(r#"countersign_upstream_errors_total{upstream="idle",code="upstream_timeout"} 0"#));
    samples(&text);
}

#[test]
fn label_values_of_the_configuration_are_escaped() {
    let telemetry = telemetry();
    let mut told = record();
    told.route = Some(route("/a\"b\\c\nd"));
    telemetry.shard().finish(&mut told);
    let text = telemetry.render(&Gauges::default(), Form::OpenMetrics);
    assert!(text.contains(r#"route="/a\"b\\c\nd""#), "{text}");
    samples(&text);
}

/// The names under which samples are shown.
fn shown(text: &str) -> HashSet<String> {
    let suffixed = |name: &str, kind: &str| match kind {
        "counter" => format!("{name}_total"),
        "info" => format!("{name}_info"),
        _ => name.to_owned(),
    };
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types.map(|(name, kind)| suffixed(name, kind)).collect()
}

#[test]
fn every_metric_is_in_the_manual_and_the_manual_names_no_other() {
    let telemetry = telemetry();
    telemetry.reloaded(true);
    telemetry.reloaded(false);
    let certificate = Certificate { listener: "public".into(), name: "a.example".into(), ends: Moment::from_secs(7) };
    let fill = Fill { used: 1, capacity: 2 };
    let gauges = Gauges {
        generation: 3,
        loaded: Moment::from_secs(1),
        connections: vec![("public".into(), 1)],
        accept_failures: vec![("public".into(), 1)],
        worker_connections: vec![1, 0],
        upstream_in_flight: vec![("app".into(), 1)],
        connect_failures: vec![("app".into(), 1)],
        health: vec![Health { upstream: "app".into(), ..Health::default() }],
        replay: Replay { fill, claimed: 1, replayed: 1, released: 1 },
        rates: vec![Reading { per: Per::Key, pool: "/".into(), buckets: 1, capacity: 2, crowded: 3 }],
        turned_away: vec![("public".into(), "source", 1)],
        cut_off: vec![("public".into(), "frames", 1)],
        certificates: vec![certificate],
        budgets: vec![("memory", fill)],
        rings: Vec::new(),
    };
    let window = Window { from: None, until: Some(Moment::from_secs(9)) };
    let ending = Key { sign: window, verify: window, created: Some(Moment::from_secs(1)), ..(*key("k")).clone() };
    let ring = Arc::new(Keyring::new("partners", vec![ending]).unwrap());
    let upkeep = Upkeep {
        ring,
        origin: Origin::Configuration,
        max_age: Duration::from_secs(5),
        quiet: Duration::from_secs(1),
        verifies: false,
        signs: None,
    };
    let gauges = gauges.keyrings(&[upkeep], &Table::default(), Moment::default(), Moment::from_secs(8));
    let text = telemetry.render(&gauges, Form::OpenMetrics);
    samples(&text);
    assert!(text.contains("countersign_key_end_timestamp_seconds{keyring=\"partners\",key=\"k\"} 9\n"));
    assert!(text.contains("countersign_key_due_timestamp_seconds{keyring=\"partners\",key=\"k\"} 6\n"));
    assert!(text.contains("countersign_key_safe_to_retire{keyring=\"partners\",key=\"k\"} 1\n"));
    let ends = "countersign_certificate_expiry_timestamp_seconds{listener=\"public\",name=\"a.example\"} 7\n";
    assert!(text.contains(ends), "{text}");
    assert!(text.contains("countersign_last_reload_successful 0\n"));
    assert!(text.contains("countersign_reloads_total{result=\"success\"} 1\n"));
    let shown = shown(&text);
    let manual = include_str!("../../../docs/metrics.md");
    let rows = manual.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(['`', '{']));
    let told: HashSet<String> = rows.map(|(name, _)| name.to_owned()).collect();
    assert_eq!(shown, told);
}
