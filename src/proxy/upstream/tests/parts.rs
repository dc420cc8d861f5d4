//! Requests and answers that come in parts: early answers, provisional requests, spooled bodies, tunnels.

use tokio::io::AsyncSeekExt;

use super::*;
use crate::proxy::upstream::Provisional;
use crate::proxy::upstream::line::within;
use crate::proxy::upstream::outflow::Outflow;

/// A provisional POST, and the upstream's end of it after the head.
async fn begun(length: Option<u64>) -> (Provisional, TcpStream, String) {
    let departed = Departed::default();
    let (peer, upstreams) = (Peer::new().await, upstreams());
    let line = upstreams.line(&Arc::new(peer.settings()), 0).await.ok().unwrap();
    let provisional = line.begin(head("POST", "/"), length, &departed).await.ok().unwrap();
    assert_eq!(departed.is_marked(), length != Some(0));
    let mut stream = peer.accept().await;
    let seen = if length == Some(0) { String::new() } else { read_head(&mut stream).await };
    (provisional, stream, seen)
}

/// What is left until the connection ends, whichever way.
async fn rest(stream: &mut TcpStream) -> String {
    let mut seen = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        seen.push(byte);
    }
    String::from_utf8(seen).unwrap()
}

#[test]
fn a_dropped_provisional_request_is_seen_as_an_abort() {
    for (length, expected) in [(None, "2\r\nab\r\n"), (Some(4), "ab")] {
        worker(async {
            let (mut provisional, mut stream, head) = begun(length).await;
            assert_eq!(head.contains("transfer-encoding: chunked"), length.is_none());
            assert_eq!(head.contains("content-length: 4"), length.is_some());
            provisional.send(Bytes::from_static(b"ab")).await.unwrap();
            assert_eq!(read_until(&mut stream, expected).await, expected);
            drop(provisional);
            assert_eq!(rest(&mut stream).await, "");
        });
    }
}

#[test]
fn a_finished_provisional_request_is_complete() {
    for (length, expected) in [(None, "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"), (Some(4), "abcd")] {
        worker(async {
            let (mut provisional, mut stream, _) = begun(length).await;
            provisional.send(Bytes::from_static(b"ab")).await.unwrap();
            let server = async {
                assert_eq!(read_until(&mut stream, expected).await, expected);
                write(&mut stream, OK).await;
            };
            let finish = provisional.finish(&Admission::Public, Bytes::from_static(b"cd"), PATIENCE);
            let reply = tokio::join!(server, finish).1;
            assert_eq!(collect(reply.ok().unwrap().answer).await.unwrap().0, b"ok");
        });
    }
}

#[test]
fn a_provisional_request_without_body_stays_here_until_the_verdict() {
    worker(async {
        let (provisional, mut stream, _) = begun(Some(0)).await;
        drop(provisional);
        assert_eq!(rest(&mut stream).await, "");
    });
    worker(async {
        let (provisional, mut stream, _) = begun(Some(0)).await;
        let server = async {
            assert!(read_head(&mut stream).await.contains("content-length: 0"));
            write(&mut stream, OK).await;
        };
        let reply = tokio::join!(server, provisional.finish(&Admission::Public, Bytes::new(), PATIENCE)).1;
        assert_eq!(reply.ok().unwrap().answer.status, 200);
    });
}

#[test]
fn bytes_that_would_complete_a_provisional_request_are_not_taken_before_the_verdict() {
    for (sent, taken) in [("ab", true), ("abc", false), ("abcd", false)] {
        worker(async {
            let (mut provisional, _stream, _) = begun(Some(3)).await;
            assert_eq!(provisional.send(Bytes::from_static(sent.as_bytes())).await.is_ok(), taken, "{sent}");
        });
    }
    worker(async {
        let (mut provisional, mut stream, _) = begun(Some(3)).await;
        provisional.send(Bytes::from_static(b"a")).await.unwrap();
        let short = provisional.finish(&Admission::Public, Bytes::from_static(b"b"), PATIENCE).await;
        assert_eq!(short.err(), Some(Code::BodyIncomplete));
        assert!(rest(&mut stream).await.len() < 3);
    });
}

#[test]
fn an_upstream_that_goes_while_it_is_fed_has_closed() {
    worker(async {
        let (mut provisional, stream, _) = begun(None).await;
        drop(stream);
        let failed = loop {
            if let Err(code) = provisional.send(Bytes::from_static(&[b'x'; 1024])).await {
                break code;
            }
        };
        assert_eq!(failed, Code::UpstreamClosed);
    });
}

