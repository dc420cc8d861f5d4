//! The upstream's answer on its way back: verified and signed where the route says so.
//!
//! The same schemes run over it: method, target and authority are the request's, headers and body are the answer's.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::budget::{Holder, Share};
use super::exchange::{Answer, AnswerBody, Exchange, Piece};
use super::forward;
use super::signed::{Pieces, Signed};
use super::stint::{self, Stint};
use super::verified::{Verified, judge, unverified};
use super::visit::{Entered, Visit};
use crate::policy::Gate;
use crate::policy::route::{BodyMode, Route};
use crate::policy::upkeep::Direction;
use crate::reject::{Code, Rejection};
use crate::replay::Claim;
use crate::sig::check::Check;
use crate::sig::message::{Fields, Head, Method};
use crate::sig::{Answering, Need, Site};

/// What the client asked, as far as the signature of the answer needs it.
pub struct Asked {
    head: Head,
    /// Of the listener, where the route has none.
    public_url: Option<Arc<str>>,
    /// Whether the client takes trailers (RFC 9110 §6.5.1).
    trailers: bool,
}

impl Asked {
    /// Kept only where the route signs its answers.
    pub fn of(exchange: &Exchange, route: &Route) -> Option<Self> {
        let te = exchange.head.fields.all("te").any(|value| value.eq_ignore_ascii_case(b"trailers"));
        let public_url = route.public_url.as_ref().or(exchange.connection.listener.public_url.as_ref()).cloned();
        let asked = || Self { head: exchange.head.clone(), public_url, trailers: te || exchange.http2 };
        route.answers.seal.as_ref().map(|_| asked())
    }
}

/// A body that was held, and what it occupies.
struct Whole {
    bytes: Bytes,
    trailers: Option<Fields>,
    share: Share,
}

impl Whole {
    fn into_body(self) -> AnswerBody {
        // An answer without a body, as to HEAD, ends with its head.
        if self.bytes.is_empty() && self.trailers.is_none() {
            return AnswerBody::Empty;
        }
        AnswerBody::Stream(Box::new(Pieces::new(self.bytes, self.trailers, self.share)))
    }
}

/// Judges an answer to the request `sent`. What does not hold never reaches the client; of one that streams, never its end.
pub async fn verify(
    (visit, entered): (&Visit, &Entered),
    sent: Option<&Head>,
    mut answer: Answer,
) -> Result<Answer, Rejection> {
    let route = &entered.matched.route;
    let (Some(gate), Some(sent)) = (&route.answers.gate, sent) else { return Ok(answer) };
    let head = Head { fields: std::mem::take(&mut answer.fields), ..sent.clone() };
    let opened = open((visit, entered), gate, (&head, sent), &answer);
    let (mut check, behind) = opened.map_err(|why| unverified(&why))?;
    let may_stream = route.answers.body == BodyMode::Stream && may_stream(visit, sent, &answer);
    let body = match answer.body {
        AnswerBody::Stream(inner) if may_stream && check.need() != Need::Whole => {
            AnswerBody::Stream(Box::new(Verified::new(inner, (check, behind), &visit.told)))
        }
        body => {
            let whole = hold((visit, entered), body).await?;
            let verdict = if check.need() == Need::Whole {
                if stint::is_long(whole.bytes.len()) {
                    let bytes = whole.bytes.clone();
                    stint::aside(move || check.close(Some(&bytes))).await?
                } else {
                    check.close(Some(&whole.bytes))
                }
            } else {
                Stint::default().feed(&whole.bytes, check.cost(), |piece| check.feed(piece)).await;
                let trailers = whole.trailers.clone().unwrap_or_default();
                judge(check, behind.then_some(&trailers))
            };
            let permit = verdict.map_err(|why| unverified(&why))?;
            visit.told.used(Direction::Verify, permit.ring(), permit.kept());
            // No signature covers trailers: they stay behind.
            Whole { trailers: None, ..whole }.into_body()
        }
    };
    Ok(Answer { status: answer.status, fields: head.fields, body })
}

/// Reads the evidence, and whether the signature is yet to come: in the head, or where it is announced.
fn open(
    (visit, entered): (&Visit, &Entered),
    gate: &Gate,
    (head, sent): (&Head, &Head),
    answer: &Answer,
) -> Result<(Check, bool), Rejection> {
    let route = &entered.matched.route;
    let public_url = forward::origin(sent);
    let site = Site { public_url: Some(&public_url), captures: &entered.matched.captures };
    let answering = Answering { status: answer.status, request: sent };
    let terms = (site, visit.worker.process.clock.now(), route.limits.macs);
    if let AnswerBody::Stream(body) = &answer.body
        && let Some(check) = gate.open_answer_behind(head, body.announced(), answering, terms)
    {
        return check.map(|check| (check, true));
    }
    gate.open_answer(head, answering, terms).map(|check| (check, false))
}

