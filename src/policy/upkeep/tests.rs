//! Rings, uses and times, and what is said of them.

use super::retire::Answer;
use super::rotation::{Do, Next, Step};
use super::*;
use crate::sig::key::Window;
use crate::sig::secret::Secret;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const NOW: i64 = 1_795_305_600;
const OVER: Duration = Duration::from_hours(72);

fn at(offset: i64) -> Moment {
    Moment::from_secs(NOW.saturating_add(offset))
}

fn key(id: &str, made: i64) -> Key {
    Key {
        id: id.into(),
        principal: "acme".into(),
        secret: Secret::new(vec![7; 32]),
        sign: Window::default(),
        verify: Window::default(),
        created: Some(at(made)),
        observe: false,
    }
}

fn until(key: Key, sign: Option<i64>, verify: Option<i64>) -> Key {
    let end = |window: Window, until: Option<i64>| Window { until: until.map(at), ..window };
    Key { sign: end(key.sign, sign), verify: end(key.verify, verify), ..key }
}

fn upkeep(keys: Vec<Key>, verifies: bool, signs: Option<With>) -> Upkeep {
    let ring = Arc::new(Keyring::new("ring", keys).unwrap());
    let (max_age, quiet) = (Duration::from_hours(90 * 24), Duration::from_hours(24));
    Upkeep { ring, origin: Origin::Configuration, max_age, quiet, verifies, signs }
}

/// Uses as `(key, how long ago)`, each once; the gateway has run for a week.
fn table(uses: &[(&str, i64)]) -> Table {
    let mut table = Table::default();
    for (id, ago) in uses {
        let once = Use { count: 1, hour: u64::from(*ago < HOUR), last: Some(at(0_i64.saturating_sub(*ago))) };
        table.add(&"ring".into(), &Arc::from(*id), [once, Use::default()]);
    }
    table
}

fn answer(upkeep: &Upkeep, uses: &[(&str, i64)], since: i64) -> (Answer, String) {
    let view = upkeep.view(&table(uses), at(since), at(0));
    let retire = view.retire(&view.members[0]);
    (retire.answer, retire.why)
}

#[test]
fn a_key_is_safe_to_retire_after_a_whole_quiet_time_and_not_a_second_earlier() {
    let two = upkeep(vec![key("a", -90 * DAY), key("b", -DAY)], true, None);
    for (uses, since, expected, why) in [
        (&[("a", 5), ("b", 5)][..], -7 * DAY, Answer::No, "used 5 seconds ago, 1 request in the last hour"),
        (&[("a", DAY - 1), ("b", 5)], -7 * DAY, Answer::No, "used 23 hours ago, 0 requests in the last hour"),
        (&[("a", DAY), ("b", 5)], -7 * DAY, Answer::Yes, "not used for 1 day"),
        (&[("b", 5)], -7 * DAY, Answer::Yes, "not used in the 7 days since the gateway started"),
        (&[("b", 5)], -DAY, Answer::Yes, "not used in the 1 day since the gateway started"),
        (&[("b", 5)], -DAY + 1, Answer::Unknown, "not known yet: seen for 23 hours of 1 day"),
        (&[("a", DAY)], -7 * DAY, Answer::Unknown, "no other key of `acme` was used since"),
        (&[("a", DAY), ("b", 2 * DAY)], -7 * DAY, Answer::Unknown, "no other key of `acme` was used since"),
        (&[], -7 * DAY, Answer::Unknown, "no other key of `acme` was used since"),
    ] {
        assert_eq!(answer(&two, uses, since), (expected, why.to_owned()), "{uses:?} {since}");
    }
}

#[test]
fn what_was_not_told_apart_is_not_known() {
    let two = upkeep(vec![key("a", -90 * DAY), key("b", -DAY)], true, None);
    for (ago, expected) in [(DAY - 1, Answer::Unknown), (DAY, Answer::Yes)] {
        let mut table = table(&[("b", 5)]);
        table.add_other(Use { count: 1, hour: 0, last: Some(at(-ago)) });
        let view = two.view(&table, at(-7 * DAY), at(0));
        assert_eq!(view.retire(&view.members[0]).answer, expected, "{ago}");
    }
}

#[test]
fn nothing_is_safe_that_still_signs_or_has_no_successor() {
    let newest = |keys| upkeep(keys, false, Some(With::Newest));
    let all = |keys| upkeep(keys, false, Some(With::All));
    let (old, new) = (|| key("a", -90 * DAY), || key("b", 0));
    let later = Key { sign: Window { from: Some(at(1)), until: None }, ..new() };
    for (ring, expected, why) in [
        (upkeep(vec![old()], true, None), Answer::No, "no other key could take its place"),
        (upkeep(vec![until(old(), Some(0), Some(0)), new()], true, None), Answer::Yes, "it has ended"),
        (newest(vec![old()]), Answer::No, "it is the newest key, which signs"),
        (newest(vec![old(), new()]), Answer::Yes, "nothing needs it"),
        (newest(vec![old(), later]), Answer::No, "it is the newest key, which signs"),
        (all(vec![old(), new()]), Answer::No, "it signs, and nothing says until when"),
        (all(vec![until(old(), Some(1), None), new()]), Answer::No, "it signs until its `sign.until`"),
        (all(vec![until(old(), Some(0), None), new()]), Answer::Yes, "nothing needs it"),
    ] {
        assert_eq!(answer(&ring, &[], -7 * DAY), (expected, why.to_owned()));
    }
}

