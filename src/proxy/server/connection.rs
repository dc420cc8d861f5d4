//! One client connection, from the handshake to its last answer.

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};

use super::accept::Site;
use super::io::{Guarded, Socket};
use super::lasting::Lasting;
use super::watch::{Activity, InFlight, Pulse};
use super::{Door, Serve, detect};
use crate::policy::limits;
use crate::proxy::exchange::{Connection, Exchange};
use crate::proxy::http::{self, Bounds, Outbound, Screened, Seam};
use crate::proxy::tls::Handshake;
use crate::reject::Code;

const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
const FRAME: u32 = 16 << 10;
const PING: Duration = Duration::from_secs(30);

/// Streams a client may reset before they are accepted, and resets we may be provoked to send (CVE-2023-44487, CVE-2025-8671).
const RESETS: usize = 20;

/// Serves a connection until it ends, however it ends: nobody waits for an error.
pub(super) async fn run<S: Serve>(site: Rc<Site<S>>, door: Arc<Door>, socket: Socket, peer: Option<SocketAddr>) {
    let limits = door.listener.limits;
    let pulse = Pulse::new(Instant::now());
    let socket = Guarded::new(socket, Arc::clone(&pulse), limits.write);
    let activity = Activity::new(pulse);
    let ended = match &door.tls {
        None => plain(Link { site, door, peer, activity, handshake: None }, socket).await,
        Some(tls) => match timeout(limits.handshake, tls.accept(socket)).await {
            Ok(Ok((stream, handshake))) => {
                let http2 = handshake.http2();
                Link { site, peer, activity, handshake: Some(handshake), door }.serve(stream, http2).await
            }
            Ok(Err(cause)) => Err(cause),
            Err(_late) => Ok(()),
        },
    };
    if let Err(cause) = ended {
        tracing::debug!(%cause, "connection ended");
    }
}

async fn plain<S: Serve>(link: Link<S>, mut socket: Guarded) -> io::Result<()> {
    let listener = &link.door.listener;
    if !listener.http2 {
        return link.serve(socket, false).await;
    }
    match timeout(listener.limits.head, detect::is_http2(&mut socket)).await {
        Ok(http2) => link.serve(socket, http2?).await,
        Err(_late) => Ok(()),
    }
}

/// What is known of a connection before its first request.
struct Link<S> {
    site: Rc<Site<S>>,
    door: Arc<Door>,
    peer: Option<SocketAddr>,
    activity: Rc<Activity>,
    handshake: Option<Handshake>,
}

impl<S: Serve> Link<S> {
    async fn serve<I>(self, io: I, http2: bool) -> io::Result<()>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { site, door, peer, activity, handshake } = self;
        let limits = door.listener.limits;
        let connection = Rc::new(Connection {
            listener: Arc::clone(&door.listener),
            peer: peer.map(|peer| peer.ip()),
            port: peer.map_or(0, |peer| peer.port()),
            server_name: handshake.as_ref().and_then(|handshake| handshake.server_name().cloned()),
            subject: handshake.as_ref().and_then(|handshake| handshake.subject().cloned()),
            handshake,
        });
        let seam = Seam::default();
        let desk = Rc::new(Desk {
            site: Rc::clone(&site),
            connection,
            activity: Rc::clone(&activity),
            seam: seam.clone(),
            begun: Cell::new(0),
        });
        let service = service_fn(move |request| {
            let desk = Rc::clone(&desk);
            async move { Ok::<_, Infallible>(desk.answer(request).await) }
        });
        let lasting = Lasting { site: &site, activity: &activity, limits: &limits, heads: !http2, seam: &seam };
        let ended = if http2 {
            lasting.until_done(http2_builder(&limits).serve_connection(TokioIo::new(io), service)).await
        } else {
            let io = TokioIo::new(Screened::new(io, Bounds::from(&limits), seam.clone()));
            lasting.until_done(http1_builder(&limits).serve_connection(io, service).with_upgrades()).await
        };
        ended.map_err(io::Error::other)
    }
}

/// Where the requests of a connection are answered.
struct Desk<S> {
    site: Rc<Site<S>>,
    connection: Rc<Connection>,
    activity: Rc<Activity>,
    seam: Seam,
    /// How many requests there were before this one.
    begun: Cell<u64>,
}

impl<S: Serve> Desk<S> {
    async fn answer(&self, request: hyper::Request<hyper::body::Incoming>) -> hyper::Response<Outbound<InFlight>> {
        let in_flight = self.activity.begin();
        let earlier = self.begun.replace(self.begun.get().saturating_add(1));
        let mut exchange = http::exchange(request, Rc::clone(&self.connection));
        if let Some(refused) = self.seam.refused(earlier) {
            exchange = http::instead(exchange, refused);
        }
        if exchange.defect.is_none() && self.is_outdated(&exchange) {
            exchange.defect = Some(Code::Misdirected.into());
        }
        let answer = self.site.serve.serve(exchange).await;
        if answer.status == 101 {
            self.seam.take_over();
        }
        http::response(answer, in_flight)
    }

    /// A connection may outlive a reload that demands more of its clients.
    fn is_outdated(&self, exchange: &Exchange) -> bool {
        let Some(handshake) = &self.connection.handshake else { return false };
        let door = self.site.serve.door(&self.connection.listener.name);
        let tls = door.as_ref().and_then(|door| door.tls.as_ref());
        tls.is_none_or(|tls| handshake.differs(tls, &exchange.head.authority))
    }
}

/// hyper may hold a whole head and what is pipelined behind it.
fn room(limits: &limits::Connection) -> usize {
    Bounds::from(limits).room().saturating_mul(2)
}

fn http1_builder(limits: &limits::Connection) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.half_close(true).max_headers(limits.fields_max).max_buf_size(room(limits)).header_read_timeout(None);
    builder
}

fn http2_builder(limits: &limits::Connection) -> http2::Builder<Local> {
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

/// Runs HTTP/2 streams on the worker's own thread.
#[derive(Clone, Copy)]
struct Local;

impl<F> hyper::rt::Executor<F> for Local
where
    F: Future + 'static,
{
    fn execute(&self, future: F) {
        let _handle = tokio::task::spawn_local(async move {
            future.await;
        });
    }
}
