//! Receiving a body within bounds, feeding the MAC as it arrives.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout};

use super::exchange::Receiving;
use super::held::{Held, Holding, Kept};
use crate::policy::limits;
use crate::policy::route::Trailers;
use crate::reject::{Code, Rejection};
use crate::sig::Need;
use crate::sig::check::Check;

/// The chunks of a request body, with the patience that the route has for them.
pub struct Intake<'a> {
    receiving: &'a mut Receiving,
    limits: &'a limits::Request,
    trailers: Trailers,
    started: Instant,
    received: u64,
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
    /// Starts the clock; nothing is read before the first [`Intake::chunk`].
    pub fn new(receiving: &'a mut Receiving, limits: &'a limits::Request, trailers: Trailers) -> Self {
        Self { receiving, limits, trailers, started: Instant::now(), received: 0 }
    }

    /// How long the upstream may take nothing of what is passed on.
    pub fn upstream_patience(&self) -> Duration {
        self.limits.response
    }

    /// Most bytes the route takes.
    pub fn max(&self) -> u64 {
        self.limits.body_max
    }

    /// Bytes received so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The next non-empty bytes, `None` at the end; refused when they take too long.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Rejection> {
        loop {
            let arrival = timeout(self.limits.body_idle, self.receiving.chunk()).await;
            let chunk = arrival.map_err(|_| Code::BodyTimeout)?.map_err(|_| Code::BodyIncomplete)?;
            let Some(chunk) = chunk else {
                self.refuse_trailers()?;
                return Ok(None);
            };
            self.received = self.received.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            self.keep_pace()?;
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
        }
    }

    /// Whether trailers came after the body.
    pub fn saw_trailers(&self) -> bool {
        self.receiving.saw_trailers()
    }

    /// Whether no chunk will follow.
    pub fn is_end(&self) -> bool {
        self.receiving.is_end()
    }

    fn refuse_trailers(&self) -> Result<(), Rejection> {
        match self.trailers {
            Trailers::Refuse if self.receiving.saw_trailers() => Err(Code::TrailersRefused.into()),
            Trailers::Refuse | Trailers::Drop => Ok(()),
        }
    }

    /// A body may be slow for `body_idle`; after that it must have kept the minimum rate since its start.
    fn keep_pace(&self) -> Result<(), Rejection> {
        let late = self.started.elapsed().saturating_sub(self.limits.body_idle);
        if late > Duration::ZERO && self.received < self.limits.body_rate.saturating_mul(late.as_secs()) {
            return Err(Rejection::from(Code::BodyTimeout).because("slower than the minimum rate"));
        }
        Ok(())
    }
}

/// Receives the body whole. `check` is fed on the way, unless it needs the body in one piece.
///
/// At most `body_max` bytes are held (`whole_max` where the check needs the body whole); what comes next is the caller's decision.
/// With `hopeless` the bytes are read and judged, but not kept: they can never be forwarded.
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
            check.feed(&chunk);
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
