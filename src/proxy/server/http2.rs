//! One HTTP/2 connection, as hyper speaks it, within our bounds.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::Serve;
use super::allowance::{Allowance, Doing};
use super::connection::Desk;
use super::lasting::Graceful;
use super::metered::Metered;
use super::stream;
use super::watch::InFlight;
use crate::policy::limits;
use crate::proxy::http;

const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
const FRAME: u32 = 16 << 10;
const PING: Duration = Duration::from_secs(30);

/// Streams a client may reset before they are accepted, and resets we may be provoked to send (CVE-2023-44487, CVE-2025-8671).
const RESETS: usize = 20;

/// A connection that is driven by being polled.
pub(super) fn serve<S: Serve, I>(desk: Rc<Desk<S>>, io: I, limits: &limits::Connection) -> impl Graceful + use<S, I>
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let guests = desk.site.serve.guests().map(Arc::clone);
    let ledger = guests.zip(Some(Arc::clone(&desk.connection.listener.name)));
    let allowance = Rc::new(Allowance::new(Instant::now(), ledger));
    let (metered, turns) = (Metered::new(io, Rc::clone(&allowance)), Rc::clone(&allowance));
    let write = limits.write;
    let service = service_fn(move |request| {
        let (desk, allowance) = (Rc::clone(&desk), Rc::clone(&allowance));
        // In a box from the start: on its way into its own task it would be copied several times.
        Box::pin(async move {
            let in_flight = desk.activity.begin();
            let fields = request.headers().len();
            let mut exchange = http::exchange(request, Rc::clone(&desk.connection));
            match &exchange.defect {
                None => allowance.asked(),
                Some(_) => allowance.spend(Doing::Malformed(fields)),
            }
            let sent = Sent { allowance, _in_flight: in_flight };
            let answer = desk.answer(&mut exchange).await;
            stream::answers(&answer, write);
            Ok::<_, Infallible>(http::response(answer, sent))
        })
    });
    Multiplexed { connection: builder(limits).serve_connection(TokioIo::new(metered), service), allowance: turns }
}

fn builder(limits: &limits::Connection) -> http2::Builder<Local> {
    let mut builder = http2::Builder::new(Local);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.h2_streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .max_header_list_size(u32::try_from(limits.head_max).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(limits.write);
    builder
}

/// Keeps a request in flight until its answer was sent, and counts what is sent.
struct Sent {
    allowance: Rc<Allowance>,
    _in_flight: InFlight,
}

impl http::Sent for Sent {
    fn piece(&self, bytes: usize) {
        self.allowance.answered(bytes);
    }
}

struct Multiplexed<C> {
    connection: C,
    allowance: Rc<Allowance>,
}

impl<I, B, S, E> Future for Multiplexed<http2::Connection<I, S, E>>
where
    http2::Connection<I, S, E>: Future<Output = hyper::Result<()>> + Unpin,
    S: hyper::service::HttpService<hyper::body::Incoming, ResBody = B>,
{
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.allowance.turn();
        Pin::new(&mut self.connection).poll(cx).map_err(io::Error::other)
    }
}

impl<I, B, S, E> Graceful for Multiplexed<http2::Connection<I, S, E>>
where
    http2::Connection<I, S, E>: Future<Output = hyper::Result<()>> + Unpin,
    S: hyper::service::HttpService<hyper::body::Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: hyper::rt::bounds::Http2ServerConnExec<S::Future, B>,
{
    fn finish(mut self: Pin<&mut Self>) {
        Pin::new(&mut self.connection).graceful_shutdown();
    }
}

/// Runs HTTP/2 streams on the worker's own thread.
#[derive(Clone, Copy)]
struct Local;

impl<F> hyper::rt::Executor<F> for Local
where
    F: Future + 'static,
{
    fn execute(&self, future: F) {
        let _handle = tokio::task::spawn_local(stream::bounded(future));
    }
}
