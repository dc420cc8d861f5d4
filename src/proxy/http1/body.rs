//! A message body as its framing says, read when somebody asks for it.

use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncRead;

use super::chunked::Chunked;
use super::stream::Stream;
use crate::proxy::exchange::{Broken, Piece};

/// How the end of a body is known (RFC 9112 §6.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::proxy) enum Framing {
    /// By its length; 0 is no body.
    Sized(u64),
    /// By its last chunk.
    Chunked,
    /// By the end of the connection: answers only.
    UntilClose,
}

/// A body on its way in.
pub(in crate::proxy) struct Body(State);

enum State {
    Sized(u64),
    Chunked(Chunked),
    UntilClose,
    Done,
}

impl Body {
    /// The body that follows a head; `extensions` bytes of chunk extensions are skipped.
    pub(in crate::proxy) fn new(framing: Framing, extensions: usize) -> Self {
        Self(match framing {
            Framing::Sized(0) => State::Done,
            Framing::Sized(length) => State::Sized(length),
            Framing::Chunked => State::Chunked(Chunked::new(extensions)),
            Framing::UntilClose => State::UntilClose,
        })
    }

    /// Whether every byte of it was read and given out.
    pub(in crate::proxy) fn is_done(&self) -> bool {
        matches!(self.0, State::Done)
    }

    /// Data bytes still to come, where known.
    pub(in crate::proxy) fn remaining(&self) -> Option<u64> {
        match &self.0 {
            State::Sized(left) => Some(*left),
            State::Done => Some(0),
            State::Chunked(_) | State::UntilClose => None,
        }
    }

    /// Takes what `ahead` holds of it and forgets it.
    pub(in crate::proxy) fn discard(&mut self, ahead: &mut BytesMut) {
        while let Ok(Some(_)) = self.ready(ahead) {}
    }

    /// The next piece, `None` at the end. Data is never empty; trailers come last.
    pub(in crate::proxy) fn poll_piece<I: AsyncRead + Unpin>(
        &mut self,
        stream: &mut Stream<I>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Piece>, Broken>> {
        loop {
            if let Some(piece) = self.ready(stream.ahead())? {
                return Poll::Ready(Ok(Some(piece)));
            }
            if self.is_done() {
                return Poll::Ready(Ok(None));
            }
            if let State::Sized(left) = &mut self.0 {
                let most = usize::try_from(*left).unwrap_or(usize::MAX);
                let data = ready!(stream.poll_data(cx, most)).map_err(|_| Broken)?;
                return Poll::Ready(if data.is_empty() { Err(Broken) } else { Ok(self.counted(data)) });
            }
            match ready!(stream.poll_fill(cx)) {
                Ok(0) if matches!(self.0, State::UntilClose) => self.0 = State::Done,
                Ok(0) | Err(_) => return Poll::Ready(Err(Broken)),
                Ok(_) => {}
            }
        }
    }

    /// A piece of a body of known length, and whether it was the last.
    fn counted(&mut self, data: Bytes) -> Option<Piece> {
        if let State::Sized(left) = &mut self.0 {
            *left = left.saturating_sub(u64::try_from(data.len()).unwrap_or(u64::MAX));
            if *left == 0 {
                self.0 = State::Done;
            }
        }
        some(data)
    }

    /// The next piece of what was read ahead.
    fn ready(&mut self, ahead: &mut BytesMut) -> Result<Option<Piece>, Broken> {
        match &mut self.0 {
            State::Done => Ok(None),
            State::UntilClose => Ok(some(std::mem::take(ahead).freeze())),
            State::Sized(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX);
                let data = if length >= ahead.len() { std::mem::take(ahead) } else { ahead.split_to(length) };
                Ok(self.counted(data.freeze()))
            }
            State::Chunked(chunked) => {
                let data = joined(chunked, ahead)?;
                let trailers = if data.is_none() && chunked.is_end() { chunked.trailers()? } else { None };
                // Trailers behind the last data are given out by themselves.
                if chunked.is_end() && !chunked.has_trailers() {
                    self.0 = State::Done;
                }
                Ok(data.map(Piece::Data).or_else(|| trailers.map(Piece::Trailers)))
            }
        }
    }
}

/// Pieces smaller than this are put together.
const SMALL: usize = 16 << 10;

/// The next data. **Threat:** whoever sends chunks of one byte would have each of them judged, kept and passed on by itself.
fn joined(chunked: &mut Chunked, ahead: &mut BytesMut) -> Result<Option<Bytes>, Broken> {
    let Some(first) = chunked.next(ahead)? else { return Ok(None) };
    if first.len() >= SMALL || ahead.is_empty() || chunked.is_end() {
        return Ok(Some(first));
    }
    let mut data = BytesMut::from(first);
    while let Ok(Some(more)) = chunked.next(ahead) {
        data.extend_from_slice(&more);
        if data.len() >= SMALL {
            break;
        }
    }
    Ok(Some(data.freeze()))
}

fn some(data: Bytes) -> Option<Piece> {
    (!data.is_empty()).then_some(Piece::Data(data))
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn small_chunks_are_given_out_together_and_what_came_before_a_mistake_first() {
        for (end, good) in [("0\r\n\r\n", true), ("x\r\n", false)] {
            let text = format!("{}{end}", "1\r\na\r\n".repeat(100));
            let mut stream = Stream::new(std::io::Cursor::new(text.into_bytes()));
            let mut body = Body::new(Framing::Chunked, 0);
            let mut cx = Context::from_waker(Waker::noop());
            let Poll::Ready(Ok(Some(Piece::Data(data)))) = body.poll_piece(&mut stream, &mut cx) else {
                panic!("{end}")
            };
            assert_eq!((data.len(), body.is_done()), (100, good));
            assert_eq!(matches!(body.poll_piece(&mut stream, &mut cx), Poll::Ready(Ok(None))), good, "{end}");
        }
    }
}
