//! An HTTP/1.1 connection whose bytes are looked at before hyper reads them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::raw::Screen;

/// Set when the connection is taken over: what follows is no HTTP.
#[derive(Clone, Default)]
pub(in crate::proxy) struct TakenOver(Arc<AtomicBool>);

impl TakenOver {
    /// From now on bytes pass unseen.
    pub(in crate::proxy) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A stream with a [`Screen`] in front.
pub(in crate::proxy) struct Screened<I> {
    io: I,
    screen: Screen,
    taken_over: TakenOver,
    told: bool,
}

/// hyper looks at a head that came in pieces only when its end is there.
const REFUSED: &[u8] = b"\0\r\n\r\n";

impl<I> Screened<I> {
    /// Screens requests on `io` until it is taken over. hyper takes heads of at most `most` bytes.
    pub(in crate::proxy) const fn new(io: I, most: usize, taken_over: TakenOver) -> Self {
        Self { io, screen: Screen::new(most), taken_over, told: false }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Screened<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.screen.is_lost() {
            if !self.told && buf.remaining() >= REFUSED.len() {
                buf.put_slice(REFUSED);
                self.told = true;
            }
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.io).poll_read(cx, buf);
        if let Some(new) = buf.filled_mut().get_mut(before..)
            && !self.taken_over.0.load(Ordering::Relaxed)
        {
            self.screen.pass(new);
        }
        outcome
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Screened<I> {
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
