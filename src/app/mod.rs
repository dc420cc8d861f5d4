//! What lives as long as the process, what a reload replaces, and how it all starts and ends.

mod attempts;
mod build;
mod health;
mod ops;
mod poll;
mod reload;
mod retired;
mod signals;
mod supervisor;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use self::attempts::Attempts;
use crate::admin::{self, Readiness};
use crate::clock::Clock;
use crate::config::{self, Problem};
use crate::explain::captured::Captures;
use crate::policy::Policy;
use crate::policy::listen::Address;
use crate::proxy::bodies::Unwritable;
use crate::proxy::held::Store;
use crate::proxy::server::guests::Guests;
use crate::proxy::server::{self, BindError, Door, Running};
use crate::proxy::upstream;
use crate::proxy::upstream::health::checks::Checks;
use crate::proxy::worker::Worker;
use crate::rate::{self, Meter};
use crate::replay;
use crate::sig::time::Moment;
use crate::telemetry::Telemetry;

/// Everything that one load of the configuration yields. Replaced whole, in one swap.
pub struct Generation {
    /// Counts up with every successful load, from 1.
    pub number: u64,
    /// When it was loaded.
    pub loaded: Moment,
    /// What the configuration says.
    pub policy: Policy,
    /// The token buckets of the policy's pools, in their order. What is in them belongs to the process.
    pub meters: Vec<Arc<Meter>>,
    /// The listeners with their TLS, in the order of the file.
    pub doors: Vec<Arc<Door>>,
    /// Not wrong, but worth saying.
    pub warnings: Vec<Problem>,
    /// Files and directories whose change is a reason to load again.
    pub watched: Vec<PathBuf>,
    /// When its files began to be read, by the system's clock: what changed later may not be in it.
    pub began: Moment,
}

/// What a reload must not lose.
pub struct Process {
    /// What time it is.
    pub clock: Clock,
    /// The rules in force. Workers read it through `arc_swap::Cache`.
    pub generation: Arc<ArcSwap<Generation>>,
    /// Which requests were seen.
    pub replay: replay::Store,
    /// What held bodies may occupy.
    pub bodies: Store,
    /// Counters and the audit line.
    pub telemetry: Arc<Telemetry>,
    /// Refused requests that are kept to be explained.
    pub captures: Captures,
    /// Who is connected.
    pub guests: Arc<Guests>,
    /// Who came how often.
    pub rates: rate::Registry,
    /// Connection caps and load of upstreams.
    pub upstreams: Arc<upstream::Shared>,
    /// Who asks the upstreams how they are, where the rules in force want it.
    checks: Mutex<Option<Checks>>,
    /// How it fares.
    pub state: State,
    /// The configuration file.
    pub source: PathBuf,
    /// When the process started.
    pub started: Moment,
    /// What the process was started with.
    fixed: reload::Fixed,
    /// Generations that may still be in use.
    retired: retired::Retired<Generation>,
    /// Held while a new generation is built: two reloads never overtake each other.
    building: Mutex<()>,
}

/// What readiness and the status page say of the process.
#[derive(Default)]
pub struct State {
    /// Whether requests should be sent here.
    pub readiness: Arc<Readiness>,
    /// Why the last load failed; empty after a good one.
    pub problems: ArcSwap<Vec<Problem>>,
    /// The last reloads.
    pub attempts: Attempts,
    /// What is configured but takes effect only after a restart.
    pub pending: ArcSwap<Vec<String>>,
    /// Cancelled by whoever wants the process to drain and end.
    pub leave: CancellationToken,
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong: every mistake.
    #[error("the configuration has {} mistake(s)", .0.len())]
    Configuration(Vec<Problem>),
    /// An address is taken.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The spool directory takes no file.
    #[error(transparent)]
    Spool(#[from] Unwritable),
    /// The audit sink, the replay store or the runtime.
    #[error("{what}: {cause}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// Why it failed.
        cause: std::io::Error,
    },
}

/// A running gateway. Dropped, it ends at once.
pub struct App {
    process: Arc<Process>,
    addresses: Vec<(Arc<str>, Address)>,
    _operations: admin::Running,
    running: Running,
    _poller: poll::Poller,
}

impl App {
    /// Loads the configuration and starts to serve. Blocking; never call it on a worker.
    pub fn start(source: &Path, clock: Clock) -> Result<Self, StartError> {
        let loaded = config::load_with(source, &config::environment::variable, clock.now());
        let loaded = loaded.map_err(StartError::Configuration)?;
        Self::serve(source, loaded, clock)
    }

