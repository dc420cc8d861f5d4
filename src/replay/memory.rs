//! Claims in the memory of this process, shared by its workers.
//!
//! **Invariant:** a live claim is never forgotten. When there is no room, new requests are refused.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use smallvec::SmallVec;
use tokio::time::Instant;

use super::digest::Digest;
use super::shard::{Entry, Now, Shard, State};
use crate::reject::Code;
use crate::sig::time::Moment;

const SHARDS: usize = 16;
/// The guard's mark when it is lifted.
const LIFTED: i64 = i64::MIN;

/// A bounded set of claims, in shards so that workers rarely meet.
pub struct Memory {
    shards: [Mutex<Shard>; SHARDS],
    /// Entries over all shards, dead ones included until they are swept.
    held: AtomicUsize,
    capacity: usize,
    born: Instant,
    /// Milliseconds; stamps up to this moment plus the scheme's `future` may have been seen by our predecessor.
    guard: AtomicI64,
    swept: AtomicI64,
    counters: Counters,
}

/// What has happened since the start; for metrics.
#[derive(Default)]
pub struct Counters {
    /// Requests that were new.
    pub claims: AtomicU64,
    /// Refused: seen before.
    pub replays: AtomicU64,
    /// Refused: the same request was still being processed.
    pub pending: AtomicU64,
    /// Refused: no room.
    pub full: AtomicU64,
    /// Claims that were given back.
    pub released: AtomicU64,
    /// Refused: stamped before the start, or so that its claim may have been forgotten before the clock was set back.
    pub guarded: AtomicU64,
}

