//! Was this request seen before? Asked only with authentic requests, answered atomically.

mod digest;
mod forgotten;
mod memory;
mod persist;
pub mod redis;
mod shard;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustls::ClientConfig;

use self::digest::Digests;
pub use self::memory::{Counters, Memory};
pub use self::persist::ReadBackError;
use self::redis::{Away, Grant};
pub use self::redis::{Link, Remote, Taken};
use self::shard::State;
use crate::clock::Clock;
use crate::policy::operations::ReplayStore;
use crate::policy::route::{Replay, ReplayBy};
use crate::reject::{Code, Rejection};
use crate::sig::message::Method;
use crate::sig::permit::Permit;
use crate::sig::time::Moment;

/// A stamp of whole seconds is fresh until its last second is over.
const TICK: Duration = Duration::from_secs(1);

/// Where claims are kept. Survives reloads.
#[derive(Clone)]
pub struct Store {
    /// Those of this process. Whatever else is asked, what is known here never leaves it.
    memory: Arc<Memory>,
    /// Where other gateways claim, too.
    remote: Option<Arc<Remote>>,
}

/// An authentic request that asks to be the first of its kind.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// What was proved.
    pub permit: &'a Permit,
    /// Decides whether the rule applies; never part of what is remembered.
    pub method: &'a Method,
    /// The route's deadline for the whole exchange: time is checked when the head is read, the claim comes after the body.
    pub total: Duration,
    /// The worker's way to the shared store, where there is one.
    pub link: Option<&'a Link>,
}

/// Set by the upstream layer right before the first byte of a request may leave. Until then a claim can be given back.
#[derive(Clone, Default)]
pub struct Departed(Rc<Cell<bool>>);

impl Departed {
    /// From now on the upstream may have seen the request.
    pub fn mark(&self) {
        self.0.set(true);
    }

    /// The attempt provably sent nothing after all.
    pub fn recall(&self) {
        self.0.set(false);
    }

    /// Whether the upstream may have seen it.
    pub fn is_marked(&self) -> bool {
        self.0.get()
    }
}

/// A pending claim. Dropped: given back if the request never departed, kept otherwise.
#[must_use = "a claim that is dropped at once is given back at once"]
pub struct Claim(Option<Held>);

struct Held {
    memory: Arc<Memory>,
    digests: Digests,
    departed: Departed,
    release_on: Vec<u16>,
    shared: Option<Grant>,
}

impl Store {
    /// The store that the configuration asks for, with the claims of the last clean stop; and why there are none, if there should be. `tls` is for
    /// connections to a shared one.
    pub fn open(settings: &ReplayStore, tls: Option<Arc<ClientConfig>>, now: Moment) -> (Self, Option<ReadBackError>) {
        let memory = Memory::new(settings.capacity, settings.restart_guard.then_some(now));
        let failure = settings.persist.as_deref().and_then(|path| memory.read(path, now).err());
        let memory = Arc::new(memory);
        let remote = settings.redis.clone().map(|redis| Arc::new(Remote::new(redis, tls)));
        (Self { memory, remote }, failure)
    }

    /// A store of this process alone.
    pub fn of(memory: Memory) -> Self {
        Self { memory: Arc::new(memory), remote: None }
    }

    /// A worker's own way to the shared store, where there is one. Call it on the thread that will use it.
    pub fn link(&self, clock: &Clock) -> Option<Rc<Link>> {
        self.remote.as_ref().map(|remote| Link::new(Arc::clone(remote), clock.clone()))
    }

    /// Remembers the claims for the next start, where the configuration says so. Nothing may claim afterwards.
    pub fn close(&self, settings: &ReplayStore, now: Moment) -> std::io::Result<()> {
        let Some(path) = &settings.persist else { return Ok(()) };
        self.memory.write(path, now).map(|_| ())
    }

    /// Claims the request that `attempt` proves, or says why not: replayed, pending, full, guarded, nobody to ask.
    /// With [`ReplayBy::Off`] or a method outside `rule.methods` the claim is empty and always succeeds.
    pub async fn claim(
        &self,
        attempt: &Attempt<'_>,
        rule: &Replay,
        now: Moment,
        departed: &Departed,
    ) -> Result<Claim, Rejection> {
        if !rule.applies(attempt.method) {
            return Ok(Claim(None));
        }
        let digests = digest::of(attempt.permit, rule.by);
        let until = until(attempt, rule, now).filter(|_| !digests.is_empty()).ok_or_else(|| {
            Rejection::from(Code::Internal).because("nothing the signature covers tells this request from a replay")
        })?;
        if attempt.permit.stamp().is_some_and(|stamp| self.memory.guards(stamp, rule.ahead)) {
            return Err(Code::ReplayGuard.into());
        }
        self.memory.claim(&digests, until, now)?;
        let (memory, release_on) = (Arc::clone(&self.memory), rule.release_on.clone());
        // What streams has departed, but its end has not: until it is claimed everywhere it is given back.
        let mut claim = Claim(Some(Held { memory, digests, departed: Departed::default(), release_on, shared: None }));
        if let Some(link) = attempt.link {
            claim.share(link, lasting(attempt, rule, until, now), rule).await?;
            if link.guards() && !rule.open && claim.may_be_forgotten(attempt, rule) {
                self.memory.counters().guarded.fetch_add(1, Ordering::Relaxed);
                return Err(Code::ReplayGuard.into());
            }
        }
        if let Some(held) = &mut claim.0 {
            held.departed = departed.clone();
        }
        Ok(claim)
    }

