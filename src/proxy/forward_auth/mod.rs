//! Answering another proxy whether it may forward a request: the same verdict, with the identity in the answer instead of an upstream.
//!
//! **Invariant:** nothing here verifies. A request is judged by the steps of [`super::verdict`], or it is refused.

mod asked;
mod call;
pub mod check;
mod wire;

use std::rc::Rc;

use bytes::Bytes;

use super::exchange::{Answer, AnswerBody, Exchange};
use super::visit::{Entered, Visit};
use super::worker::Worker;
use super::{answer, forward, guard, journey};
use crate::policy::listen::{Asker, ForwardAuth};
use crate::policy::route::{Guard, Route};
use crate::reject::{Code, Rejection};
use crate::sig::message::{Fields, Head};

/// Tells nginx why: it passes headers of the answer on, and not its body.
const WHY: &str = "x-countersign-code";

/// Names that Envoy is to remove from the request.
const REMOVED: &str = "x-envoy-auth-headers-to-remove";

/// Answers one question: the exchange becomes the request that is asked about, and goes on the journey.
pub(super) async fn serve(auth: ForwardAuth, exchange: &mut Exchange, worker: &Rc<Worker>) -> Answer {
    let is_call = call::is_one(auth, exchange);
    let occupied = if exchange.defect.is_some() {
        None
    } else if is_call {
        call::recover(auth, exchange, &worker.process.bodies).await
    } else {
        asked::recover(auth, exchange);
        None
    };
    let verdict = journey::serve(exchange, worker).await;
    drop(occupied);
    if is_call { call::answer(&verdict) } else { verdict }
}

/// The verdict on the request that is asked about. None of the gateway's own answers, such as those to preflights, may be taken for it.
pub(super) async fn judge(visit: &mut Visit, entered: &Entered, exchange: &mut Exchange) -> Result<Answer, Rejection> {
    let route = &*entered.matched.route;
    let auth = exchange.connection.listener.forward_auth.ok_or(Code::Internal)?;
    let mut opened = match visit.open(entered, exchange) {
        Ok(opened) => opened,
        Err(rejection) => return Err(visit.turn_away(entered, exchange, rejection).await),
    };
    if !auth.body {
        exchange.body = asked::unseen()?;
    }
    let mut body = visit.receive(entered, &mut opened, exchange).await?;
    if !auth.body {
        (visit.told.record.received, visit.told.record.digest) = (0, None);
    }
    let closed = visit.close(route, opened, &mut body).await.map_err(|rejection| unseen(auth, rejection));
    let admission = visit.attest(closed, (entered, &exchange.head), &mut body)?;
    let (admission, claim) = visit.claim(route, admission).await?;

    let mut identity = Head::default();
    forward::identify(&mut identity, route, &admission);
    let status = if auth.from == Asker::Envoy { 200 } else { 202 };
    let mut reply = Answer { status, fields: identity.fields, body: AnswerBody::Empty };
    if auth.from == Asker::Envoy {
        remove(route, &exchange.head.fields, &mut reply.fields);
    }
    answer::settle(claim, &mut reply);
    Ok(reply)
}

/// A digest that does not fit a body which nobody has seen says nothing about the body.
fn unseen(auth: ForwardAuth, rejection: Rejection) -> Rejection {
    if rejection.code() == Code::DigestInvalid && !auth.body { Code::BodyUnseen.into() } else { rejection }
}

/// Has Envoy remove what the gateway itself would: the client's copies of identity headers, and evidence where the route says so.
fn remove(route: &Route, sent: &Fields, answer: &mut Fields) {
    let carriers = match &route.guard {
        Guard::Verify(gate) if route.identity.strip_signature => gate.carriers(),
        Guard::Verify(_) | Guard::Public | Guard::Restricted => &[],
    };
    let mut names: Vec<&[u8]> = sent
        .iter()
        .map(|field| &field.name[..])
        .filter(|name| guard::is_identity(route, name) || carriers.iter().any(|carrier| carrier == name))
        .filter(|name| !answer.iter().any(|field| field.name == *name))
        .collect();
    names.sort_unstable();
    names.dedup();
    if !names.is_empty() {
        let names = Bytes::from(names.join(&b","[..]));
        answer.set(REMOVED, names);
    }
}

/// A refusal as the asking proxy can use it. **Threat:** success of any kind would let the request pass.
pub(super) fn refused(auth: ForwardAuth, rejection: &Rejection, answer: &mut Answer) {
    answer.fields.set(WHY, rejection.code().reason().code);
    // Everything but 401 and 403 is a failure of ours to nginx, which answers 500.
    let is_unknown = auth.from == Asker::Nginx && matches!(answer.status, 400 | 402..500);
    if answer.status < 400 || is_unknown {
        answer.status = 403;
    }
}
