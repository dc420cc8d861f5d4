//! A worker's link with a server on a real socket.

use std::rc::Rc;

use tokio::runtime::Builder;
use tokio::task::LocalSet;

use super::*;
use crate::clock::Clock;
use crate::policy::operations::Account;
use crate::policy::upstream::Endpoint;
use crate::sig::time::Moment;

mod buckets;
mod stub;

use stub::Stub;

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(20);
const LIFE: Duration = Duration::from_mins(5);
const NOW: Moment = Moment::from_secs(1_000_000);
const ONE: [Digest; 1] = [[1; 32]];

fn run(test: impl Future<Output = ()>) {
    LocalSet::new().block_on(&Builder::new_current_thread().enable_all().build().unwrap(), test);
}

fn settings(port: u16, deadline: Duration) -> Redis {
    Redis {
        endpoints: vec![Endpoint::Tcp { host: "127.0.0.1".into(), port }],
        sentinel: None,
        tls: None,
        account: Account::default(),
        database: 0,
        namespace: "shop".to_owned(),
        deadline,
        guard: true,
    }
}

/// A gateway's link, with its clock at [`NOW`].
fn link(port: u16, deadline: Duration) -> Rc<Link> {
    Link::new(Arc::new(Remote::new(settings(port, deadline), None)), Clock::manual(NOW))
}

/// What a claim found, without the claim: it is given back.
async fn told(link: &Link, digests: &[Digest]) -> Result<Option<State>, Away> {
    link.share(digests, LIFE, false).await.map(Result::err)
}

/// Yields until it holds, which the other tasks see to.
async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.expect("it comes true");
}

fn claims(stub: &Stub) -> usize {
    stub.values.borrow().keys().filter(|name| !name.contains("since:")).count()
}

#[test]
fn what_one_gateway_claims_another_finds_as_it_stands() {
    run(async {
        let (stub, port) = stub::start().await;
        let (one, other) = (link(port, LONG), link(port, LONG));
        let claim = one.share(&ONE, LIFE, false).await.unwrap().unwrap();
        assert_eq!(told(&other, &ONE).await, Ok(Some(State::Pending)));
        claim.settle(State::Answered);
        until(|| stub.asked("SET").iter().any(|set| set[3] == "XX")).await;
        assert_eq!(told(&other, &ONE).await, Ok(Some(State::Answered)));
        let claim = one.share(&[[2; 32]], LIFE, false).await.unwrap().unwrap();
        claim.settle(State::Doubtful);
        let mark = one.share(&[[3; 32]], LIFE, false).await.unwrap();
        assert_eq!(told(&other, &[[2; 32]]).await, Ok(Some(State::Doubtful)));
        drop(mark);
        until(|| !stub.asked("DEL").is_empty()).await;
        assert_eq!(told(&other, &[[3; 32]]).await, Ok(None), "it was given back");
    });
}

#[test]
fn a_claim_is_one_conditional_set_with_its_end() {
    run(async {
        let (stub, port) = stub::start().await;
        assert_eq!(told(&link(port, LONG), &[[0xff; 32]]).await, Ok(None));
        let name = format!("{{shop}}:{}8", "_".repeat(42));
        let set = stub.asked("SET").pop().unwrap();
        assert_eq!(set, ["SET", &name, "p", "NX", "GET", "PX", "300000"]);
    });
}

#[test]
fn of_several_names_one_that_is_known_is_enough_and_the_others_are_given_back() {
    run(async {
        let (stub, port) = stub::start().await;
        let (one, other) = (link(port, LONG), link(port, LONG));
        let claim = one.share(&[[1; 32], [2; 32]], LIFE, false).await.unwrap().unwrap();
        assert_eq!(told(&other, &[[2; 32], [3; 32]]).await, Ok(Some(State::Pending)));
        until(|| claims(&stub) == 2).await;
        assert_eq!(told(&other, &[[3; 32]]).await, Ok(None));
        drop(claim);
        until(|| claims(&stub) == 0).await;
    });
}

#[test]
fn an_answer_that_comes_too_late_is_given_back() {
    run(async {
        let (stub, port) = stub::start().await;
        let link = link(port, SHORT);
        while told(&link, &[[9; 32]]).await == Err(Away) {}
        until(|| claims(&stub) == 0).await;
        stub.silent.set(true);
        assert_eq!(told(&link, &ONE).await, Err(Away));
        // It is claimed, and nobody here knows.
        until(|| claims(&stub) == 1).await;
        stub.silent.set(false);
        stub.speaks.notify_one();
        until(|| claims(&stub) == 0).await;
    });
}

#[test]
fn a_late_answer_to_a_request_that_passed_stays() {
    run(async {
        let (stub, port) = stub::start().await;
        let link = link(port, SHORT);
        while told(&link, &[[9; 32]]).await == Err(Away) {}
        until(|| claims(&stub) == 0).await;
        stub.silent.set(true);
        assert!(link.share(&ONE, LIFE, true).await.is_err());
        until(|| claims(&stub) == 1).await;
        stub.silent.set(false);
        stub.speaks.notify_one();
        until(|| stub.asked("SET").iter().any(|set| set[3] == "XX" && set[2] == "d")).await;
        assert_eq!(claims(&stub), 1);
    });
}

#[test]
fn a_claim_is_settled_on_the_next_connection_where_its_own_is_over() {
    run(async {
        let (stub, port) = stub::start().await;
        let link = link(port, LONG);
        let claim = link.share(&ONE, LIFE, false).await.unwrap().unwrap();
        stub.hang_up();
        until(|| link.remote().trouble().is_some()).await;
        until(|| link.remote().trouble().is_none()).await;
        claim.settle(State::Answered);
        until(|| stub.values.borrow().values().any(|value| value == "a")).await;
    });
}

