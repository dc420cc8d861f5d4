//! What the workers share about upstreams: connection caps, load and failures of addresses, resolved names, TLS settings.
//!
//! **Invariant:** the lock in here is taken when a worker meets new settings or a name was resolved again, never on a request's path.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::health::{Tally, Vitals};
use super::{same, tls};
use crate::policy::upstream::Upstream;
use crate::reject::Code;

/// An address that failed is tried last for this long.
const SHUNNED: Duration = Duration::from_secs(5);

/// What the whole process shares about its upstreams: connection caps, load, resolved names.
pub struct Shared {
    commons: Mutex<HashMap<Arc<str>, Known>>,
    born: Instant,
}

/// What is shared about an upstream of one name.
struct Known {
    common: Arc<Common>,
    /// The same under other settings, as long as somebody uses it: while a reload spreads, workers meet old and new ones by turns.
    former: Vec<Weak<Common>>,
}

/// What the workers share about one upstream.
pub(super) struct Common {
    pub(super) settings: Arc<Upstream>,
    pub(super) tls: Option<Arc<rustls::ClientConfig>>,
    /// The same without HTTP/2, for requests that switch protocols.
    pub(super) tls_http1: Option<Arc<rustls::ClientConfig>>,
    pub(super) cap: Arc<Cap>,
    /// Failed connection attempts since the settings were met.
    pub(super) failures: AtomicU64,
    /// Every address, as resolved last.
    pub(super) targets: ArcSwap<Vec<Arc<Target>>>,
    /// Held while the list of addresses is replaced, or one of them is taken out.
    pub(super) renewal: Mutex<()>,
    /// What health checks have counted.
    pub(super) tally: Arc<Tally>,
    /// For what outlives a call.
    pub(super) me: Weak<Self>,
}

/// How many connections the process may have, and who waits for one. Kept over a reload that does not change the cap.
pub(super) struct Cap {
    /// Free connections; `None` is no cap.
    pub(super) slots: Option<Arc<Semaphore>>,
    /// Requests of all workers that wait for a slot.
    pub(super) waiting: AtomicUsize,
    /// Rung when a request starts to wait: whoever holds idle connections gives them up.
    pub(super) wanted: Notify,
}

/// One address of an upstream, and how it fares.
pub(super) struct Target {
    /// Place of its endpoint in the settings.
    pub(super) endpoint: usize,
    pub(super) address: Dial,
    load: AtomicUsize,
    /// Milliseconds after the start until which it is tried last; 0: it is well.
    shunned: AtomicU64,
    pub(super) vitals: Vitals,
}

/// What to connect to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Dial {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// One request in flight towards a target; counts until it is dropped.
pub(super) struct Load(pub(super) Arc<Target>);

impl Default for Shared {
    fn default() -> Self {
        Self { commons: Mutex::default(), born: Instant::now() }
    }
}

impl Shared {
    /// Nothing known yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Failed connection attempts by upstream name.
    pub fn failures(&self) -> Vec<(Arc<str>, u64)> {
        let commons = self.commons.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = |known: &Known| known.common.failures.load(Ordering::Relaxed);
        commons.iter().map(|(name, known)| (Arc::clone(name), failures(known))).collect()
    }

    /// Requests in flight by upstream name.
    pub fn in_flight(&self) -> Vec<(Arc<str>, u64)> {
        let commons = self.commons.lock().unwrap_or_else(PoisonError::into_inner);
        let load = |common: &Common| -> usize {
            common.targets.load().iter().map(|target| target.load.load(Ordering::Relaxed)).sum()
        };
        commons
            .iter()
            .map(|(name, known)| (Arc::clone(name), u64::try_from(load(&known.common)).unwrap_or(u64::MAX)))
            .collect()
    }

