//! What operators see and set: operations listeners, logs, the replay store, workers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::listen::Address;
use super::upstream::Endpoint;

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
    /// What is written of requests, and where.
    pub audit: Audit,
    /// What is looked for in the traffic; `None`: nothing.
    pub anomalies: Option<Anomalies>,
    /// Which refused requests are kept; `None`: none.
    pub capture: Option<Capture>,
    /// `tracing` filter directives, as in `info,countersign=debug`.
    pub log_filter: String,
    /// Form of the log.
    pub log_format: LogFormat,
}

/// Where replay claims are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplayStore {
    /// Most live entries in this process; when full, requests are refused.
    pub capacity: usize,
    /// Refuse stamps from before the start (plus tolerance), unless the store was read back.
    pub restart_guard: bool,
    /// Written (mode 0600) on a clean stop and read back at start.
    pub persist: Option<PathBuf>,
    /// Asked, too, before a request is new; `None`: what this process knows is all.
    pub redis: Option<Redis>,
}

/// A Redis or Valkey that several gateways share.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redis {
    /// Of the server, of nodes of a cluster, or of sentinels.
    pub endpoints: Vec<Endpoint>,
    /// `None`: the endpoints are no sentinels.
    pub sentinel: Option<Sentinel>,
    /// `None`: plain text.
    pub tls: Option<Trust>,
    /// Who we are there.
    pub account: Account,
    /// Number of the database.
    pub database: u32,
    /// In front of every name, and its hash tag.
    pub namespace: String,
    /// How long a request waits for the answer.
    pub deadline: Duration,
    /// Refuse stamps from before a primary was known: it may have forgotten them.
    pub guard: bool,
}

/// Sentinels that know the primary.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sentinel {
    /// What they call it.
    pub name: String,
    /// Who we are to them.
    pub account: Account,
}

/// How to log in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Account {
    /// Name of the ACL user; `None`: the default one.
    pub user: Option<String>,
    /// File with the password, read for every connection; `None`: nobody asks for one.
    pub password: Option<PathBuf>,
}

impl Redis {
    /// Whether several addresses have to be nodes of one cluster: else each of them could be asked, and none knows of the other.
    pub fn wants_cluster(&self) -> bool {
        self.sentinel.is_none() && self.endpoints.len() > 1
    }
}

/// Whom we believe to be the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trust {
    /// PEM of the accepted authorities; `None`: the system's.
    pub ca: Option<Vec<u8>>,
    /// Name to verify and to send as SNI instead of the endpoint's host.
    pub server_name: Option<Arc<str>>,
}

/// What is written of requests, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Audit {
    /// Where the lines go.
    pub sink: AuditSink,
    /// How many of a million permitted requests are written; every refused one is.
    pub sample: u32,
    /// Whether the SHA-256 of every request body is computed and written.
    pub digest: bool,
    /// What happens to requests when lines come faster than they can be written.
    pub on_full: OnFull,
}

impl Audit {
    /// A million: every permitted request is written.
    pub const ALL: u32 = 1_000_000;

    /// Every line to this place.
    pub const fn to(sink: AuditSink) -> Self {
        Self { sink, sample: Self::ALL, digest: false, on_full: OnFull::Drop }
    }
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
    /// Syslog (RFC 5424), one datagram for each line: UDP, or a unix socket such as `/dev/log`.
    Syslog(Address),
    /// The journal's own protocol on its datagram socket.
    Journald(PathBuf),
}

/// When lines come faster than they can be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnFull {
    /// Lines are lost, and counted.
    Drop,
    /// New requests wait; none is lost.
    Block,
}

/// What is unusual in the traffic. A threshold of 0 turns its kind off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anomalies {
    /// How many times the usual number a count has to be.
    pub factor: u32,
    /// Refusals a minute of one key, at least.
    pub key_refusals: u32,
    /// Refusals a minute of one source network, at least.
    pub source_refusals: u32,
    /// Requests a minute that name an unknown key, at least.
    pub unknown_keys: u32,
    /// Replays a minute of one key, at least.
    pub replays: u32,
    /// How far the clock of a key's sender may be off, in hundredths of what the window allows.
    pub skew: u32,
    /// For how long after its first use a key may come from anywhere.
    pub learn: Duration,
    /// Whether a key that comes from a network for the first time is told.
    pub new_networks: bool,
    /// Whether the use of a retiring key is told.
    pub retiring_keys: bool,
}

impl Default for Anomalies {
    fn default() -> Self {
        Self {
            factor: 5,
            key_refusals: 20,
            source_refusals: 100,
            unknown_keys: 100,
            replays: 20,
            skew: 50,
            learn: Duration::from_hours(1),
            new_networks: true,
            retiring_keys: true,
        }
    }
}

/// Which refused requests are kept in memory, so that they can be explained.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capture {
    /// Most requests.
    pub refused: usize,
    /// Most bytes of one body; of a longer one nothing is kept.
    pub body: usize,
    /// For how long.
    pub keep: Duration,
    /// Names of the routes; none: every route that verifies.
    pub routes: Vec<String>,
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
