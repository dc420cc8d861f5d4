//! One client connection, from the handshake to its last answer.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};
use tokio_rustls::server::TlsStream;

use super::accept::{Seat, Site};
use super::io::{Guarded, Socket};
use super::lasting::Lasting;
use super::turns::Turns;
use super::watch::{Activity, Pulse};
use super::{Door, Serve, arrival, detect, http1, http2};
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
    let mut socket = Guarded::new((socket, seat), Arc::clone(&pulse), limits.write);
    let Some(peer) = arrival::receive(&site.serve, &door, &mut socket, peer).await else { return };
    let activity = Activity::new(pulse);
    let ended = match &door.tls {
        None => plain(Link { site, door, peer, activity, handshake: None }, socket).await,
        Some(tls) => match timeout(limits.handshake, shake(&site.turns, tls, socket)).await {
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

async fn shake(turns: &Turns, tls: &Arc<ServerTls>, socket: Guarded) -> io::Result<(TlsStream<Guarded>, Handshake)> {
    let greeted = tls.greet(socket).await?;
    turns.take(greeted.answer()).await
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
        I: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let Self { site, door, peer, activity, handshake } = self;
        let limits = door.listener.limits;
        let connection = Rc::new(Connection {
            listener: Arc::clone(&door.listener),
            peer: peer.map(|peer| peer.ip()),
            shown: peer.map(|peer| peer.ip().to_canonical().to_string().into()),
            port: peer.map_or(0, |peer| peer.port()),
            server_name: handshake.as_ref().and_then(|handshake| handshake.server_name().cloned()),
            subject: handshake.as_ref().and_then(|handshake| handshake.subject().cloned()),
            handshake,
        });
        let desk = Rc::new(Desk { site: Rc::clone(&site), connection, activity: Rc::clone(&activity) });
        let lasting = Lasting { site: &site, activity: &activity, limits: &limits, heads: !http2 };
        if http2 {
            lasting.until_done(http2::serve(desk, io, &limits)).await
        } else {
            lasting.until_done(http1::serve(desk, io)).await
        }
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
    pub(super) async fn answer(&self, mut exchange: Exchange) -> Answer {
        if exchange.defect.is_none() && self.is_outdated(&exchange) {
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
