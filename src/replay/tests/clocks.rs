//! How long a claim lives, whatever the clocks do.

use super::*;

const END: u64 = 71;

#[tokio::test(start_paused = true)]
async fn a_claim_lives_to_the_exact_second_of_its_end() {
    for (after, outcome) in [(END - 1, Some(Code::Replayed)), (END, None)] {
        let store = store(10);
        assert_eq!(by_signature(&store, &["a"]), None);
        tokio::time::advance(Duration::from_secs(END + 2)).await;
        let later = NOW.plus(Duration::from_secs(after));
        assert_eq!(complete(&store, &permit(&["a"]), &rule(ReplayBy::Signature), later), outcome, "after {after} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_future_stamp_is_remembered_until_its_own_end() {
    let store = store(10);
    let early = NOW.minus(Duration::from_mins(1));
    assert_eq!(complete(&store, &permit(&["a"]), &rule(ReplayBy::Signature), early), None);
    tokio::time::advance(Duration::from_secs(60 + END - 1)).await;
    let last = NOW.plus(Duration::from_secs(END - 1));
    assert_eq!(complete(&store, &permit(&["a"]), &rule(ReplayBy::Signature), last), Some(Code::Replayed));
}

/// Of two signatures one may have a stamp and the other none; sent again alone, that one is fresh for ever.
#[tokio::test(start_paused = true)]
async fn a_claim_lives_as_long_as_keep_says_even_beside_a_stamp() {
    for (keep, end) in [(30, END), (600, 611)] {
        let rule = Replay { keep: Some(Duration::from_secs(keep)), ..rule(ReplayBy::Signature) };
        for (after, outcome) in [(end - 1, Some(Code::Replayed)), (end, None)] {
            let store = store(10);
            assert_eq!(complete(&store, &permit(&["a", "b"]), &rule, NOW), None);
            tokio::time::advance(Duration::from_secs(end + 2)).await;
            let alone = Permit::for_test(key("p"), None, None, vec![Bytes::from("b")]);
            let later = NOW.plus(Duration::from_secs(after));
            assert_eq!(complete(&store, &alone, &rule, later), outcome, "{keep} s, after {after} s");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_forgets_nothing_early() {
    let store = store(2);
    let rule = rule(ReplayBy::Signature);
    assert_eq!(complete(&store, &permit(&["a"]), &rule, NOW), None);
    let tomorrow = NOW.plus(Duration::from_hours(24));
    store.sweep(tomorrow);
    assert_eq!(complete(&store, &stamped(tomorrow, &["b"]), &rule, tomorrow), None);
    assert_eq!(complete(&store, &permit(&["a"]), &rule, NOW), Some(Code::Replayed), "forwards and back");
    tokio::time::advance(Duration::from_secs(1000)).await;
    let yesterday = NOW.minus(Duration::from_hours(24));
    store.sweep(yesterday);
    assert_eq!(
        complete(&store, &permit(&["a"]), &rule, yesterday),
        Some(Code::Replayed),
        "backwards: fresh again later"
    );
    assert_eq!(
        complete(&store, &permit(&["c"]), &rule, NOW.plus(Duration::from_secs(1000))),
        None,
        "both clocks agree"
    );
    assert_eq!(store.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_claim_lives_as_long_as_the_request_is_fresh_on_any_route() {
    let wider = Replay { beyond: Duration::from_mins(4), ..rule(ReplayBy::Signature) };
    for (after, outcome) in [(END + 239, Some(Code::Replayed)), (END + 240, None)] {
        let store = store(10);
        assert_eq!(complete(&store, &permit(&["a"]), &wider, NOW), None);
        tokio::time::advance(Duration::from_secs(END + 242)).await;
        let later = NOW.plus(Duration::from_secs(after));
        assert_eq!(complete(&store, &permit(&["a"]), &rule(ReplayBy::Signature), later), outcome, "after {after} s");
    }
}

/// **Threat:** whoever captured a request waits until it is forgotten, and for a clock that is set back into its window.
#[tokio::test(start_paused = true)]
async fn what_is_forgotten_is_not_new_to_a_clock_that_was_set_back() {
    let (store, rule) = (store(10), rule(ReplayBy::Signature));
    assert_eq!(by_signature(&store, &["a"]), None);
    tokio::time::advance(Duration::from_secs(1000)).await;
    store.sweep(NOW.plus(Duration::from_secs(1000)));
    assert_eq!((store.len(), by_signature(&store, &["a"])), (0, Some(Code::ReplayGuard)));
    for (stamp, outcome) in [(-1, None), (0, Some(Code::ReplayGuard)), (1, None)] {
        let permit = stamped(Moment::from_secs(NOW.secs() + stamp), &["a"]);
        let claimed = claim(&store, &permit, &rule, NOW, &Departed::default());
        assert_eq!(claimed.map(Claim::give_back).err(), outcome, "{stamp} s: another time is another request");
    }
    assert_eq!(store.counters().guarded.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_pending_claim_outlives_every_clock() {
    let (store, departed) = (store(1), Departed::default());
    let rule = rule(ReplayBy::Signature);
    let pending = claim(&store, &permit(&["a"]), &rule, NOW, &departed).ok().unwrap();
    tokio::time::advance(Duration::from_secs(1000)).await;
    let later = NOW.plus(Duration::from_secs(1000));
    store.sweep(later);
    assert_eq!(complete(&store, &permit(&["a"]), &rule, later), Some(Code::ReplayPending));
    pending.settle(200);
    store.sweep(later);
    assert_eq!(store.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_full_store_makes_room_for_itself_when_claims_are_over() {
    let store = store(1);
    assert_eq!(by_signature(&store, &["a"]), None);
    tokio::time::advance(Duration::from_secs(1000)).await;
    let later = NOW.plus(Duration::from_secs(1000));
    assert_eq!(complete(&store, &stamped(later, &["b"]), &rule(ReplayBy::Signature), later), None);
    assert_eq!(store.len(), 1);
}
