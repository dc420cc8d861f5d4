//! Token buckets that gateways share.

use super::*;
use crate::policy::rate::{Limit, Per, Pool};
use crate::rate::Id;

/// Three tokens, one a second.
fn pool() -> Pool {
    Pool { per: Per::Key, name: "p".into(), limit: Limit { every: 1_000_000_000, burst: 3 }, shared: true }
}

const SIX: Id<'static> = Id::Caller("ring", "six");

async fn take(link: &Link) -> Option<(bool, u128)> {
    link.take(&pool(), SIX).await.map(|told| (told.taken, told.missing.as_millis()))
}

fn alone(link: &Link) -> u64 {
    link.remote().counters().alone.load(Ordering::Relaxed)
}

#[test]
fn gateways_take_from_the_same_bucket() {
    run(async {
        let (stub, port) = stub::start().await;
        stub.counts.set(true);
        stub.millis.set(5_000);
        let (one, other) = (link(port, LONG), link(port, LONG));
        assert_eq!(take(&one).await, Some((true, 1_000)));
        assert_eq!(take(&other).await, Some((true, 2_000)));
        assert_eq!(take(&one).await, Some((true, 3_000)));
        assert_eq!(take(&other).await, Some((false, 3_000)), "a refused one costs nothing");
        stub.millis.set(6_000);
        assert_eq!(take(&other).await, Some((true, 3_000)));
        assert_eq!((alone(&one), alone(&other)), (0, 0));
    });
}

#[test]
fn a_store_that_does_not_count_is_asked_for_claims_all_the_same() {
    run(async {
        let (_stub, port) = stub::start().await;
        let link = link(port, LONG);
        assert_eq!(take(&link).await, None);
        assert_eq!(take(&link).await, None);
        assert_eq!(alone(&link), 2);
        assert_eq!(told(&link, &ONE).await, Ok(None));
        assert!(link.remote().trouble().is_none());
    });
}

#[test]
fn tokens_never_fill_the_line_that_claims_wait_in() {
    run(async {
        let (stub, port) = stub::start().await;
        stub.counts.set(true);
        let link = link(port, LONG);
        assert!(take(&link).await.is_some());
        stub.silent.set(true);
        let _waiting: Vec<_> = (0..2_000).map(|_| tokio::task::spawn_local(patient(Rc::clone(&link)))).collect();
        until(|| alone(&link) > 900).await;
        let claim = tokio::task::spawn_local({
            let link = Rc::clone(&link);
            async move { told(&link, &ONE).await }
        });
        stub.silent.set(false);
        stub.speaks.notify_one();
        assert_eq!(claim.await.unwrap(), Ok(None));
    });
}

async fn patient(link: Rc<Link>) -> bool {
    take(&link).await.is_some()
}

#[test]
fn without_an_answer_in_time_nobody_says_whether_there_is_a_token() {
    run(async {
        let (stub, port) = stub::start().await;
        stub.counts.set(true);
        let link = link(port, SHORT);
        while take(&link).await.is_none() {}
        stub.silent.set(true);
        assert_eq!(take(&link).await, None);
        assert!(alone(&link) > 0);
    });
}
