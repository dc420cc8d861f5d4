//! Asking every address of the upstreams that want it, again and again, on one thread of the process.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet, LocalSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{Symptom, probe};
use crate::policy::upstream::{Active, Upstream};
use crate::proxy::upstream::shared::{Common, Shared, Target};
use crate::proxy::upstream::{resolve, same};

/// Addresses of one upstream that are asked at a time.
const AT_ONCE: usize = 32;
/// Names are looked up no more often.
const REST: Duration = Duration::from_secs(1);

/// The thread that checks. Dropped, it stops, and so does every check on its way.
pub struct Checks {
    wanted: Option<watch::Sender<Vec<Arc<Upstream>>>>,
    thread: Option<JoinHandle<()>>,
}

impl Checks {
    /// Begins to check those of `upstreams` that have active checks. Fails when the system gives no thread.
    pub fn start(shared: &Arc<Shared>, upstreams: Vec<Arc<Upstream>>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build()?;
        let (wanted, changes) = watch::channel(upstreams);
        let shared = Arc::clone(shared);
        let thread = std::thread::Builder::new().name("health".into()).spawn(move || {
            LocalSet::new().block_on(&runtime, supervise(&shared, changes));
            runtime.shutdown_background();
        })?;
        Ok(Self { wanted: Some(wanted), thread: Some(thread) })
    }

    /// Checks these from now on. Those that did not change go on as before.
    pub fn replace(&self, upstreams: Vec<Arc<Upstream>>) {
        if let Some(wanted) = &self.wanted {
            wanted.send_replace(upstreams);
        }
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        self.wanted.take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the health thread ended in an unexpected way");
        }
    }
}

/// The checks of one upstream under one set of settings; ends with its drop.
struct Watched {
    settings: Arc<Upstream>,
    task: AbortHandle,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn supervise(shared: &Arc<Shared>, mut changes: watch::Receiver<Vec<Arc<Upstream>>>) {
    let mut watched: HashMap<Arc<str>, Watched> = HashMap::new();
    loop {
        let wanted = changes.borrow_and_update().clone();
        watched.retain(|_, kept| wanted.iter().any(|one| same::settings(&kept.settings, one)));
        for upstream in &wanted {
            if !watched.contains_key(&upstream.name)
                && let Some(one) = watch(shared, upstream)
            {
                watched.insert(Arc::clone(&upstream.name), one);
            }
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

fn watch(shared: &Arc<Shared>, settings: &Arc<Upstream>) -> Option<Watched> {
    let active = settings.health.as_ref()?.active.clone()?;
    // Settings without usable TLS were refused when they were loaded.
    let common = shared.common(settings).ok()?;
    let task = tokio::task::spawn_local(async move { tokio::join!(renewals(&common), rounds(&common, &active)) });
    Some(Watched { settings: Arc::clone(settings), task: task.abort_handle() })
}

/// Follows the names: the workers look them up only when requests come.
async fn renewals(common: &Common) {
    while resolve::changes(common) {
        sleep(common.settings.resolve.max(REST)).await;
        resolve::renew(common).await;
    }
}

async fn rounds(common: &Arc<Common>, active: &Active) {
    loop {
        let begun = Instant::now();
        if common.targets.load().is_empty() {
            resolve::renew(common).await;
        }
        round(common, active).await;
        let Some(next) = begun.checked_add(active.interval) else { return };
        sleep_until(next).await;
    }
}

/// Every address once.
async fn round(common: &Arc<Common>, active: &Active) {
    let targets = common.targets.load_full();
    for some in targets.chunks(AT_ONCE) {
        let mut checks = JoinSet::new();
        for target in some {
            checks.spawn_local(check(Arc::clone(common), Arc::clone(target), active.clone()));
        }
        while checks.join_next().await.is_some() {}
    }
}

/// A little later than the others: replicas that start together must not ask together.
async fn check(common: Arc<Common>, target: Arc<Target>, active: Active) {
    sleep(jitter(active.interval)).await;
    let found = timeout(active.timeout, probe::ask(&common, &target, &active)).await;
    common.checked(&target, &active, found.unwrap_or(Err(Symptom::Late)));
}

/// Up to a tenth of `interval`.
fn jitter(interval: Duration) -> Duration {
    let mut random = [0_u8; 4];
    // Without randomness all ask together: no reason not to ask.
    let _: Result<(), getrandom::Error> = getrandom::fill(&mut random);
    let thousandths = u32::from_ne_bytes(random).checked_rem(100).unwrap_or_default();
    interval.saturating_mul(thousandths).checked_div(1000).unwrap_or_default()
}
