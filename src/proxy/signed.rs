//! Answer bodies that carry a signature: held ones sent at once, streamed ones with the signature in their trailers.

use std::task::{Context, Poll};

use bytes::Bytes;

use super::budget::Share;
use super::exchange::{Broken, Piece, Streaming};
use crate::reject::Rejection;
use crate::replay::Claim;
use crate::sig::message::{Fields, Head};
use crate::sig::signing::Signing;

/// A body that was held; its share of the budget is given back with its last byte.
pub struct Pieces {
    bytes: Option<Bytes>,
    trailers: Option<Fields>,
    _share: Share,
}

impl Pieces {
    /// The bytes, then the trailers.
    pub fn new(bytes: Bytes, trailers: Option<Fields>, share: Share) -> Self {
        Self { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()), trailers, _share: share }
    }
}

impl Streaming for Pieces {
    fn poll_piece(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Piece, Broken>>> {
        let data = self.bytes.take().map(Piece::Data);
        Poll::Ready(data.or_else(|| self.trailers.take().map(Piece::Trailers)).map(Ok))
    }

    fn remaining(&self) -> Option<u64> {
        let length = u64::try_from(self.bytes.as_ref().map_or(0, Bytes::len)).unwrap_or(u64::MAX);
        // With trailers to come there is more than a length can say.
        self.trailers.is_none().then_some(length)
    }
}

/// A body that is signed as it passes; the signature follows as trailers.
pub struct Signed {
    inner: Box<dyn Streaming>,
    /// `None` once the signature was written.
    signing: Option<Signing>,
    head: Head,
    trailers: Fields,
}

impl Signed {
    /// `head` is the answer's, as it was when the signature was started.
    pub fn new(inner: Box<dyn Streaming>, signing: Signing, head: Head) -> Self {
        Self { inner, signing: Some(signing), head, trailers: Fields::default() }
    }

    /// What the signature adds to the head that was sent already, beside the upstream's own trailers.
    fn finish(&mut self, signing: Signing) -> Result<Piece, Broken> {
        let mut head = self.head.clone();
        signing.finish(&mut head, None).map_err(|_| Broken)?;
        let mut trailers = std::mem::take(&mut self.trailers);
        for field in head.fields.iter().filter(|field| !self.head.fields.iter().any(|sent| sent == *field)) {
            trailers.set(field.name.clone(), field.value.clone());
        }
        Ok(Piece::Trailers(trailers))
    }
}

impl Streaming for Signed {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Broken>>> {
        let polled = match self.signing {
            Some(_) => std::task::ready!(self.inner.poll_piece(cx)),
            None => return Poll::Ready(None),
        };
        match polled {
            Some(Ok(Piece::Data(data))) => {
                if let Some(signing) = &mut self.signing {
                    signing.feed(&data);
                }
                return Poll::Ready(Some(Ok(Piece::Data(data))));
            }
            Some(Err(broken)) => return Poll::Ready(Some(Err(broken))),
            Some(Ok(Piece::Trailers(fields))) => self.trailers = fields,
            None => {}
        }
        let signing = self.signing.take();
        Poll::Ready(signing.map(|signing| self.finish(signing)))
    }

    fn why(&self) -> Option<&Rejection> {
        self.inner.why()
    }

    fn settle(&mut self, claim: Claim, status: u16) -> Option<Claim> {
        self.inner.settle(claim, status)
    }

    fn remaining(&self) -> Option<u64> {
        // Until the trailers are gone something is to come.
        None
    }
}
