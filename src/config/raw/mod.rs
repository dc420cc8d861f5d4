//! The configuration file as it is written: one struct per mapping, one field per setting, nothing checked across them.

pub(crate) mod callers;
pub(crate) mod listeners;
pub(crate) mod mapping;
pub(crate) mod process;
pub(crate) mod routes;
pub(crate) mod upstreams;

use super::field::{Field, List, Named};
use super::scheme::Declaration;
use listeners::Listener;
use mapping::mapping;
use process::{Admin, Anomalies, Audit, Capture, Health, Limits, Log, Replay, Spool, Timeouts};
use routes::Route;
use upstreams::{Keyrings, Upstream};

use super::field::Short;
use super::values::Of;

mapping! {
    /// A whole file, after includes and defaults were worked in.
    pub(crate) struct File {
        pub(crate) version: Field<u64>,
        pub(crate) listeners: Field<Named<Listener>>,
        pub(crate) upstreams: Field<Named<Upstream>>,
        pub(crate) keyrings: Field<Keyrings>,
        pub(crate) schemes: Field<Named<Declaration>>,
        pub(crate) routes: Field<List<Route>>,
        pub(crate) limits: Field<Limits>,
        pub(crate) spool: Field<Spool>,
        pub(crate) timeouts: Field<Timeouts>,
        pub(crate) replay: Field<Short<Replay>>,
        pub(crate) health: Field<Short<Health>>,
        pub(crate) admin: Field<Short<Admin>>,
        pub(crate) log: Field<Short<Log>>,
        pub(crate) audit: Field<Short<Audit>>,
        pub(crate) anomalies: Field<Short<Anomalies>>,
        pub(crate) capture: Field<Capture>,
        pub(crate) workers: Field<u64>,
        pub(crate) poll: Field<Of<std::time::Duration>>,
        pub(crate) lint: Field<Lint>,
    }
}

mapping! {
    /// What the linter finds here and is expected: codes and reasons. Stands beside whatever it is about.
    pub(crate) struct Lint {
        pub(crate) allow: Field<Named<String>>,
    }
}