    /// What is shared under these settings. Unchanged settings keep it over a reload; a cap that did not change is kept in any case.
    pub(super) fn common(&self, settings: &Arc<Upstream>) -> Result<Arc<Common>, Code> {
        let mut commons = self.commons.lock().unwrap_or_else(PoisonError::into_inner);
        let known = commons.get_mut(&settings.name);
        if let Some(common) = known.as_ref().and_then(|known| known.under(settings)) {
            return Ok(common);
        }
        let before = known.as_ref().map(|known| &*known.common);
        let tls = tls::client_config(settings).map_err(|_| Code::UpstreamTls)?;
        let common = Arc::new_cyclic(|me| Common {
            tls_http1: tls.as_deref().map(tls::without_http2),
            tls,
            cap: cap(before, settings),
            failures: AtomicU64::new(before.map_or(0, |before| before.failures.load(Ordering::Relaxed))),
            targets: ArcSwap::default(),
            renewal: Mutex::new(()),
            tally: before.map(|before| Arc::clone(&before.tally)).unwrap_or_default(),
            settings: Arc::clone(settings),
            me: Weak::clone(me),
        });
        match known {
            Some(known) => known.replace(&common),
            None => drop(commons.insert(Arc::clone(&settings.name), Known::new(&common))),
        }
        Ok(common)
    }

    /// What is shared under these settings already.
    pub(super) fn known(&self, settings: &Upstream) -> Option<Arc<Common>> {
        let commons = self.commons.lock().unwrap_or_else(PoisonError::into_inner);
        commons.get(&settings.name)?.under(settings)
    }

    /// Milliseconds since the start, as kept in [`Target::shunned`].
    pub(super) fn millis(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Known {
    fn new(common: &Arc<Common>) -> Self {
        Self { common: Arc::clone(common), former: Vec::new() }
    }

    fn under(&self, settings: &Upstream) -> Option<Arc<Common>> {
        let former = self.former.iter().filter_map(Weak::upgrade);
        [Arc::clone(&self.common)].into_iter().chain(former).find(|common| same::settings(&common.settings, settings))
    }

    fn replace(&mut self, common: &Arc<Common>) {
        self.former.retain(|former| former.strong_count() > 0);
        self.former.push(Arc::downgrade(&self.common));
        self.common = Arc::clone(common);
    }
}

/// The cap of before, if it did not change.
fn cap(before: Option<&Common>, settings: &Upstream) -> Arc<Cap> {
    match before {
        Some(before) if before.settings.max_connections == settings.max_connections => Arc::clone(&before.cap),
        _ => Arc::new(Cap::new(settings.max_connections)),
    }
}

impl Cap {
    fn new(most: Option<usize>) -> Self {
        let slots = most.map(|most| Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))));
        Self { slots, waiting: AtomicUsize::new(0), wanted: Notify::new() }
    }
}

impl Target {
    pub(super) fn new(endpoint: usize, address: Dial) -> Arc<Self> {
        let (load, shunned, vitals) = (AtomicUsize::new(0), AtomicU64::new(0), Vitals::default());
        Arc::new(Self { endpoint, address, load, shunned, vitals })
    }

    /// What decides between addresses: those that are taken out last, then those that failed lately, then the fewest requests in flight.
    pub(super) fn rank(&self, now: u64) -> (bool, bool, usize) {
        (self.vitals.is_out(), self.shunned.load(Ordering::Relaxed) > now, self.load.load(Ordering::Relaxed))
    }

    pub(super) fn failed(&self, now: u64) {
        let until = now.saturating_add(u64::try_from(SHUNNED.as_millis()).unwrap_or(u64::MAX));
        self.shunned.store(until, Ordering::Relaxed);
    }

    pub(super) fn succeeded(&self) {
        if self.shunned.load(Ordering::Relaxed) != 0 {
            self.shunned.store(0, Ordering::Relaxed);
        }
    }
}

impl fmt::Display for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Load {
    pub(super) fn on(target: &Arc<Target>) -> Self {
        target.load.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(target))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.load.fetch_sub(1, Ordering::Relaxed);
    }
}
