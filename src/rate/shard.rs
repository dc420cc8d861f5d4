//! One part of a pool: buckets by whom they count. Only those that are not full are remembered.

use std::collections::HashMap;

/// Who is counted: 128 bits of an address, or of a keyed hash.
pub(super) type Name = [u64; 2];

/// A full shard is searched for full buckets at most this often (nanoseconds): a flood of strangers must not pay a search each.
const PAUSE: u64 = 100_000_000;

/// A bucket: the moment at which it will be full again. Anything before now is a full bucket, which nobody needs to remember.
#[derive(Clone, Copy, Default)]
pub(super) struct Bucket(u64);

/// What a bucket holds, in nanoseconds: from one token to the next, and from empty to full.
#[derive(Clone, Copy)]
pub(super) struct Measure {
    pub(super) every: u64,
    pub(super) fill: u64,
}

#[derive(Default)]
pub(super) struct Shard {
    buckets: HashMap<Name, Bucket>,
    /// Shared by everybody for whom there is no room.
    common: Bucket,
    searched: Option<u64>,
}

impl Bucket {
    /// Takes a token at `now`, or says in how many nanoseconds there will be one.
    pub(super) fn take(&mut self, measure: Measure, now: u64) -> Result<(), u64> {
        let full_at = self.0.max(now).saturating_add(measure.every);
        let missing = full_at.saturating_sub(now);
        if missing > measure.fill {
            return Err(missing.saturating_sub(measure.fill));
        }
        self.0 = full_at;
        Ok(())
    }

    fn is_full(self, now: u64) -> bool {
        self.0 <= now
    }

    /// The same number of tokens is missing under a new limit, as far as that many fit.
    fn adapt(&mut self, (old, new): (Measure, Measure), now: u64) {
        let missing = u128::from(self.0.saturating_sub(now)).saturating_mul(new.every.into());
        let missing = missing.div_ceil(u128::from(old.every).max(1)).min(new.fill.into());
        self.0 = now.saturating_add(u64::try_from(missing).unwrap_or(new.fill));
    }
}

impl Shard {
    /// Takes a token from the bucket of `name`; whether that was the common one, and in how many nanoseconds to come again.
    pub(super) fn take(&mut self, name: Name, (measure, most): (Measure, usize), now: u64) -> (bool, Result<(), u64>) {
        if let Some(bucket) = self.buckets.get_mut(&name) {
            return (false, bucket.take(measure, now));
        }
        if self.buckets.len() >= most && self.may_search(now) {
            self.sweep(now);
        }
        if self.buckets.len() >= most {
            return (true, self.common.take(measure, now));
        }
        let mut bucket = Bucket::default();
        let taken = bucket.take(measure, now);
        self.buckets.insert(name, bucket);
        (false, taken)
    }

    /// The bucket of `name`, if it is remembered, is full again at this moment.
    pub(super) fn follow(&mut self, name: Name, full_at: u64) {
        if let Some(bucket) = self.buckets.get_mut(&name) {
            bucket.0 = full_at;
        }
    }

    /// Forgets full buckets; how many are left.
    pub(super) fn sweep(&mut self, now: u64) -> usize {
        self.buckets.retain(|_, bucket| !bucket.is_full(now));
        let left = self.buckets.len();
        if left < self.buckets.capacity().div_euclid(4) {
            self.buckets.shrink_to(left.saturating_mul(2));
        }
        left
    }

    /// Goes over to a new limit.
    pub(super) fn adapt(&mut self, change: (Measure, Measure), now: u64) {
        self.buckets.values_mut().chain([&mut self.common]).for_each(|bucket| bucket.adapt(change, now));
    }

    fn may_search(&mut self, now: u64) -> bool {
        let due = self.searched.is_none_or(|last| now.saturating_sub(last) >= PAUSE);
        if due {
            self.searched = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_stays_small() {
        assert_eq!(size_of::<(Name, Bucket)>(), 24, "100,000 of them are to fit in 7 MB");
    }
}
