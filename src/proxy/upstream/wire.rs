//! One HTTP connection to an upstream: its sender, and the task that drives it.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::outflow::Outflow;
use super::shared::Target;
use super::socket::Socket;
use crate::reject::Code;

/// Largest response head, and the most that is buffered of a body in each direction.
const BUFFER: usize = 64 << 10;
/// Most header lines of a response.
const FIELDS: usize = 256;
/// Flow-control windows of an HTTP/2 stream and connection.
const WINDOWS: (u32, u32) = (1 << 20, 2 << 20);
/// Streams that one HTTP/2 connection carries before another is opened, unless the upstream allows fewer.
const STREAMS: usize = 100;

/// What hyper makes of an attempt.
pub(super) type Outcome = Result<Response<Incoming>, TrySendError<Request<Outflow>>>;

/// A connection that can carry a request.
pub(super) enum Wire {
    H1(H1),
    H2(Seat),
}

/// An HTTP/1.1 connection. Dropped while idle it ends gently.
pub(super) struct H1 {
    sender: http1::SendRequest<Outflow>,
    task: AbortHandle,
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

/// Speaks HTTP/1.1 on a fresh socket.
pub(super) async fn http1(socket: Socket, target: &Arc<Target>) -> Result<H1, Code> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(BUFFER)
        .max_header_size(BUFFER)
        .max_headers(FIELDS)
        .handshake(TokioIo::new(socket))
        .await
        .map_err(|_| Code::UpstreamUnreachable)?;
    let task = tokio::task::spawn_local(async move { drop(connection.with_upgrades().await) }).abort_handle();
    // Not before its task has run once does the connection know that it is at rest.
    sender.ready().await.map_err(|_| Code::UpstreamUnreachable)?;
    Ok(H1 { sender, task, target: Arc::clone(target), since: Instant::now() })
}

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

    /// Hands the request to the connection at once; the future is only about the answer.
    pub(super) fn launch(&mut self, request: Request<Outflow>) -> Pin<Box<dyn Future<Output = Outcome>>> {
        match self {
            Self::H1(line) => Box::pin(line.sender.try_send_request(request)),
            Self::H2(Seat(line)) => Box::pin(line.sender.clone().try_send_request(request)),
        }
    }
}

impl H1 {
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Waits until the connection has nothing left of its last exchange.
    pub(super) async fn ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Cuts the connection where it stands: whatever was being sent stays incomplete.
    pub(super) fn cut(self) {
        self.task.abort();
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
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.active.set(self.0.active.get().saturating_sub(1));
        self.0.since.set(Instant::now());
    }
}

/// Whose fault an exchange's end was.
pub(super) fn blame(error: &hyper::Error) -> Code {
    if error.is_user() {
        Code::Internal
    } else if error.is_parse() {
        Code::UpstreamInvalid
    } else {
        Code::UpstreamClosed
    }
}
