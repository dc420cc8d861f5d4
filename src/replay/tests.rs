//! Claims under races, clocks, full stores and restarts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use bytes::Bytes;

use super::digest::Digest;
use super::*;
use crate::sig::key::{Key, Window};
use crate::sig::secret::Secret;

mod clocks;

const NOW: Moment = Moment::from_secs(1_000_000);
const TOTAL: Duration = Duration::from_secs(10);

fn key(principal: &str) -> Arc<Key> {
    Arc::new(Key {
        id: "k".into(),
        principal: principal.into(),
        secret: Secret::new(vec![1]),
        sign: Window::default(),
        verify: Window::default(),
        created: None,
        observe: false,
    })
}

/// A request stamped at `NOW`, fresh for a minute.
fn permit(macs: &[&'static str]) -> Permit {
    stamped(NOW, macs)
}

fn stamped(stamp: Moment, macs: &[&'static str]) -> Permit {
    let macs = macs.iter().map(|mac| Bytes::from(*mac)).collect();
    Permit::for_test(key("p"), Some(stamp), Some(stamp.plus(Duration::from_mins(1))), macs)
}

fn nonce(principal: &str, nonce: &'static str, stamp: i64) -> Permit {
    let stamp = Moment::from_secs(stamp);
    Permit::for_test(key(principal), Some(stamp), Some(stamp.plus(Duration::from_mins(1))), Vec::new())
        .with_nonce(nonce)
}

fn rule(by: ReplayBy) -> Replay {
    let (methods, release_on) = (Vec::new(), vec![502, 503]);
    let (keep, beyond, duplicate) = (None, Duration::ZERO, None);
    let ahead = Duration::from_mins(1);
    Replay { by, methods, spares_head: false, keep, beyond, ahead, duplicate, release_on, open: false, chosen: true }
}

fn store(capacity: usize) -> Store {
    Store::of(Memory::new(capacity, None))
}

fn claim(store: &Store, permit: &Permit, rule: &Replay, now: Moment, departed: &Departed) -> Result<Claim, Code> {
    let attempt = Attempt { permit, method: &Method::POST, total: TOTAL, link: None };
    let claim = std::pin::pin!(store.claim(&attempt, rule, now, departed));
    let mut waker = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(outcome) = claim.poll(&mut waker) else { panic!("the memory answers at once") };
    outcome.map_err(|rejection| rejection.code())
}

/// Claims and completes, or says why not.
fn complete(store: &Store, permit: &Permit, rule: &Replay, now: Moment) -> Option<Code> {
    claim(store, permit, rule, now, &Departed::default()).map(|claim| claim.settle(200)).err()
}

fn by_signature(store: &Store, macs: &[&'static str]) -> Option<Code> {
    complete(store, &permit(macs), &rule(ReplayBy::Signature), NOW)
}

#[test]
fn one_of_two_signatures_dropped_or_added_is_still_a_replay() {
    for (first, second, outcome) in [
        (&["a", "b"][..], &["a"][..], Some(Code::Replayed)),
        (&["a", "b"], &["b"], Some(Code::Replayed)),
        (&["a", "b"], &["b", "a"], Some(Code::Replayed)),
        (&["a"], &["b", "a"], Some(Code::Replayed)),
        (&["a", "a"], &["a"], Some(Code::Replayed)),
        (&["a", "b"], &["c"], None),
        (&["ab"], &["a", "b"], None),
    ] {
        let store = store(10);
        assert_eq!(by_signature(&store, first), None);
        assert_eq!(by_signature(&store, second), outcome, "{first:?} then {second:?}");
    }
}

#[test]
fn a_refused_claim_leaves_none_of_its_parts_behind() {
    let store = store(10);
    assert_eq!(by_signature(&store, &["a"]), None);
    assert_eq!(by_signature(&store, &["b", "a"]), Some(Code::Replayed));
    assert_eq!(store.len(), 1);
    assert_eq!(by_signature(&store, &["b"]), None, "`b` was never claimed");
}

#[test]
fn a_nonce_is_told_apart_by_principal_and_stamp_and_nothing_else() {
    let store = store(10);
    let rule = rule(ReplayBy::Nonce);
    let base = 1_000_000;
    for (principal, text, stamp, outcome) in [
        ("p", "n", base, None),
        ("p", "n", base, Some(Code::Replayed)),
        ("q", "n", base, None),
        ("p", "m", base, None),
        ("p", "n", base + 1, None),
        ("p", "N", base, None),
        ("pn", "", base, None),
    ] {
        assert_eq!(complete(&store, &nonce(principal, text, stamp), &rule, NOW), outcome, "{principal} {text} {stamp}");
    }
}

#[test]
fn what_nothing_authentic_identifies_or_bounds_is_refused_and_not_waved_through() {
    let store = store(10);
    assert_eq!(complete(&store, &permit(&["a"]), &rule(ReplayBy::Nonce), NOW), Some(Code::Internal));
    assert_eq!(complete(&store, &permit(&[]), &rule(ReplayBy::Signature), NOW), Some(Code::Internal));
    let unbounded = Permit::for_test(key("p"), None, None, vec![Bytes::from("a")]);
    assert_eq!(complete(&store, &unbounded, &rule(ReplayBy::Signature), NOW), Some(Code::Internal));
    let kept = Replay { keep: Some(Duration::from_mins(1)), ..rule(ReplayBy::Signature) };
    assert_eq!(complete(&store, &unbounded, &kept, NOW), None);
    assert_eq!(complete(&store, &unbounded, &kept, NOW), Some(Code::Replayed));
}

#[test]
fn a_rule_that_is_off_or_for_other_methods_claims_nothing() {
    let store = store(10);
    let elsewhere = Replay { methods: vec![Method::new("PUT")], ..rule(ReplayBy::Signature) };
    let here = Replay { methods: vec![Method::POST], ..rule(ReplayBy::Signature) };
    for (rule, second) in [(rule(ReplayBy::Off), None), (elsewhere, None), (here, Some(Code::Replayed))] {
        assert_eq!(complete(&store, &permit(&["a"]), &rule, NOW), None);
        assert_eq!(complete(&store, &permit(&["a"]), &rule, NOW), second);
    }
}

#[test]
fn a_claim_ends_as_its_request_did() {
    type End = fn(Claim);
    let settle: [(End, &str); 2] = [(|claim| claim.settle(200), "200"), (|claim| claim.settle(503), "503")];
    let (taken, turned_down): (End, End) = (|claim| claim.settle(399), |claim| claim.settle(400));
    let drop: End = |claim| drop(claim);
    for (departed, recalled, end, name, after) in [
        (true, false, settle[0].0, settle[0].1, Some(Code::Replayed)),
        (true, false, settle[1].0, settle[1].1, None),
        (false, false, settle[0].0, "200 without departure", Some(Code::Replayed)),
        (true, false, taken, "399", Some(Code::Replayed)),
        (true, false, turned_down, "400", Some(Code::ReplayUnsettled)),
        (true, false, drop, "lost", Some(Code::ReplayUnsettled)),
        (false, false, drop, "never left", None),
        (true, true, drop, "recalled", None),
    ] {
        let (store, mark) = (store(10), Departed::default());
        let rule = rule(ReplayBy::Signature);
        let first = claim(&store, &permit(&["a", "b"]), &rule, NOW, &mark).ok().unwrap();
        let meanwhile = by_signature(&store, &["b"]);
        assert_eq!(meanwhile, Some(Code::ReplayPending), "{name}");
        if departed {
            mark.mark();
        }
        if recalled {
            mark.recall();
        }
        end(first);
        assert_eq!(by_signature(&store, &["a"]), after, "{name}");
    }
}

#[test]
fn a_completed_part_says_more_than_a_pending_one() {
    let store = store(10);
    let _pending = claim(&store, &permit(&["a"]), &rule(ReplayBy::Signature), NOW, &Departed::default()).ok().unwrap();
    assert_eq!(by_signature(&store, &["b"]), None);
    assert_eq!(by_signature(&store, &["a", "b"]), Some(Code::Replayed));
}

#[test]
fn a_full_store_refuses_and_forgets_nothing() {
    let store = store(3);
    for mac in ["a", "b"] {
        assert_eq!(by_signature(&store, &[mac]), None);
    }
    assert_eq!(by_signature(&store, &["c", "d"]), Some(Code::ReplayFull), "two do not fit where one does");
    assert_eq!(by_signature(&store, &["c"]), None);
    assert_eq!(by_signature(&store, &["d"]), Some(Code::ReplayFull));
    for mac in ["a", "b", "c"] {
        assert_eq!(by_signature(&store, &[mac]), Some(Code::Replayed), "{mac}");
    }
    assert_eq!((store.len(), store.capacity()), (3, 3));
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let counters = store.counters();
    assert_eq!((count(&counters.claims), count(&counters.full), count(&counters.replays)), (3, 2, 3));
}

/// stamp + 60 s of freshness + 10 s of deadline + the tick of a stamp in whole seconds.
#[test]
fn stamps_up_to_the_start_and_the_future_of_the_scheme_are_refused_after_a_restart() {
    let store = Store::of(Memory::new(10, Some(NOW)));
    let rule = rule(ReplayBy::Signature);
    for (offset, outcome) in
        [(-100, Some(Code::ReplayGuard)), (0, Some(Code::ReplayGuard)), (60, Some(Code::ReplayGuard)), (61, None)]
    {
        let stamp = Moment::from_secs(NOW.secs() + offset);
        assert_eq!(complete(&store, &stamped(stamp, &["a"]), &rule, NOW), outcome, "{offset}");
    }
    assert_eq!(store.len(), 1);
}

#[test]
fn of_ten_thousand_races_between_eight_threads_each_has_one_winner() {
    const RACES: usize = 10_000;
    let memory = Memory::new(3 * RACES, None);
    let wins: Vec<AtomicU64> = (0..RACES).map(|_| AtomicU64::new(0)).collect();
    thread::scope(|scope| {
        for worker in 0..8_u8 {
            let (memory, wins) = (&memory, &wins);
            scope.spawn(move || {
                for (race, winner) in wins.iter().enumerate() {
                    // Overlapping pairs, in both orders: whoever wins must hold both parts.
                    let (shared, own) = (name(race, 200), name(race, worker));
                    let pair = if worker % 2 == 0 { [shared, own] } else { [own, shared] };
                    if memory.claim(&pair, NOW.plus(TOTAL), NOW).is_ok() {
                        winner.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert!(wins.iter().all(|wins| wins.load(Ordering::Relaxed) == 1));
    assert_eq!(memory.len(), 2 * RACES, "losers left nothing behind");
}

fn name(race: usize, worker: u8) -> Digest {
    let mut digest = [worker; 32];
    digest[..8].copy_from_slice(&race.to_le_bytes());
    digest
}

#[test]
fn threads_that_claim_and_release_never_pass_the_capacity() {
    let memory = Memory::new(100, None);
    thread::scope(|scope| {
        for worker in 0..8_u8 {
            let memory = &memory;
            scope.spawn(move || {
                for race in 0..2000 {
                    let digest = [name(race, worker)];
                    let claimed = memory.claim(&digest, NOW.plus(TOTAL), NOW).is_ok();
                    assert!(memory.len() <= 100);
                    if claimed && race % 50 != 0 {
                        memory.release(&digest);
                    }
                }
            });
        }
    });
    assert!(memory.len() <= 100);
    assert_eq!(memory.snapshot(NOW).len(), memory.len(), "the count is the truth");
}

#[test]
fn a_store_that_is_closed_and_opened_again_knows_its_claims() {
    let directory = tempfile::tempdir().unwrap();
    let persist = Some(directory.path().join("replay"));
    let settings = ReplayStore { capacity: 10, restart_guard: true, persist, redis: None };
    let (first, failure) = Store::open(&settings, None, NOW.minus(Duration::from_hours(1)));
    assert!(matches!(failure, Some(ReadBackError::Missing)));
    assert_eq!(by_signature(&first, &["a"]), None);
    first.close(&settings, NOW).unwrap();
    let (second, failure) = Store::open(&settings, None, NOW);
    assert!(failure.is_none());
    assert_eq!(by_signature(&second, &["a"]), Some(Code::Replayed));
    assert_eq!(by_signature(&second, &["b"]), None, "no guard: nothing was forgotten");
    let (third, _) = Store::open(&settings, None, NOW);
    assert_eq!(by_signature(&third, &["c"]), Some(Code::ReplayGuard), "the second did not stop cleanly");
    let forgetful = ReplayStore { capacity: 10, restart_guard: false, persist: None, redis: None };
    let (fourth, failure) = Store::open(&forgetful, None, NOW);
    assert!(failure.is_none() && fourth.close(&forgetful, NOW).is_ok());
    assert_eq!(by_signature(&fourth, &["c"]), None);
}
