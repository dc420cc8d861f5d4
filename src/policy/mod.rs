//! What a configuration becomes: which rule applies to a request. Pure values; `config` makes them, `proxy` obeys them.
//!
//! **Invariant:** nothing here does I/O, logs, spawns or reads a clock; `config` and `proxy` meet nowhere else.

pub mod access;
pub mod gate;
pub mod limits;
pub mod lint;
pub mod listen;
pub mod operations;
pub mod rate;
pub mod route;
pub mod routes;
pub mod seal;
pub mod upkeep;
pub mod upstream;

use std::sync::Arc;

pub use gate::Gate;
pub use route::Route;
pub use routes::Routes;
pub use seal::Seal;

/// Everything that one configuration file, with its keys and certificates, says. Immutable; replaced whole by a reload.
pub struct Policy {
    /// Where requests come in, in the order of the file.
    pub listeners: Vec<Arc<listen::Listener>>,
    /// Which rule applies.
    pub routes: Routes,
    /// Token buckets; a route names those it takes from by their places here.
    pub pools: Vec<rate::Pool>,
    /// Where requests go; a route names one by its place here.
    pub upstreams: Vec<Arc<upstream::Upstream>>,
    /// Every keyring that something uses, by name, for status and metrics.
    pub keyrings: Vec<Arc<crate::sig::keyring::Keyring>>,
    /// The same with what routes do with them and what their owners demand.
    pub upkeep: Arc<[upkeep::Upkeep]>,
    /// Budgets and limits of the whole process.
    pub limits: limits::Process,
    /// Operations listeners, logs, replay store, workers.
    pub operations: operations::Operations,
}
