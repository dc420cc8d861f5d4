//! A byte stream with what was read ahead of its reader and what waits to be written. At rest it owns no buffer.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_write_buf;

use super::blocks::Space;

/// Data up to this size is copied behind what leads it: one plain write is cheaper than a gathered one.
pub(in crate::proxy) const SMALL: usize = 4 << 10;

/// Data that one write takes: every write may wake the peer.
const GATHERED: usize = 256 << 10;

thread_local! {
    /// Where every read of this worker lands before it is copied into a buffer of its own size.
    static SPACE: RefCell<Space> = RefCell::new(Space::new());
}

/// A connection's bytes in both directions.
pub(in crate::proxy) struct Stream<I> {
    io: I,
    ahead: BytesMut,
    out: Out,
}

/// What waits to be written, in this order.
#[derive(Default)]
struct Out {
    lead: BytesMut,
    data: Bytes,
    /// Data behind that.
    more: VecDeque<Bytes>,
    tail: &'static [u8],
    /// Something was written that the connection may still hold back: TLS keeps records that the socket did not take.
    held_back: bool,
}

impl Out {
    fn is_empty(&self) -> bool {
        self.lead.is_empty() && self.data.is_empty() && self.tail.is_empty()
    }

    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let data = std::iter::once(&self.data).chain(&self.more).map(|data| &data[..]);
        let all = std::iter::once(&self.lead[..]).chain(data).chain(std::iter::once(self.tail));
        all.filter(|part| !part.is_empty())
    }
}

impl Buf for Out {
    fn remaining(&self) -> usize {
        self.parts().fold(0, |sum, part| sum.saturating_add(part.len()))
    }

    fn chunk(&self) -> &[u8] {
        self.parts().next().unwrap_or_default()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let filled = slices.iter_mut().zip(self.parts());
        filled.map(|(slice, part)| *slice = IoSlice::new(part)).count()
    }

    fn advance(&mut self, written: usize) {
        let lead = written.min(self.lead.len());
        self.lead.advance(lead);
        let mut left = written.saturating_sub(lead);
        loop {
            let data = left.min(self.data.len());
            self.data.advance(data);
            left = left.saturating_sub(data);
            if !self.data.is_empty() {
                break;
            }
            let Some(next) = self.more.pop_front() else { break };
            self.data = next;
        }
        self.tail = self.tail.get(left..).unwrap_or_default();
    }
}

impl<I> Stream<I> {
    /// Nothing read, nothing to write.
    pub(in crate::proxy) fn new(io: I) -> Self {
        Self { io, ahead: BytesMut::new(), out: Out::default() }
    }

    /// The connection itself.
    pub(in crate::proxy) fn io(&mut self) -> &mut I {
        &mut self.io
    }

    /// What was read and not taken.
    pub(in crate::proxy) fn ahead(&mut self) -> &mut BytesMut {
        &mut self.ahead
    }

    /// The connection, and what was read ahead: to be taken over.
    pub(in crate::proxy) fn into_parts(self) -> (I, Bytes) {
        (self.io, self.ahead.freeze())
    }

    /// Whether nothing waits to be written, here or in the connection.
    pub(in crate::proxy) fn is_written(&self) -> bool {
        self.out.is_empty() && !self.out.held_back
    }

    /// Whether a little more fits into the write that is being gathered.
    pub(in crate::proxy) fn has_room(&self) -> bool {
        self.out.data.is_empty() && self.out.tail.is_empty() && self.out.lead.len() < SMALL
    }

    /// Whether more data fits behind the data of that write; it must not need a lead of its own.
    pub(in crate::proxy) fn has_room_behind(&self) -> bool {
        self.out.tail.is_empty() && self.out.remaining() < GATHERED
    }

    /// The buffer for what is written first. Whoever fills it has seen [`Stream::poll_written`] succeed, so that nothing is behind it yet.
    pub(in crate::proxy) fn lead(&mut self) -> &mut BytesMut {
        &mut self.out.lead
    }