impl Memory {
    /// An empty memory of at most `capacity` claims. With a `guard`, the moment of the start, older stamps are refused until it is lifted.
    pub fn new(capacity: usize, guard: Option<Moment>) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            held: AtomicUsize::new(0),
            capacity,
            born: Instant::now(),
            guard: AtomicI64::new(guard.map_or(LIFTED, Moment::millis)),
            swept: AtomicI64::new(LIFTED),
            counters: Counters::default(),
        }
    }

    /// How many claims are held; those whose time is over count until they are swept.
    pub fn len(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many claims fit.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// What has happened since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether requests stamped before the start are refused.
    pub fn is_guarded(&self) -> bool {
        self.guard() != LIFTED
    }

    /// Forgets every claim whose time is over.
    pub fn sweep(&self, now: Moment) {
        let now = self.at(now);
        for shard in &self.shards {
            let swept = lock(shard).sweep(now);
            self.held.fetch_sub(swept, Ordering::Relaxed);
        }
    }

    /// Claims all of `digests` in one step, or none of them. They must be free of repetitions.
    pub(super) fn claim(&self, digests: &[Digest], until: Moment, now: Moment) -> Result<(), Code> {
        let mut outcome = self.attempt(digests, until, now);
        if outcome == Err(Code::ReplayFull) && self.may_sweep(now) {
            self.sweep(now);
            outcome = self.attempt(digests, until, now);
        }
        let counter = match outcome {
            Ok(()) => &self.counters.claims,
            Err(Code::Replayed | Code::ReplayUnsettled) => &self.counters.replays,
            Err(Code::ReplayPending) => &self.counters.pending,
            Err(Code::ReplayGuard) => &self.counters.guarded,
            Err(_) => &self.counters.full,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        outcome
    }

    /// Whether a request with this stamp may have been seen before the start.
    pub(super) fn guards(&self, stamp: Moment, future: Duration) -> bool {
        let start = self.guard();
        let guarded = start != LIFTED && stamp <= Moment::from_millis(start).plus(future);
        if guarded {
            self.counters.guarded.fetch_add(1, Ordering::Relaxed);
        }
        guarded
    }

    /// The upstream has, or may have, seen the request.
    pub(super) fn complete(&self, digests: &[Digest], state: State) {
        for digest in digests {
            if let Some(shard) = self.shards.get(shard_of(digest)) {
                lock(shard).complete(digest, state);
            }
        }
    }

    /// The request may come again.
    pub(super) fn release(&self, digests: &[Digest]) {
        for digest in digests {
            let removed = self.shards.get(shard_of(digest)).is_some_and(|shard| lock(shard).remove(digest));
            self.held.fetch_sub(usize::from(removed), Ordering::Relaxed);
        }
        self.counters.released.fetch_add(1, Ordering::Relaxed);
    }

    /// Every claim that is not dead.
    pub(super) fn snapshot(&self, now: Moment) -> Vec<(Digest, Entry)> {
        let now = self.at(now);
        let mut live = Vec::with_capacity(self.len());
        for shard in &self.shards {
            let shard = lock(shard);
            live.extend(shard.iter().filter(|(_, entry)| !entry.is_dead(now)).map(|(digest, entry)| (*digest, *entry)));
        }
        live
    }

    /// Takes over what a predecessor remembered, even beyond the capacity, and its guard instead of our own.
    pub(super) fn inherit(&self, claims: impl Iterator<Item = (Digest, Entry)>, guard: i64) {
        let age = self.age();
        for (digest, entry) in claims {
            let entry = Entry { age: age.saturating_add(entry.age), ..entry };
            let new = self.shards.get(shard_of(&digest)).is_some_and(|shard| lock(shard).insert(digest, entry));
            self.held.fetch_add(usize::from(new), Ordering::Relaxed);
        }
        self.guard.store(guard, Ordering::Relaxed);
    }

    /// The guard as it is written down.
    pub(super) fn guard(&self) -> i64 {
        self.guard.load(Ordering::Relaxed)
    }

    /// Both clocks.
    pub(super) fn at(&self, wall: Moment) -> Now {
        Now { wall, age: self.age() }
    }

    fn age(&self) -> u32 {
        u32::try_from(self.born.elapsed().as_secs()).unwrap_or(u32::MAX)
    }

    fn attempt(&self, digests: &[Digest], until: Moment, now: Moment) -> Result<(), Code> {
        let now = self.at(now);
        let mut locked = self.lock(digests, now);
        let live = |digest| locked.entry(digest).filter(|entry| !entry.is_dead(now)).map(|entry| entry.state);
        let states: Vec<_> = digests.iter().filter_map(live).collect();
        if states.contains(&State::Doubtful) {
            return Err(Code::ReplayUnsettled);
        }
        if states.contains(&State::Answered) {
            return Err(Code::Replayed);
        }
        if states.contains(&State::Pending) {
            return Err(Code::ReplayPending);
        }
        if locked.forgot(until) {
            return Err(Code::ReplayGuard);
        }
        let new = digests.iter().filter(|digest| locked.entry(digest).is_none()).count();
        self.reserve(new)?;
        let lifetime = until.since(now.wall).as_millis().div_ceil(1000);
        let age = now.age.saturating_add(u32::try_from(lifetime).unwrap_or(u32::MAX)).saturating_add(1);
        let entry = Entry { wall: until, age, state: State::Pending };
        for digest in digests {
            locked.insert(*digest, entry);
        }
        Ok(())
    }

    fn reserve(&self, more: usize) -> Result<(), Code> {
        let fits = |held: usize| held.checked_add(more).filter(|sum| *sum <= self.capacity);
        let reserved = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        reserved.map(|_| ()).map_err(|_| Code::ReplayFull)
    }

    /// A full store is swept once per second at most: a flood of refusals must not pay a sweep each.
    fn may_sweep(&self, now: Moment) -> bool {
        self.swept.swap(now.secs(), Ordering::Relaxed) != now.secs()
    }

    /// Locks every shard that `digests` touch, in ascending order, so that two claims never wait for each other.
    fn lock(&self, digests: &[Digest], now: Now) -> Locked<'_> {
        let mut places: SmallVec<[usize; 2]> = digests.iter().map(shard_of).collect();
        places.sort_unstable();
        places.dedup();
        let mut guards = SmallVec::new();
        for place in places {
            let Some(shard) = self.shards.get(place) else { continue };
            let mut shard = lock(shard);
            if shard.is_due() {
                self.held.fetch_sub(shard.sweep(now), Ordering::Relaxed);
            }
            guards.push((place, shard));
        }
        Locked(guards)
    }
}

/// The shards of one claim.
struct Locked<'a>(SmallVec<[(usize, MutexGuard<'a, Shard>); 2]>);

impl Locked<'_> {
    fn entry(&self, digest: &Digest) -> Option<&Entry> {
        let place = shard_of(digest);
        self.0.iter().find(|(at, _)| *at == place).and_then(|(_, shard)| shard.entry(digest))
    }

    fn forgot(&self, end: Moment) -> bool {
        self.0.iter().any(|(_, shard)| shard.forgot(end))
    }

    fn insert(&mut self, digest: Digest, entry: Entry) {
        let place = shard_of(&digest);
        if let Some((_, shard)) = self.0.iter_mut().find(|(at, _)| *at == place) {
            shard.insert(digest, entry);
        }
    }
}

fn shard_of(digest: &Digest) -> usize {
    digest.first().map_or(0, |byte| usize::from(*byte).rem_euclid(SHARDS))
}

/// A panic elsewhere leaves claims as they are: no step of ours stops half-way.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
