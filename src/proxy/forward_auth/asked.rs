//! Which request another proxy asks about: said in headers of its own, each of them once, and read as if that request had arrived here.
//!
//! **Threat:** a client of that proxy sends these headers itself. The proxy has to replace them; two of a kind are refused.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::policy::listen::{Asker, ForwardAuth};
use crate::proxy::exchange::{Arriving, Broken, Exchange, Piece, Receiving};
use crate::proxy::forward;
use crate::proxy::http::arrived;
use crate::proxy::http1::{Framing, Request};
use crate::reject::{Code, Rejection};
use crate::sig::message::{Fields, Head};

/// Where questions are asked.
const PLACE: &[u8] = b"/verify";

/// What Envoy says of a body that it sends along, and only then.
pub(super) const PARTIAL: &str = "x-envoy-auth-partial-body";

/// Headers that name the request.
struct Names {
    method: &'static str,
    target: &'static str,
    host: &'static str,
}

const NGINX: Names = Names { method: "x-original-method", target: "x-original-uri", host: "x-original-host" };
const FORWARDED: Names = Names { method: "x-forwarded-method", target: "x-forwarded-uri", host: "x-forwarded-host" };

/// Turns the question into the request that it is about. What is wrong with it becomes the defect.
pub(super) fn recover(auth: ForwardAuth, exchange: &mut Exchange) {
    let head = std::mem::take(&mut exchange.head);
    let found = match auth.from {
        Asker::Nginx => named(&head, &NGINX),
        Asker::Traefik | Asker::Caddy => named(&head, &FORWARDED),
        Asker::Envoy => below(&head).and_then(|line| whole(auth, &head.fields).map(|()| line)),
    };
    match found {
        Ok(line) => become_it(exchange, line, head.fields, auth.from),
        Err(rejection) => {
            exchange.defect = Some(rejection);
            exchange.head = head;
        }
    }
}

/// Method, target and host of a request.
pub(super) struct Line {
    pub(super) method: Bytes,
    pub(super) target: Bytes,
    pub(super) host: Bytes,
}

/// As the proxy says it in headers.
fn named(head: &Head, names: &Names) -> Result<Line, Rejection> {
    if head.path() != PLACE {
        return Err(Code::RouteNotFound.into());
    }
    let one = |name: &'static str| match head.fields.one(name) {
        Ok(Some(value)) if !value.is_empty() => Ok(value.clone()),
        Ok(_) => Err(untold(format!("no {name}"))),
        Err(_twice) => Err(untold(format!("{name} occurs more than once"))),
    };
    Ok(Line { method: one(names.method)?, target: one(names.target)?, host: one(names.host)? })
}

/// As Envoy asks over HTTP: the target behind our own path.
fn below(head: &Head) -> Result<Line, Rejection> {
    let target = head.target.strip_prefix(PLACE).filter(|rest| rest.starts_with(b"/")).ok_or(Code::RouteNotFound)?;
    Ok(Line {
        method: Bytes::copy_from_slice(head.method.as_str().as_bytes()),
        target: head.target.slice_ref(target),
        host: head.authority.clone(),
    })
}

/// Whether Envoy sent all of the body. Without the mark there was none to send, or it was never waited for, as before an upgrade.
pub(super) fn whole(auth: ForwardAuth, fields: &Fields) -> Result<(), Rejection> {
    match fields.one(PARTIAL) {
        Ok(None) if auth.body && ["transfer-encoding", "upgrade"].iter().any(|name| fields.contains(name)) => {
            Err(Code::BodyUnseen.into())
        }
        Ok(None) => Ok(()),
        Ok(Some(mark)) if mark == "false" || !auth.body => Ok(()),
        Ok(Some(_)) => Err(Code::BodyPartial.into()),
        Err(_twice) => Err(untold(format!("{PARTIAL} occurs more than once"))),
    }
}

pub(super) fn untold(note: String) -> Rejection {
    Rejection::from(Code::OriginalUntold).because(note)
}

/// Reads the request as if it had arrived on this connection, by the same rules.
pub(super) fn become_it(exchange: &mut Exchange, line: Line, mut fields: Fields, from: Asker) {
    let secure = fields.all("x-forwarded-proto").any(|scheme| scheme == "https");
    let ours = match from {
        Asker::Nginx => &NGINX,
        Asker::Traefik | Asker::Caddy | Asker::Envoy => &FORWARDED,
    };
    for name in [ours.method, ours.target, ours.host, PARTIAL, "host"] {
        fields.remove(name);
    }
    fields.append("host", line.host);
    let request = Request { method: line.method, target: line.target, old: false, fields, framing: Framing::Sized(0) };
    let (told, _no_upgrade) = arrived(request, Receiving::empty(), Rc::clone(&exchange.connection));
    exchange.head = told.head;
    exchange.head.secure |= secure;
    exchange.defect = told.defect;
    exchange.upgrade = None;
}

/// What stands for a body that nobody sends along: bytes that no signature and no digest covers.
///
/// **Threat:** taken for an empty body, every body would pass behind the digest of none.
pub(super) fn unseen() -> Result<Receiving, Rejection> {
    Ok(given(Bytes::copy_from_slice(&forward::entropy()?)))
}

/// A body that is there.
pub(super) fn given(body: Bytes) -> Receiving {
    let length = u64::try_from(body.len()).ok();
    Receiving::arriving(Rc::new(Given(Cell::new(Some(body)))), length)
}

struct Given(Cell<Option<Bytes>>);

impl Arriving for Given {
    fn poll_piece(&self, _: &mut Context<'_>) -> Poll<Result<Option<Piece>, Broken>> {
        Poll::Ready(Ok(self.0.take().map(Piece::Data)))
    }

    fn is_end(&self) -> bool {
        let body = self.0.take();
        let over = body.is_none();
        self.0.set(body);
        over
    }
}