#[test]
fn an_early_answer_to_a_provisional_request_waits_for_the_verdict() {
    worker(async {
        let (mut provisional, mut stream, _) = begun(None).await;
        write(&mut stream, b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno").await;
        provisional.send(Bytes::from_static(b"ab")).await.unwrap();
        let reply = provisional.finish(&Admission::Public, Bytes::from_static(b"c"), PATIENCE).await;
        assert_eq!(reply.ok().unwrap().answer.status, 413);
    });
}

#[test]
fn an_early_answer_is_delivered_and_its_connection_is_not_used_again() {
    worker(async {
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let settings = Arc::new(peer.settings());
        let large = Held::Memory(Bytes::from(vec![b'x'; 32 << 20]).into());
        let outgoing = Outgoing { head: head("POST", "/"), body: large, upgrade: false };
        let server = async {
            let mut stream = peer.accept().await;
            read_head(&mut stream).await;
            write(&mut stream, b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno").await;
            stream
        };
        let (mut stream, reply) = tokio::join!(server, exchange(&upstreams, &settings, outgoing));
        let answer = reply.ok().unwrap().answer;
        assert_eq!((answer.status, collect(answer).await.unwrap().0), (413, b"no".to_vec()));
        let mut scrap = vec![0; 1 << 16];
        while matches!(stream.read(&mut scrap).await, Ok(1..)) {}
    });
}

#[test]
fn a_spooled_body_is_sent_from_its_start_and_to_its_end() {
    worker(async {
        let whole: Vec<u8> = (0..200_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        let mut file = tokio::fs::File::from_std(tempfile::tempfile().unwrap());
        file.write_all(&whole).await.unwrap();
        file.flush().await.unwrap();
        file.seek(std::io::SeekFrom::Start(7)).await.unwrap();
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let outgoing =
            Outgoing { head: head("PUT", "/"), body: Held::Spooled(Box::new(file), 200_000), upgrade: false };
        let server = async {
            let mut stream = peer.accept().await;
            assert!(read_head(&mut stream).await.contains("content-length: 200000\r\n"));
            let mut seen = vec![0; whole.len()];
            stream.read_exact(&mut seen).await.unwrap();
            write(&mut stream, OK).await;
            seen
        };
        let settings = Arc::new(peer.settings());
        let (seen, reply) = tokio::join!(server, exchange(&upstreams, &settings, outgoing));
        assert!(seen == whole);
        assert_eq!(text(reply).await, "ok");
    });
}

#[test]
fn a_spooled_body_that_is_shorter_than_it_was_is_never_completed() {
    worker(async {
        let file = tokio::fs::File::from_std(tempfile::tempfile().unwrap());
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let outgoing = Outgoing { head: head("PUT", "/"), body: Held::Spooled(Box::new(file), 5), upgrade: false };
        let server = async {
            let mut stream = peer.accept().await;
            rest(&mut stream).await
        };
        let settings = Arc::new(peer.settings());
        let (seen, reply) = tokio::join!(server, exchange(&upstreams, &settings, outgoing));
        assert!(seen.split("\r\n\r\n").nth(1).unwrap_or_default().is_empty(), "{seen}");
        assert_eq!(code(reply), (true, Code::Internal));
    });
}

#[test]
fn a_tunnel_opens_when_the_upstream_switches_to_what_was_asked_for() {
    for (protocol, opens) in [("websocket", true), ("WebSocket", true), ("h2c", false), ("websocket, h2c", false)] {
        worker(async {
            let (peer, upstreams) = (Peer::new().await, upstreams());
            let line = upstreams.upgradeable(&Arc::new(peer.settings()), 0).await.ok().unwrap();
            let mut stream = peer.accept().await;
            let server = async {
                let head = read_head(&mut stream).await;
                assert!(head.contains("connection: upgrade\r\nupgrade: websocket\r\n"));
                let switch = format!("HTTP/1.1 101 S\r\nconnection: upgrade\r\nupgrade: {protocol}\r\n\r\n");
                write(&mut stream, switch.as_bytes()).await;
            };
            let (outgoing, departed) = (Outgoing { upgrade: true, ..get("/") }, Departed::default());
            let reply = tokio::join!(server, line.send(&Admission::Public, outgoing, PATIENCE, &departed)).1;
            if !opens {
                assert_eq!(code(reply), (true, Code::UpstreamInvalid), "{protocol}");
                return;
            }
            let reply = reply.ok().unwrap();
            assert_eq!(reply.answer.status, 101);
            let mut tunnel = reply.tunnel.unwrap().io;
            write(&mut tunnel, b"ping!").await;
            assert_eq!(read_until(&mut stream, "!").await, "ping!");
            write(&mut stream, b"pong!").await;
            assert_eq!(read_until(&mut tunnel, "!").await, "pong!");
        });
    }
}

#[test]
fn patience_begins_anew_with_every_piece_that_the_upstream_takes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (start, patience) = (tokio::time::Instant::now(), Duration::from_secs(10));
        let progress = Outflow::held(Held::Memory(Bytes::from_static(b"abc").into())).progress();
        let slow = async {
            for _ in 0..3 {
                tokio::time::advance(Duration::from_secs(9)).await;
                progress.last.set(tokio::time::Instant::now());
            }
        };
        let never = Box::pin(std::future::pending::<()>());
        let ((), answer) = tokio::join!(slow, within(never, &progress, patience));
        assert!(answer.is_none());
        assert_eq!(start.elapsed().as_secs(), 3 * 9 + 10);
    });
}
