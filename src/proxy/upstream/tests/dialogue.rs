//! Requests and answers that cross, end early or go wrong on one HTTP/1.1 connection, and what becomes of it.

use std::pin::pin;
use std::task::Poll;

use tokio::task::coop::poll_proceed;

use super::*;

/// Polls `work` once, as far as it goes.
async fn nudge<F: Future + Unpin>(work: &mut F) -> Option<F::Output> {
    poll_fn(|cx| {
        Poll::Ready(match std::pin::Pin::new(&mut *work).poll(cx) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        })
    })
    .await
}

/// Answers one request after the other, each with the next of `answers`, and says on which connection, until `client` is done.
async fn connections<T>(
    answers: &[&[u8]],
    client: impl AsyncFnOnce(&Rc<Upstreams>, &Arc<Upstream>) -> T,
) -> (Vec<usize>, T) {
    let (peer, upstreams) = (Peer::new().await, upstreams());
    let settings = Arc::new(peer.settings());
    let asked = std::cell::RefCell::new(Vec::new());
    let server = async {
        let mut number = 0_usize;
        loop {
            let mut stream = peer.accept().await;
            while let Ok(1..) = stream.peek(&mut [0]).await {
                read_head(&mut stream).await;
                let answer = answers[asked.borrow().len()];
                asked.borrow_mut().push(number);
                write(&mut stream, answer).await;
            }
            number = number.saturating_add(1);
        }
    };
    let done = tokio::select! {
        done = client(&upstreams, &settings) => done,
        () = server => unreachable!(),
    };
    (asked.take(), done)
}

