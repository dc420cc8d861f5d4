//! A unary gRPC call: HTTP/2 on both sides, `te: trailers` on the way in, the status in the trailers on the way out.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::world::{Signing, World, post};

/// The bytes of an empty message: not compressed, no length.
const MESSAGE: &[u8] = b"\0\0\0\0\0";

/// Echoes the message and says in the trailers what `te` was. Ends with the test's process.
fn service() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((socket, _)) = listener.accept().await {
                let calls = hyper::service::service_fn(call);
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                tokio::spawn(server.serve_connection(TokioIo::new(socket), calls));
            }
        });
    });
    address
}

async fn call(
    request: Request<Incoming>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, Infallible> {
    let te = request.headers().get("te").cloned();
    let message = request.into_body().collect().await.unwrap().to_bytes();
    let mut trailers = hyper::HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    if let Some(te) = te {
        trailers.insert("x-te", te);
    }
    let body = Full::new(message).with_trailers(async move { Some(Ok(trailers)) });
    Ok(Response::builder().header("content-type", "application/grpc").body(body).unwrap())
}

#[test]
fn a_unary_call_is_judged_and_its_status_comes_back_in_the_trailers() {
    let world = World::with(|config| {
        let upstream = format!("calls: {{url: \"http://{}\", protocol: http2}}", service());
        config.over_tls().upstream(&upstream).route(
            "path: \"/pkg.Service/*\", methods: [POST], verify: {scheme: timestamp-body, keys: partners}, upstream: calls",
        )
    });
    let call =
        || post("/pkg.Service/Call", MESSAGE).header("te", "trailers").header("content-type", "application/grpc");
    let answer = world.send_h2(call().signed());
    assert_eq!((answer.status, answer.body.as_slice(), answer.complete), (200, MESSAGE, true));
    assert!(answer.trailers.contains(&("grpc-status".to_owned(), b"0".to_vec())), "{:?}", answer.trailers);
    assert!(answer.trailers.contains(&("x-te".to_owned(), b"trailers".to_vec())), "{:?}", answer.trailers);
    assert_eq!(world.send_h2(call()).refusal(), (401, "signature_missing".to_owned()));
}
