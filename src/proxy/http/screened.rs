//! An HTTP/1.1 connection whose bytes are looked at before hyper reads them.
//!
//! A refused head is not shown to hyper: it gets a harmless one in its place, so that the refusal is answered and told like any other and
//! the connection ends behind it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Bounds;
use super::head::Refused;
use super::raw::Screen;
use crate::reject::{Code, Rejection};

/// What the two sides of hyper on one connection let each other know. Crosses threads only because a taken-over connection may.
#[derive(Clone, Default)]
pub(in crate::proxy) struct Seam(Arc<Shared>);

#[derive(Default)]
struct Shared {
    taken_over: AtomicBool,
    waiting: AtomicBool,
    late: AtomicBool,
    /// How many requests come before the refused one.
    refused: OnceLock<(u64, Refused)>,
}

impl Seam {
    /// From now on bytes pass unseen: what follows is no HTTP.
    pub(in crate::proxy) fn take_over(&self) {
        self.0.taken_over.store(true, Ordering::Relaxed);
    }

    /// Gives up on a head that began and did not end; false when none did. The connection must be polled afterwards.
    pub(in crate::proxy) fn give_up(&self) -> bool {
        let waiting = self.0.waiting.load(Ordering::Relaxed);
        self.0.late.store(waiting, Ordering::Relaxed);
        waiting
    }

    /// The refusal that stands for the request after `earlier` ones.
    pub(in crate::proxy) fn refused(&self, earlier: u64) -> Option<&Refused> {
        self.0.refused.get().filter(|(place, _)| *place == earlier).map(|(_, refused)| refused)
    }
}

/// A stream with a [`Screen`] in front.
pub(in crate::proxy) struct Screened<I> {
    io: I,
    screen: Screen,
    seam: Seam,
    /// To be read before anything else.
    ready: BytesMut,
}

impl<I> Screened<I> {
    /// Screens requests on `io` until it is taken over.
    pub(in crate::proxy) fn new(io: I, bounds: Bounds, seam: Seam) -> Self {
        Self { io, screen: Screen::new(bounds), seam, ready: BytesMut::new() }
    }

    /// Puts a head of ours where the refused one stood.
    fn refuse(&mut self, refused: Refused) {
        let method = if refused.method == "HEAD" { "HEAD" } else { "GET" };
        self.ready.extend_from_slice(method.as_bytes());
        self.ready.extend_from_slice(b" / HTTP/1.1\r\nConnection: close\r\n\r\n");
        let _only_once = self.seam.0.refused.set((self.screen.heads(), refused));
    }

    fn give_up(&mut self, rejection: Rejection) {
        if let Some(refused) = self.screen.give_up(rejection) {
            self.refuse(refused);
        }
    }

    /// Looks at what was read into `buf` behind `before`.
    fn screen(&mut self, buf: &mut ReadBuf<'_>, before: usize) {
        let Some(new) = buf.filled_mut().get_mut(before..) else { return };
        let passage = self.screen.pass(new);
        if passage.withheld.is_empty() {
            buf.set_filled(before.saturating_add(passage.passed));
        } else {
            self.ready.extend_from_slice(&passage.withheld);
            self.ready.extend_from_slice(new.get(..passage.passed).unwrap_or_default());
            buf.set_filled(before);
        }
        if let Some(refused) = passage.refused {
            self.refuse(refused);
        }
        self.seam.0.waiting.store(self.screen.is_waiting(), Ordering::Relaxed);
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Screened<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        loop {
            if this.seam.0.late.swap(false, Ordering::Relaxed) {
                this.give_up(Code::HeadTimeout.into());
            }
            if this.ready.has_remaining() {
                let most = this.ready.len().min(buf.remaining());
                buf.put_slice(&this.ready.split_to(most));
                return Poll::Ready(Ok(()));
            }
            if this.screen.is_lost() || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
            if this.seam.0.taken_over.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
            if buf.filled().len() == before {
                this.give_up(Rejection::from(Code::BadRequest).because("the head ended early"));
                continue;
            }
            this.screen(buf, before);
            if buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
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