#[test]
fn it_is_away_until_every_worker_can_ask_it() {
    let remote = Remote::new(settings(1, LONG), None);
    let why = |text: &str| Arc::new(text.to_owned());
    let trouble = || remote.trouble().map(|why| why.to_string());
    remote.lost(None, &why("refused"));
    remote.lost(None, &why("refused"));
    remote.lost(Some(&why("refused")), &why("hung up"));
    assert_eq!(trouble().as_deref(), Some("hung up"));
    remote.found();
    assert!(trouble().is_some(), "one of two");
    remote.found();
    assert_eq!(trouble(), None);
}

#[test]
fn a_connection_without_answers_is_given_up_and_made_anew() {
    run(async {
        let (stub, port) = stub::start().await;
        let link = link(port, SHORT);
        while told(&link, &ONE).await == Err(Away) {}
        until(|| claims(&stub) == 0).await;
        stub.silent.set(true);
        for _ in 0..10 {
            assert_eq!(told(&link, &ONE).await, Err(Away));
        }
        assert!(link.remote().trouble().is_none(), "a hiccup is no reason");
        while link.remote().trouble().is_none() {
            assert_eq!(told(&link, &ONE).await, Err(Away));
        }
        let asked = stub.asked("SET").len();
        assert_eq!(told(&link, &ONE).await, Err(Away), "at once");
        assert_eq!(stub.asked("SET").len(), asked, "nobody was asked");
        stub.silent.set(false);
        stub.values.borrow_mut().retain(|name, _| name.contains("since:"));
        while told(&link, &ONE).await == Err(Away) {
            tokio::task::yield_now().await;
        }
        assert!(link.remote().trouble().is_none());
    });
}

#[test]
fn a_primary_that_nobody_knows_guards_what_its_predecessor_may_have_known() {
    run(async {
        let (stub, port) = stub::start().await;
        let (first, hour) = (link(port, LONG), Duration::from_hours(1));
        let grant = first.share(&ONE, LIFE, false).await.unwrap().unwrap();
        assert!(grant.guards(NOW, Duration::ZERO), "the first start of all");
        assert!(grant.guards(NOW.plus(SHORT), SHORT) && !grant.guards(NOW.plus(SHORT), Duration::ZERO));

        // By the clock of the server, which is not ours.
        stub.millis.set(stub.millis.get() + 3_600_000);
        let later = link(port, LONG);
        let grant = later.share(&[[2; 32]], LIFE, false).await.unwrap().unwrap();
        assert!(grant.guards(NOW.minus(hour), Duration::ZERO), "it was known for an hour");
        assert!(!grant.guards(NOW.minus(hour).plus(SHORT), Duration::ZERO));

        stub.run.set(1);
        stub.hang_up();
        until(|| later.remote().trouble().is_some()).await;
        until(|| later.remote().trouble().is_none()).await;
        let grant = later.share(&[[3; 32]], LIFE, false).await.unwrap().unwrap();
        assert!(grant.guards(NOW, Duration::ZERO), "another one after it");
    });
}

#[test]
fn a_clock_of_ours_that_was_ahead_guards_nothing_once_it_is_put_right() {
    run(async {
        let (stub, port) = stub::start().await;
        let clock = Clock::manual(NOW.plus(Duration::from_hours(1)));
        let link = Link::new(Arc::new(Remote::new(settings(port, LONG), None)), clock.clone());
        let grant = link.share(&ONE, LIFE, false).await.unwrap().unwrap();
        let looks = stub.asked("TIME").len();
        assert!(grant.guards(NOW.plus(SHORT), Duration::ZERO), "by that clock it is long ago");
        clock.set(NOW);
        assert!(!grant.guards(NOW.plus(SHORT), Duration::ZERO));
        assert_eq!(stub.asked("TIME").len(), looks, "nobody had to look first");
    });
}

#[test]
fn a_clock_of_the_server_that_is_set_forward_may_have_ended_claims() {
    run(async {
        let (stub, port) = stub::start().await;
        let link = link(port, LONG);
        stub.millis.set(1000);
        until(|| stub.asked("TIME").len() >= 2).await;
        stub.millis.set(600_000);
        until(|| stub.values.borrow().values().any(|since| since == "600000")).await;
        let grant = link.share(&ONE, LIFE, false).await.unwrap().unwrap();
        assert!(grant.guards(NOW, Duration::ZERO));
    });
}

#[test]
fn another_server_behind_the_same_connection_is_noticed() {
    run(async {
        let (stub, port) = stub::start().await;
        let link = link(port, LONG);
        assert_eq!(told(&link, &ONE).await, Ok(None));
        stub.run.set(1);
        until(|| link.remote().trouble().is_some_and(|why| why.contains("another one"))).await;
    });
}

#[test]
fn a_store_that_refuses_is_away_and_says_why() {
    run(async {
        let (stub, port) = stub::start().await;
        let link = link(port, LONG);
        assert_eq!(told(&link, &ONE).await, Ok(None));
        *stub.refusal.borrow_mut() = Some("OOM command not allowed".to_owned());
        assert_eq!(told(&link, &ONE).await, Err(Away));
        until(|| link.remote().trouble().is_some_and(|why| why.contains("OOM"))).await;
    });
}

#[test]
fn a_store_that_nobody_runs_is_away() {
    run(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let link = link(port, LONG);
        until(|| link.remote().trouble().is_some()).await;
        assert_eq!(told(&link, &ONE).await, Err(Away));
    });
}
