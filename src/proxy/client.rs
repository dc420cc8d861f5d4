//! Who the client is: the peer, or whom a trusted peer speaks for.

use std::net::IpAddr;

use bytes::Bytes;

use super::exchange::Connection;
use crate::sig::message::{Fields, Head};

/// Whether the listener trusts this peer's word about the client before it.
pub fn is_trusted(connection: &Connection) -> bool {
    let listed = |peer: IpAddr| connection.listener.trusted.iter().any(|net| net.contains(&peer.to_canonical()));
    connection.peer.is_some_and(listed)
}

/// The client's address: the peer's, or behind trusted proxies the last entry of `X-Forwarded-For` that no trusted proxy wrote.
/// An entry that is not an address ends the search at the proxy that passed it on.
pub fn address(connection: &Connection, fields: &Fields) -> Option<IpAddr> {
    let mut client = connection.peer.map(|peer| peer.to_canonical())?;
    let chain: Vec<&[u8]> = fields.all("x-forwarded-for").flat_map(|line| line.split(|byte| *byte == b',')).collect();
    for entry in chain.iter().rev() {
        if !connection.listener.trusted.iter().any(|net| net.contains(&client)) {
            break;
        }
        match std::str::from_utf8(entry).ok().and_then(|text| text.trim().parse::<IpAddr>().ok()) {
            Some(before) => client = before.to_canonical(),
            None => break,
        }
    }
    Some(client)
}

/// Tells the upstream where the request came from. What an untrusted peer says about that is replaced, not extended.
pub fn forwarded(head: &mut Head, connection: &Connection) {
    let trusted = is_trusted(connection);
    if !trusted {
        let claims = |name: &[u8]| name.starts_with(b"x-forwarded-") || name == b"forwarded" || name == b"x-real-ip";
        head.fields.retain(|field| !claims(&field.name));
    }
    if let Some(peer) = connection.peer {
        let mut chain = Vec::new();
        for line in head.fields.all("x-forwarded-for") {
            chain.extend_from_slice(line);
            chain.extend_from_slice(b", ");
        }
        chain.extend_from_slice(peer.to_canonical().to_string().as_bytes());
        head.fields.set("x-forwarded-for", chain);
    }
    if !head.fields.contains("x-forwarded-proto") {
        head.fields.append("x-forwarded-proto", if head.secure { "https" } else { "http" });
    }
    if !head.fields.contains("x-forwarded-host") {
        head.fields.append("x-forwarded-host", head.authority.clone());
    }
}

/// `Via` as RFC 9110 §7.6.3 wants it from a gateway, added behind what is there.
pub fn via(fields: &mut Fields, http2: bool) {
    fields.append("via", Bytes::from_static(if http2 { b"2.0 countersign" } else { b"1.1 countersign" }));
}
