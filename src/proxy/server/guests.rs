//! How many connections each source has, and whom a listener turned away or cut off. Asked once per connection, never for a request.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::policy::listen::Listener;
use crate::rate::network;

const SHARDS: usize = 16;

/// A listener and a network: an IPv4 address, or a /64 of IPv6.
type Source = (Arc<str>, IpAddr);

/// The sources of every listener, over all workers. Holds as many entries as there are connections at most.
pub struct Guests {
    shards: [Mutex<HashMap<Source, usize>>; SHARDS],
    /// Unknown to clients, who cannot aim at a shard.
    hasher: RandomState,
    ended: Mutex<HashMap<Arc<str>, Ended>>,
}

/// Why a connection was ended: before its first request, or, over HTTP/2, for what it did beside asking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// Its source has as many as it may.
    Source,
    /// It did not begin with a PROXY header, or came from where none may be sent.
    Proxy,
    /// Frames that ask for nothing.
    Frames,
    /// SETTINGS.
    Settings,
    /// Streams that it reset.
    Resets,
    /// Requests that were refused for their form.
    Malformed,
}

/// Counters in the order of [`Why::ALL`].
#[derive(Default)]
struct Ended([AtomicU64; 6]);

/// Connections that were ended: listener, reason, count.
pub type Endings = Vec<(Arc<str>, &'static str, u64)>;

/// A connection of a source; given back when dropped.
pub struct Guest {
    guests: Arc<Guests>,
    source: Source,
}

impl Default for Guests {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), hasher: RandomState::new(), ended: Mutex::default() }
    }
}

impl Why {
    /// Every one, in the order of the counters.
    const ALL: [Self; 6] = [Self::Source, Self::Proxy, Self::Frames, Self::Settings, Self::Resets, Self::Malformed];

    /// The metric label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Proxy => "proxy",
            Self::Frames => "frames",
            Self::Settings => "settings",
            Self::Resets => "resets",
            Self::Malformed => "malformed",
        }
    }

    const fn comes_first(self) -> bool {
        matches!(self, Self::Source | Self::Proxy)
    }
}

impl Guests {
    /// Those of these listeners, each counted from zero: the first ending is seen as a change.
    pub fn of(listeners: &[Arc<Listener>]) -> Self {
        let ended = listeners.iter().map(|listener| (Arc::clone(&listener.name), Ended::default())).collect();
        Self { ended: Mutex::new(ended), ..Self::default() }
    }

    /// A place for one more connection from `address`; `None`, counted, where it has as many as the listener gives to one source.
    pub fn seat(self: &Arc<Self>, listener: &Listener, address: IpAddr) -> Option<Guest> {
        let source = (Arc::clone(&listener.name), network(address));
        let mut shard = self.shard(&source)?;
        let held = shard.entry(source.clone()).or_default();
        if *held >= listener.limits.per_source {
            drop(shard);
            self.end(&listener.name, Why::Source);
            return None;
        }
        *held = held.saturating_add(1);
        drop(shard);
        Some(Guest { guests: Arc::clone(self), source })
    }

    /// Counts a connection that was ended.
    pub fn end(&self, listener: &Arc<str>, why: Why) {
        let mut known = lock(&self.ended);
        let counters = known.entry(Arc::clone(listener)).or_default();
        if let Some((_, counter)) = Why::ALL.iter().zip(&counters.0).find(|(one, _)| **one == why) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many were turned away before their first request, by listener and reason.
    pub fn turned_away(&self) -> Endings {
        self.counts(Why::comes_first)
    }

    /// How many were cut off for what they did beside asking, by listener and reason.
    pub fn cut_off(&self) -> Endings {
        self.counts(|why| !why.comes_first())
    }

    fn counts(&self, wanted: impl Fn(Why) -> bool) -> Endings {
        let known = lock(&self.ended);
        let counts = known.iter().flat_map(|(name, counters)| {
            let each = Why::ALL.iter().zip(&counters.0).filter(|(why, _)| wanted(**why));
            each.map(move |(why, count)| (Arc::clone(name), why.name(), count.load(Ordering::Relaxed)))
        });
        let mut counts: Vec<_> = counts.collect();
        counts.sort_unstable();
        counts
    }

    fn shard(&self, source: &Source) -> Option<MutexGuard<'_, HashMap<Source, usize>>> {
        let place = self.hasher.hash_one(source).rem_euclid(16);
        usize::try_from(place).ok().and_then(|place| self.shards.get(place)).map(lock)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let Some(mut shard) = self.guests.shard(&self.source) else { return };
        if let Some(held) = shard.get_mut(&self.source) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                shard.remove(&self.source);
            }
        }
    }
}

/// A panic elsewhere leaves the counts as they are: no step of ours stops half-way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::limits::Connection;
    use crate::policy::listen::Address;

    fn listener(name: &str, per_source: usize) -> Listener {
        Listener {
            name: name.into(),
            address: Address::Unix("/nowhere".into()).into(),
            tls: None,
            public_url: None,
            trusted: Vec::new(),
            proxied: None,
            limits: Connection { per_source, ..Connection::default() },
            http2: true,
            signing_hosts: None,
            forward_auth: None,
        }
    }

    #[test]
    fn a_listener_that_nobody_was_turned_away_from_counts_zero() {
        let guests = Guests::of(&[Arc::new(listener("public", 1))]);
        let counts = guests.turned_away().into_iter().chain(guests.cut_off());
        let counts: Vec<_> = counts.map(|(name, reason, count)| (name.to_string(), reason, count)).collect();
        let expected = ["proxy", "source", "frames", "malformed", "resets", "settings"];
        assert_eq!(counts, expected.map(|reason| ("public".to_owned(), reason, 0)));
    }

    #[test]
    fn a_source_has_as_many_connections_as_a_listener_gives_to_one() {
        let guests = Arc::new(Guests::default());
        let (public, inner) = (listener("public", 2), listener("inner", 2));
        let from = |listener: &Listener, address: &str| guests.seat(listener, address.parse().unwrap());
        let held = [from(&public, "192.0.2.1"), from(&public, "::ffff:192.0.2.1"), from(&public, "192.0.2.2")];
        assert!(held.iter().all(Option::is_some));
        assert!(from(&public, "192.0.2.1").is_none());
        assert!(from(&inner, "192.0.2.1").is_some(), "another listener counts for itself");
        let six = [from(&public, "2001:db8::1"), from(&public, "2001:db8::2")];
        assert!(six.iter().all(Option::is_some) && from(&public, "2001:db8::3").is_none(), "a /64 is one source");
        assert_eq!(guests.turned_away(), [("public".into(), "proxy", 0), ("public".into(), "source", 2)]);

        drop(held);
        assert!(from(&public, "192.0.2.1").is_some());
        drop(six);
        assert!(guests.shards.iter().all(|shard| lock(shard).is_empty()), "nobody is remembered");
    }
}
