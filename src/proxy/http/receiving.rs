//! A request body as hyper receives it. It is not polled before somebody asks: hyper sends `100 Continue` at the first poll.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::Bytes;
use http_body::Body;
use hyper::body::Incoming;

use crate::proxy::exchange::{Broken, Piece, Receiving, Source};
use crate::sig::message::Fields;

impl Receiving {
    /// No body at all.
    pub const fn empty() -> Self {
        Self { source: Source::Ended, declared: Some(0), trailers: false }
    }

    /// The body that follows a head.
    pub(in crate::proxy) fn new(body: Incoming) -> Self {
        if body.is_end_stream() {
            return Self::empty();
        }
        let declared = body.size_hint().exact();
        Self { source: Source::Http2(body), declared, trailers: false }
    }

    /// The next bytes, `None` at the end of a complete body. Trailers are noted and dropped: they are never merged into the head.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            let piece = match &mut self.source {
                Source::Ended => return Ok(None),
                Source::Http1(body) => poll_fn(|cx| body.poll_piece(cx)).await,
                Source::Http2(body) => match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
                    None => Ok(None),
                    Some(Err(_cause)) => Err(Broken),
                    Some(Ok(frame)) => {
                        Ok(Some(frame.into_data().map_or_else(|_| Piece::Trailers(Fields::default()), Piece::Data)))
                    }
                },
            };
            match piece {
                Ok(Some(Piece::Data(data))) if data.is_empty() => {}
                Ok(Some(Piece::Data(data))) => return Ok(Some(data)),
                Ok(Some(Piece::Trailers(_))) => self.trailers = true,
                Ok(None) => self.source = Source::Ended,
                Err(broken) => {
                    self.source = Source::Ended;
                    return Err(broken);
                }
            }
        }
    }

    /// `Content-Length` as sent, 0 without a body, `None` where the length is not known ahead.
    pub const fn declared(&self) -> Option<u64> {
        self.declared
    }

    /// Whether no chunk will follow.
    pub fn is_end(&self) -> bool {
        match &self.source {
            Source::Ended => true,
            Source::Http1(body) => body.is_end(),
            Source::Http2(body) => body.is_end_stream(),
        }
    }

    /// Whether trailers came after the body. True only once the body was read to its end.
    pub const fn saw_trailers(&self) -> bool {
        self.trailers
    }
}
