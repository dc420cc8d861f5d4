//! How many bytes of unjudged bodies the process may hold, and no single source all of them.
//!
//! Held bodies are unauthenticated: without a bound, whoever can connect can fill the machine.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::rate::network;

/// A bounded number of bytes, shared by all workers.
///
/// **Invariant:** the sum of all live [`Share`]s never exceeds the limit; one source never holds more than an eighth of it;
/// the last quarter is given only to requests that name a known key.
pub struct Budget {
    limit: AtomicU64,
    used: AtomicU64,
    sources: Mutex<HashMap<Option<IpAddr>, u64>>,
}

/// Who asks for bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holder {
    /// The client's address; IPv6 counts by /64. `None` on a unix socket.
    pub source: Option<IpAddr>,
    /// Whether the request is well-formed and names a key that we have.
    pub known: bool,
}

/// Bytes that are held; given back on drop.
pub struct Share {
    budget: Arc<Budget>,
    holder: Holder,
    bytes: u64,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit: AtomicU64::new(limit), used: AtomicU64::new(0), sources: Mutex::default() })
    }

    /// Changes the limit; what is held stays held.
    pub fn resize(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Most bytes held at once.
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Bytes held now.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// A share of nothing, to be grown.
    pub fn share(self: &Arc<Self>, holder: Holder) -> Share {
        let holder = Holder { source: holder.source.map(network), ..holder };
        Share { budget: Arc::clone(self), holder, bytes: 0 }
    }

    fn take(&self, holder: Holder, bytes: u64) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let ceiling = if holder.known { limit } else { limit.saturating_sub(limit / 4) };
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = sources.entry(holder.source).or_default();
        let grown = mine.saturating_add(bytes);
        let total = self.used.load(Ordering::Relaxed).saturating_add(bytes);
        if grown > limit / 8 || total > ceiling {
            if *mine == 0 {
                sources.remove(&holder.source);
            }
            return false;
        }
        *mine = grown;
        self.used.store(total, Ordering::Relaxed);
        true
    }

    fn give_back(&self, holder: Holder, bytes: u64) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mine) = sources.get_mut(&holder.source) {
            *mine = mine.saturating_sub(bytes);
            if *mine == 0 {
                sources.remove(&holder.source);
            }
        }
        let rest = self.used.load(Ordering::Relaxed).saturating_sub(bytes);
        self.used.store(rest, Ordering::Relaxed);
    }
}

impl Share {
    /// Takes `bytes` more; `false` when the budget, or this source's part of it, is used up.
    #[must_use]
    pub fn grow(&mut self, bytes: u64) -> bool {
        let granted = self.budget.take(self.holder, bytes);
        if granted {
            self.bytes = self.bytes.saturating_add(bytes);
        }
        granted
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.give_back(self.holder, self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(address: &str, known: bool) -> Holder {
        Holder { source: Some(address.parse().unwrap()), known }
    }

    #[test]
    fn one_source_holds_at_most_an_eighth() {
        let budget = Budget::new(800);
        let mut share = budget.share(holder("192.0.2.1", true));
        assert!(share.grow(100));
        assert!(!share.grow(1));
        let mut same = budget.share(holder("::ffff:192.0.2.1", true));
        assert!(!same.grow(1));
        assert!(budget.share(holder("192.0.2.2", true)).grow(100));
    }

    #[test]
    fn the_last_quarter_is_for_known_keys() {
        let budget = Budget::new(800);
        let shares: Vec<_> = (1..=6)
            .map(|last| {
                let mut share = budget.share(holder(&format!("192.0.2.{last}"), false));
                assert!(share.grow(100));
                share
            })
            .collect();
        assert!(!budget.share(holder("192.0.2.9", false)).grow(1));
        assert!(budget.share(holder("192.0.2.9", true)).grow(100));
        drop(shares);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn addresses_of_one_v6_network_count_together() {
        let budget = Budget::new(800);
        let mut share = budget.share(holder("2001:db8::1", true));
        assert!(share.grow(100));
        assert!(!budget.share(holder("2001:db8::ffff", true)).grow(1));
        assert!(budget.share(holder("2001:db8:0:1::1", true)).grow(1));
    }

    #[test]
    fn what_is_dropped_is_given_back() {
        let budget = Budget::new(80);
        {
            let mut share = budget.share(holder("192.0.2.1", true));
            assert!(share.grow(10));
            assert_eq!(budget.used(), 10);
        }
        assert_eq!(budget.used(), 0);
        assert!(budget.sources.lock().unwrap().is_empty());
    }
}