/// Whether the client would see that the end is missing: there is a body, and a length or a framing that says where it ends.
fn may_stream(visit: &Visit, sent: &Head, answer: &Answer) -> bool {
    let AnswerBody::Stream(body) = &answer.body else { return false };
    let bodiless = sent.method == Method::HEAD || matches!(answer.status, 204 | 205 | 304);
    !bodiless && body.remaining() != Some(0) && (visit.sees_ends || body.remaining().is_some())
}

/// The upstream has answered: the claim is settled, or will be by the verdict on the answer.
pub fn settle(claim: Option<Claim>, answer: &mut Answer) {
    let status = answer.status;
    let left = match &mut answer.body {
        AnswerBody::Stream(body) => claim.and_then(|claim| body.settle(claim, status)),
        AnswerBody::Empty | AnswerBody::Bytes(_) => claim,
    };
    if let Some(claim) = left {
        claim.settle(status);
    }
}

/// Signs an answer after the route's edits; held, or streamed with the signature in its trailers.
pub async fn seal(
    (visit, entered): (&Visit, &Entered),
    asked: Option<Asked>,
    mut answer: Answer,
) -> Result<Answer, Rejection> {
    let route = &entered.matched.route;
    let (Some(seal), Some(asked)) = (&route.answers.seal, asked) else { return Ok(answer) };
    if answer.status == 101 {
        return Ok(answer);
    }
    forward::edit(&mut answer.fields, &route.response);
    let mut head = Head { fields: std::mem::take(&mut answer.fields), ..asked.head.clone() };
    let answering = Answering { status: answer.status, request: &asked.head };
    let site = Site { public_url: asked.public_url.as_deref(), captures: &entered.matched.captures };
    let mut signing =
        seal.start_answer(&mut head, answering, (site, visit.worker.process.clock.now(), forward::entropy()?))?;
    visit.signed(seal, &signing);
    let body = match (signing.need(), answer.body) {
        (Need::Head, body) => {
            signing.finish(&mut head, None)?;
            body
        }
        (Need::Feed, AnswerBody::Stream(inner)) if route.answers.body == BodyMode::Stream && asked.trailers => {
            let announced = seal.scheme().facts().carrier_headers.iter();
            let late: Vec<&[u8]> = announced.map(Bytes::as_ref).filter(|name| !has(&head, name)).collect();
            let names = Bytes::from(late.join(&b", "[..]));
            let signed = Signed::new(inner, signing, head.clone());
            head.fields.remove("content-length");
            head.fields.set("trailer", names);
            AnswerBody::Stream(Box::new(signed))
        }
        (need, body) => {
            let mut whole = hold((visit, entered), body).await?;
            if need == Need::Whole {
                if let Some(instead) = signing.finish(&mut head, Some(&whole.bytes))? {
                    head.fields.remove("content-length");
                    whole.bytes = instead;
                }
            } else {
                Stint::default().feed(&whole.bytes, 1, |piece| signing.feed(piece)).await;
                signing.finish(&mut head, None)?;
            }
            whole.into_body()
        }
    };
    Ok(Answer { status: answer.status, fields: head.fields, body })
}

fn has(head: &Head, name: &[u8]) -> bool {
    head.fields.iter().any(|field| field.name == name)
}

/// The whole body, within the route's bound and the process's budget.
async fn hold((visit, entered): (&Visit, &Entered), body: AnswerBody) -> Result<Whole, Rejection> {
    let memory = &visit.worker.process.bodies.memory;
    let mut share = memory.share(Holder { source: entered.client, known: true });
    let mut stream = match body {
        AnswerBody::Empty => return Ok(Whole { bytes: Bytes::new(), trailers: None, share }),
        AnswerBody::Bytes(bytes) => return Ok(Whole { bytes, trailers: None, share }),
        AnswerBody::Stream(stream) => stream,
    };
    let (mut buffer, mut trailers) = (BytesMut::new(), None);
    while let Some(piece) = poll_fn(|cx| stream.poll_piece(cx)).await {
        match piece.map_err(|_| stream.why().cloned().unwrap_or_else(|| Code::UpstreamClosed.into()))? {
            Piece::Data(data) => {
                if buffer.len().saturating_add(data.len()) > entered.matched.route.answers.max {
                    return Err(Code::AnswerTooLarge.into());
                }
                if !share.grow(u64::try_from(data.len()).unwrap_or(u64::MAX)) {
                    return Err(Code::Overloaded.into());
                }
                buffer.extend_from_slice(&data);
            }
            Piece::Trailers(fields) => trailers = Some(fields),
        }
    }
    Ok(Whole { bytes: buffer.freeze(), trailers, share })
}
