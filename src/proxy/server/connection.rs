//! One client connection, from the handshake to its last answer.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};
use tokio_rustls::server::TlsStream;

use super::accept::{Seat, Site};
use super::io::{Guarded, Socket};
use super::lasting::{Graceful, Lasting};
use super::turns::Turns;
use super::watch::{Activity, Pulse};
use super::{Door, Serve, arrival, detect, http1, http2};
use crate::policy::listen::Listener;
use crate::proxy::exchange::{Answer, Connection, Exchange};
use crate::proxy::tls::{Handshake, ServerTls};
use crate::reject::Code;

/// Serves a connection until it ends, however it ends: nobody waits for an error.
pub(super) async fn run<S: Serve>(
    site: Rc<Site<S>>,
    door: Arc<Door>,
    (socket, seat): (Socket, Seat),
    peer: Option<SocketAddr>,
) {
    let limits = door.listener.limits;
    let pulse = Pulse::new(Instant::now());
    let socket = Guarded::new((socket, seat), Arc::clone(&pulse), limits.write);
    let activity = Activity::new(pulse);
    // A handshake needs many times the memory of a connection that waits: it is given back before the first request.
    let begun = Box::pin(begin(&site, door, (socket, peer), &activity)).await;
    let ended = match begun {
        Ok(None) => return,
        Ok(Some(Begun { connection, http2 })) => {
            let lasting = Lasting { site: &site, activity: &activity, limits: &limits, heads: !http2 };
            lasting.until_done(connection).await
        }
        Err(cause) => Err(cause),
    };
    if let Err(cause) = ended {
        tracing::debug!(%cause, "connection ended");
    }
}

/// A connection that can be asked.
struct Begun {
    connection: Box<dyn Graceful>,
    http2: bool,
}

/// From the first byte to the first request; `None` where it is turned away or late.
async fn begin<S: Serve>(
    site: &Rc<Site<S>>,
    door: Arc<Door>,
    (mut socket, sender): (Guarded, Option<SocketAddr>),
    activity: &Rc<Activity>,
) -> io::Result<Option<Begun>> {
    let listener = &door.listener;
    let limits = listener.limits;
    let Some(peer) = arrival::receive(&site.serve, &door, &mut socket, sender).await else { return Ok(None) };
    let Some(tls) = &door.tls else {
        let mut http2 = false;
        if listener.http2 {
            let Ok(told) = timeout(limits.head, detect::is_http2(&mut socket)).await else { return Ok(None) };
            http2 = told?;
        }
        return Ok(Some(Link { site, listener, peer, activity, handshake: None }.begin(socket, http2)));
    };
    let Ok(shaken) = timeout(limits.handshake, shake(&site.turns, tls, socket)).await else { return Ok(None) };
    let (stream, handshake) = shaken?;
    let http2 = handshake.http2();
    Ok(Some(Link { site, listener, peer, activity, handshake: Some(handshake) }.begin(stream, http2)))
}

async fn shake(turns: &Turns, tls: &Arc<ServerTls>, socket: Guarded) -> io::Result<(TlsStream<Guarded>, Handshake)> {
    let greeted = tls.greet(socket).await?;
    turns.take(pin!(greeted.answer())).await
}

/// What is known of a connection before its first request.
struct Link<'a, S> {
    site: &'a Rc<Site<S>>,
    listener: &'a Arc<Listener>,
    peer: Option<SocketAddr>,
    activity: &'a Rc<Activity>,
    handshake: Option<Handshake>,
}

impl<S: Serve> Link<'_, S> {
    fn begin<I>(self, io: I, http2: bool) -> Begun
    where
        I: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let Self { site, listener, peer, activity, handshake } = self;
        let connection = Rc::new(Connection {
            listener: Arc::clone(listener),
            peer: peer.map(|peer| peer.ip()),
            shown: peer.map(|peer| peer.ip().to_canonical().to_string().into()),
            port: peer.map_or(0, |peer| peer.port()),
            server_name: handshake.as_ref().and_then(|handshake| handshake.server_name().cloned()),
            subject: handshake.as_ref().and_then(|handshake| handshake.subject().cloned()),
            handshake,
        });
        let desk = Rc::new(Desk { site: Rc::clone(site), connection, activity: Rc::clone(activity) });
        let connection: Box<dyn Graceful> =
            if http2 { Box::new(http2::serve(desk, io, &listener.limits)) } else { Box::new(http1::serve(desk, io)) };
        Begun { connection, http2 }
    }
}

/// Where the requests of a connection are answered.
pub(super) struct Desk<S> {
    /// Where it was accepted.
    pub(super) site: Rc<Site<S>>,
    /// What is known of it.
    pub(super) connection: Rc<Connection>,
    /// Its requests.
    pub(super) activity: Rc<Activity>,
}

impl<S: Serve> Desk<S> {
    /// Answers one request.
    pub(super) async fn answer(&self, exchange: &mut Exchange) -> Answer {
        if exchange.defect.is_none() && self.is_outdated(exchange) {
            exchange.defect = Some(Code::Misdirected.into());
        }
        self.site.serve.serve(exchange).await
    }

    /// A connection may outlive a reload that demands more of its clients.
    fn is_outdated(&self, exchange: &Exchange) -> bool {
        let Some(handshake) = &self.connection.handshake else { return false };
        let door = self.site.serve.door(&self.connection.listener.name);
        let tls = door.as_ref().and_then(|door| door.tls.as_ref());
        tls.is_none_or(|tls| handshake.differs(tls, &exchange.head.authority))
    }
}
