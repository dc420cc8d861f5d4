//! When a connection is used again, and when it must not be.

use super::*;
use crate::policy::listen::Certificate;
use crate::policy::upstream::Tls;
use crate::proxy::upstream::same;
use crate::sig::secret::Secret;

#[test]
fn a_second_request_takes_the_same_connection() {
    worker(async {
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let settings = Arc::new(peer.settings());
        let server = async {
            let mut stream = peer.accept().await;
            for _ in 0..3 {
                read_head(&mut stream).await;
                write(&mut stream, OK).await;
            }
            stream
        };
        let client = async {
            for _ in 0..3 {
                assert_eq!(text(exchange(&upstreams, &settings, get("/")).await).await, "ok");
            }
        };
        tokio::join!(server, client);
    });
}

#[test]
fn a_line_that_is_dropped_unused_goes_back_to_its_pool() {
    worker(async {
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let settings = Arc::new(peer.settings());
        drop(upstreams.line(&settings, 0).await.ok().unwrap());
        let mut stream = peer.accept().await;
        let client = async { text(exchange(&upstreams, &settings, get("/")).await).await };
        let server = async {
            read_head(&mut stream).await;
            write(&mut stream, OK).await;
        };
        assert_eq!(tokio::join!(client, server).0, "ok");
    });
}

#[test]
fn a_request_on_a_connection_that_died_in_the_pool_comes_back_unsent() {
    worker(async {
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let settings = Arc::new(peer.settings());
        let mut line = upstreams.line(&settings, 0).await.ok().unwrap();
        drop(peer.accept().await);
        line.died().await;
        let departed = Departed::default();
        let sent = line.send(&Admission::Public, with_body("POST", &["a", "b"]), PATIENCE, &departed).await;
        let Err(Failure::Unsent(Code::UpstreamClosed, outgoing)) = sent else { panic!("it was sent") };
        assert!(!departed.is_marked());
        assert!(matches!(outgoing.body, Held::Memory(pieces) if pieces.iter().eq(["ab"])));
    });
}

#[test]
fn a_connection_that_the_upstream_closed_is_not_handed_out() {
    worker(async {
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let settings = Arc::new(peer.settings());
        let mut line = upstreams.line(&settings, 0).await.ok().unwrap();
        drop(peer.accept().await);
        line.died().await;
        drop(line);
        let server = async {
            let mut stream = peer.accept().await;
            read_head(&mut stream).await;
            write(&mut stream, OK).await;
        };
        let client = async { text(exchange(&upstreams, &settings, get("/")).await).await };
        assert_eq!(tokio::join!(server, client).1, "ok");
    });
}

#[test]
fn an_unchanged_reload_keeps_connections_and_a_changed_one_does_not() {
    for (change, connections) in [(false, 1), (true, 2)] {
        worker(async {
            let (peer, upstreams) = (Peer::new().await, upstreams());
            let before = Arc::new(peer.settings());
            let after = Arc::new(Upstream { idle: if change { LONG / 2 } else { LONG }, ..peer.settings() });
            drop(upstreams.line(&before, 0).await.ok().unwrap());
            let mut first = peer.accept().await;
            drop(upstreams.line(&after, 0).await.ok().unwrap());
            let server = async {
                if connections == 2 {
                    peer.accept().await;
                    assert_eq!(first.read(&mut [0]).await.unwrap(), 0, "the old connection is closed");
                }
            };
            server.await;
        });
    }
}

#[test]
fn an_idle_connection_is_closed_when_its_time_is_over() {
    worker(async {
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let settings = Arc::new(Upstream { idle: Duration::from_millis(20), ..peer.settings() });
        drop(upstreams.line(&settings, 0).await.ok().unwrap());
        assert_eq!(peer.accept().await.read(&mut [0]).await.unwrap(), 0);
    });
}

#[test]
fn a_connection_whose_answer_was_given_up_is_closed() {
    worker(async {
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let settings = Arc::new(peer.settings());
        let server = async {
            let mut stream = peer.accept().await;
            read_head(&mut stream).await;
            write(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nha").await;
            stream
        };
        let (mut stream, reply) = tokio::join!(server, exchange(&upstreams, &settings, get("/")));
        drop(reply);
        assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
    });
}

#[test]
fn bytes_after_an_answer_are_never_the_answer_to_another_request() {
    let answers: [&[u8]; 3] = [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ];
    for answer in answers {
        worker(async {
            let (peer, upstreams) = (Peer::new().await, upstreams());
            let settings = Arc::new(peer.settings());
            let server = async {
                let mut stream = peer.accept().await;
                read_head(&mut stream).await;
                write(&mut stream, &[answer, b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"].concat()).await;
                let mut next = peer.accept().await;
                read_head(&mut next).await;
                write(&mut next, OK).await;
                stream
            };
            let client = async {
                collect(exchange(&upstreams, &settings, get("/")).await.ok().unwrap().answer).await.unwrap();
                text(exchange(&upstreams, &settings, get("/")).await).await
            };
            assert_eq!(tokio::join!(server, client).1, "ok");
        });
    }
}

#[test]
fn every_setting_of_a_connection_decides_whether_it_may_be_used_after_a_reload() {
    type Change = fn(&mut Upstream);
    let secured = || {
        let certificate = Certificate { chain: vec![1], key: Secret::new(vec![2]), origin: "a".into() };
        let tls = Tls { ca: Some(vec![3]), client: Some(certificate), server_name: None };
        Upstream { tls: Some(tls), ..settings(vec![Endpoint::Unix("/a".into())]) }
    };
    let cases: [(&str, bool, Change); 13] = [
        ("nothing", true, |_| {}),
        ("base path", true, |upstream| upstream.base_path = "/v2".into()),
        ("host", true, |upstream| upstream.host = Host::Upstream("b".into())),
        ("origin of the certificate", true, |upstream| client(upstream).origin = "b".into()),
        ("endpoints", false, |upstream| upstream.endpoints = vec![Endpoint::Unix("/b".into())]),
        ("protocol", false, |upstream| upstream.protocol = Protocol::Http1),
        ("cap", false, |upstream| upstream.max_connections = Some(9)),
        ("connect", false, |upstream| upstream.connect = LONG / 3),
        ("no TLS", false, |upstream| upstream.tls = None),
        ("authorities", false, |upstream| upstream.tls.as_mut().unwrap().ca = None),
        ("server name", false, |upstream| upstream.tls.as_mut().unwrap().server_name = Some("b".into())),
        ("no certificate", false, |upstream| upstream.tls.as_mut().unwrap().client = None),
        ("key", false, |upstream| client(upstream).key = Secret::new(vec![9])),
    ];
    for (what, kept, change) in cases {
        let mut changed = secured();
        change(&mut changed);
        assert_eq!(same::settings(&secured(), &changed), kept, "{what}");
        assert_eq!(same::settings(&changed, &secured()), kept, "{what}");
    }
}

fn client(upstream: &mut Upstream) -> &mut Certificate {
    upstream.tls.as_mut().unwrap().client.as_mut().unwrap()
}
