//! Connecting: how many, to which address, and what is said when it fails.

use tokio::net::UnixListener;

use super::*;
use crate::proxy::upstream::resolve;
use crate::proxy::upstream::shared::{Dial, Target};

/// Answers every request on `stream`.
async fn attend(mut stream: TcpStream) {
    let mut seen = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        seen.push(byte);
        if seen.ends_with(b"\r\n\r\n") {
            write(&mut stream, OK).await;
        }
    }
}

/// Serves every connection, and counts them.
async fn serve(peer: &Peer, connections: &std::cell::Cell<usize>) {
    loop {
        let stream = peer.accept().await;
        connections.update(|count: usize| count.saturating_add(1));
        tokio::task::spawn_local(attend(stream));
    }
}

/// A port that nobody listens on.
async fn nobody() -> SocketAddr {
    Peer::new().await.address()
}

#[test]
fn a_cap_holds_over_two_workers_and_idle_connections_are_given_up() {
    let (address, addresses) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        worker(async {
            let peer = Peer::new().await;
            address.send(peer.address()).unwrap();
            // One after the other: a second connection beside the first would wait for ever.
            for _ in 0..3 {
                attend(peer.accept().await).await;
            }
        });
    });
    let address = addresses.recv().unwrap();
    let settings = Arc::new(Upstream { max_connections: Some(1), ..settings(vec![endpoint(address)]) });
    let shared = Shared::new();
    let (turn, done) = (tokio::sync::oneshot::channel::<()>(), tokio::sync::oneshot::channel::<()>());
    let second = (Arc::clone(&shared), Arc::clone(&settings));
    let other = std::thread::spawn(move || {
        worker(async {
            turn.1.await.unwrap();
            let upstreams = Upstreams::new(second.0);
            assert_eq!(text(exchange(&upstreams, &second.1, get("/")).await).await, "ok");
            // Idle again, and asked for by the first worker; this one only waits for events.
            let cap = Arc::clone(&upstreams.shared.common(&second.1).ok().unwrap().cap);
            let wanted = cap.wanted.notified();
            done.0.send(()).unwrap();
            wanted.await;
            tokio::task::yield_now().await;
        });
    });
    worker(async {
        let upstreams = Upstreams::new(shared);
        assert_eq!(text(exchange(&upstreams, &settings, get("/")).await).await, "ok");
        // The idle connection of this worker is given up while it only waits for events.
        turn.0.send(()).unwrap();
        done.1.await.unwrap();
        assert_eq!(text(exchange(&upstreams, &settings, get("/")).await).await, "ok");
    });
    other.join().unwrap();
    server.join().unwrap();
}

#[test]
fn a_request_over_the_cap_waits_for_its_turn_or_is_told_that_it_is_busy() {
    for (queue, expected) in [(Duration::from_millis(10), Some(Code::UpstreamBusy)), (LONG, None)] {
        worker(async {
            let (peer, upstreams) = (Peer::new().await, upstreams());
            let settings = Arc::new(Upstream { max_connections: Some(1), queue, ..peer.settings() });
            let line = upstreams.line(&settings, 0).await.ok().unwrap();
            let waiting = upstreams.line(&settings, 0);
            tokio::pin!(waiting);
            let early = tokio::select! {
                biased;
                line = &mut waiting => Some(line),
                () = async { if expected.is_some() { std::future::pending().await } } => None,
            };
            let got = if let Some(got) = early {
                got.err()
            } else {
                drop(line);
                waiting.await.err()
            };
            assert_eq!(got, expected);
        });
    }
}

#[test]
fn an_upstream_that_refuses_is_unreachable_and_counted() {
    worker(async {
        let shared = Shared::new();
        let upstreams = Upstreams::new(Arc::clone(&shared));
        let settings = Arc::new(settings(vec![endpoint(nobody().await)]));
        assert_eq!(upstreams.line(&settings, 2).await.err(), Some(Code::UpstreamUnreachable));
        assert_eq!(shared.failures(), [(Arc::from("app"), 3)]);
    });
}

#[test]
fn a_failed_address_gives_way_to_the_next() {
    worker(async {
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let settings = Arc::new(settings(vec![endpoint(nobody().await), endpoint(peer.address())]));
        for _ in 0..4 {
            drop(upstreams.line(&settings, 0).await.expect("the second address listens"));
        }
    });
}

#[test]
fn the_least_loaded_address_is_chosen() {
    worker(async {
        let (one, two, upstreams) = (Peer::new().await, Peer::new().await, upstreams());
        let settings = Arc::new(settings(vec![endpoint(one.address()), endpoint(two.address())]));
        let lines = [
            upstreams.line(&settings, 0).await.ok().unwrap(),
            upstreams.line(&settings, 0).await.ok().unwrap(),
            upstreams.line(&settings, 0).await.ok().unwrap(),
            upstreams.line(&settings, 0).await.ok().unwrap(),
        ];
        for peer in [&one, &one, &two, &two] {
            peer.accept().await;
        }
        drop(lines);
    });
}

