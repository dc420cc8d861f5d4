//! Accepting: capped, without spinning when descriptors run out, and to the last waiting connection when it ends.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::io::Socket;
use super::sockets::{Listen, Listening};
use super::{Serve, connection};

/// Without free descriptors `accept` fails at once, again and again: existing connections need the time.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What the connections of one worker share.
pub(super) struct Site<S> {
    /// Who answers.
    pub(super) serve: S,
    /// No new connections, no further requests.
    pub(super) closing: Closing,
    /// Everything under way.
    pub(super) connections: TaskTracker,
}

/// Whether a worker ends. Looking costs nothing: it is for this thread alone.
#[derive(Default)]
pub(super) struct Closing {
    has_begun: Cell<bool>,
    waiting: CancellationToken,
}

impl Closing {
    /// No new connections from now on.
    pub(super) fn begin(&self) {
        self.has_begun.set(true);
        self.waiting.cancel();
    }

    /// Whether it has begun.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun.get()
    }

    /// Returns when it has begun; [`Closing::has_begun`] is true then.
    pub(super) async fn begun(&self) {
        self.waiting.cancelled().await;
    }
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A place among the connections of a listener; given back when dropped.
pub(super) struct Seat(Arc<AtomicUsize>);

/// Accepts until the server closes.
pub(super) async fn accept<S: Serve>(site: Rc<Site<S>>, listening: Listening) -> io::Result<()> {
    let listener = match listening.socket {
        Listen::Tcp(socket) => Listener::Tcp(TcpListener::from_std(socket)?),
        Listen::Unix(socket) => Listener::Unix(UnixListener::from_std(socket)?),
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = site.closing.begun() => break,
        };
        match accepted {
            Ok((socket, peer)) => welcome(&site, &listening.name, &listening.live, (socket, peer)),
            Err(cause) if is_passing(&cause) => {}
            Err(cause) => {
                tracing::warn!(%cause, listener = &*listening.name, "cannot accept");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
    while let Some(Ok(accepted)) = listener.waiting().await {
        welcome(&site, &listening.name, &listening.live, accepted);
    }
    Ok(())
}

/// Starts a connection, unless the listener has as many as it may.
fn welcome<S: Serve>(
    site: &Rc<Site<S>>,
    name: &str,
    live: &Arc<AtomicUsize>,
    (socket, peer): (Socket, Option<SocketAddr>),
) {
    let Some(door) = site.serve.door(name) else { return };
    let Some(seat) = Seat::take(live, door.listener.limits.connections) else { return };
    let site = Rc::clone(site);
    site.connections.clone().spawn_local(connection::run(site, door, (socket, seat), peer));
}

/// The peer was gone before we came: nothing is wrong with us.
fn is_passing(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

impl Listener {
    async fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        std::future::poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// A connection that already waits; `None` when there is none.
    async fn waiting(&self) -> Option<io::Result<(Socket, Option<SocketAddr>)>> {
        tokio::task::yield_now().await;
        std::future::poll_fn(|cx| match self.poll_accept(cx) {
            Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    fn poll_accept(&self, cx: &mut std::task::Context<'_>) -> Poll<io::Result<(Socket, Option<SocketAddr>)>> {
        match self {
            Self::Tcp(listener) => listener.poll_accept(cx).map_ok(|(stream, peer)| {
                let _unsupported = stream.set_nodelay(true);
                (Socket::Tcp(stream), Some(peer))
            }),
            Self::Unix(listener) => listener.poll_accept(cx).map_ok(|(stream, _)| (Socket::Unix(stream), None)),
        }
    }
}

impl Seat {
    fn take(live: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let seat = Self(Arc::clone(live));
        (live.fetch_add(1, Ordering::Relaxed) < most).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
