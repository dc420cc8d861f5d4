//! A request body as hyper receives it. It is not polled before somebody asks: hyper sends `100 Continue` at the first poll.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::Bytes;
use http_body::Body;
use hyper::body::Incoming;

use crate::proxy::exchange::{Broken, Receiving};

impl Receiving {
    /// No body at all.
    pub const fn empty() -> Self {
        Self { inner: None, declared: Some(0), trailers: false }
    }

    /// The body that follows a head.
    pub(in crate::proxy) fn new(body: Incoming) -> Self {
        if body.is_end_stream() {
            return Self::empty();
        }
        let declared = body.size_hint().exact();
        Self { inner: Some(body), declared, trailers: false }
    }

    /// The next bytes, `None` at the end of a complete body. Trailers are noted and dropped: they are never merged into the head.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Broken> {
        while let Some(body) = self.inner.as_mut() {
            let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
            match frame.map(|frame| frame.map(hyper::body::Frame::into_data)) {
                Some(Ok(Ok(data))) if data.is_empty() => {}
                Some(Ok(Ok(data))) => return Ok(Some(data)),
                Some(Ok(Err(_trailers))) => self.trailers = true,
                Some(Err(_cause)) => {
                    self.inner = None;
                    return Err(Broken);
                }
                None => self.inner = None,
            }
        }
        Ok(None)
    }

    /// `Content-Length` as sent, 0 without a body, `None` where the length is not known ahead.
    pub const fn declared(&self) -> Option<u64> {
        self.declared
    }

    /// Whether no chunk will follow.
    pub fn is_end(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    /// Whether trailers came after the body. True only once the body was read to its end.
    pub const fn saw_trailers(&self) -> bool {
        self.trailers
    }
}
