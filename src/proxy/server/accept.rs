//! Accepting: capped, in small batches, without spinning when descriptors run out, and to the last waiting connection when it ends.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::crew::{Crew, Handed, Inbox};
use super::io::Socket;
use super::sockets::{Listen, Listening, Tally};
use super::spread::Place;
use super::turns::Turns;
use super::{Serve, connection};

/// Without free descriptors `accept` fails at once, again and again: existing connections need the time.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Connections that are taken before the worker looks at its others.
const BATCH: usize = 16;

/// What the connections of one worker share.
pub(super) struct Site<S> {
    /// Who answers.
    pub(super) serve: S,
    /// No new connections, no further requests.
    pub(super) closing: Closing,
    /// Everything under way.
    pub(super) connections: TaskTracker,
    /// Who computes a handshake now.
    pub(super) turns: Turns,
}

/// One listener on one worker.
struct Post<S> {
    site: Rc<Site<S>>,
    crew: Rc<Crew>,
    listener: Listener,
    name: Arc<str>,
    tally: Arc<Tally>,
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

/// A connection, and who is at its other end.
type Accepted = (Socket, Option<SocketAddr>);

/// A place among the connections of a listener and at a worker; given back when dropped.
pub(super) struct Seat {
    tally: Arc<Tally>,
    place: Option<Place>,
}

/// Accepts until the server closes.
pub(super) async fn accept<S: Serve>(site: Rc<Site<S>>, crew: Rc<Crew>, listening: Listening) -> io::Result<()> {
    let Listening { name, socket, tally } = listening;
    let listener = match socket {
        Listen::Tcp(socket) => Listener::Tcp(TcpListener::from_std(socket)?),
        Listen::Unix(socket) => Listener::Unix(UnixListener::from_std(socket)?),
    };
    let post = Post { site, crew, listener, name, tally };
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            accepted = post.batch() => accepted,
            () = post.site.closing.begun() => break,
        };
        if let Err(cause) = accepted {
            post.tally.failures.fetch_add(1, Ordering::Relaxed);
            if !std::mem::replace(&mut failing, true) {
                tracing::warn!(%cause, listener = &*post.name, "cannot accept");
            }
            tokio::time::sleep(BACK_OFF).await;
        } else if std::mem::take(&mut failing) {
            tracing::info!(listener = &*post.name, "accepting again");
        }
    }
    tokio::task::yield_now().await;
    while let Some(accepted) = post.listener.waiting().await {
        post.take(accepted)?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

impl<S: Serve> Post<S> {
    /// Takes a few connections, once there is room for their handshakes.
    async fn batch(&self) -> io::Result<()> {
        if self.site.is_secure(&self.name) {
            self.site.turns.room().await;
        }
        self.room()?;
        self.take(self.listener.accept().await)?;
        for _ in 1..BATCH {
            if self.tally.room.is_full() {
                return Ok(());
            }
            let Some(accepted) = self.listener.waiting().await else { return Ok(()) };
            self.take(accepted)?;
        }
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Whoever finds no room waits where the kernel keeps him.
    fn room(&self) -> io::Result<()> {
        let full = || io::Error::other("the file descriptors that are left are for upstreams and health checks");
        if self.tally.room.is_full() { Err(full()) } else { Ok(()) }
    }

    fn take(&self, accepted: io::Result<Accepted>) -> io::Result<()> {
        match accepted {
            Ok(accepted) => self.assign(accepted),
            Err(cause) if is_passing(&cause) => {}
            Err(cause) => return Err(cause),
        }
        Ok(())
    }

    /// Gives a connection to the worker that shall have it, unless the listener has as many as it may.
    fn assign(&self, (socket, peer): Accepted) {
        let Some(door) = self.site.serve.door(&self.name) else { return };
        let Some(mut seat) = Seat::take(&self.tally, door.listener.limits.connections) else { return };
        let (place, stays) = self.crew.place();
        let worker = place.worker();
        seat.place = Some(place);
        if stays {
            self.site.welcome(&self.name, socket, peer, seat);
        } else if let Ok(socket) = socket.loosen() {
            let handed = Handed { listener: Arc::clone(&self.name), socket, peer, seat };
            if let Err(back) = self.crew.hand(worker, handed) {
                self.site.settle(*back);
            }
        }
    }
}

/// The peer was gone before we came: nothing is wrong with us.
fn is_passing(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// Serves what other workers hand over, until nobody is left who accepts.
pub(super) async fn take_over<S: Serve>(site: Rc<Site<S>>, mut inbox: Inbox) {
    while let Some(handed) = inbox.recv().await {
        if site.is_secure(&handed.listener) {
            site.turns.room().await;
        }
        site.settle(handed);
    }
}

impl<S: Serve> Site<S> {
    fn is_secure(&self, listener: &str) -> bool {
        self.serve.door(listener).is_some_and(|door| door.tls.is_some())
    }

    fn settle(self: &Rc<Self>, handed: Handed) {
        if let Ok(socket) = handed.socket.settle() {
            self.welcome(&handed.listener, socket, handed.peer, handed.seat);
        }
    }

    /// Starts a connection on this worker.
    fn welcome(self: &Rc<Self>, listener: &str, socket: Socket, peer: Option<SocketAddr>, seat: Seat) {
        let Some(door) = self.serve.door(listener) else { return };
        let site = Rc::clone(self);
        self.connections.spawn_local(connection::run(site, door, (socket, seat), peer));
    }
}

impl Listener {
    async fn accept(&self) -> io::Result<Accepted> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// A connection that already waits; `None` when there is none.
    async fn waiting(&self) -> Option<io::Result<Accepted>> {
        poll_fn(|cx| match self.poll_accept(cx) {
            Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
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
    fn take(tally: &Arc<Tally>, most: usize) -> Option<Self> {
        let seat = Self { tally: Arc::clone(tally), place: None };
        tally.room.enter();
        (tally.live.fetch_add(1, Ordering::Relaxed) < most).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        drop(self.place.take());
        self.tally.live.fetch_sub(1, Ordering::Relaxed);
        self.tally.room.leave();
    }
}
