//! A request body as it arrives. It is not read before somebody asks: that is when a waiting client hears `100 Continue`.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body;
use hyper::body::Incoming;

use crate::proxy::exchange::{Arriving, Broken, Piece, Receiving, Source};

impl Receiving {
    /// No body at all.
    pub const fn empty() -> Self {
        Self { source: Source::Ended, declared: Some(0), trailers: false }
    }

    /// The body of an HTTP/2 request.
    pub(in crate::proxy) fn new(body: Incoming) -> Self {
        if body.is_end_stream() {
            return Self::empty();
        }
        let declared = body.size_hint().exact();
        Self { source: Source::Http2(body), declared, trailers: false }
    }

    /// The body that follows an HTTP/1.1 head.
    pub(in crate::proxy) fn arriving(body: Rc<dyn Arriving>, declared: Option<u64>) -> Self {
        if declared == Some(0) {
            return Self::empty();
        }
        Self { source: Source::Http1(body), declared, trailers: false }
    }

    /// The next bytes, `None` at the end of a complete body. Trailers are noted and dropped: they are never merged into the head.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Broken> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Broken>> {
        loop {
            match ready!(self.source.poll_piece(cx)) {
                Ok(Some(Piece::Data(data))) if data.is_empty() => {}
                Ok(Some(Piece::Data(data))) => return Poll::Ready(Ok(Some(data))),
                Ok(Some(Piece::Trailers(_))) => self.trailers = true,
                Ok(None) => {
                    self.source = Source::Ended;
                    return Poll::Ready(Ok(None));
                }
                Err(broken) => {
                    self.source = Source::Ended;
                    return Poll::Ready(Err(broken));
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

impl Source {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Piece>, Broken>> {
        match self {
            Self::Ended => Poll::Ready(Ok(None)),
            Self::Http1(body) => body.poll_piece(cx),
            Self::Http2(body) => Poll::Ready(match ready!(Pin::new(body).poll_frame(cx)) {
                None => Ok(None),
                Some(Err(_cause)) => Err(Broken),
                Some(Ok(frame)) => Ok(Some(
                    frame
                        .into_data()
                        .map_or_else(|_| Piece::Trailers(crate::sig::message::Fields::default()), Piece::Data),
                )),
            }),
        }
    }
}
