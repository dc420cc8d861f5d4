//! What a reload replaced, until nobody uses it any more. To drop a million keys takes a while, and the last request must not wait for it.

use std::sync::{Arc, Mutex, PoisonError};

/// Things whose last owner is to be here.
pub(super) struct Retired<T>(Mutex<Vec<Arc<T>>>);

impl<T> Default for Retired<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Retired<T> {
    /// Keeps `one` until [`Retired::let_go`] finds it unused.
    pub(super) fn push(&self, one: Arc<T>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(one);
    }

    /// Drops, on this thread, what nobody else holds. Never call it on a worker.
    pub(super) fn let_go(&self) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unused: Vec<_> = kept.extract_if(.., |one| Arc::strong_count(one) == 1).collect();
        drop(kept);
        drop(unused);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_holds_is_kept_and_the_rest_is_dropped_here() {
        let retired = Retired::default();
        let (used, unused) = (Arc::new(1), Arc::new(2));
        let gone = [Arc::downgrade(&used), Arc::downgrade(&unused)];
        retired.push(Arc::clone(&used));
        retired.push(unused);
        retired.let_go();
        assert_eq!(gone.each_ref().map(std::sync::Weak::strong_count), [2, 0]);
        drop(used);
        assert_eq!(gone[0].strong_count(), 1, "not by whoever held it");
        retired.let_go();
        assert_eq!(gone[0].strong_count(), 0);
    }
}
