//! One request and its answer over HTTP/1.1, driven by whoever waits for it: there is no task and no queue in between.
//!
//! **Invariant:** dropped before its end it closes the connection, so that what was being sent stays incomplete.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::Body as _;

use super::hearing::{Asked, Ear, Heard};
use super::launched::Fault;
use super::outflow::Outflow;
use super::wire::H1;
use super::wording::{self, Words};
use crate::proxy::exchange::{Broken, Piece, Tunnel};
use crate::proxy::http1::{Body, Framing, Turn};
use crate::reject::Code;

/// Bytes of chunk extensions of an answer that are skipped.
const EXTENSIONS: usize = 4 << 10;

/// A request on its way, and its answer.
pub(super) struct Dialogue {
    wire: Box<H1>,
    flow: Option<Outflow>,
    chunked: bool,
    sending: Sending,
    /// Before the connection is looked at.
    turn: Turn,
    asked: Asked,
    ear: Ear,
    body: Body,
    keep: bool,
}

/// How far the request is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sending {
    /// The connection was not yet looked at.
    Unsure,
    /// The head waits to be written, and nothing else.
    Head,
    Body,
    /// Its last byte was handed to the connection.
    Whole,
    /// The rest will not be sent.
    Failed,
}

/// Why no more of a request can be sent.
enum Stop {
    /// Its body.
    Body,
    /// The connection, before it took a byte.
    Untouched,
    /// The connection.
    Wire,
}

impl Dialogue {
    /// Nothing is written before the first poll.
    pub(super) fn new(mut wire: Box<H1>, words: Words, flow: Outflow) -> Self {
        let Words { head, chunked, asked } = words;
        *wire.stream.lead() = head;
        wire.stream.io().begin();
        let body = Body::new(Framing::Sized(0), 0);
        let sending = Sending::Unsure;
        // What is fed is written as it comes: its verdict waits for that.
        let turn = if flow.is_fed() { Turn::over() } else { Turn::default() };
        Self { wire, flow: Some(flow), chunked, sending, turn, asked, ear: Ear::default(), body, keep: false }
    }

    /// Sends and listens at once: an answer may come before the request is complete, and after it cannot be completed any more.
    pub(super) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Heard, Fault>> {
        if self.sending == Sending::Unsure {
            // Nothing may come between the look and the first write.
            ready!(self.turn.poll(cx));
            // It died in the pool, or speaks unasked: nothing was sent.
            if !self.wire.is_quiet(cx) {
                return Poll::Ready(Err(self.unsent()));
            }
            self.sending = Sending::Head;
        }
        match self.poll_flow(cx) {
            Poll::Ready(Err(Stop::Body)) => return Poll::Ready(Err(Fault::lost(Code::Internal))),
            Poll::Ready(Err(Stop::Untouched)) => return Poll::Ready(Err(self.unsent())),
            Poll::Ready(Ok(()) | Err(Stop::Wire)) | Poll::Pending => {}
        }
        // What is said before a byte was written is no answer.
        if !self.wire.stream.io().is_touched() {
            return Poll::Pending;
        }
        loop {
            if let Some(heard) = self.ear.hear(self.wire.stream.ahead(), self.asked).map_err(Fault::lost)? {
                self.body = Body::new(heard.framing, EXTENSIONS);
                self.keep = heard.keep;
                return Poll::Ready(Ok(heard));
            }
            match ready!(self.wire.stream.poll_fill(cx)) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Poll::Ready(Err(Fault::lost(Code::UpstreamClosed))),
            }
        }
    }

    /// The next piece of the answer's body; what is left of the request goes on meanwhile.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Piece>, Broken>> {
        self.poll_rest(cx);
        self.body.poll_piece(&mut self.wire.stream, cx)
    }

    /// Sends what the connection takes of a request that was answered already.
    pub(super) fn poll_rest(&mut self, cx: &mut Context<'_>) {
        // What goes wrong here shows in that the connection is not used again.
        let _: Poll<Result<(), Stop>> = self.poll_flow(cx);
    }

    /// Whether the connection has taken everything that it was given so far.
    pub(super) fn is_written(&self) -> bool {
        self.wire.stream.is_written()
    }

    /// Whether the answer is complete.
    pub(super) fn is_over(&self) -> bool {
        self.body.is_done()
    }

    /// Bytes of the answer's body still to come, where known.
    pub(super) fn remaining(&self) -> Option<u64> {
        self.body.remaining()
    }

    /// The connection, if it may carry another exchange: both messages are whole, and nothing came behind the answer.
    pub(super) fn into_rest(mut self) -> Option<Box<H1>> {
        let sent = self.sending == Sending::Whole && self.wire.stream.is_written();
        let over = sent && self.keep && self.body.is_done() && self.wire.stream.ahead().is_empty();
        over.then_some(self.wire)
    }

    /// The connection after a 101; nothing where the request was not complete.
    pub(super) fn into_tunnel(self) -> Option<Tunnel> {
        if self.sending != Sending::Whole || !self.wire.stream.is_written() {
            return None;
        }
        let (io, ahead) = self.wire.stream.into_parts();
        Some(Tunnel { io: Box::new(io), ahead })
    }

    fn unsent(&mut self) -> Fault {
        self.sending = Sending::Failed;
        Fault { code: Code::UpstreamClosed, unsent: self.flow.take() }
    }

    /// Writes the request as far as it goes. Pending, too, where the rest will never be sent.
    fn poll_flow(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Stop>> {
        loop {
            let fed = match self.sending {
                Sending::Unsure | Sending::Failed => return Poll::Pending,
                Sending::Body if !self.is_written() => Poll::Ready(Ok(())),
                Sending::Head | Sending::Body => self.poll_feed(cx),
                Sending::Whole if self.is_written() => return Poll::Ready(Ok(())),
                Sending::Whole => Poll::Ready(Ok(())),
            };
            if matches!(fed, Poll::Ready(Err(_))) {
                return Poll::Ready(Err(self.stopped(Stop::Body)));
            }
            if ready!(self.wire.stream.poll_written(cx)).is_err() {
                let touched = self.wire.stream.io().is_touched();
                return Poll::Ready(Err(self.stopped(if touched { Stop::Wire } else { Stop::Untouched })));
            }
            if self.sending != Sending::Whole && fed.is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// What waited is not wanted any more, unless it can be sent elsewhere.
    fn stopped(&mut self, stop: Stop) -> Stop {
        self.sending = Sending::Failed;
        if !matches!(stop, Stop::Untouched) {
            self.flow = None;
        }
        stop
    }

    /// Gathers what the next write takes: pieces of the body behind what leads them, and the end behind the last.
    fn poll_feed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sending = Sending::Body;
        loop {
            let Some(flow) = &mut self.flow else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
            let several = !self.chunked && flow.is_at_hand();
            let Some(frame) = ready!(Pin::new(flow).poll_frame(cx)).transpose()? else {
                if self.chunked {
                    self.wire.stream.lead().extend_from_slice(b"0\r\n\r\n");
                }
                self.sending = Sending::Whole;
                return Poll::Ready(Ok(()));
            };
            let Some(data) = frame.into_data().ok().filter(|data| !data.is_empty()) else { continue };
            if self.chunked {
                wording::size_line(self.wire.stream.lead(), data.len());
            }
            self.wire.stream.put(data, if self.chunked { b"\r\n" } else { b"" });
            if !(self.wire.stream.has_room() || several && self.wire.stream.has_room_behind()) {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
