//! A client's socket: notes when bytes came, and gives up on a peer that takes none.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Sleep;

use super::accept::Seat;
use super::guests::Guest;
use super::watch::Pulse;

/// Of the 128 steps that tokio gives a task before it must wait for the others.
const READ_COST: usize = 15;

/// The two kinds of client sockets.
pub(super) enum Socket {
    /// TCP.
    Tcp(TcpStream),
    /// A unix stream socket.
    Unix(UnixStream),
}

/// A socket between two runtimes.
pub(super) enum Loose {
    /// TCP.
    Tcp(std::net::TcpStream),
    /// A unix stream socket.
    Unix(std::os::unix::net::UnixStream),
}

impl Socket {
    /// Takes leave of this thread's runtime.
    pub(super) fn loosen(self) -> io::Result<Loose> {
        Ok(match self {
            Self::Tcp(stream) => Loose::Tcp(stream.into_std()?),
            Self::Unix(stream) => Loose::Unix(stream.into_std()?),
        })
    }
}

impl Loose {
    /// Joins this thread's runtime.
    pub(super) fn settle(self) -> io::Result<Socket> {
        Ok(match self {
            Self::Tcp(stream) => Socket::Tcp(TcpStream::from_std(stream)?),
            Self::Unix(stream) => Socket::Unix(UnixStream::from_std(stream)?),
        })
    }
}

/// A socket with bounds.
pub(super) struct Guarded {
    socket: Socket,
    /// Taken as long as the socket is open, also where it has left HTTP.
    _seat: Seat,
    /// The same of its source.
    guest: Option<Guest>,
    /// Read already, to be read again.
    rewound: Bytes,
    pulse: Arc<Pulse>,
    patience: Duration,
    /// Runs while the peer takes nothing; boxed because a healthy connection has none.
    stall: Option<Pin<Box<Sleep>>>,
}

impl Guarded {
    /// A socket whose peer may stop reading for at most `patience`.
    pub(super) fn new((socket, seat): (Socket, Seat), pulse: Arc<Pulse>, patience: Duration) -> Self {
        Self { socket, _seat: seat, guest: None, rewound: Bytes::new(), pulse, patience, stall: None }
    }

    /// Puts bytes back in front of what is still unread.
    pub(super) fn rewind(&mut self, bytes: Bytes) {
        let unread = std::mem::take(&mut self.rewound);
        self.rewound = if unread.is_empty() { bytes } else { [bytes, unread].concat().into() };
    }

    /// Keeps the place of its source as long as the socket is open.
    pub(super) fn keep(&mut self, guest: Guest) {
        self.guest = Some(guest);
    }

    /// Progress disarms the stall timer; no progress arms it, and its end is the connection's.
    fn judge<T>(&mut self, outcome: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stall = None;
            return outcome;
        }
        let patience = self.patience;
        let stall = self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        match stall.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// **Threat:** an answer that breaks off would look whole to a client that waits for the end of the connection: it is reset instead.
impl Drop for Guarded {
    fn drop(&mut self) {
        if let Socket::Tcp(stream) = &self.socket
            && self.pulse.is_open_ended()
        {
            let _gone_already = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.rewound.has_remaining() {
            let most = self.rewound.len().min(buf.remaining());
            let taken = self.rewound.split_to(most);
            buf.put_slice(&taken);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.socket).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.pulse.beat();
            take_turns(cx);
        }
        outcome
    }
}

/// A flood of small frames costs far more than its bytes: a read uses up an eighth of a turn, then the worker's other connections go first.
fn take_turns(cx: &mut Context<'_>) {
    for _ in 0..READ_COST {
        if let Poll::Ready(step) = tokio::task::coop::poll_proceed(cx) {
            step.made_progress();
        }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.judge(outcome, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs);
        self.judge(outcome, cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.socket).poll_flush(cx);
        self.judge(outcome, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.socket).poll_shutdown(cx);
        self.judge(outcome, cx)
    }
}

macro_rules! either {
    ($self:ident, $socket:ident => $verb:expr) => {
        match $self.get_mut() {
            Socket::Tcp(stream) => {
                let $socket = Pin::new(stream);
                $verb
            }
            Socket::Unix(stream) => {
                let $socket = Pin::new(stream);
                $verb
            }
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, socket => socket.poll_read(cx, buf))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, socket => socket.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, socket => socket.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, socket => socket.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, socket => socket.poll_shutdown(cx))
    }
}
