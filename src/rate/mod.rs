//! Token buckets: who came too often, and when the next token is there. They survive reloads.

mod meter;
mod network;
mod shard;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use self::meter::{Id, Meter, Of};
pub use self::network::network;
use crate::policy::rate::{Per, Pool};

/// What a pool keeps over reloads.
type Name = (Per, Arc<str>);

/// Every pool that is in use, or that still remembers somebody, under the name that it keeps over reloads.
#[derive(Default)]
pub struct Registry(Mutex<HashMap<Name, Arc<Meter>>>);

/// How a pool fares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading {
    /// Whom it counts.
    pub per: Per,
    /// Its name.
    pub pool: Arc<str>,
    /// Buckets that it remembers.
    pub buckets: usize,
    /// Most buckets that it remembers.
    pub capacity: usize,
    /// Requests that had to share the common bucket since there was no room for one of their own.
    pub crowded: u64,
}

impl Registry {
    /// The meters of `pools`, in their order, at `now`. A pool that was there before goes on with what is in its buckets; one that is
    /// no longer named is forgotten as soon as its buckets are full again.
    pub fn meters(&self, pools: &[Pool], capacity: usize, now: Duration) -> Vec<Arc<Meter>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let meter = |pool: &Pool| {
            let meter = known.entry((pool.per, Arc::clone(&pool.name))).or_default();
            meter.adapt(pool.limit, capacity, now);
            Arc::clone(meter)
        };
        let meters: Vec<_> = pools.iter().map(meter).collect();
        known.retain(|_, meter| meters.iter().any(|used| Arc::ptr_eq(used, meter)) || meter.sweep(now) > 0);
        meters
    }

    /// Forgets full buckets, and says what is left; to be called now and then.
    pub fn sweep(&self, now: Duration) -> Vec<Reading> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = |((per, pool), meter): (&Name, &Arc<Meter>)| Reading {
            per: *per,
            pool: Arc::clone(pool),
            buckets: meter.sweep(now),
            capacity: meter.capacity(),
            crowded: meter.crowded(),
        };
        let mut readings: Vec<_> = known.iter().map(read).collect();
        readings.sort_unstable_by(|a, b| (a.per.name(), &a.pool).cmp(&(b.per.name(), &b.pool)));
        readings
    }
}

#[cfg(test)]
mod tests;