    /// Serves a configuration that is already loaded.
    pub fn serve(source: &Path, loaded: config::Loaded, clock: Clock) -> Result<Self, StartError> {
        let first = build::generation(source, loaded, None, clock.now()).map_err(StartError::Configuration)?;
        let process = Process::new(source, first, clock)?;
        let policy = &process.generation.load().policy;
        let workers = server::worker_count(policy.operations.workers);
        let make = {
            let process = Arc::clone(&process);
            move || Worker::new(Arc::clone(&process))
        };
        let running = server::start(&policy.listeners, workers, make)?;
        let poller = poll::start(&process).map_err(|cause| StartError::Io { what: "file watching", cause })?;
        let operations = Self::operate(&process, &running)
            .map_err(|cause| StartError::Io { what: "operations listeners", cause })?;
        process.check_upstreams(&process.generation.load());
        process.state.readiness.serving();
        let addresses = everywhere(&running, &operations);
        Ok(Self { process: Arc::clone(&process), addresses, _operations: operations, running, _poller: poller })
    }

    /// What the workers share.
    pub const fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// Where it listens, by the listener's name, with the ports that the system chose; the operations listeners are `health` and `admin`.
    pub fn addresses(&self) -> &[(Arc<str>, Address)] {
        &self.addresses
    }

    /// The accepting half.
    pub const fn server(&self) -> &Running {
        &self.running
    }

    /// Loads the configuration anew and puts it in force, or leaves everything as it is. Blocking.
    pub fn reload(&self) -> Result<u64, Vec<Problem>> {
        self.process.reload()
    }

    /// Ends in order: not ready, a pause for those who route to us, no new connections, the requests in flight, then the rest is cut.
    pub async fn drain(&self) {
        self.process.state.readiness.draining();
        let limits = self.process.generation.load().policy.limits.clone();
        tokio::time::sleep(limits.drain_delay).await;
        self.running.close();
        self.process.stop_checks();
        if tokio::time::timeout(limits.drain, self.running.closed()).await.is_err() {
            tracing::warn!("requests in flight were cut at the end of the drain time");
        }
        self.shutdown().await;
    }

    /// Ends at once, and writes what the next start must remember.
    pub async fn shutdown(&self) {
        self.process.state.readiness.draining();
        self.process.stop_checks();
        self.running.end();
        self.running.closed().await;
        let settings = &self.process.fixed.operations.replay;
        if let Err(cause) = self.process.replay.close(settings, self.process.clock.now()) {
            tracing::error!(%cause, "the replay claims were not written: the next start refuses stamps from before it");
        }
    }
}

pub(crate) use build::store_tls;

/// Checks what `config` cannot see: whether certificates, keys and names fit together. Works offline.
pub fn check(source: &Path, policy: &Policy) -> Result<(), Vec<Problem>> {
    build::doors(source, policy, None).map(drop)
}

fn everywhere(running: &Running, operations: &admin::Running) -> Vec<(Arc<str>, Address)> {
    let named = [("health", operations.health), ("admin", operations.admin)];
    let bound = named.into_iter().filter_map(|(name, address)| Some((Arc::from(name), Address::Socket(address?))));
    running.addresses.iter().cloned().chain(bound).collect()
}

impl Process {
    fn new(source: &Path, mut first: Generation, clock: Clock) -> Result<Arc<Self>, StartError> {
        let failed = |what| move |cause| StartError::Io { what, cause };
        let operations = &first.policy.operations;
        let tls = store_tls(operations).map_err(std::io::Error::other).map_err(failed("replay store"))?;
        let (replay, unread) = replay::Store::open(&operations.replay, tls, clock.now());
        if let Some(cause) = unread {
            tracing::warn!(%cause, "no replay claims were read back");
        }
        let bodies = Store::open(&first.policy.limits)?;
        let rates = rate::Registry::default();
        first.meters = rates.meters(&first.policy.pools, first.policy.limits.buckets, clock.age());
        let telemetry = Telemetry::new(&operations.audit, operations.anomalies.as_ref(), &clock);
        let telemetry = telemetry.map_err(failed("audit"))?;
        let guests = Arc::new(Guests::of(&first.policy.listeners));
        Ok(Arc::new(Self {
            started: clock.now(),
            clock,
            fixed: reload::Fixed::of(&first.policy),
            generation: Arc::new(ArcSwap::from_pointee(first)),
            replay,
            bodies,
            captures: Captures::default(),
            guests,
            rates,
            telemetry,
            upstreams: upstream::Shared::new(),
            checks: Mutex::default(),
            state: State::default(),
            source: source.to_owned(),
            retired: retired::Retired::default(),
            building: Mutex::default(),
        }))
    }
}

#[cfg(test)]
mod tests;
