//! What operators see and set: operations listeners, logs, the replay store, workers.

use std::path::PathBuf;
use std::time::Duration;

use super::listen::Address;

/// Everything about running the process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operations {
    /// GET `/livez /readyz /metrics`, nothing else; may be pod-wide.
    pub health: Option<Address>,
    /// `/status /keys`, `POST /reload`, `POST /drain`; loopback or a unix socket only.
    pub admin: Option<Address>,
    /// Whether `POST /explain` is answered.
    pub explain: bool,
    /// Worker threads; `None`: min(cgroup quota rounded up, cores, 4).
    pub workers: Option<usize>,
    /// How often watched files are looked at.
    pub poll: Duration,
    /// The replay store.
    pub replay: ReplayStore,
    /// Where audit lines go.
    pub audit: AuditSink,
    /// `tracing` filter directives, as in `info,countersign=debug`.
    pub log_filter: String,
    /// Form of the log.
    pub log_format: LogFormat,
}

/// Where replay claims are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReplayStore {
    /// In this process.
    Memory {
        /// Most live entries; when full, requests are refused.
        capacity: usize,
        /// Refuse stamps from before the start (plus tolerance), unless the store was read back.
        restart_guard: bool,
        /// Written (mode 0600) on a clean stop and read back at start.
        persist: Option<PathBuf>,
    },
}

/// Where audit lines go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AuditSink {
    /// Nowhere.
    Off,
    /// Standard output.
    Stdout,
    /// A file, appended to, reopened on SIGHUP.
    File(PathBuf),
}

/// Form of the log on stderr.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// Always text.
    Text,
    /// Always JSON.
    Json,
}
