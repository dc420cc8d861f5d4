//! What is sent, byte for byte, and which answers are believed.

use super::*;

/// What an upstream sees of `outgoing`, read up to `end`.
async fn seen(outgoing: Outgoing, end: &str) -> String {
    let (peer, upstreams) = (Peer::new().await, upstreams());
    let settings = Arc::new(peer.settings());
    let server = async {
        let mut stream = peer.accept().await;
        let seen = read_until(&mut stream, end).await;
        write(&mut stream, OK).await;
        seen
    };
    let (seen, reply) = tokio::join!(server, exchange(&upstreams, &settings, outgoing));
    assert_eq!(text(reply).await, "ok");
    seen
}

/// What becomes of a GET that is answered with `bytes` and the end of the connection.
async fn answered(method: &str, bytes: &[u8]) -> Result<Reply, Failure> {
    let (peer, upstreams) = (Peer::new().await, upstreams());
    let settings = Arc::new(peer.settings());
    let server = async {
        let mut stream = peer.accept().await;
        read_head(&mut stream).await;
        write(&mut stream, bytes).await;
    };
    let outgoing = Outgoing { head: head(method, "/"), body: Held::Empty, upgrade: false };
    tokio::join!(server, exchange(&upstreams, &settings, outgoing)).1
}

#[test]
fn a_request_leaves_as_it_was_given() {
    worker(async {
        let mut outgoing = get("/a//b/%2e%2E/;{\"a\"}|?q=%20&{a}|?");
        outgoing.head.fields.append("x-one", "1");
        outgoing.head.fields.append("x-raw", Bytes::from_static(b"caf\xe9"));
        outgoing.head.fields.append("x-one", "2");
        outgoing.head.fields.set("x-raw", "plain");
        let expected = "GET /a//b/%2e%2E/;{\"a\"}|?q=%20&{a}|? HTTP/1.1\r\nhost: app.test\r\nx-one: 1\r\nx-one: 2\r\nx-raw: plain\r\n\r\n";
        assert_eq!(seen(outgoing, "\r\n\r\n").await, expected);
    });
}

#[test]
fn a_target_that_would_be_altered_is_refused_unsent() {
    for target in ["/a#b", "/a b", "/a\u{7f}", "?q", "", "http://other.test/"] {
        let refused = worker(async {
            let peer = Peer::new().await;
            exchange(&upstreams(), &Arc::new(peer.settings()), get(target)).await
        });
        assert_eq!(code(refused), (false, Code::TargetInvalid), "{target:?}");
    }
}

