//! HTTP/2 and TLS towards an upstream, against real servers.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;

use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::*;

#[derive(Clone, Copy)]
struct Local;

impl<F: Future + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}

/// What an HTTP/2 upstream saw of a request: version, method, URI, `te`, and its body unless it was cut.
pub(super) type Seen = Rc<RefCell<Vec<(String, Option<Vec<u8>>)>>>;

/// Answers `ok` with a trailer to everything.
pub(super) async fn speak<S>(stream: S, seen: Seen)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
{
    let service = service_fn(move |request: http::Request<Incoming>| {
        let seen = Rc::clone(&seen);
        async move {
            let te = request.headers().get("te").map(|te| te.to_str().unwrap().to_owned());
            let line = format!("{:?} {} {} {te:?}", request.version(), request.method(), request.uri());
            let body = request.into_body().collect().await.ok().map(|body| body.to_bytes().to_vec());
            seen.borrow_mut().push((line, body));
            let mut trailers = http::HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            trailers.insert("set-cookie", "evil".parse().unwrap());
            let body =
                Full::new(Bytes::from_static(b"ok")).with_trailers(async { Some(Ok::<_, Infallible>(trailers)) });
            Ok::<_, Infallible>(http::Response::new(body))
        }
    });
    drop(hyper::server::conn::http2::Builder::new(Local).serve_connection(TokioIo::new(stream), service).await);
}

async fn serve_plain(peer: &Peer, seen: &Seen, connections: &Cell<usize>) {
    loop {
        let stream = peer.accept().await;
        connections.update(|count: usize| count.saturating_add(1));
        tokio::task::spawn_local(speak(stream, Rc::clone(seen)));
    }
}

#[test]
fn requests_share_one_connection_over_h2c_and_trailers_arrive() {
    worker(async {
        let (peer, upstreams, seen, connections) = (Peer::new().await, upstreams(), Seen::default(), Cell::new(0));
        let settings = Arc::new(Upstream { protocol: Protocol::Http2, ..peer.settings() });
        let client = async {
            let mut grpc = with_body("POST", &["he", "llo"]);
            grpc.head.fields.append("te", "trailers");
            let both =
                tokio::join!(exchange(&upstreams, &settings, grpc), exchange(&upstreams, &settings, get("/a?b")));
            let (data, trailers) = collect(both.0.ok().unwrap().answer).await.unwrap();
            assert_eq!((data.as_slice(), trailers.len(), trailers.contains("grpc-status")), (&b"ok"[..], 1, true));
            assert_eq!(text(both.1).await, "ok");
            assert_eq!(text(exchange(&upstreams, &settings, get("/")).await).await, "ok");
        };
        tokio::select! {
            () = client => {}
            () = serve_plain(&peer, &seen, &connections) => {}
        }
        assert_eq!(connections.get(), 1);
        let mut seen = seen.take();
        seen.sort();
        assert_eq!(seen[0], ("HTTP/2.0 GET http://app.test/ None".into(), Some(Vec::new())));
        assert_eq!(seen[1], ("HTTP/2.0 GET http://app.test/a?b None".into(), Some(Vec::new())));
        assert_eq!(seen[2], ("HTTP/2.0 POST http://app.test/ Some(\"trailers\")".into(), Some(b"hello".to_vec())));
    });
}

#[test]
fn a_provisional_request_over_http2_is_reset_when_it_is_dropped_and_whole_when_it_is_finished() {
    for finish in [false, true] {
        worker(async {
            let (peer, upstreams, seen, count) = (Peer::new().await, upstreams(), Seen::default(), Cell::new(0));
            let settings = Arc::new(Upstream { protocol: Protocol::Http2, ..peer.settings() });
            let client = async {
                let line = upstreams.line(&settings, 0).await.ok().unwrap();
                let begun = line.begin(head("POST", "/"), None, &Departed::default()).await;
                let mut provisional = begun.ok().unwrap();
                provisional.send(Bytes::from_static(b"ab")).await.unwrap();
                if finish {
                    let reply = provisional.finish(&Admission::Public, Bytes::from_static(b"c"), PATIENCE).await;
                    assert_eq!(collect(reply.ok().unwrap().answer).await.unwrap().0, b"ok");
                } else {
                    drop(provisional);
                    // The connection lives on.
                    assert_eq!(text(exchange(&upstreams, &settings, get("/next")).await).await, "ok");
                }
            };
            tokio::select! {
                () = client => {}
                () = serve_plain(&peer, &seen, &count) => {}
            }
            let seen = seen.borrow();
            let body = seen.iter().find(|(line, _)| line.contains("POST")).map(|(_, body)| body.clone());
            assert!(if finish { body == Some(Some(b"abc".to_vec())) } else { !matches!(body, Some(Some(_))) });
        });
    }
}

#[test]
fn a_silent_http2_connection_is_not_used_for_the_next_request() {
    worker(async {
        let (peer, upstreams, seen) = (Peer::new().await, upstreams(), Seen::default());
        let settings = Arc::new(Upstream { protocol: Protocol::Http2, ..peer.settings() });
        let line = upstreams.line(&settings, 0).await.ok().unwrap();
        let mut silent = peer.accept().await;
        let patience = Patience { response: Duration::from_millis(10), idle: LONG };
        let large = Held::Memory(Bytes::from(vec![b'x'; 4 << 20]).into());
        let outgoing = Outgoing { head: head("POST", "/"), body: large, upgrade: false };
        let reply = line.send(&Admission::Public, outgoing, patience, &Departed::default()).await;
        assert_eq!(code(reply), (true, Code::UpstreamTimeout));
        // A body that the upstream does not take does not keep its connection.
        while matches!(silent.read(&mut [0; 1024]).await, Ok(1..)) {}
        let server = async { speak(peer.accept().await, seen).await };
        tokio::select! {
            reply = async { text(exchange(&upstreams, &settings, get("/")).await).await } => assert_eq!(reply, "ok"),
            () = server => panic!("the server ended"),
        }
    });
}

#[test]
fn an_http2_connection_that_died_in_the_pool_is_replaced() {
    worker(async {
        let (peer, upstreams, seen) = (Peer::new().await, upstreams(), Seen::default());
        let settings = Arc::new(Upstream { protocol: Protocol::Http2, ..peer.settings() });
        let mut line = upstreams.line(&settings, 0).await.ok().unwrap();
        drop(peer.accept().await);
        line.died().await;
        let departed = Departed::default();
        let sent = line.send(&Admission::Public, get("/"), PATIENCE, &departed).await;
        assert_eq!((code(sent), departed.is_marked()), ((false, Code::UpstreamClosed), false));
        let server = async { speak(peer.accept().await, seen).await };
        tokio::select! {
            reply = async { text(exchange(&upstreams, &settings, get("/")).await).await } => assert_eq!(reply, "ok"),
            () = server => panic!("the server ended"),
        }
    });
}
