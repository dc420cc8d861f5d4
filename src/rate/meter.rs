//! The buckets of one pool, in shards so that workers rarely meet.
//!
//! **Invariant:** only full buckets are forgotten. Who finds no room shares one bucket with all others in that place, which holds no more than
//! a single one: a flood of addresses is slowed down, and neither lets anything through nor fills the memory.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::network::network;
use super::shard::{Measure, Name, Shard};
use crate::policy::rate::Limit;

const SHARDS: usize = 16;
const SECOND: u64 = 1_000_000_000;

/// Whom a bucket counts.
#[derive(Clone, Copy, Debug)]
pub enum Id<'a> {
    /// A client's network: an IPv4 address, or a /64 of IPv6. Who has no address is one source.
    Source(Option<IpAddr>),
    /// A key or principal of this ring: ids are unique within a ring only.
    Caller(&'a str, &'a str),
    /// Everybody.
    All,
}

/// Whose bucket a token was of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    /// Of the one that it counts for.
    One,
    /// Of all for whom there is no room.
    Everybody,
}

/// The buckets of one pool.
pub struct Meter {
    shards: [Mutex<Shard>; SHARDS],
    /// Two, because 64 bits are too few to tell a million keys apart for certain. Unknown to clients, who cannot aim at a shard.
    hashers: [RandomState; 2],
    every: AtomicU64,
    fill: AtomicU64,
    capacity: AtomicUsize,
    crowded: AtomicU64,
}

impl Id<'_> {
    /// It as bytes that no other has, for `read`.
    pub fn with_parts<T>(self, read: impl FnOnce(&[&[u8]]) -> T) -> T {
        match self {
            Self::All => read(&[]),
            Self::Caller(ring, name) => read(&[ring.as_bytes(), name.as_bytes()]),
            Self::Source(address) => {
                let [high, low] = halves(address).map(u64::to_be_bytes);
                read(&[&[high, low].concat()])
            }
        }
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hashers: [RandomState::new(), RandomState::new()],
            every: AtomicU64::new(1),
            fill: AtomicU64::new(1),
            capacity: AtomicUsize::new(0),
            crowded: AtomicU64::new(0),
        }
    }
}

impl Meter {
    /// Takes a token at `now`, or says after how many whole seconds there will be one.
    pub fn take(&self, id: Id<'_>, now: Duration) -> Result<Of, NonZeroU32> {
        let name = self.name(id);
        let (place, most) = self.place(name);
        let Some(shard) = self.shards.get(place) else { return Ok(Of::Everybody) };
        let (common, taken) = lock(shard).take(name, (self.measure(), most), nanos(now));
        if common {
            self.crowded.fetch_add(1, Ordering::Relaxed);
        }
        let of = if common { Of::Everybody } else { Of::One };
        taken.map(|()| of).map_err(|wait| seconds(wait.div_ceil(SECOND)))
    }

    /// Goes by what a bucket that others share lacks at `now`, of which this one is a picture: what it refuses, nobody has to be asked for.
    pub fn follow(&self, id: Id<'_>, missing: Duration, now: Duration) {
        let name = self.name(id);
        if let Some(shard) = self.shards.get(self.place(name).0) {
            lock(shard).follow(name, nanos(now).saturating_add(nanos(missing).min(self.measure().fill)));
        }
    }

    /// After how many whole seconds a bucket that lacks `missing` has a token again.
    pub fn wait(&self, missing: Duration) -> NonZeroU32 {
        let Measure { every, fill } = self.measure();
        seconds(nanos(missing).saturating_add(every).saturating_sub(fill).div_ceil(SECOND).max(1))
    }

    /// Most buckets that are remembered.
    pub fn capacity(&self) -> usize {
        self.capacity.load(Ordering::Relaxed)
    }

    /// Requests that had to share the common bucket.
    pub fn crowded(&self) -> u64 {
        self.crowded.load(Ordering::Relaxed)
    }

    /// Forgets full buckets; how many are left.
    pub fn sweep(&self, now: Duration) -> usize {
        self.shards.iter().map(|shard| lock(shard).sweep(nanos(now))).fold(0, usize::saturating_add)
    }

    /// Goes over to `limit`; what is missing in the buckets stays missing.
    pub(super) fn adapt(&self, limit: Limit, capacity: usize, now: Duration) {
        let (old, new) = (self.measure(), Measure { every: limit.every.max(1), fill: limit.fill().max(1) });
        self.capacity.store(capacity, Ordering::Relaxed);
        if (old.every, old.fill) == (new.every, new.fill) {
            return;
        }
        self.every.store(new.every, Ordering::Relaxed);
        self.fill.store(new.fill, Ordering::Relaxed);
        self.shards.iter().for_each(|shard| lock(shard).adapt((old, new), nanos(now)));
    }

    fn measure(&self) -> Measure {
        Measure { every: self.every.load(Ordering::Relaxed), fill: self.fill.load(Ordering::Relaxed) }
    }

    fn name(&self, id: Id<'_>) -> Name {
        match id {
            Id::Source(source) => halves(source),
            Id::Caller(ring, name) => self.hashers.each_ref().map(|hasher| hasher.hash_one((ring, name))),
            Id::All => [0, 0],
        }
    }

    /// The shard of a name, and how many buckets fit there.
    fn place(&self, name: Name) -> (usize, usize) {
        let hash = self.hashers.first().map_or(0, |hasher| hasher.hash_one(name));
        let place = usize::try_from(hash.rem_euclid(16)).unwrap_or(0);
        (place, self.capacity().div_ceil(SHARDS))
    }
}

/// Mapped into IPv6.
fn halves(source: Option<IpAddr>) -> Name {
    let address = match source.map(network) {
        None => return [u64::MAX, u64::MAX],
        Some(IpAddr::V4(four)) => u128::from(four.to_ipv6_mapped()),
        Some(IpAddr::V6(six)) => u128::from(six),
    };
    let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0);
    [half(address >> 64_u32), half(address)]
}

fn nanos(now: Duration) -> u64 {
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

fn seconds(whole: u64) -> NonZeroU32 {
    u32::try_from(whole).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MAX)
}

/// A panic elsewhere leaves buckets as they are: no step of ours stops half-way.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