#[test]
fn a_name_that_cannot_be_resolved_any_more_keeps_its_last_addresses() {
    worker(async {
        let peer = Peer::new().await;
        let lost = Endpoint::Tcp { host: "gone.invalid".into(), port: peer.address().port() };
        let settings = Arc::new(settings(vec![lost]));
        let shared = Shared::new();
        let common = shared.common(&settings).ok().unwrap();
        let target = Target::new(0, Dial::Tcp(peer.address()));
        common.targets.store(Arc::new(vec![target]));
        resolve::renew(&common).await;
        drop(Upstreams::new(shared).line(&settings, 0).await.expect("the last good address stays"));
        peer.accept().await;
    });
}

#[test]
fn an_upstream_that_does_not_answer_in_time_is_lost() {
    worker(async {
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let line = upstreams.line(&Arc::new(peer.settings()), 0).await.ok().unwrap();
        let mut stream = peer.accept().await;
        let departed = Departed::default();
        let patience = Patience { response: Duration::from_millis(10), idle: LONG };
        let reply = line.send(&Admission::Public, get("/"), patience, &departed).await;
        assert_eq!((code(reply), departed.is_marked()), ((true, Code::UpstreamTimeout), true));
        read_head(&mut stream).await;
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "the connection is closed");
    });
}

#[test]
fn an_answer_that_pauses_too_long_is_broken() {
    worker(async {
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let line = upstreams.line(&Arc::new(peer.settings()), 0).await.ok().unwrap();
        let mut stream = peer.accept().await;
        let patience = Patience { response: LONG, idle: Duration::from_millis(10) };
        let departed = Departed::default();
        let server = async {
            read_head(&mut stream).await;
            write(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok").await;
        };
        let reply = tokio::join!(server, line.send(&Admission::Public, get("/"), patience, &departed)).1;
        assert_eq!(collect(reply.ok().unwrap().answer).await.err(), Some(Broken));
    });
}

#[test]
fn a_unix_socket_is_an_upstream() {
    worker(async {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let server = async {
            let mut stream = listener.accept().await.unwrap().0;
            read_head(&mut stream).await;
            write(&mut stream, OK).await;
        };
        let (upstreams, settings) = (upstreams(), Arc::new(settings(vec![Endpoint::Unix(path)])));
        assert_eq!(tokio::join!(server, async { text(exchange(&upstreams, &settings, get("/")).await).await }).1, "ok");
    });
}

#[test]
fn many_requests_at_once_open_as_many_connections_and_no_more_later() {
    worker(async {
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let settings = Arc::new(peer.settings());
        let connections = std::cell::Cell::new(0);
        let client = async {
            for _ in 0..3 {
                let two = (exchange(&upstreams, &settings, get("/")), exchange(&upstreams, &settings, get("/")));
                let (one, two) = tokio::join!(two.0, two.1);
                assert_eq!((text(one).await, text(two).await), ("ok".into(), "ok".into()));
            }
        };
        tokio::select! {
            () = client => {}
            () = serve(&peer, &connections) => {}
        }
        assert_eq!(connections.get(), 2);
    });
}

#[test]
fn a_crowd_on_two_workers_gets_through_a_narrow_cap_without_an_error() {
    let (address, addresses) = std::sync::mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = std::thread::spawn(move || {
        worker(async {
            let peer = Peer::new().await;
            address.send(peer.address()).unwrap();
            let connections = std::cell::Cell::new(0);
            tokio::select! {
                () = serve(&peer, &connections) => {}
                _ = stopped => {}
            }
        });
    });
    let settings = settings(vec![endpoint(addresses.recv().unwrap())]);
    let settings = Arc::new(Upstream { max_connections: Some(3), queue: LONG, ..settings });
    let shared = Shared::new();
    let workers = [0, 1].map(|_| {
        let (shared, settings) = (Arc::clone(&shared), Arc::clone(&settings));
        std::thread::spawn(move || {
            worker(async {
                let upstreams = Upstreams::new(shared);
                let crowd = (0..40).map(|_| {
                    let (upstreams, settings) = (Rc::clone(&upstreams), Arc::clone(&settings));
                    tokio::task::spawn_local(async move {
                        for _ in 0..5 {
                            assert_eq!(text(exchange(&upstreams, &settings, get("/")).await).await, "ok");
                        }
                    })
                });
                for one in crowd.collect::<Vec<_>>() {
                    one.await.unwrap();
                }
            });
        })
    });
    for worker in workers {
        worker.join().unwrap();
    }
    stop.send(()).unwrap();
    server.join().unwrap();
}
