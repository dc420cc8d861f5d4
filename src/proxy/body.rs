//! Receiving a body within bounds, feeding the MAC as it arrives.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout};

use super::exchange::{Exchange, Receiving};
use super::held::{Held, Holding, Kept};
use super::stint::Stint;
use crate::policy::limits;
use crate::policy::route::Trailers;
use crate::reject::{Code, Rejection};
use crate::sig::Need;
use crate::sig::check::Check;

/// Most bytes of a refused body that are read and forgotten.
const LEFTOVER: u64 = 64 << 10;

/// Longest time for them.
const LEFTOVER_TIME: Duration = Duration::from_millis(250);

/// The chunks of a request body, with the patience that the route has for them.
pub struct Intake<'a> {
    receiving: &'a mut Receiving,
    limits: &'a limits::Request,
    trailers: Trailers,
    pace: Pace,
    stint: Stint,
    digest: Option<Box<Sha256>>,
}

/// How much came, and how long the client let us wait for it. What the upstream or the disk takes is not the client's fault.
#[derive(Clone, Copy, Default)]
struct Pace {
    received: u64,
    waited: Duration,
}

/// A body that was received, or as much of it as may be held.
pub struct Received {
    /// The bytes.
    pub held: Held,
    /// What they occupy.
    pub kept: Kept,
    /// The first bytes beyond the bound: the body goes on.
    pub excess: Option<Bytes>,
}

impl<'a> Intake<'a> {
    /// Nothing is read before the first [`Intake::chunk`].
    pub fn new(receiving: &'a mut Receiving, limits: &'a limits::Request, trailers: Trailers) -> Self {
        Self { receiving, limits, trailers, pace: Pace::default(), stint: Stint::default(), digest: None }
    }

    /// The same, with a digest of what arrives where `wanted`.
    #[must_use]
    pub fn digesting(self, wanted: bool) -> Self {
        Self { digest: wanted.then(Box::default), ..self }
    }

    /// SHA-256 of what arrived so far, where that was wanted and something did.
    pub fn digest(&self) -> Option<[u8; 32]> {
        let digest = self.digest.as_ref().filter(|_| self.pace.received > 0)?;
        Some(Sha256::clone(digest).finalize().into())
    }

    /// How long the client let us wait, where it did.
    pub fn waited(&self) -> Option<Duration> {
        Some(self.pace.waited).filter(|waited| !waited.is_zero())
    }

    /// Most bytes the route takes.
    pub fn max(&self) -> u64 {
        self.limits.body_max
    }

    /// Bytes received so far.
    pub fn received(&self) -> u64 {
        self.pace.received
    }

    /// The next non-empty bytes, `None` at the end; refused when they take too long.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Rejection> {
        loop {
            let Some(chunk) = self.arrival().await? else {
                self.refuse_trailers()?;
                return Ok(None);
            };
            let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            self.pace.received = self.pace.received.saturating_add(length);
            if !chunk.is_empty() {
                if let Some(digest) = &mut self.digest {
                    digest.update(&chunk);
                }
                return Ok(Some(chunk));
            }
        }
    }

    /// Feeds what arrived; where much of it is there at once, the worker's other connections get their turn in between.
    pub async fn feed(&mut self, check: &mut Check, chunk: &[u8]) {
        self.stint.feed(chunk, check.cost(), |piece| check.feed(piece)).await;
    }

    /// Whether trailers came after the body.
    pub fn saw_trailers(&self) -> bool {
        self.receiving.saw_trailers()
    }

    /// Whether no chunk will follow.
    pub fn is_end(&self) -> bool {
        self.receiving.is_end()
    }

    /// What is there already costs no look at the clock.
    async fn arrival(&mut self) -> Result<Option<Bytes>, Rejection> {
        let patience = self.pace.patience(self.limits);
        let mut arrival = pin!(self.receiving.chunk());
        if let Poll::Ready(arrived) = poll_fn(|cx| Poll::Ready(arrival.as_mut().poll(cx))).await {
            return Ok(arrived.map_err(|_| Code::BodyIncomplete)?);
        }
        let began = Instant::now();
        let arrived = timeout(patience, arrival).await;
        self.stint.renew();
        self.pace.waited = self.pace.waited.saturating_add(began.elapsed());
        let late = |_| Rejection::from(Code::BodyTimeout).because("it paused, or was slower than the minimum rate");
        Ok(arrived.map_err(late)?.map_err(|_| Code::BodyIncomplete)?)
    }

    fn refuse_trailers(&self) -> Result<(), Rejection> {
        match self.trailers {
            Trailers::Refuse if self.receiving.saw_trailers() => Err(Code::TrailersRefused.into()),
            Trailers::Refuse | Trailers::Drop => Ok(()),
        }
    }
}

