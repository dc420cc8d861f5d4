//! The life of a request: one paragraph, from the head that arrived to the answer that leaves.
//!
//! **Invariant:** nothing of a held request, not even a connection, reaches an upstream before `close` and the claim.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use tokio::task::coop::unconstrained;
use tokio::time::sleep_until;

use super::answer::{self, Asked};
use super::exchange::{Answer, Exchange};
use super::visit::{Entered, Visit};
use super::worker::Worker;
use super::{challenge, forward, forward_auth, guard, hop, preflight, stream};
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
    let mut alarm = pin!(visit.deadline(entered.matched.route.limits.total).map(sleep_until));
    let mut journey = pin!(travel(visit, entered, exchange));
    // Polled in one place, with a deadline and without: it is most of what a request occupies, and most of the code.
    poll_fn(|cx| match journey.as_mut().poll(cx) {
        Poll::Pending => match alarm.as_mut().as_pin_mut() {
            None => Poll::Pending,
            // At the end of its turn a task is told that nothing rang without being noted for later.
            Some(alarm) => pin!(unconstrained(alarm)).poll(cx).map(|()| Err(Code::TotalTimeout.into())),
        },
        arrived @ Poll::Ready(_) => arrived,
    })
    .await
}

/// The journey.
async fn travel(visit: &mut Visit, entered: Entered, exchange: &mut Exchange) -> Result<Answer, Rejection> {
    let route = &*entered.matched.route;
    let asked = Asked::of(exchange, route);
    guard::admit(route, exchange, &entered)?;
    visit.pace_source(&entered).await?;
    hop::strip_request(&mut exchange.head.fields, |name| guard::is_protected(route, name))?;
    guard::refuse_twins(route, &exchange.head.fields)?;
    if exchange.connection.listener.forward_auth.is_some() {
        return Box::pin(forward_auth::judge(visit, &entered, exchange)).await;
    }
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
