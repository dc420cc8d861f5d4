//! How far the clock of whoever signs with a key is from ours: few buckets, so that every key can have them.

use std::sync::atomic::{AtomicU64, Ordering};

/// Inclusive upper bounds in milliseconds of what lies behind our clock; the stamp is ahead of it below zero.
pub(crate) const BOUNDS: [i64; 8] = [-30_000, -5000, -1000, 0, 1000, 5000, 30_000, 60_000];

/// Uses of a key by how old their stamp was.
#[derive(Default)]
pub(super) struct Skews([AtomicU64; BOUNDS.len() + 1]);

/// The same at rest.
pub(crate) type Counts = [u64; BOUNDS.len() + 1];

impl Skews {
    pub(super) fn record(&self, millis: i64) {
        let place = BOUNDS.partition_point(|bound| *bound < millis);
        if let Some(bucket) = self.0.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn add_to(&self, counts: &mut Counts) {
        for (count, bucket) in counts.iter_mut().zip(&self.0) {
            *count = count.saturating_add(bucket.load(Ordering::Relaxed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skew_falls_into_the_bucket_that_it_is_at_most() {
        let skews = Skews::default();
        for millis in [i64::MIN, -30_000, -29_999, -999, 0, 1, 1000, 1001, 60_000, 60_001, i64::MAX] {
            skews.record(millis);
        }
        let mut counts = Counts::default();
        skews.add_to(&mut counts);
        assert_eq!(counts, [2, 1, 0, 2, 2, 1, 0, 1, 2]);
    }
}
