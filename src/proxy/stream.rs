//! Forwarding a body as it arrives, while the verdict is still open.
//!
//! **Invariant:** the message to the upstream is completed only after `close` and the claim, and no byte of the upstream's
//! response, head included, reaches the client before that.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::time::Instant;

use super::body::{Intake, Received};
use super::exchange::{Answer, Exchange};
use super::forward::{self, entropy, patience};
use super::held::Held;
use super::upstream::{Admission, Provisional, Reply};
use super::verdict::Opened;
use super::visit::{Entered, Visit};
use crate::reject::{Code, Rejection};
use crate::sig::message::Head;
use crate::sig::{Need, Site};

/// The journey of a request on a route that says `body: stream`. Identity headers cannot be written here: the head leaves before the verdict.
pub async fn travel(
    visit: &mut Visit,
    entered: &Entered,
    mut opened: Opened,
    mut exchange: Exchange,
) -> Result<Answer, Rejection> {
    let route = &entered.matched.route;
    if exchange.body.declared().is_some_and(|declared| declared > route.limits.body_max) {
        return Err(Code::BodyTooLarge.into());
    }
    forward::compose(visit, entered, &Admission::Public, &mut exchange);
    seal(visit, entered, &mut exchange.head)?;
    let upstream = visit.upstream(route)?;
    let line = visit.worker.upstreams.line(&upstream, route.connect_retries).await?;
    let asked = Instant::now();
    let mut provisional = line.begin(exchange.head, exchange.body.declared(), &visit.departed).await?;

    let mut intake = Intake::new(&mut exchange.body, &route.limits, route.trailers);
    let last = relay(&mut intake, opened.check(), &mut provisional).await;
    visit.took(&intake);
    let last = last?;
    let admission = match opened {
        Opened::Checking(check) => visit.judge(route, check, None)?,
        Opened::Observed(rejection) => Admission::Observed(rejection),
        Opened::Public => Admission::Public,
    };
    let (admission, claim) = visit.claim(route, admission).await?;
    let reply = provisional.finish(&admission, last, patience(route)).await?;
    visit.answered(reply.answer.status, asked.elapsed());
    if let Some(claim) = claim {
        claim.settle(reply.answer.status);
    }
    Ok(reply.answer)
}

/// Passes on every chunk but the last non-empty one, which is returned: it waits for the verdict.
async fn relay(
    intake: &mut Intake<'_>,
    mut check: Option<&mut crate::sig::check::Check>,
    provisional: &mut Provisional,
) -> Result<Bytes, Rejection> {
    let mut kept_back = Bytes::new();
    while let Some(chunk) = intake.chunk().await? {
        if intake.received() > intake.max() {
            return Err(Code::BodyTooLarge.into());
        }
        if let Some(check) = check.as_deref_mut() {
            check.feed(&chunk);
        }
        let before = std::mem::replace(&mut kept_back, chunk);
        if !before.is_empty() {
            pass_on(provisional, before, intake.upstream_patience()).await?;
        }
    }
    Ok(kept_back)
}

/// An upstream that takes nothing any more, because it wants to answer first or is stuck, must not hold the request for ever.
async fn pass_on(provisional: &mut Provisional, chunk: Bytes, patience: Duration) -> Result<(), Rejection> {
    let sent = tokio::time::timeout(patience, provisional.send(chunk)).await;
    Ok(sent.map_err(|_| Code::UpstreamTimeout)??)
}

/// A signer of a streamed request covers the head alone; anything else was refused when the configuration was loaded.
fn seal(visit: &Visit, entered: &Entered, head: &mut Head) -> Result<(), Rejection> {
    let Some(seal) = &entered.matched.route.seal else { return Ok(()) };
    let site = Site { public_url: None, captures: &entered.matched.captures };
    let signing = seal.start(head, site, visit.worker.process.clock.now(), entropy()?)?;
    match signing.need() {
        Need::Head => signing.finish(head, None),
        Need::Feed | Need::Whole => {
            Err(Rejection::from(Code::SigningFailed).because("a streamed body cannot be signed"))
        }
    }
}

/// A body above the bound on an observing route: what is held goes first, the rest follows as it arrives, and nothing is refused.
pub async fn overflow(
    visit: &mut Visit,
    entered: &Entered,
    admission: &Admission,
    (mut exchange, body): (Exchange, Received),
) -> Result<Answer, Rejection> {
    let route = &entered.matched.route;
    let upstream = visit.upstream(route)?;
    let line = visit.worker.upstreams.line(&upstream, route.connect_retries).await?;
    let asked = Instant::now();
    let mut provisional = line.begin(exchange.head, exchange.body.declared(), &visit.departed).await?;
    let patience_to_send = route.limits.response;
    replay_held(body.held, &mut provisional, patience_to_send).await?;
    pass_on(&mut provisional, body.excess.unwrap_or_default(), patience_to_send).await?;
    let mut intake = Intake::new(&mut exchange.body, &route.limits, route.trailers);
    while let Some(chunk) = intake.chunk().await? {
        pass_on(&mut provisional, chunk, patience_to_send).await?;
    }
    let reply: Reply = provisional.finish(admission, Bytes::new(), patience(route)).await?;
    visit.answered(reply.answer.status, asked.elapsed());
    Ok(reply.answer)
}

async fn replay_held(held: Held, provisional: &mut Provisional, patience: Duration) -> Result<(), Rejection> {
    match held {
        Held::Empty => Ok(()),
        Held::Memory(bytes) => pass_on(provisional, bytes, patience).await,
        Held::Spooled(mut file, _) => {
            let unreadable = |_| Rejection::from(Code::Internal).because("cannot read the spool file back");
            file.rewind().await.map_err(unreadable)?;
            loop {
                let mut buffer = bytes::BytesMut::with_capacity(64 << 10);
                if file.read_buf(&mut buffer).await.map_err(unreadable)? == 0 {
                    return Ok(());
                }
                pass_on(provisional, buffer.freeze(), patience).await?;
            }
        }
    }
}
