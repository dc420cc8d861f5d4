//! Addresses that fail and recover.

use super::checks::{active, common};
use super::*;
use crate::policy::upstream::{Health, Passive};
use crate::proxy::upstream::health::{CHECKED_OUT, Symptom, Vitals};
use crate::proxy::upstream::shared::{Dial, Target};
use crate::proxy::upstream::socket::Unopened;

/// Two requests in a row take an address out.
fn passive(endpoints: Vec<Endpoint>, rest: Duration, refuse: bool) -> Arc<Upstream> {
    let health = Health { active: None, passive: Some(Passive { fails: 2, rest }), refuse };
    Arc::new(Upstream { health: Some(health), ..settings(endpoints) })
}

/// Accepts, reads a request, and hangs up.
async fn hang_up(peer: &Peer) -> TcpStream {
    let mut stream = peer.accept().await;
    read_head(&mut stream).await;
    stream
}

/// The addresses, and which of them are out.
fn out(upstreams: &Upstreams, settings: &Arc<Upstream>) -> Vec<bool> {
    upstreams.shared.health(std::slice::from_ref(settings))[0].addresses.iter().map(|(_, healthy)| !healthy).collect()
}

/// Sends requests to both until `one` has lost two in a row.
async fn lose_two(one: &Peer, two: &Peer, upstreams: &Rc<Upstreams>, settings: &Arc<Upstream>) {
    let mut lost = 0;
    while lost < 2 {
        let request = exchange(upstreams, settings, get("/"));
        tokio::pin!(request);
        tokio::select! {
            reply = &mut request => assert_eq!(text(reply).await, "ok"),
            stream = hang_up(one) => {
                drop(stream);
                assert_eq!(code(request.await), (true, Code::UpstreamClosed));
                lost = u32::saturating_add(lost, 1);
            }
            () = answer_one(two) => assert_eq!(text(request.await).await, "ok"),
        }
    }
}

