//! Upstreams in the test's own hands: raw bytes over real sockets.

mod cap;
mod dialogue;
mod framing;
mod hearing;
mod http2;
mod parts;
mod reset;
mod reuse;
mod tls;

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Admission, Failure, Outgoing, Patience, Reply, Shared, Upstreams};
use crate::policy::upstream::{Endpoint, Host, Protocol, Upstream};
use crate::proxy::exchange::{Answer, AnswerBody, Broken, Piece};
use crate::proxy::held::Held;
use crate::reject::Code;
use crate::replay::Departed;
use crate::sig::message::{Fields, Head, Method};

pub(super) const LONG: Duration = Duration::from_secs(20);
pub(super) const PATIENCE: Patience = Patience { response: LONG, idle: LONG };
pub(super) const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Runs a test as a worker runs: one thread, local tasks. A test that hangs fails.
pub(super) fn worker<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bounded = async { tokio::time::timeout(LONG, test).await.expect("the test hangs") };
    tokio::task::LocalSet::new().block_on(&runtime, bounded)
}

/// An upstream that does what the test says.
pub(super) struct Peer(pub(super) TcpListener);

impl Peer {
    pub(super) async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub(super) fn settings(&self) -> Upstream {
        settings(vec![endpoint(self.address())])
    }

    pub(super) async fn accept(&self) -> TcpStream {
        self.0.accept().await.unwrap().0
    }
}

pub(super) fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint::Tcp { host: address.ip().to_string().into(), port: address.port() }
}

pub(super) fn settings(endpoints: Vec<Endpoint>) -> Upstream {
    Upstream {
        name: "app".into(),
        endpoints,
        base_path: "".into(),
        host: Host::Preserve,
        tls: None,
        protocol: Protocol::Auto,
        max_connections: None,
        queue: Duration::from_secs(5),
        connect: Duration::from_secs(5),
        idle: LONG,
        resolve: LONG,
    }
}

pub(super) fn upstreams() -> Rc<Upstreams> {
    Upstreams::new(Shared::new())
}

pub(super) fn head(method: &str, target: &str) -> Head {
    Head {
        method: Method::new(method),
        target: Bytes::copy_from_slice(target.as_bytes()),
        authority: Bytes::from_static(b"app.test"),
        secure: false,
        fields: Fields::default(),
    }
}

pub(super) fn get(target: &str) -> Outgoing {
    Outgoing { head: head("GET", target), body: Held::Empty, upgrade: false }
}

pub(super) fn with_body(method: &str, pieces: &[&'static str]) -> Outgoing {
    let pieces = Bytes::from(pieces.concat());
    Outgoing { head: head(method, "/"), body: Held::Memory(pieces.into()), upgrade: false }
}

/// One request on a connection of the pool.
pub(super) async fn exchange(
    upstreams: &Rc<Upstreams>,
    settings: &Arc<Upstream>,
    outgoing: Outgoing,
) -> Result<Reply, Failure> {
    let line = match upstreams.line(settings, 0).await {
        Ok(line) => line,
        Err(code) => return Err(Failure::Unsent(code, Box::new(outgoing))),
    };
    line.send(&Admission::Public, outgoing, PATIENCE, &Departed::default()).await
}

/// Everything up to and with `end`.
pub(super) async fn read_until(stream: &mut (impl AsyncReadExt + Unpin), end: &str) -> String {
    let mut seen = Vec::new();
    while !seen.ends_with(end.as_bytes()) {
        let byte =
            stream.read_u8().await.unwrap_or_else(|_| panic!("ended after {:?}", String::from_utf8_lossy(&seen)));
        seen.push(byte);
    }
    String::from_utf8(seen).unwrap()
}

pub(super) async fn read_head(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    read_until(stream, "\r\n\r\n").await
}

pub(super) async fn write(stream: &mut (impl AsyncWriteExt + Unpin), bytes: &[u8]) {
    stream.write_all(bytes).await.unwrap();
}

/// A whole body, and its trailers.
pub(super) async fn collect(answer: Answer) -> Result<(Vec<u8>, Fields), Broken> {
    let mut stream = match answer.body {
        AnswerBody::Empty => return Ok((Vec::new(), Fields::default())),
        AnswerBody::Bytes(bytes) => return Ok((bytes.to_vec(), Fields::default())),
        AnswerBody::Stream(stream) => stream,
    };
    let (mut data, mut trailers) = (Vec::new(), Fields::default());
    while let Some(piece) = poll_fn(|cx| stream.poll_piece(cx)).await {
        match piece? {
            Piece::Data(bytes) => data.extend_from_slice(&bytes),
            Piece::Trailers(fields) => trailers = fields,
        }
    }
    Ok((data, trailers))
}

pub(super) async fn text(reply: Result<Reply, Failure>) -> String {
    let Ok(reply) = reply else { panic!("no answer: {:?}", code(reply)) };
    String::from_utf8(collect(reply.answer).await.unwrap().0).unwrap()
}

pub(super) fn code(reply: Result<Reply, Failure>) -> (bool, Code) {
    match reply {
        Ok(reply) => panic!("answered {}", reply.answer.status),
        Err(Failure::Unsent(code, _)) => (false, code),
        Err(Failure::Lost(code)) => (true, code),
    }
}
