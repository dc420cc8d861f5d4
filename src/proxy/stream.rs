//! Forwarding a body as it arrives, while the verdict is still open.
//!
//! **Invariant:** the message to the upstream is completed only after `close` and the claim, and no byte of the upstream's
//! response, head included, reaches the client before that.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::time::Instant;

use super::answer;
use super::body::{Intake, Received};
use super::exchange::{Answer, Exchange};
use super::forward::{self, patience};
use super::held::Held;
use super::upstream::{Admission, Line, Provisional, Reply};
use super::verdict::Opened;
use super::visit::{Entered, Visit};
use crate::policy::route::Route;
use crate::reject::{Code, Rejection};
use crate::sig::Need;
use crate::sig::message::Head;

/// The journey of a request on a route that says `body: stream`. Identity headers cannot be written here: the head leaves before the verdict.
pub async fn travel(
    visit: &mut Visit,
    entered: &Entered,
    mut opened: Opened,
    exchange: &mut Exchange,
) -> Result<Answer, Rejection> {
    let route = &entered.matched.route;
    if exchange.body.declared().is_some_and(|declared| declared > route.limits.body_max) {
        return Err(Code::BodyTooLarge.into());
    }
    forward::compose(visit, entered, &Admission::Public, exchange);
    seal(visit, entered, &mut exchange.head)?;
    let upstream = visit.upstream(route)?;
    let line = visit.worker.upstreams.line(&upstream, route.connect_retries).await;
    let line = line.map_err(|code| forward::without_line(code, &upstream))?;
    let sent = route.answers.gate.is_some().then(|| exchange.head.clone());
    let asked = Instant::now();
    let mut outflow =
        Behind::begin(line, (std::mem::take(&mut exchange.head), exchange.body.declared()), visit, route).await?;

    let intake = Intake::new(&mut exchange.body, &route.limits, route.trailers);
    let mut intake = intake.digesting(visit.digests());
    let relayed = relay(&mut intake, opened.check(), &mut outflow).await;
    visit.took(&intake);
    relayed?;
    let admission = match opened {
        Opened::Checking(check) => visit.judge(route, check, None)?,
        Opened::Observed(rejection) => Admission::Observed(rejection),
        Opened::Public => Admission::Public,
    };
    let (admission, claim) = visit.claim(route, admission).await?;
    let reply = outflow.finish(&admission, route).await?;
    visit.answered(reply.answer.status, asked.elapsed());
    let mut answer = answer::verify((visit, entered), sent.as_ref(), reply.answer).await?;
    answer::settle(claim, &mut answer);
    Ok(answer)
}

/// Feeds the check and passes on what arrives.
async fn relay(
    intake: &mut Intake<'_>,
    mut check: Option<&mut crate::sig::check::Check>,
    outflow: &mut Behind,
) -> Result<(), Rejection> {
    while let Some(chunk) = intake.chunk().await? {
        if intake.received() > intake.max() {
            return Err(Code::BodyTooLarge.into());
        }
        if let Some(check) = check.as_deref_mut() {
            intake.feed(check, &chunk).await;
        }
        outflow.pass(chunk).await?;
    }
    Ok(())
}

/// Bytes on their way out, one piece behind: the last non-empty one waits for the verdict.
struct Behind {
    provisional: Provisional,
    kept_back: Bytes,
    patience: Duration,
}

impl Behind {
    async fn begin(
        line: Line,
        (head, length): (Head, Option<u64>),
        visit: &Visit,
        route: &Route,
    ) -> Result<Self, Rejection> {
        let provisional = line.begin(head, length, &visit.departed).await?;
        Ok(Self { provisional, kept_back: Bytes::new(), patience: route.limits.response })
    }

    /// An upstream that takes nothing any more, because it wants to answer first or is stuck, must not hold the request for ever.
    async fn pass(&mut self, chunk: Bytes) -> Result<(), Rejection> {
        if chunk.is_empty() {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.kept_back, chunk);
        let sent = tokio::time::timeout(self.patience, self.provisional.send(before)).await;
        Ok(sent.map_err(|_| Code::UpstreamTimeout)??)
    }

    async fn finish(self, admission: &Admission, route: &Route) -> Result<Reply, Code> {
        self.provisional.finish(admission, self.kept_back, patience(route)).await
    }
}

/// A signer of a streamed request covers the head alone; anything else was refused when the configuration was loaded.
fn seal(visit: &Visit, entered: &Entered, head: &mut Head) -> Result<(), Rejection> {
    let Some(signing) = forward::start_seal(visit, entered, head)? else { return Ok(()) };
    match signing.need() {
        Need::Head => signing.finish(head, None).map(drop),
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
    (exchange, body): (&mut Exchange, Received),
) -> Result<Answer, Rejection> {
    let route = &entered.matched.route;
    let upstream = visit.upstream(route)?;
    let line = visit.worker.upstreams.line(&upstream, route.connect_retries).await;
    let line = line.map_err(|code| forward::without_line(code, &upstream))?;
    let sent = route.answers.gate.is_some().then(|| exchange.head.clone());
    let asked = Instant::now();
    let mut outflow =
        Behind::begin(line, (std::mem::take(&mut exchange.head), exchange.body.declared()), visit, route).await?;
    replay_held(body.held, &mut outflow).await?;
    outflow.pass(body.excess.unwrap_or_default()).await?;
    let mut intake = Intake::new(&mut exchange.body, &route.limits, route.trailers);
    while let Some(chunk) = intake.chunk().await? {
        outflow.pass(chunk).await?;
    }
    let reply = outflow.finish(admission, route).await?;
    visit.answered(reply.answer.status, asked.elapsed());
    answer::verify((visit, entered), sent.as_ref(), reply.answer).await
}

async fn replay_held(held: Held, outflow: &mut Behind) -> Result<(), Rejection> {
    match held {
        Held::Empty => Ok(()),
        Held::Memory(pieces) => {
            for piece in pieces {
                outflow.pass(piece).await?;
            }
            Ok(())
        }
        Held::Spooled(mut file, _) => {
            let unreadable = |_| Rejection::from(Code::Internal).because("cannot read the spool file back");
            file.rewind().await.map_err(unreadable)?;
            loop {
                let mut buffer = bytes::BytesMut::with_capacity(64 << 10);
                if file.read_buf(&mut buffer).await.map_err(unreadable)? == 0 {
                    return Ok(());
                }
                outflow.pass(buffer.freeze()).await?;
            }
        }
    }
}
