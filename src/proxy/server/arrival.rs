//! Before a connection says anything for itself: where it really comes from, and whether that source has room for one more.

use std::net::{IpAddr, SocketAddr};

use bytes::BytesMut;
use ipnet::IpNet;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::guests::Why;
use super::io::Guarded;
use super::proxied::{self, Client, Progress};
use super::{Door, Serve};

/// The address that the connection speaks for, or `None` where it is to be closed. Its place is kept by the socket.
pub(super) async fn receive(
    serve: &impl Serve,
    door: &Door,
    socket: &mut Guarded,
    sender: Option<SocketAddr>,
) -> Option<Option<SocketAddr>> {
    let Some(guests) = serve.guests() else { return Some(sender) };
    let listener = &door.listener;
    let (peer, counted) = match &listener.proxied {
        None => (sender, sender),
        Some(from) => {
            let introduced = timeout(listener.limits.handshake, introduce(socket, sender, from)).await;
            let Ok(Some(client)) = introduced else {
                tracing::debug!(listener = &*listener.name, ?sender, "closed: no PROXY header from a listed network");
                guests.end(&listener.name, Why::Proxy);
                return None;
            };
            match client {
                Client::Sender => (sender, sender),
                Client::Address(client) => (Some(client), Some(client)),
                Client::Unknown => (None, sender),
            }
        }
    };
    // A proxy that is trusted brings many clients: they are told apart by request, not by connection.
    if let Some(address) = counted.map(|counted| counted.ip()).filter(|address| !lists(&listener.trusted, *address)) {
        socket.keep(guests.seat(listener, address)?);
    }
    Some(peer)
}

/// Reads the PROXY header; for whom it speaks.
async fn introduce(socket: &mut Guarded, sender: Option<SocketAddr>, from: &[IpNet]) -> Option<Client> {
    if sender.is_some_and(|sender| !lists(from, sender.ip())) {
        return None;
    }
    let mut seen = BytesMut::with_capacity(256);
    loop {
        match proxied::read(&seen).ok()? {
            Progress::More(most) => {
                let mut rest = (&mut *socket).take(u64::try_from(most).unwrap_or(0));
                if rest.read_buf(&mut seen).await.ok()? == 0 {
                    return None;
                }
            }
            Progress::Header { length, client } => {
                let own = seen.split_off(length.min(seen.len()));
                socket.rewind(own.freeze());
                return Some(client);
            }
        }
    }
}

fn lists(nets: &[IpNet], address: IpAddr) -> bool {
    nets.iter().any(|net| net.contains(&address.to_canonical()))
}