    /// How many claims are held; those whose time is over count until they are swept.
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// Whether no claim is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many claims fit.
    pub fn capacity(&self) -> usize {
        self.memory.capacity()
    }

    /// What has happened since the start.
    pub fn counters(&self) -> &Counters {
        self.memory.counters()
    }

    /// The shared store.
    pub fn remote(&self) -> Option<&Remote> {
        self.remote.as_deref()
    }

    /// Forgets what is over; to be called now and then, so that an idle process does not hold on to memory.
    pub fn sweep(&self, now: Moment) {
        self.memory.sweep(now);
    }
}

impl Replay {
    /// Whether a request with this method is claimed at all.
    fn applies(&self, method: &Method) -> bool {
        let spared = self.spares_head && *method == Method::HEAD;
        self.by != ReplayBy::Off && !spared && (self.methods.is_empty() || self.methods.contains(method))
    }
}

/// The first moment at which no copy can be judged fresh any more; `None` where neither a stamp nor `keep` bounds it. With both it is the later
/// one: of two signatures one may have a stamp and the other none, and that one could be sent again alone.
fn until(attempt: &Attempt<'_>, rule: &Replay, now: Moment) -> Option<Moment> {
    let fresh = attempt.permit.fresh_until().max(rule.keep.map(|keep| now.plus(keep)))?;
    Some(fresh.plus(attempt.total).plus(rule.beyond).plus(TICK))
}

/// How long a shared store keeps it. What fresh is, is judged by other clocks, too, which may be as far behind ours as stamps may be ahead.
fn lasting(attempt: &Attempt<'_>, rule: &Replay, until: Moment, now: Moment) -> Duration {
    let window = attempt.permit.stamp().map(|stamp| until.since(stamp).saturating_add(rule.ahead.saturating_mul(2)));
    window.unwrap_or_default().max(until.since(now))
}

impl Claim {
    /// Whether the primary that granted it may lack an earlier claim of the same request.
    fn may_be_forgotten(&self, attempt: &Attempt<'_>, rule: &Replay) -> bool {
        let grant = self.0.as_ref().and_then(|held| held.shared.as_ref());
        grant
            .zip(attempt.permit.stamp())
            .is_some_and(|(grant, stamp)| grant.guards(stamp, rule.ahead.saturating_mul(2)))
    }

    /// Asks whether another gateway has it. Refused, it is given back here, or as known as it is there.
    async fn share(&mut self, link: &Link, life: Duration, rule: &Replay) -> Result<(), Rejection> {
        let Some(held) = &mut self.0 else { return Ok(()) };
        match link.share(&held.digests, life, rule.open).await {
            Ok(Ok(grant)) => held.shared = Some(grant),
            Ok(Err(state)) => {
                if let (State::Answered | State::Doubtful, Some(held)) = (state, self.0.take()) {
                    held.memory.complete(&held.digests, state);
                }
                return Err(state.refusal().into());
            }
            Err(Away) if rule.open => link.passes_unchecked(),
            Err(Away) => return Err(Code::ReplayStoreAway.into()),
        }
        Ok(())
    }

    /// Whether every gateway knows of it that shares a store with this one; without such a store, this process.
    pub fn is_checked(&self, link: Option<&Link>) -> bool {
        link.is_none() || self.0.as_ref().is_none_or(|held| held.shared.is_some())
    }

    /// The request is refused after all, and whatever left of it was incomplete: it may come again.
    pub fn give_back(mut self) {
        if let Some(held) = self.0.take() {
            held.release();
        }
    }

    /// The upstream answered with `status`: kept, or released when `release_on` says so. Only below 400 was the request taken; a
    /// repetition of another one is refused, but never told that all is well.
    pub fn settle(mut self, status: u16) {
        if let Some(held) = self.0.take() {
            match status {
                status if held.release_on.contains(&status) => held.release(),
                ..400 => held.keep(State::Answered),
                _ => held.keep(State::Doubtful),
            }
        }
    }
}

impl Held {
    fn release(self) {
        self.memory.release(&self.digests);
    }

    fn keep(self, state: State) {
        self.memory.complete(&self.digests, state);
        if let Some(grant) = self.shared {
            grant.settle(state);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(held) = self.0.take() {
            if held.departed.is_marked() { held.keep(State::Doubtful) } else { held.release() }
        }
    }
}

#[cfg(test)]
mod tests;
