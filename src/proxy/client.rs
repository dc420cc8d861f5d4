//! Who the client is: the peer, or whom a trusted peer speaks for.

use std::net::IpAddr;

use bytes::Bytes;

use super::exchange::Connection;
use crate::sig::message::{Fields, Head};

const FOR: &str = "x-forwarded-for";

/// Whether the listener trusts this peer's word about the client before it.
pub fn is_trusted(connection: &Connection) -> bool {
    let listed = |peer: IpAddr| connection.listener.trusted.iter().any(|net| net.contains(&peer.to_canonical()));
    connection.peer.is_some_and(listed)
}

/// The client's address: the peer's, or behind trusted proxies the last entry of `X-Forwarded-For` that no trusted proxy wrote.
/// An entry that is not an address ends the search at the proxy that passed it on.
pub fn address(connection: &Connection, fields: &Fields) -> Option<IpAddr> {
    let mut client = connection.peer.map(|peer| peer.to_canonical())?;
    let listed = |client: &IpAddr| connection.listener.trusted.iter().any(|net| net.contains(client));
    if !listed(&client) {
        return Some(client);
    }
    let chain: Vec<&[u8]> = fields.all(FOR).flat_map(|line| line.split(|byte| *byte == b',')).collect();
    for entry in chain.iter().rev() {
        if !listed(&client) {
            break;
        }
        match std::str::from_utf8(entry).ok().and_then(|text| text.trim().parse::<IpAddr>().ok()) {
            Some(before) => client = before.to_canonical(),
            None => break,
        }
    }
    Some(client)
}

/// Whether this header (lower-case) says where a request came from: believed of a trusted peer only.
pub fn is_hearsay(name: &[u8]) -> bool {
    name.starts_with(b"x-forwarded-") || name == b"forwarded" || name == b"x-real-ip"
}

/// Tells the upstream where the request came from. What a peer says that is not `trusted` was removed before: it is replaced, not extended.
pub fn forwarded(head: &mut Head, connection: &Connection, trusted: bool) {
    if let Some(peer) = &connection.shown {
        let chain = if trusted && head.fields.contains(FOR) { chained(&head.fields, peer) } else { peer.clone() };
        head.fields.set(FOR, chain);
    }
    if !head.fields.contains("x-forwarded-proto") {
        head.fields.append("x-forwarded-proto", if head.secure { "https" } else { "http" });
    }
    if !head.fields.contains("x-forwarded-host") {
        head.fields.append("x-forwarded-host", head.authority.clone());
    }
}

fn chained(fields: &Fields, peer: &Bytes) -> Bytes {
    let mut chain = Vec::new();
    for line in fields.all(FOR) {
        chain.extend_from_slice(line);
        chain.extend_from_slice(b", ");
    }
    chain.extend_from_slice(peer);
    chain.into()
}

/// `Via` as RFC 9110 §7.6.3 wants it from a gateway, added behind what is there.
pub fn via(fields: &mut Fields, http2: bool) {
    fields.append("via", Bytes::from_static(if http2 { b"2.0 countersign" } else { b"1.1 countersign" }));
}
