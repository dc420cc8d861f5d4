//! From a request as it arrived to our exchange: nothing is decoded or reordered, and what is ambiguous is a defect.

use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{Uri, Version, header};
use hyper::body::Incoming;

use super::framing::Asked;
use super::{authority, framing};
use crate::policy::limits;
use crate::proxy::exchange::{Connection, Exchange, Receiving, Tunnel, Upgrade};
use crate::proxy::http1::{Refused, Request};
use crate::reject::{Code, Rejection};
use crate::sig::message::{self, Fields, Head};

/// How large a head may be.
#[derive(Clone, Copy)]
pub(in crate::proxy) struct Bounds {
    /// Bytes of all header lines.
    pub(in crate::proxy) head: usize,
    /// Header lines.
    pub(in crate::proxy) fields: usize,
    /// Bytes of the target.
    pub(in crate::proxy) target: usize,
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

/// The sending half of an upgrade: who holds the connection gives it away here.
pub(in crate::proxy) type Handover = tokio::sync::oneshot::Sender<Tunnel>;

/// The exchange that an HTTP/1.1 request begins, and where its connection goes if it leaves HTTP.
pub(in crate::proxy) fn arrived(
    request: Request,
    body: Receiving,
    connection: Rc<Connection>,
) -> (Exchange, Option<Handover>) {
    let Request { method, target, old, mut fields, .. } = request;
    let version = if old { Version::HTTP_10 } else { Version::HTTP_11 };
    let form = Form::of(target);
    let name = std::str::from_utf8(&method).unwrap_or_default();
    let asked = Asked { method: name, target: form.target.as_deref(), http: form.http, version };
    let judged = framing::judge(asked, &fields, &Bounds::from(&connection.listener.limits));
    let authority = authority::authority(version, form.authority.as_deref(), &fields).map(Bytes::copy_from_slice);
    let websocket = framing::is_websocket(name, version, &fields, body.declared() == Some(0));
    let defect = judged.err().or_else(|| authority.as_ref().err().cloned());
    fields.remove("host");
    let head = Head {
        method: message::Method::new(name),
        target: form.target.unwrap_or_default(),
        authority: authority.unwrap_or_default(),
        secure: connection.handshake.is_some(),
        fields,
    };
    let defect = defect.or_else(|| misdirected(&head, &connection));
    let (handover, taken) = websocket.then(tokio::sync::oneshot::channel).unzip();
    let upgrade = taken.map(|taken| Upgrade { taken });
    (Exchange { head, body, connection, http2: false, sees_ends: !old, upgrade, defect }, handover)
}

/// A target by its parts.
struct Form {
    target: Option<Bytes>,
    authority: Option<Bytes>,
    http: bool,
}

impl Form {
    /// Origin form and `*` stand for themselves; whatever else is there is taken apart by `http::Uri`.
    fn of(target: Bytes) -> Self {
        if target.starts_with(b"/") || target == "*" {
            return Self { target: Some(target), authority: None, http: true };
        }
        let Ok(uri) = Uri::from_maybe_shared(target) else {
            return Self { target: None, authority: None, http: false };
        };
        let copied = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        Self {
            target: uri.path_and_query().map(|target| copied(target.as_str())),
            authority: uri.authority().map(|authority| copied(authority.as_str())),
            http: uri.scheme_str().is_none_or(|scheme| matches!(scheme, "http" | "https")),
        }
    }
}

/// The exchange of a head that was refused unseen: it is told as it was sent.
pub(in crate::proxy) fn refused(refused: Refused, connection: Rc<Connection>) -> Exchange {
    let head = Head {
        method: message::Method::new(&refused.method),
        target: refused.target,
        authority: Bytes::new(),
        secure: connection.handshake.is_some(),
        fields: Fields::default(),
    };
    let defect = Some(refused.rejection);
    let body = Receiving::empty();
    Exchange { head, body, connection, http2: false, sees_ends: true, upgrade: None, defect }
}

/// The exchange that an HTTP/2 request begins.
pub(in crate::proxy) fn exchange(request: http::Request<Incoming>, connection: Rc<Connection>) -> Exchange {
    let (parts, body) = request.into_parts();
    let body = Receiving::new(body);
    let target = parts.uri.path_and_query().map(http::uri::PathAndQuery::as_str);
    let said = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    let asked = Asked {
        method: parts.method.as_str(),
        target: target.map(str::as_bytes),
        http: parts.uri.scheme_str().is_none_or(|scheme| matches!(scheme, "http" | "https")),
        version: parts.version,
    };
    let judged = framing::judge(asked, &parts.headers, &Bounds::from(&connection.listener.limits));
    let authority = authority::authority(parts.version, said, &parts.headers);
    let defect = judged.err().or_else(|| authority.as_ref().err().cloned());
    let head = head(&parts, target.unwrap_or_default(), authority.unwrap_or_default(), &connection);
    let defect = defect.or_else(|| misdirected(&head, &connection));
    Exchange { head, body, connection, http2: true, sees_ends: true, upgrade: None, defect }
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
        if *name == header::COOKIE {
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
