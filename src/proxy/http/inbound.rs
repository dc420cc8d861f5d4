//! From hyper's request to our exchange: nothing is decoded or reordered, and what is ambiguous is a defect.

use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{Request, Version, header};
use hyper::body::Incoming;

use super::head::Refused;
use super::{authority, framing};
use crate::policy::limits;
use crate::proxy::exchange::{Connection, Exchange, Receiving, Tunnel, Upgrade};
use crate::reject::{Code, Rejection};
use crate::sig::message::{self, Fields, Head};

/// How large a head may be.
#[derive(Clone, Copy)]
pub(in crate::proxy) struct Bounds {
    /// Bytes of all header lines.
    pub(super) head: usize,
    /// Header lines.
    pub(super) fields: usize,
    /// Bytes of the target.
    pub(super) target: usize,
}

impl Bounds {
    /// Bytes of a whole head: more are not looked at.
    pub(in crate::proxy) fn room(&self) -> usize {
        self.head.saturating_add(self.target).max(8192)
    }
}

impl From<&limits::Connection> for Bounds {
    fn from(limits: &limits::Connection) -> Self {
        Self { head: limits.head_max, fields: limits.fields_max, target: limits.target_max }
    }
}

/// The exchange that `request` begins.
pub(in crate::proxy) fn exchange(mut request: Request<Incoming>, connection: Rc<Connection>) -> Exchange {
    let pending = hyper::upgrade::on(&mut request);
    let (parts, body) = request.into_parts();
    let body = Receiving::new(body);
    let bounds = Bounds::from(&connection.listener.limits);
    let judged = framing::judge(&parts.method, parts.version, &parts.uri, &parts.headers, &bounds);
    let authority = authority::authority(parts.version, &parts.uri, &parts.headers);
    let bodiless = body.declared() == Some(0);
    let websocket = framing::is_websocket(&parts.method, parts.version, &parts.headers, bodiless);
    let defect = judged.err().or_else(|| authority.as_ref().err().cloned());
    let target = parts.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    let head = head(&parts, target, authority.unwrap_or_default(), &connection);
    let defect = defect.or_else(|| misdirected(&head, &connection));
    let upgrade = websocket.then(|| bridged(pending));
    Exchange { head, body, connection, http2: parts.version == Version::HTTP_2, upgrade, defect }
}

/// The exchange of a head that was refused unseen: it is told as it was sent.
pub(in crate::proxy) fn instead(mut exchange: Exchange, refused: &Refused) -> Exchange {
    exchange.head.method = message::Method::new(&refused.method);
    exchange.head.target = refused.target.clone();
    exchange.defect = Some(refused.rejection.clone());
    exchange
}

/// The client's connection, once hyper gives it away.
fn bridged(pending: hyper::upgrade::OnUpgrade) -> Upgrade {
    let (give, taken) = tokio::sync::oneshot::channel();
    tokio::task::spawn_local(async move {
        if let Ok(upgraded) = pending.await {
            let tunnel = Tunnel { io: Box::new(hyper_util::rt::TokioIo::new(upgraded)), ahead: Bytes::new() };
            drop(give.send(tunnel));
        }
    });
    Upgrade { taken }
}

fn misdirected(head: &Head, connection: &Connection) -> Option<Rejection> {
    connection.misdirected(&head.authority).then(|| Code::Misdirected.into())
}

/// A head in one buffer: target, authority, names and values are slices of it.
fn head(parts: &Parts, target: &str, authority: &[u8], connection: &Connection) -> Head {
    let room = parts.headers.iter().map(|(name, value)| name.as_str().len().saturating_add(value.len()));
    let room = room.fold(target.len().saturating_add(authority.len()), usize::saturating_add);
    let mut buffer = BytesMut::with_capacity(room);
    let mut cut = |bytes: &[u8]| {
        buffer.extend_from_slice(bytes);
        buffer.split().freeze()
    };
    Head {
        method: message::Method::new(parts.method.as_str()),
        target: cut(target.as_bytes()),
        authority: cut(authority),
        secure: connection.handshake.is_some(),
        fields: lines(parts, &mut cut),
    }
}

fn lines(parts: &Parts, cut: &mut impl FnMut(&[u8]) -> Bytes) -> Fields {
    let mut lines = Fields::with_capacity(parts.headers.len());
    for name in parts.headers.keys().filter(|name| **name != header::HOST) {
        let values = parts.headers.get_all(name);
        if *name == header::COOKIE && parts.version == Version::HTTP_2 {
            lines.append(cut(name.as_str().as_bytes()), cut(&cookies(&values)));
            continue;
        }
        for value in values {
            lines.append(cut(name.as_str().as_bytes()), cut(value.as_bytes()));
        }
    }
    lines
}

/// HTTP/2 cookie crumbs become the one line that they were (RFC 9113 §8.2.3).
fn cookies(values: &header::GetAll<'_, http::HeaderValue>) -> Vec<u8> {
    let crumbs: Vec<&[u8]> = values.iter().map(http::HeaderValue::as_bytes).collect();
    crumbs.join(&b"; "[..])
}