    /// Adds `data` and `tail` behind what is there; there is room for it.
    pub(in crate::proxy) fn put(&mut self, data: Bytes, tail: &'static [u8]) {
        if !self.out.data.is_empty() {
            self.out.more.push_back(data);
            self.out.tail = tail;
        } else if data.len() <= SMALL {
            self.out.lead.extend_from_slice(&data);
            self.out.lead.extend_from_slice(tail);
        } else {
            (self.out.data, self.out.tail) = (data, tail);
        }
    }
}

impl<I: AsyncRead + Unpin> Stream<I> {
    /// Reads what is there; 0 at the end of the stream.
    pub(in crate::proxy) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        SPACE.with_borrow_mut(|space| {
            let mut space = ReadBuf::new(space.as_mut());
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut space))?;
            self.ahead.extend_from_slice(space.filled());
            Poll::Ready(Ok(space.filled().len()))
        })
    }

    /// Reads at most `most` bytes past `ahead`, which is empty; none at the end of the stream.
    pub(in crate::proxy) fn poll_data(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<Bytes>> {
        SPACE.with_borrow_mut(|space| {
            let mut whole = ReadBuf::new(space.as_mut());
            let mut part = whole.take(most);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut part))?;
            let length = part.filled().len();
            Poll::Ready(Ok(space.take(length)))
        })
    }
}

impl<I: AsyncWrite + Unpin> Stream<I> {
    /// Writes everything that waits.
    pub(in crate::proxy) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_written() {
            return Poll::Ready(Ok(()));
        }
        while !self.out.is_empty() {
            let Out { lead, data, tail, .. } = &mut self.out;
            let written = if data.is_empty() && tail.is_empty() {
                // A plain write costs less than one of a list of one.
                let written = ready!(Pin::new(&mut self.io).poll_write(cx, lead))?;
                lead.advance(written);
                written
            } else {
                ready!(poll_write_buf(Pin::new(&mut self.io), cx, &mut self.out))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.held_back = true;
        }
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.out = Out::default();
        Poll::Ready(Ok(()))
    }

    /// Says that nothing more will be written.
    pub(in crate::proxy) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Takes everything, and gives it on only at the `left`-th flush.
    struct Reluctant {
        left: usize,
    }

    impl AsyncWrite for Reluctant {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.left = self.left.saturating_sub(1);
            if self.left == 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Takes so many bytes at a time.
    struct Sip {
        most: usize,
        taken: Vec<u8>,
        writes: Vec<usize>,
    }

    impl AsyncWrite for Sip {
        fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            parts: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let all: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).take(self.most).collect();
            self.taken.extend_from_slice(&all);
            self.writes.push(all.len());
            Poll::Ready(Ok(all.len()))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn what_was_gathered_leaves_in_one_write_or_in_order_however_little_is_taken() {
        let pieces: Vec<Bytes> =
            (0..5_u8).map(|place| vec![place; SMALL.saturating_add(usize::from(place))].into()).collect();
        let whole = [b"head", &pieces.concat()[..], b"end"].concat();
        for most in [1, 5, SMALL, 4100, 3 * SMALL, usize::MAX] {
            let mut stream = Stream::new(Sip { most, taken: Vec::new(), writes: Vec::new() });
            stream.lead().extend_from_slice(b"head");
            for piece in &pieces {
                assert!(stream.has_room_behind());
                stream.put(piece.clone(), b"");
            }
            stream.put(Bytes::from_static(b""), b"end");
            assert!(!stream.has_room_behind(), "behind its end nothing follows");
            assert!(stream.poll_written(&mut Context::from_waker(Waker::noop())).is_ready() && stream.is_written());
            assert!(stream.io.taken == whole, "{most}");
            assert!(most < usize::MAX || stream.io.writes.len() == 1, "{:?}", stream.io.writes);
        }
    }

    #[test]
    fn what_the_connection_holds_back_is_not_written() {
        let mut stream = Stream::new(Reluctant { left: 3 });
        let mut cx = Context::from_waker(Waker::noop());
        assert!(stream.is_written());
        stream.put(Bytes::from_static(b"ab"), b"\r\n");
        for _ in 0..2 {
            assert!(stream.poll_written(&mut cx).is_pending() && !stream.is_written());
        }
        assert!(stream.poll_written(&mut cx).is_ready() && stream.is_written());
    }
}
