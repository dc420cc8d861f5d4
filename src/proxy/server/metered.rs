//! The bytes of an HTTP/2 connection on their way in: frames beside requests are counted, and a flood of them ends the connection.
//!
//! The HTTP/2 library bounds resets, CONTINUATION and empty DATA. SETTINGS, PING, PRIORITY, `WINDOW_UPDATE` and unknown frames it answers or
//! skips for ever, each for more work than it takes to send them. It reads on while there is anything to read, before it hands over the first
//! request: large heads are let through one by one, so that a malformed one is judged before the next is decoded.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::allowance::{Allowance, Doing};

/// `PRI * HTTP/2.0…`, which comes before the first frame.
const PREFACE: usize = 24;
const FRAME_HEAD: usize = 9;

/// GOAWAY with `ENHANCE_YOUR_CALM` (RFC 9113 §6.8): every stream may have been processed.
const GOAWAY: &[u8] = &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0x0b];

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const FLAG: u8 = 1;

/// A connection whose frames are counted.
pub(super) struct Metered<I> {
    io: I,
    allowance: Rc<Allowance>,
    scan: Scan,
}

impl<I> Metered<I> {
    /// A connection of which nothing has been read.
    pub(super) fn new(io: I, allowance: Rc<Allowance>) -> Self {
        Self { io, allowance, scan: Scan::default() }
    }
}

/// Where in the stream of frames we are.
struct Scan {
    /// Bytes until the next frame begins.
    skip: usize,
    head: [u8; FRAME_HEAD],
    /// How much of `head` is there.
    have: usize,
}

impl Default for Scan {
    fn default() -> Self {
        Self { skip: PREFACE, head: [0; FRAME_HEAD], have: 0 }
    }
}

impl Scan {
    /// Tells `note` of every frame that begins in `bytes`: type, flags and length.
    fn follow(&mut self, mut bytes: &[u8], mut note: impl FnMut(u8, u8, usize)) {
        while let Some(rest) = bytes.get(self.skip..) {
            self.skip = 0;
            let free = self.head.iter_mut().skip(self.have);
            let taken = free.zip(rest).map(|(slot, byte)| *slot = *byte).count();
            self.have = self.have.saturating_add(taken);
            bytes = rest.get(taken..).unwrap_or_default();
            if self.have < FRAME_HEAD {
                return;
            }
            self.have = 0;
            let [high, middle, low, kind, flags, ..] = self.head;
            self.skip = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            note(kind, flags, self.skip);
        }
        self.skip = self.skip.saturating_sub(bytes.len());
    }
}

fn doing(kind: u8, flags: u8, length: usize) -> Option<Doing> {
    let marked = flags & FLAG != 0;
    match kind {
        // The end of a stream may be empty.
        DATA if length > 0 || marked => None,
        HEADERS | CONTINUATION => None,
        RST_STREAM => Some(Doing::Reset),
        // Not where it acknowledges ours.
        SETTINGS if !marked => Some(Doing::Settings),
        _ => Some(Doing::Frame),
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncRead for Metered<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let this = &mut *self;
        // What came before may have been too much already, as its requests were answered: who says nothing more is not spared for that.
        if !this.allowance.is_overdrawn() {
            if this.allowance.is_turn_over() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
            this.scan.follow(buf.filled().get(before..).unwrap_or_default(), |kind, flags, length| {
                if matches!(kind, HEADERS | CONTINUATION) {
                    this.allowance.head(length);
                }
                if let Some(doing) = doing(kind, flags, length) {
                    this.allowance.spend(doing);
                }
            });
        }
        if this.allowance.is_overdrawn() {
            // Nobody waits for it: who does not read goes without.
            let _told = Pin::new(&mut this.io).poll_write(cx, GOAWAY);
            let _sent = Pin::new(&mut this.io).poll_flush(cx);
            return Poll::Ready(Err(io::Error::other("too many frames beside requests")));
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Metered<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let [.., high, middle, low] = length.to_be_bytes();
        let mut out = vec![high, middle, low, kind, flags, 0, 0, 0, 1];
        out.extend(std::iter::repeat_n(4, length));
        out
    }

    #[test]
    fn every_frame_is_seen_however_the_bytes_are_cut() {
        let stream = [
            vec![b'P'; PREFACE],
            frame(SETTINGS, 0, 12),
            frame(SETTINGS, 1, 0),
            frame(HEADERS, 4, 300),
            frame(CONTINUATION, 4, 0),
            frame(DATA, 0, 70_000),
            frame(DATA, 1, 0),
            frame(DATA, 0, 0),
            frame(6, 0, 8),
            frame(RST_STREAM, 0, 4),
            frame(0xfa, 0xff, 0),
        ]
        .concat();
        let expected = [Doing::Settings, Doing::Frame, Doing::Frame, Doing::Frame, Doing::Reset, Doing::Frame];
        for cut in [1, 2, 8, 9, 10, 24, 33, 4096, stream.len()] {
            let (mut scan, mut seen) = (Scan::default(), Vec::new());
            for piece in stream.chunks(cut) {
                scan.follow(piece, |kind, flags, length| seen.extend(doing(kind, flags, length)));
            }
            assert_eq!(seen, expected, "in pieces of {cut}");
        }
    }
}