#[test]
fn an_age_is_told_a_tenth_of_its_time_ahead() {
    for (made, age) in [(-80, Age::Fine), (-81, Age::Aging), (-90, Age::Aging), (-91, Age::TooOld)] {
        let ring = upkeep(vec![key("a", made * DAY)], true, None);
        assert_eq!(ring.age(&ring.ring.at(0).unwrap(), at(0)), age, "{made}");
    }
}

/// The step of the only plan, whose turn it is, and how it begins to say so.
fn stand(upkeep: &Upkeep, uses: &[(&str, i64)]) -> (Step, Next, String) {
    let table = table(uses);
    let mut plans = upkeep.view(&table, at(-7 * DAY), at(0)).plans(OVER, false);
    let plan = plans.remove(0);
    assert!(plans.is_empty());
    (plan.step, plan.next, plan.say)
}

#[test]
fn clients_that_sign_are_rotated_step_by_step() {
    let (old, new) = (|| key("a", -90 * DAY), || key("b", 0));
    let id = || Arc::from("a");
    let add = Next::Rotate(Do::Add { sign_from: None });
    for (keys, uses, step, next) in [
        (vec![key("a", -80 * DAY)], &[("a", 5)][..], Step::Steady, Next::Wait(Some(at(10 * DAY)))),
        (vec![old()], &[("a", 5)], Step::Steady, add),
        (vec![old(), new()], &[("a", 5)], Step::HandOver, Next::You),
        (vec![old(), new()], &[("b", 9), ("a", 5)], Step::Switching, Next::You),
        (vec![old(), new()], &[("a", 60), ("b", 5)], Step::Quiet, Next::Wait(Some(at(DAY - 60)))),
        (vec![old(), new()], &[("a", DAY), ("b", 5)], Step::Safe, Next::Rotate(Do::Retire(id()))),
        (vec![until(old(), Some(-1), Some(-1)), new()], &[("b", 5)], Step::Retired, Next::Rotate(Do::Remove(id()))),
        (vec![new()], &[("b", 5)], Step::Steady, Next::Wait(Some(at(90 * DAY)))),
    ] {
        let stand = stand(&upkeep(keys, true, None), uses);
        assert_eq!((stand.0, stand.1), (step, next), "{}", stand.2);
    }
}

#[test]
fn double_signing_ends_by_itself_and_a_single_signature_waits_for_the_new_key() {
    let (old, new) = (|| key("a", -90 * DAY), || key("b", 0));
    let later = || Key { sign: Window { from: Some(at(3 * DAY)), until: None }, ..new() };
    let id = || Arc::from("a");
    let add = |from| Next::Rotate(Do::Add { sign_from: Some(at(from)) });
    for (with, keys, step, next) in [
        (With::All, vec![old()], Step::Steady, add(0)),
        (With::All, vec![old(), new()], Step::HandOver, Next::Rotate(Do::EndSigning(id(), at(3 * DAY)))),
        (With::All, vec![until(old(), Some(DAY), None), new()], Step::Switching, Next::Wait(Some(at(DAY)))),
        (With::All, vec![until(old(), Some(0), None), new()], Step::Safe, Next::Rotate(Do::Retire(id()))),
        (With::Newest, vec![old()], Step::Steady, add(3 * DAY)),
        (With::Newest, vec![old(), later()], Step::HandOver, Next::Wait(Some(at(3 * DAY)))),
        (With::Newest, vec![old(), new()], Step::Safe, Next::Rotate(Do::Retire(id()))),
    ] {
        let stand = stand(&upkeep(keys, false, Some(with)), &[]);
        assert_eq!((stand.0, stand.1), (step, next), "{with:?} {}", stand.2);
    }
}

#[test]
fn each_principal_has_a_rotation_of_its_own_and_only_the_file_in_force_counts() {
    let other = Key { principal: "globex".into(), ..key("g", -DAY) };
    let gone = until(Key { principal: "initech".into(), ..key("i", -DAY) }, Some(-1), Some(-1));
    let ring = upkeep(vec![key("a", -90 * DAY), other, key("b", 0), gone], true, None);
    let table = table(&[("a", DAY), ("b", 5)]);
    let mut view = ring.view(&table, at(-7 * DAY), at(0));
    let steps = |view: &View<'_>| view.plans(OVER, false).iter().map(|plan| plan.step).collect::<Vec<_>>();
    assert_eq!(steps(&view), [Step::Safe, Step::Steady, Step::Retired]);
    view.members[2].loaded = false;
    assert_eq!(steps(&view), [Step::Loading, Step::Steady, Step::Retired]);
    view.members[2].loaded = true;
    view.watch = None;
    let plan = view.plans(OVER, false).remove(0);
    assert!(plan.next == Next::You && plan.say.contains("--admin"), "{}", plan.say);
    assert_eq!(view.plans(OVER, true)[1].next, Next::Rotate(Do::Add { sign_from: None }));
}

#[test]
fn times_are_told_in_the_largest_whole_unit() {
    for (seconds, told) in
        [(0, "0 seconds"), (1, "1 second"), (119, "1 minute"), (7200, "2 hours"), (172_800, "2 days")]
    {
        assert_eq!(rough(Duration::from_secs(seconds)), told);
    }
}