/// Answers one request on a connection of its own.
async fn answer_one(peer: &Peer) {
    let mut stream = peer.accept().await;
    read_head(&mut stream).await;
    write(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
}

#[test]
fn the_first_check_decides_alone_and_later_ones_in_a_row() {
    let checks = |results: &str| {
        let vitals = Vitals::default();
        let news = results.chars().map(|result| match vitals.check(result == '+', &active()) {
            None => '.',
            Some(true) => {
                vitals.bring_back(CHECKED_OUT);
                'u'
            }
            Some(false) => {
                vitals.take_out(CHECKED_OUT);
                'd'
            }
        });
        news.collect::<String>()
    };
    for (results, news) in [
        ("-", "d"),
        ("-++", "d.u"),
        ("-+-++", "d...u"),
        ("+--+---", "......d"),
        ("+---++---", "...d.u..d"),
        ("++++", "...."),
    ] {
        assert_eq!(checks(results), news, "{results}");
    }
}

#[test]
fn an_address_that_loses_requests_in_a_row_rests_and_comes_back() {
    for rest in [LONG, Duration::from_millis(10)] {
        worker(async {
            let (one, two, upstreams) = (Peer::new().await, Peer::new().await, upstreams());
            let settings = passive(vec![endpoint(one.address()), endpoint(two.address())], rest, false);
            lose_two(&one, &two, &upstreams, &settings).await;
            if rest == LONG {
                assert_eq!(out(&upstreams, &settings), [true, false]);
                for _ in 0..4 {
                    let reply = tokio::join!(exchange(&upstreams, &settings, get("/")), answer_one(&two)).0;
                    assert_eq!(text(reply).await, "ok");
                }
                return;
            }
            while out(&upstreams, &settings)[0] {
                tokio::task::yield_now().await;
            }
            // Nothing was heard of it since: one more failure is enough.
            let target = Arc::clone(&upstreams.shared.known(&settings).unwrap().targets.load()[0]);
            upstreams.shared.known(&settings).unwrap().blame(&target, Code::UpstreamTimeout);
            assert_eq!(out(&upstreams, &settings), [true, false]);
        });
    }
}

#[test]
fn an_answer_between_two_failures_starts_the_count_anew() {
    worker(async {
        let (one, two, upstreams) = (Peer::new().await, Peer::new().await, upstreams());
        let settings = passive(vec![endpoint(one.address()), endpoint(two.address())], LONG, false);
        drop(upstreams.line(&settings, 0).await.ok().unwrap());
        let common = upstreams.shared.known(&settings).unwrap();
        let target = Arc::clone(&common.targets.load()[0]);
        common.blame(&target, Code::UpstreamClosed);
        common.praise(&target);
        common.blame(&target, Code::UpstreamClosed);
        assert_eq!(out(&upstreams, &settings), [false, false]);
        // What is not the upstream's fault counts for nothing.
        common.blame(&target, Code::Internal);
        assert_eq!(out(&upstreams, &settings), [false, false]);
        common.blame(&target, Code::UpstreamClosed);
        assert_eq!(out(&upstreams, &settings), [true, false]);
    });
}

#[test]
fn a_client_that_breaks_off_or_is_slow_is_not_the_upstreams_fault() {
    worker(async {
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let settings = passive(vec![endpoint(peer.address())], LONG, true);
        for _ in 0..3 {
            let line = upstreams.line(&settings, 0).await.ok().unwrap();
            let begun = line.begin(head("POST", "/"), None, &Departed::default()).await.ok().unwrap();
            let mut stream = peer.accept().await;
            read_head(&mut stream).await;
            drop(begun);
            // The upstream tires of waiting for a body that does not come.
            let line = upstreams.line(&settings, 0).await.ok().unwrap();
            let mut begun = line.begin(head("POST", "/"), None, &Departed::default()).await.ok().unwrap();
            drop(hang_up(&peer).await);
            while begun.send("x".into()).await.is_ok() {}
            assert!(begun.finish(&Admission::Public, "y".into(), PATIENCE).await.is_err());
        }
        assert_eq!(out(&upstreams, &settings), [false]);
    });
}

#[test]
fn a_streamed_request_that_was_complete_and_is_lost_counts() {
    worker(async {
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let settings = passive(vec![endpoint(peer.address())], LONG, true);
        for lost in 0..2 {
            assert_eq!(out(&upstreams, &settings), if lost == 0 { vec![] } else { vec![false] });
            let line = upstreams.line(&settings, 0).await.ok().unwrap();
            let begun = line.begin(head("POST", "/"), Some(0), &Departed::default()).await.ok().unwrap();
            let finish = begun.finish(&Admission::Public, Bytes::new(), PATIENCE);
            assert_eq!(tokio::join!(finish, async { drop(hang_up(&peer).await) }).0.err(), Some(Code::UpstreamClosed));
        }
        assert_eq!(out(&upstreams, &settings), [true]);
    });
}

#[test]
fn the_last_address_is_never_taken_out_by_requests_unless_that_is_wished() {
    for (refuse, expected) in [(false, Code::UpstreamUnreachable), (true, Code::UpstreamUnhealthy)] {
        worker(async {
            let upstreams = upstreams();
            let nobody = [Peer::new().await.address(), Peer::new().await.address()].map(endpoint);
            let settings = passive(nobody.to_vec(), LONG, refuse);
            for _ in 0..3 {
                assert_eq!(upstreams.line(&settings, 0).await.err(), Some(Code::UpstreamUnreachable));
                if refuse && out(&upstreams, &settings) == [true, true] {
                    break;
                }
            }
            assert_eq!(out(&upstreams, &settings).iter().filter(|out| **out).count(), if refuse { 2 } else { 1 });
            assert_eq!(upstreams.line(&settings, 3).await.err(), Some(expected));
        });
    }
}

#[test]
fn with_every_address_taken_out_each_is_tried_all_the_same() {
    worker(async {
        let (one, two, upstreams) = (Peer::new().await, Peer::new().await, upstreams());
        let settings = passive(vec![endpoint(one.address()), endpoint(two.address())], LONG, false);
        drop(upstreams.line(&settings, 0).await.ok().unwrap());
        for target in upstreams.shared.known(&settings).unwrap().targets.load().iter() {
            target.vitals.take_out(CHECKED_OUT);
        }
        let lines =
            [upstreams.line(&settings, 0).await.ok().unwrap(), upstreams.line(&settings, 0).await.ok().unwrap()];
        for peer in [&one, &two] {
            peer.accept().await;
        }
        drop(lines);
    });
}

#[test]
fn under_a_full_cap_a_connection_to_an_address_that_is_out_is_not_used() {
    for refuse in [false, true] {
        worker(async {
            let (one, two, upstreams) = (Peer::new().await, Peer::new().await, upstreams());
            let base = passive(vec![endpoint(one.address()), endpoint(two.address())], LONG, refuse);
            let settings = Arc::new(Upstream { max_connections: Some(1), ..capped(&base) });
            // The one connection is idle, and its address is taken out.
            drop(upstreams.line(&settings, 0).await.ok().unwrap());
            let (first, second) = tokio::select! {
                stream = one.accept() => (stream, &two),
                stream = two.accept() => (stream, &one),
            };
            let place = usize::from(std::ptr::eq(second, &raw const one));
            upstreams.shared.known(&settings).unwrap().targets.load()[place].vitals.take_out(CHECKED_OUT);
            let reply = tokio::join!(exchange(&upstreams, &settings, get("/")), answer_one(second)).0;
            assert_eq!(text(reply).await, "ok");
            drop(first);
        });
    }
}

/// The same settings once more.
fn capped(base: &Upstream) -> Upstream {
    Upstream { health: base.health.clone(), ..settings(base.endpoints.clone()) }
}

#[test]
fn a_process_that_lacks_descriptors_blames_nobody() {
    use rustix::io::Errno;
    for (errno, theirs) in
        [(Errno::MFILE, false), (Errno::NFILE, false), (Errno::NOMEM, false), (Errno::CONNREFUSED, true)]
    {
        let unopened = Unopened::of(&errno.into());
        assert_eq!(unopened == Unopened::Theirs(Code::UpstreamUnreachable), theirs, "{errno}");
        assert_eq!(unopened.code(), Code::UpstreamUnreachable);
    }
    let common = common(&passive(vec![Endpoint::Unix("/nowhere".into())], LONG, true));
    let target = Target::new(0, Dial::Unix("/nowhere".into()));
    for _ in 0..9 {
        common.checked(&target, &active(), Err(Symptom::Ours));
    }
    assert!(!target.vitals.is_out());
}

#[test]
fn settings_that_come_and_go_by_turns_share_one_state() {
    worker(async {
        let peer = Peer::new().await;
        let shared = Shared::new();
        let old = Arc::new(peer.settings());
        let new = Arc::new(Upstream { idle: LONG / 2, ..peer.settings() });
        let first = shared.common(&new).ok().unwrap();
        let other = shared.common(&old).ok().unwrap();
        assert!(Arc::ptr_eq(&first, &shared.common(&new).ok().unwrap()));
        assert!(Arc::ptr_eq(&other, &shared.common(&old).ok().unwrap()));
        drop(first);
        assert!(shared.known(&new).is_none(), "nobody uses it any more");
    });
}