#[test]
fn a_body_has_a_length_whatever_the_method() {
    let cases: [(&str, &[&'static str], &str); 5] = [
        ("GET", &["ab", "c"], "GET / HTTP/1.1\r\nhost: app.test\r\ncontent-length: 3\r\n\r\nabc"),
        ("HEAD", &["abc"], "HEAD / HTTP/1.1\r\nhost: app.test\r\ncontent-length: 3\r\n\r\nabc"),
        ("DELETE", &["abc"], "DELETE / HTTP/1.1\r\nhost: app.test\r\ncontent-length: 3\r\n\r\nabc"),
        ("POST", &[], "POST / HTTP/1.1\r\nhost: app.test\r\ncontent-length: 0\r\n\r\n"),
        ("GET", &[], "GET / HTTP/1.1\r\nhost: app.test\r\n\r\n"),
    ];
    for (method, pieces, expected) in cases {
        let outgoing = with_body(method, pieces);
        if method == "HEAD" {
            let reply = worker(async {
                let (peer, upstreams) = (Peer::new().await, upstreams());
                let settings = Arc::new(peer.settings());
                let server = async {
                    let mut stream = peer.accept().await;
                    assert_eq!(read_until(&mut stream, "abc").await, expected);
                    write(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n").await;
                };
                let reply = tokio::join!(server, exchange(&upstreams, &settings, outgoing)).1;
                reply.ok().unwrap().answer
            });
            assert!(matches!(reply.body, AnswerBody::Empty) && reply.fields.contains("content-length"));
            continue;
        }
        let end = if pieces.is_empty() { "\r\n\r\n" } else { "abc" };
        assert_eq!(worker(seen(outgoing, end)), expected);
    }
}

#[test]
fn answers_that_are_not_http_or_can_be_read_in_two_ways_are_invalid() {
    let bomb = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(80 << 10));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: a\r\n".repeat(300));
    let cases = [
        "garbage\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nok",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        &bomb,
        &many,
    ];
    for case in cases {
        let reply = worker(answered("GET", case.as_bytes()));
        assert!(reply.is_err(), "{case:.60?}");
        assert_eq!(code(reply), (true, Code::UpstreamInvalid), "{}", case.get(..60).unwrap_or(case));
    }
}

#[test]
fn an_upstream_that_goes_before_it_answers_has_closed() {
    for case in ["", "HTTP/1.1 200", "HTTP/1.1 100 Continue\r\n\r\n"] {
        assert_eq!(code(worker(answered("GET", case.as_bytes()))), (true, Code::UpstreamClosed), "{case:?}");
    }
}

#[test]
fn an_answer_that_is_cut_is_broken_and_one_that_ends_with_its_connection_is_whole() {
    let cases = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok", None),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n", None),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nok\r\n", None),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", Some("ok")),
        ("HTTP/1.0 200 OK\r\n\r\nok", Some("ok")),
        ("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", Some("ok")),
        ("HTTP/1.1 204 No Content\r\n\r\n", Some("")),
        ("HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n", Some("")),
    ];
    for (case, expected) in cases {
        let body = worker(async { collect(answered("GET", case.as_bytes()).await.ok().unwrap().answer).await });
        assert_eq!(body.ok().map(|(data, _)| String::from_utf8(data).unwrap()).as_deref(), expected, "{case:?}");
    }
}

#[test]
fn hop_by_hop_fields_of_an_answer_and_of_its_trailers_end_here() {
    worker(async {
        let answer = b"HTTP/1.1 200 OK\r\nconnection: x-private\r\nx-private: 1\r\nkeep-alive: timeout=5\r\n\
            transfer-encoding: chunked\r\nx-kept: a\r\nx-kept: b\r\nset-cookie: c\r\n\r\n\
            2\r\nok\r\n0\r\nx-sum: 7\r\nset-cookie: evil\r\ncontent-length: 9\r\nx-countersign-key: me\r\n\r\n";
        let answer = answered("GET", answer).await.ok().unwrap().answer;
        let names: Vec<_> =
            answer.fields.iter().map(|field| String::from_utf8_lossy(&field.name).into_owned()).collect();
        assert_eq!(names, ["x-kept", "x-kept", "set-cookie"]);
        let (data, trailers) = collect(answer).await.unwrap();
        assert_eq!((data.as_slice(), trailers.len(), trailers.contains("x-sum")), (&b"ok"[..], 1, true));
    });
}

#[test]
fn a_wish_for_trailers_is_passed_on_for_one_hop() {
    worker(async {
        let mut outgoing = get("/");
        outgoing.head.fields.append("te", "trailers");
        let expected = "GET / HTTP/1.1\r\nhost: app.test\r\nte: trailers\r\nconnection: te\r\n\r\n";
        assert_eq!(seen(outgoing, "\r\n\r\n").await, expected);
    });
}

#[test]
fn framing_fields_of_the_head_are_never_believed() {
    worker(async {
        let mut outgoing = with_body("POST", &["abc"]);
        for (name, value) in
            [("content-length", "9"), ("transfer-encoding", "chunked"), ("host", "evil"), ("connection", "x")]
        {
            outgoing.head.fields.append(name, value);
        }
        let expected = "POST / HTTP/1.1\r\nhost: app.test\r\ncontent-length: 3\r\n\r\nabc";
        assert_eq!(seen(outgoing, "abc").await, expected);
    });
}
