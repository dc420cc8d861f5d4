//! What lives as long as the process, and what a reload replaces.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::clock::Clock;
use crate::policy::Policy;
use crate::proxy::server::Door;
use crate::proxy::upstream;
use crate::replay;
use crate::telemetry::Telemetry;

/// Everything that one load of the configuration yields. Replaced whole, in one swap.
pub struct Generation {
    /// Counts up with every successful load, from 1.
    pub number: u64,
    /// What the configuration says.
    pub policy: Policy,
    /// The listeners with their TLS, in the order of the file.
    pub doors: Vec<Arc<Door>>,
}

/// What a reload must not lose.
pub struct Process {
    /// What time it is.
    pub clock: Clock,
    /// The rules in force. Workers read it through `arc_swap::Cache`.
    pub generation: Arc<ArcSwap<Generation>>,
    /// Which requests were seen.
    pub replay: replay::Store,
    /// Counters and the audit line.
    pub telemetry: Arc<Telemetry>,
    /// Connection caps and load of upstreams.
    pub upstreams: Arc<upstream::Shared>,
}