impl Pace {
    /// How long the next bytes may take: `body_idle`, and over all waits no more than that beyond what the minimum rate grants.
    fn patience(self, limits: &limits::Request) -> Duration {
        let granted = self.received.saturating_mul(1000).checked_div(limits.body_rate);
        let granted = granted.map_or(Duration::MAX, Duration::from_millis);
        limits.body_idle.min(limits.body_idle.saturating_add(granted).saturating_sub(self.waited))
    }
}

/// Lets a refused client finish what it is about to send, within bounds: a refusal that overtakes the body ends as a reset stream or
/// connection, and some clients then drop the answer that says why. One that waits for `100 Continue` sends nothing. Returns the whole body, where
/// it came and has at most `keep` bytes.
pub async fn let_finish(exchange: &mut Exchange, keep: usize) -> Option<Bytes> {
    let body = &mut exchange.body;
    let mut kept = BytesMut::new();
    let short = body.declared().is_none_or(|declared| declared <= LEFTOVER);
    if short && !body.is_end() && !exchange.head.fields.contains("expect") {
        let mut left = LEFTOVER;
        let rest = async {
            while let Ok(Some(chunk)) = body.chunk().await {
                let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
                let Some(less) = left.checked_sub(length) else { return };
                left = less;
                if kept.len().saturating_add(chunk.len()) <= keep {
                    kept.extend_from_slice(&chunk);
                }
            }
        };
        let _all_or_late = timeout(LEFTOVER_TIME, rest).await;
        let received = LEFTOVER.saturating_sub(left);
        return (body.is_end() && u64::try_from(kept.len()) == Ok(received)).then(|| kept.freeze());
    }
    body.is_end().then(Bytes::new)
}

/// Receives the body whole. `check` is fed on the way, unless it needs the body in one piece.
///
/// At most `body_max` bytes are held (`whole_max` where the check needs the body whole); what comes next is the caller's decision.
/// For a hopeless check the bytes are read and judged like any others, but not kept: they will never be forwarded.
pub async fn receive(
    intake: &mut Intake<'_>,
    mut holding: Holding<'_>,
    mut check: Option<&mut Check>,
) -> Result<Received, Rejection> {
    let bound = bound(intake.limits, check.as_deref());
    let keep = check.as_deref().is_none_or(|check| !check.is_hopeless());
    while let Some(chunk) = intake.chunk().await? {
        if intake.received() > bound {
            let (held, kept) = holding.finish().await?;
            return Ok(Received { held, kept, excess: Some(chunk) });
        }
        if let Some(check) = check.as_deref_mut()
            && check.need() != Need::Whole
        {
            intake.feed(check, &chunk).await;
        }
        if keep {
            let last = intake.is_end();
            holding.add(chunk, last).await?;
        }
    }
    let (held, kept) = holding.finish().await?;
    Ok(Received { held, kept, excess: None })
}

fn bound(limits: &limits::Request, check: Option<&Check>) -> u64 {
    let whole = check.is_some_and(|check| check.need() == Need::Whole);
    if whole { limits.body_max.min(u64::try_from(limits.whole_max).unwrap_or(u64::MAX)) } else { limits.body_max }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_may_pause_but_not_drip() {
        let limits = limits::Request { body_idle: Duration::from_secs(30), body_rate: 1000, ..Default::default() };
        let cases = [
            ("nothing yet", 0, 0, 30_000),
            ("a byte after 29 s does not buy another 30", 1, 29_000, 1_001),
            ("nothing is left", 1, 30_001, 0),
            ("long over", 1, 99_000, 0),
            ("as fast as demanded, and 30 s behind", 60_000, 90_000, 0),
            ("as fast as demanded, and 29 s behind", 60_000, 89_000, 1_000),
            ("faster than demanded", 600_000, 60_000, 30_000),
        ];
        for (name, received, waited, patience) in cases {
            let pace = Pace { received, waited: Duration::from_millis(waited) };
            assert_eq!(pace.patience(&limits), Duration::from_millis(patience), "{name}");
        }
        let unbounded = limits::Request { body_rate: 0, ..limits };
        let pace = Pace { received: 1, waited: Duration::from_secs(9999) };
        assert_eq!(pace.patience(&unbounded), Duration::from_secs(30));
    }
}
