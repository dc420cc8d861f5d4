//! Was this request seen before? Asked only with authentic requests, answered atomically.

mod digest;
mod forgotten;
mod memory;
mod persist;
mod shard;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use self::digest::Digests;
pub use self::memory::{Counters, Memory};
pub use self::persist::ReadBackError;
use self::shard::State;
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
pub enum Store {
    /// In this process.
    Memory(Arc<Memory>),
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
    /// How far in the future the scheme accepts stamps; bounds the guard after a restart.
    pub future: Duration,
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
}

impl Store {
    /// The store that the configuration asks for, with the claims of the last clean stop; and why there are none, if there should be.
    pub fn open(settings: &ReplayStore, now: Moment) -> (Self, Option<ReadBackError>) {
        let ReplayStore::Memory { capacity, restart_guard, persist } = settings;
        let memory = Memory::new(*capacity, restart_guard.then_some(now));
        let failure = persist.as_deref().and_then(|path| memory.read(path, now).err());
        (Self::Memory(Arc::new(memory)), failure)
    }

    /// Remembers the claims for the next start, where the configuration says so. Nothing may claim afterwards.
    pub fn close(&self, settings: &ReplayStore, now: Moment) -> std::io::Result<()> {
        let ReplayStore::Memory { persist: Some(path), .. } = settings else { return Ok(()) };
        let Self::Memory(memory) = self;
        memory.write(path, now).map(|_| ())
    }

    /// Claims the request that `attempt` proves, or says why not: replayed, pending, full, guarded.
    /// With [`ReplayBy::Off`] or a method outside `rule.methods` the claim is empty and always succeeds.
    #[expect(clippy::unused_async, reason = "a shared store answers over a network")]
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
        let Self::Memory(memory) = self;
        if attempt.permit.stamp().is_some_and(|stamp| memory.guards(stamp, attempt.future)) {
            return Err(Code::ReplayGuard.into());
        }
        memory.claim(&digests, until, now)?;
        let (memory, departed, release_on) = (Arc::clone(memory), departed.clone(), rule.release_on.clone());
        Ok(Claim(Some(Held { memory, digests, departed, release_on })))
    }

    /// How many claims are held; those whose time is over count until they are swept.
    pub fn len(&self) -> usize {
        let Self::Memory(memory) = self;
        memory.len()
    }

    /// Whether no claim is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many claims fit.
    pub fn capacity(&self) -> usize {
        let Self::Memory(memory) = self;
        memory.capacity()
    }

    /// What has happened since the start.
    pub fn counters(&self) -> &Counters {
        let Self::Memory(memory) = self;
        memory.counters()
    }

    /// Forgets what is over; to be called now and then, so that an idle process does not hold on to memory.
    pub fn sweep(&self, now: Moment) {
        let Self::Memory(memory) = self;
        memory.sweep(now);
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

impl Claim {
    /// The request is refused after all, and whatever left of it was incomplete: it may come again.
    pub fn give_back(mut self) {
        if let Some(held) = self.0.take() {
            held.memory.release(&held.digests);
        }
    }

    /// The upstream answered with `status`: kept, or released when `release_on` says so. Only below 400 was the request taken; a
    /// repetition of another one is refused, but never told that all is well.
    pub fn settle(mut self, status: u16) {
        if let Some(held) = self.0.take() {
            match status {
                status if held.release_on.contains(&status) => held.memory.release(&held.digests),
                ..400 => held.memory.complete(&held.digests, State::Answered),
                _ => held.memory.complete(&held.digests, State::Doubtful),
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(held) = self.0.take() {
            if held.departed.is_marked() {
                held.memory.complete(&held.digests, State::Doubtful);
            } else {
                held.memory.release(&held.digests);
            }
        }
    }
}

#[cfg(test)]
mod tests;
