//! One request and its answer in our own words. `http` and `hyper` types appear only in `proxy::http` and `proxy::upstream`.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::tls::Handshake;
use crate::policy::listen::Listener;
use crate::reject::Rejection;
use crate::replay::Claim;
use crate::sig::message::{Fields, Head};

/// A request on its way through the gateway.
pub struct Exchange {
    /// What was asked.
    pub head: Head,
    /// What comes after the head.
    pub body: Receiving,
    /// Where it came from.
    pub connection: Rc<Connection>,
    /// Whether the request came over HTTP/2.
    pub http2: bool,
    /// Whether the client sees where a body of unknown length ends: HTTP/1.0 takes a broken connection for the end.
    pub sees_ends: bool,
    /// The client asked for `Upgrade: websocket` in a well-formed way; taking it completes after our 101.
    pub upgrade: Option<Upgrade>,
    /// What the adapter found wrong: to be answered before anything else is looked at. The head is then for the record only.
    pub defect: Option<Rejection>,
}

/// What is known of a client connection. Shared by its requests.
pub struct Connection {
    /// The listener it came in on, as it was when the connection was accepted.
    pub listener: Arc<Listener>,
    /// The peer's address; `None` on a unix socket.
    pub peer: Option<IpAddr>,
    /// The peer's address as it is forwarded; `None` on a unix socket.
    pub shown: Option<Bytes>,
    /// The peer's port; 0 on a unix socket.
    pub port: u16,
    /// SNI of the handshake, lower-case.
    pub server_name: Option<Arc<str>>,
    /// Subject of a verified client certificate (RFC 4514), as a header value.
    pub subject: Option<Bytes>,
    /// The TLS handshake that made it; `None` on a plain connection.
    pub handshake: Option<Handshake>,
}

impl Connection {
    /// Whether a request for `authority` demands other client-certificate settings than the handshake had: answered 421 (RFC 9110
    /// §15.5.20). Judged by the settings the connection was made under.
    pub fn misdirected(&self, authority: &[u8]) -> bool {
        self.handshake.as_ref().is_some_and(|handshake| handshake.misdirected(authority))
    }
}

/// The body was cut, malformed or its connection is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the body ended early")]
pub struct Broken;

/// A request body as it arrives.
pub struct Receiving {
    pub(in crate::proxy) source: Source,
    pub(in crate::proxy) declared: Option<u64>,
    pub(in crate::proxy) trailers: bool,
}

/// Where a request body comes from.
pub(in crate::proxy) enum Source {
    /// It is over, or there is none.
    Ended,
    /// An HTTP/1.1 connection.
    Http1(Rc<dyn Arriving>),
    /// An HTTP/2 stream.
    Http2(hyper::body::Incoming),
}

/// A body that is read from a connection which somebody else owns, too.
pub(in crate::proxy) trait Arriving {
    /// The next piece, `None` at the end.
    fn poll_piece(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Piece>, Broken>>;

    /// Whether no piece will follow.
    fn is_end(&self) -> bool;
}

/// The right to take over a client connection after a 101.
pub struct Upgrade {
    pub(in crate::proxy) taken: tokio::sync::oneshot::Receiver<Tunnel>,
}

/// A connection that has left HTTP.
pub struct Tunnel {
    /// Its bytes.
    pub io: Box<dyn Duplex>,
    /// What was read of it already.
    pub ahead: Bytes,
}

/// Bytes in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<I: AsyncRead + AsyncWrite + Unpin> Duplex for I {}

/// A response on its way to the client.
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Header lines, hop-by-hop ones already removed.
    pub fields: Fields,
    /// What follows.
    pub body: AnswerBody,
}

/// A response body.
pub enum AnswerBody {
    /// Nothing.
    Empty,
    /// Made here.
    Bytes(Bytes),
    /// As it comes from the upstream, observed on its way.
    Stream(Box<dyn Streaming>),
}

/// One piece of a streamed response body.
pub enum Piece {
    /// Bytes.
    Data(Bytes),
    /// Trailers; the last piece.
    Trailers(Fields),
}

impl Piece {
    /// The trailers, if that is what it is.
    pub fn into_trailers(self) -> Option<Fields> {
        match self {
            Self::Data(_) => None,
            Self::Trailers(fields) => Some(fields),
        }
    }
}

/// A response body that arrives piece by piece.
pub trait Streaming {
    /// The next piece, `None` at the end. After [`Broken`] the client must see a truncated message.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Broken>>>;

    /// Exact number of data bytes still to come, where known.
    fn remaining(&self) -> Option<u64>;

    /// Lower-case names of the fields that are announced to follow the body.
    fn announced(&self) -> &[Bytes] {
        &[]
    }

    /// When the whole exchange has to be over, the writing of what was given out here included.
    fn ends_by(&self) -> Option<Instant> {
        None
    }

    /// After [`Broken`]: why, where it was broken off here.
    fn why(&self) -> Option<&Rejection> {
        None
    }

    /// Takes the request's claim where a verdict on the answer is still open; settles it with `status` when that is in.
    fn settle(&mut self, claim: Claim, _status: u16) -> Option<Claim> {
        Some(claim)
    }
}
