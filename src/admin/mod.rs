//! What operators ask and order: two small servers on a thread of their own, never on a worker.
//!
//! **Invariant:** no answer holds a secret; whatever changes something is reachable from this machine only.

mod answer;
#[cfg(test)]
pub(crate) mod fixture;
mod guard;
mod history;
pub(crate) mod keys;
mod listen;
mod page;
mod readiness;
mod server;
#[cfg(test)]
mod tests;
pub(crate) mod told;
mod view;

use std::io;
use std::sync::Arc;

pub use history::History;
pub use readiness::Readiness;
pub use server::Running;
pub use view::{Attempt, ListenerStatus, Status, UpstreamStatus};

use crate::clock::Clock;
use crate::config::Problem;
use crate::policy::listen::Address;
use crate::policy::upkeep::Upkeep;
use crate::sig::keyring::Keyring;
use crate::telemetry::gauges::Health;
use crate::telemetry::{Gauges, Telemetry};

/// From a request as JSON to its explanation, or to what is wrong with the JSON.
pub type Explain = Box<dyn Fn(&[u8]) -> Option<Result<serde_json::Value, String>> + Send + Sync>;

/// What the process lends to its operations servers. None of it may wait for a worker.
pub struct Ops {
    /// What time it is.
    pub clock: Clock,
    /// Counters and key uses.
    pub telemetry: Arc<Telemetry>,
    /// The last hour of traffic.
    pub history: History,
    /// Whether requests should be sent here.
    pub readiness: Arc<Readiness>,
    /// Values of the moment.
    pub gauges: Box<dyn Fn() -> Gauges + Send + Sync>,
    /// The upstreams with health checks.
    pub health: Box<dyn Fn() -> Vec<Health> + Send + Sync>,
    /// Why the shared replay store cannot be asked, while it cannot.
    pub store: Box<dyn Fn() -> Option<Arc<String>> + Send + Sync>,
    /// What `/status` tells beside them.
    pub status: Box<dyn Fn() -> Status + Send + Sync>,
    /// The keyrings in force.
    pub keyrings: Box<dyn Fn() -> Vec<Arc<Keyring>> + Send + Sync>,
    /// The same, with what they are for.
    pub upkeep: Box<dyn Fn() -> Arc<[Upkeep]> + Send + Sync>,
    /// Loads the configuration again: the new generation's number, or why nothing changed. May block.
    pub reload: Box<dyn Fn() -> Result<u64, Vec<Problem>> + Send + Sync>,
    /// Why a request would be refused, `None` where nobody may ask. May take a moment.
    pub explain: Explain,
    /// Begins to drain, as SIGTERM does; returns at once.
    pub drain: Box<dyn Fn() + Send + Sync>,
}

/// Binds both listeners and serves them until [`Running`] is dropped. Fails when an address is taken, or when `admin` is reachable from
/// elsewhere.
pub fn start(health: Option<&Address>, admin: Option<&Address>, ops: Ops) -> io::Result<Running> {
    server::start(health, admin, Arc::new(ops))
}