#[test]
fn a_connection_is_used_again_only_when_nothing_is_left_of_its_exchange() {
    let cases: [(&str, &[u8], bool); 15] = [
        ("GET", OK, true),
        ("GET", b"HTTP/1.1 204 No\r\n\r\n", true),
        ("GET", b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", false),
        ("GET", b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello", false),
        ("GET", b"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", true),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokEXTRA", false),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", false),
        ("GET", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false),
        ("GET", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok", true),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\n\r\n", true),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: v\r\n\r\n", true),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n0\r\n\r\n", false),
        ("GET", b"HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true),
    ];
    for (method, answer, again) in cases {
        let seen = worker(connections(&[answer, OK], async |upstreams, settings| {
            let first = Outgoing { head: head(method, "/"), ..get("/") };
            collect(exchange(upstreams, settings, first).await.ok().unwrap().answer).await.unwrap();
            assert_eq!(text(exchange(upstreams, settings, get("/")).await).await, "ok");
        }));
        assert_eq!(seen.0, [0, usize::from(!again)], "{method} {}", answer.escape_ascii());
    }
}

#[test]
fn an_answer_that_comes_byte_by_byte_is_the_same_answer() {
    worker(async {
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let settings = Arc::new(peer.settings());
        let server = async {
            let mut stream = peer.accept().await;
            stream.set_nodelay(true).unwrap();
            read_head(&mut stream).await;
            let answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                2;x=\"y\"\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n";
            for byte in answer {
                write(&mut stream, &[*byte]).await;
                tokio::task::yield_now().await;
            }
        };
        let (reply, ()) = tokio::join!(async { exchange(&upstreams, &settings, get("/")).await.ok().unwrap() }, server);
        let (data, trailers) = collect(reply.answer).await.unwrap();
        assert_eq!((data.as_slice(), trailers.contains("x-sum")), (&b"ok"[..], true));
    });
}

#[test]
fn extensions_and_informational_answers_have_a_bound() {
    let extended = |length: usize| {
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;{}\r\nok\r\n0\r\n\r\n", "x".repeat(length))
    };
    for (length, whole) in [(4095, true), (4096, false)] {
        let answer = extended(length);
        let body = worker(connections(&[answer.as_bytes()], async |upstreams, settings| {
            collect(exchange(upstreams, settings, get("/")).await.ok().unwrap().answer).await
        }));
        assert_eq!(body.1.is_ok(), whole, "{length}");
    }
    let flood = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(5000);
    let reply = worker(connections(&[flood.as_bytes()], async |upstreams, settings| {
        exchange(upstreams, settings, get("/")).await
    }));
    assert_eq!(code(reply.1), (true, Code::UpstreamInvalid));
}

#[test]
fn an_answer_that_is_there_is_heard_although_the_request_cannot_be_completed() {
    worker(async {
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let settings = Arc::new(peer.settings());
        let line = upstreams.line(&settings, 0).await.ok().unwrap();
        let mut stream = peer.accept().await;
        let large = Held::Memory(Bytes::from(vec![b'x'; 32 << 20]).into());
        let (outgoing, departed) =
            (Outgoing { head: head("POST", "/"), body: large, upgrade: false }, Departed::default());
        let mut sending = Box::pin(line.send(&Admission::Public, outgoing, PATIENCE, &departed));
        // The first time it lets others go first.
        for _ in 0..2 {
            assert!(nudge(&mut sending).await.is_none());
        }
        read_head(&mut stream).await;
        write(&mut stream, b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno").await;
        // Unread bytes make this a reset: the next write fails.
        drop(stream);
        let answer = sending.await.ok().unwrap().answer;
        assert_eq!((answer.status, collect(answer).await.unwrap().0), (413, b"no".to_vec()));
        assert!(departed.is_marked());
    });
}

#[test]
fn an_early_answer_and_the_rest_of_its_request_cross() {
    worker(async {
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let settings = Arc::new(peer.settings());
        let (size, body) = (8 << 20, Bytes::from(vec![b'x'; 8 << 20]));
        let outgoing = Outgoing { head: head("POST", "/"), body: Held::Memory(body.into()), upgrade: false };
        let server = async {
            let mut stream = peer.accept().await;
            read_head(&mut stream).await;
            write(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no").await;
            let mut seen = vec![0; size];
            stream.read_exact(&mut seen).await.unwrap();
            write(&mut stream, b"k").await;
            read_head(&mut stream).await;
            write(&mut stream, OK).await;
        };
        let client = async {
            assert_eq!(text(exchange(&upstreams, &settings, outgoing).await).await, "ok");
            assert_eq!(text(exchange(&upstreams, &settings, get("/")).await).await, "ok");
        };
        tokio::join!(server, client);
    });
}

#[test]
fn an_idle_connection_that_the_upstream_closes_gives_its_slot_back_at_once() {
    for farewell in [&b""[..], b"HTTP/1.1 408 Request Timeout\r\n\r\n"] {
        worker(async {
            let (peer, upstreams) = (Peer::new().await, upstreams());
            let settings = Arc::new(Upstream { max_connections: Some(1), ..peer.settings() });
            let server = async {
                let mut stream = peer.accept().await;
                read_head(&mut stream).await;
                write(&mut stream, OK).await;
                stream
            };
            let client = async { text(exchange(&upstreams, &settings, get("/")).await).await };
            let mut stream = tokio::join!(client, server).1;
            let slots = upstreams.shared.common(&settings).ok().unwrap().cap.slots.clone().unwrap();
            assert_eq!(slots.available_permits(), 0);
            write(&mut stream, farewell).await;
            if farewell.is_empty() {
                drop(stream);
            }
            while slots.available_permits() == 0 {
                tokio::task::yield_now().await;
            }
        });
    }
}

#[test]
fn bytes_that_nobody_asked_for_are_the_answer_to_nothing() {
    worker(async {
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let mut line = upstreams.line(&Arc::new(peer.settings()), 0).await.ok().unwrap();
        let mut stream = peer.accept().await;
        write(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nPOISON").await;
        line.died().await;
        let departed = Departed::default();
        let reply = line.send(&Admission::Public, with_body("POST", &["a"]), PATIENCE, &departed).await;
        assert_eq!((code(reply), departed.is_marked()), ((false, Code::UpstreamClosed), false));
        assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0, "nothing was sent");
    });
}

#[test]
fn a_connection_that_has_ended_is_not_taken_for_quiet_by_a_task_that_has_used_up_its_turn() {
    worker(async {
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let mut line = upstreams.line(&Arc::new(peer.settings()), 0).await.ok().unwrap();
        drop(peer.accept().await);
        line.died().await;
        let mut line =
            pin!(async move { line.send(&Admission::Public, get("/"), PATIENCE, &Departed::default()).await });
        let reply = poll_fn(|cx| {
            while let Poll::Ready(step) = poll_proceed(cx) {
                step.made_progress();
            }
            line.as_mut().poll(cx).map(code)
        });
        assert_eq!(reply.await, (false, Code::UpstreamClosed), "nothing was sent");
    });
}

#[test]
fn a_small_request_and_its_body_are_one_write() {
    worker(async {
        let (peer, upstreams) = (Peer::new().await, upstreams());
        let line = upstreams.line(&Arc::new(peer.settings()), 0).await.ok().unwrap();
        let stream = peer.accept().await;
        let departed = Departed::default();
        let mut sending = Box::pin(line.send(&Admission::Public, with_body("POST", &["abc"]), PATIENCE, &departed));
        let mut seen = [0; 256];
        for _ in 0..2 {
            assert!(stream.try_read(&mut seen).is_err(), "others go first");
            assert!(nudge(&mut sending).await.is_none());
        }
        stream.readable().await.unwrap();
        let length = stream.try_read(&mut seen).unwrap();
        assert_eq!(&seen[..length], b"POST / HTTP/1.1\r\nhost: app.test\r\ncontent-length: 3\r\n\r\nabc");
    });
}
