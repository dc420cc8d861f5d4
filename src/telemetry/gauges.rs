//! What the rest of the process knows at the moment of a scrape.

use std::sync::Arc;

use crate::sig::time::Moment;

/// Values that are asked for once per scrape.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    /// Number of the configuration in force.
    pub generation: u64,
    /// When it was loaded.
    pub loaded: Moment,
    /// Open client connections by listener name.
    pub connections: Vec<(Arc<str>, u64)>,
    /// Open connections by upstream name.
    pub upstream_connections: Vec<(Arc<str>, u64)>,
    /// The replay store.
    pub replay: Replay,
    /// Budgets of held bodies by name (`memory`, `spool`).
    pub budgets: Vec<(&'static str, Fill)>,
}

/// How full the replay store is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Replay {
    /// Live entries of most entries.
    pub fill: Fill,
    /// Claims that were new, since the start.
    pub claimed: u64,
    /// Claims that were refused as replays, since the start.
    pub replayed: u64,
    /// Claims that were given back, since the start.
    pub released: u64,
}

/// How much of how much.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fill {
    /// In use.
    pub used: u64,
    /// At most.
    pub capacity: u64,
}
