//! One connection to an upstream: an HTTP/1.1 one is a value at rest, an HTTP/2 one has a task that drives it.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;

use http::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::AbortHandle;
use tokio::task::coop::unconstrained;
use tokio::time::Instant;

use super::dialogue::Dialogue;
use super::launched::Launched;
use super::outflow::Outflow;
use super::outward::{self, Shape};
use super::shared::Target;
use super::socket::Socket;
use super::wording::{self, Words};
use crate::proxy::http1::Stream;
use crate::reject::Code;
use crate::sig::message::Head;

/// Largest response head, and the most that is buffered of a body, of an HTTP/2 connection.
const BUFFER: usize = 64 << 10;
/// Flow-control windows of an HTTP/2 stream and connection.
const WINDOWS: (u32, u32) = (1 << 20, 2 << 20);
/// Streams that one HTTP/2 connection carries before another is opened, unless the upstream allows fewer.
const STREAMS: usize = 100;

/// A connection that can carry a request.
pub(super) enum Wire {
    H1(Box<H1>),
    H2(Seat),
}

/// A head that was judged and is ready to leave.
pub(super) enum Prepared {
    H1(Words),
    H2(Box<Request<()>>),
}

/// An HTTP/1.1 connection: nothing but its socket while idle.
pub(super) struct H1 {
    pub(super) stream: Stream<Socket>,
    pub(super) target: Arc<Target>,
    /// When it became idle.
    pub(super) since: Instant,
}

/// An HTTP/2 connection, shared by the requests of one worker.
pub(super) struct H2 {
    sender: http2::SendRequest<Outflow>,
    pub(super) target: Arc<Target>,
    task: AbortHandle,
    active: Cell<usize>,
    distrusted: Cell<bool>,
    allowed: Rc<Cell<usize>>,
    /// When its last request ended.
    pub(super) since: Cell<Instant>,
}

/// One request's place on an HTTP/2 connection.
pub(super) struct Seat(Rc<H2>);

/// Speaks HTTP/2 on a fresh socket.
pub(super) async fn http2(socket: Socket, target: &Arc<Target>) -> Result<Rc<H2>, Code> {
    let (sender, mut connection) = http2::Builder::new(Local)
        .timer(TokioTimer::new())
        .initial_stream_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1)
        .max_header_list_size(u32::try_from(BUFFER).unwrap_or(u32::MAX))
        .max_send_buf_size(BUFFER)
        .handshake(TokioIo::new(socket))
        .await
        .map_err(|_| Code::UpstreamUnreachable)?;
    let allowed = Rc::new(Cell::new(STREAMS));
    let settings = Rc::clone(&allowed);
    let task = tokio::task::spawn_local(poll_fn(move |cx| {
        let ended = Pin::new(&mut connection).poll(cx);
        settings.set(connection.current_max_send_streams().min(STREAMS));
        ended.map(drop)
    }));
    Ok(Rc::new(H2 {
        sender,
        target: Arc::clone(target),
        task: task.abort_handle(),
        active: Cell::new(0),
        distrusted: Cell::new(false),
        allowed,
        since: Cell::new(Instant::now()),
    }))
}

/// hyper's HTTP/2 tasks stay on their worker.
#[derive(Clone, Copy)]
struct Local;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}

impl Wire {
    pub(super) fn is_http2(&self) -> bool {
        matches!(self, Self::H2(_))
    }

    /// The head as this connection says it, or why it cannot be said.
    pub(super) fn prepare(&self, head: &Head, shape: Shape) -> Result<Prepared, Code> {
        match self {
            Self::H1(_) => wording::words(head, shape).map(Prepared::H1),
            Self::H2(_) if shape.upgrade => Err(Code::UpgradeRefused),
            Self::H2(_) => outward::request(head, shape).map(|request| Prepared::H2(Box::new(request))),
        }
    }
}

impl H1 {
    /// Speaks HTTP/1.1 on a fresh socket.
    pub(super) fn new(socket: Socket, target: &Arc<Target>) -> Box<Self> {
        Box::new(Self { stream: Stream::new(socket), target: Arc::clone(target), since: Instant::now() })
    }

    /// Whether the upstream keeps the connection open and says nothing that nobody asked for. `cx` is woken when that changes.
    pub(super) fn is_quiet(&mut self, cx: &mut Context<'_>) -> bool {
        // A task that has used up its turn would be told that nothing came, whatever came.
        let stream = &mut self.stream;
        stream.ahead().is_empty() && pin!(unconstrained(poll_fn(|cx| stream.poll_fill(cx)))).poll(cx).is_pending()
    }

    /// Says a request on this connection.
    pub(super) fn launch(self: Box<Self>, words: Words, flow: Outflow) -> Launched {
        Launched::H1(Some(Dialogue::new(self, words, flow)))
    }
}

impl H2 {
    /// Whether another request fits on it.
    pub(super) fn has_room(&self) -> bool {
        !self.is_closed() && self.active.get() < self.allowed.get()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.distrusted.get() || self.sender.is_closed()
    }

    /// No new request goes this way: the upstream did not answer here, or does not take what was begun.
    pub(super) fn distrust(&self) {
        self.distrusted.set(true);
    }

    pub(super) fn active(&self) -> usize {
        self.active.get()
    }

    /// Takes a place, also beyond what the upstream allows at once: hyper then queues the request.
    pub(super) fn seat(self: &Rc<Self>) -> Seat {
        self.active.set(self.active.get().saturating_add(1));
        Seat(Rc::clone(self))
    }
}

/// When the last request has left and no pool keeps it, whatever still hangs on the connection goes down with it.
impl Drop for H2 {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seat {
    pub(super) fn line(&self) -> &Rc<H2> {
        &self.0
    }

    /// Hands the request to the connection at once; the future is only about the answer.
    pub(super) fn launch(&self, request: Request<Outflow>) -> Launched {
        Launched::H2(Box::pin(self.0.sender.clone().try_send_request(request)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.active.set(self.0.active.get().saturating_sub(1));
        self.0.since.set(Instant::now());
    }
}
