//! The life of a request: one paragraph, from the head that arrived to the answer that leaves.
//!
//! **Invariant:** nothing of a held request, not even a connection, reaches an upstream before `close` and the claim.

use std::pin::pin;
use std::rc::Rc;

use tokio::time::timeout_at;

use super::answer::{self, Asked};
use super::exchange::{Answer, Exchange};
use super::visit::{Entered, Visit};
use super::worker::Worker;
use super::{challenge, forward, guard, hop, preflight, stream};
use crate::policy::route::BodyMode;
use crate::reject::{Code, Rejection};

/// Serves one request. Never fails: whatever goes wrong is an answer, and every request is told once. The exchange is lent: by value it would lie in
/// every step's future once more.
pub async fn serve(exchange: &mut Exchange, worker: &Rc<Worker>) -> Answer {
    let mut visit = Visit::begin(exchange, worker);
    if worker.shard.is_full() {
        Box::pin(worker.shard.room()).await;
    }
    let outcome = match visit.enter(exchange) {
        Ok(entered) => within_deadline(&mut visit, entered, exchange).await,
        Err(rejection) => Err(rejection),
    };
    match outcome {
        Ok(answer) => visit.conclude(answer),
        Err(rejection) => visit.refuse(&rejection),
    }
}

async fn within_deadline(visit: &mut Visit, entered: Entered, exchange: &mut Exchange) -> Result<Answer, Rejection> {
    let deadline = visit.deadline(entered.matched.route.limits.total);
    // One place for both ways: the future is most of what a request occupies.
    let journey = pin!(travel(visit, entered, exchange));
    match deadline {
        None => journey.await,
        Some(deadline) => timeout_at(deadline, journey).await.unwrap_or_else(|_| Err(Code::TotalTimeout.into())),
    }
}

/// The journey.
async fn travel(visit: &mut Visit, entered: Entered, exchange: &mut Exchange) -> Result<Answer, Rejection> {
    let route = &*entered.matched.route;
    let asked = Asked::of(exchange, route);
    guard::admit(route, exchange, &entered)?;
    visit.pace_source(&entered)?;
    hop::strip_request(&mut exchange.head.fields, |name| guard::is_protected(route, name))?;
    guard::refuse_twins(route, &exchange.head.fields)?;
    if let Some(answer) = preflight::answer(route, &exchange.head) {
        visit.unasked();
        return Ok(answer);
    }
    if let Some(answer) = challenge::unsigned(visit, route, exchange)? {
        return Ok(answer);
    }

    let mut opened = match visit.open(&entered, exchange) {
        Ok(opened) => opened,
        Err(rejection) => return Err(visit.turn_away(&entered, exchange, rejection).await),
    };
    if route.body == BodyMode::Stream && !exchange.body.is_end() {
        let reply = Box::pin(stream::travel(visit, &entered, opened, exchange)).await?;
        return sealed((visit, &entered), asked, reply).await;
    }
    let mut body = visit.receive(&entered, &mut opened, exchange).await?;
    let closed = visit.close(route, opened, &mut body).await;
    let admission = visit.attest(closed, (&entered, &exchange.head), &mut body)?;
    if let Some(answer) = challenge::signed(visit, route, &admission, (&exchange.head, &mut body))? {
        return Ok(answer);
    }
    let (admission, claim) = visit.claim(route, admission).await?;

    let mut reply = forward::send(visit, &entered, &admission, (exchange, body)).await?;
    answer::settle(claim, &mut reply);
    sealed((visit, &entered), asked, reply).await
}

/// An answer that nobody signs costs no room for its signature.
async fn sealed(place: (&Visit, &Entered), asked: Option<Asked>, reply: Answer) -> Result<Answer, Rejection> {
    match asked {
        None => Ok(reply),
        Some(_) => Box::pin(answer::seal(place, asked, reply)).await,
    }
}
