//! How often something may happen: token buckets as a configuration describes them.

use std::sync::Arc;

/// A token bucket: it holds `burst` tokens and regains one every so often. A request takes one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// Nanoseconds from one token to the next; at least 1.
    pub every: u64,
    /// Most tokens at once; at least 1.
    pub burst: u32,
}

impl Limit {
    /// Nanoseconds in which an empty bucket becomes full.
    pub fn fill(self) -> u64 {
        self.every.saturating_mul(self.burst.into())
    }
}

/// Whose requests a bucket counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Per {
    /// Those of one client address, before anything of the request is believed.
    Source,
    /// Those that one key verified.
    Key,
    /// Those that the keys of one principal verified.
    Principal,
    /// All that are about to be forwarded.
    Route,
}

impl Per {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Source, Self::Key, Self::Principal, Self::Route];

    /// As it is written in configurations and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Key => "key",
            Self::Principal => "principal",
            Self::Route => "route",
        }
    }
}

/// Buckets of one kind, a bucket for each of whom it counts. Routes that name the same pool share them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pool {
    /// Whom it counts.
    pub per: Per,
    /// Stable over reloads: what is in its buckets survives under this name. A metric label.
    pub name: Arc<str>,
    /// What each bucket holds.
    pub limit: Limit,
    /// Whether other gateways take from the same buckets.
    pub shared: bool,
}

/// The pools that a route takes tokens from, by their places in [`super::Policy::pools`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rates {
    /// Of [`Per::Source`].
    pub source: Option<usize>,
    /// Of [`Per::Key`].
    pub key: Option<usize>,
    /// Of [`Per::Principal`].
    pub principal: Option<usize>,
    /// Of [`Per::Route`].
    pub route: Option<usize>,
}

impl Rates {
    /// Whether it matters whose key verified a request.
    pub fn ask_who(&self) -> bool {
        self.key.is_some() || self.principal.is_some()
    }
}
