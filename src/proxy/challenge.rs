//! A vendor's handshake, answered here: the upstream never learns of it.

use bytes::Bytes;

use super::body::Received;
use super::exchange::{Answer, AnswerBody, Exchange};
use super::upstream::Admission;
use super::visit::Visit;
use crate::policy::Gate;
use crate::policy::route::{Challenge, Guard, Route};
use crate::reject::Rejection;
use crate::sig::message::{Fields, Head};

/// The answer to a handshake that its vendor does not sign. A request that carries a signature is judged by it, whatever it asks.
pub fn unsigned(visit: &mut Visit, route: &Route, exchange: &Exchange) -> Result<Option<Answer>, Rejection> {
    let Some((gate, challenge)) = asked(route) else { return Ok(None) };
    let head = &exchange.head;
    if !exchange.body.is_end() || gate.schemes().any(|scheme| scheme.is_chosen(head)) {
        return Ok(None);
    }
    let mut known = gate.schemes().filter_map(|scheme| scheme.challenge());
    let found = known.find_map(|one| Some((one.unsigned(head, challenge.tokens.as_ref(), visit.now)?, one.media_type)));
    let Some((body, media_type)) = found else { return Ok(None) };
    let answer = answer(body?, media_type);
    visit.unasked();
    Ok(Some(answer))
}

/// The answer to a handshake whose signature holds. It claims nothing: no upstream sees it, so nothing can happen twice.
pub fn signed(
    visit: &mut Visit,
    route: &Route,
    admission: &Admission,
    (head, body): (&Head, &mut Received),
) -> Result<Option<Answer>, Rejection> {
    let (Some((gate, _)), Admission::Verified(permit)) = (asked(route), admission) else { return Ok(None) };
    visit.allow(route, permit)?;
    let Some(body) = body.held.whole() else { return Ok(None) };
    let mut proved = gate.schemes().filter(|scheme| scheme.name() == permit.scheme());
    let found = proved.find_map(|scheme| {
        let one = scheme.challenge()?;
        Some((one.signed((head, &body), permit.key(), &scheme.facts().key_use)?, one.media_type))
    });
    let Some((body, media_type)) = found else { return Ok(None) };
    let answer = answer(body?, media_type);
    visit.note(admission);
    Ok(Some(answer))
}

fn asked(route: &Route) -> Option<(&Gate, &Challenge)> {
    match (&route.guard, &route.challenge) {
        (Guard::Verify(gate), Some(challenge)) => Some((gate, challenge)),
        (Guard::Verify(_) | Guard::Public | Guard::Restricted, _) => None,
    }
}

/// **Threat:** what was sent comes back. No browser may take it for anything but text.
fn answer(body: Vec<u8>, media_type: &'static str) -> Answer {
    let mut fields = Fields::with_capacity(4);
    fields.append("content-type", media_type);
    fields.append("x-content-type-options", "nosniff");
    fields.append("cache-control", "no-store");
    Answer { status: 200, fields, body: AnswerBody::Bytes(Bytes::from(body)) }
}
