//! Whether the addresses of an upstream are well: what takes one out of the choice, what brings it back, and who is told.
//!
//! **Invariant:** a request that is answered writes nothing here, unless one before it failed; the lock is taken when a state changes.

pub mod checks;
pub(super) mod probe;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};

use super::shared::{Common, Shared, Target};
use crate::policy::upstream::{Active, Passive, Upstream};
use crate::reject::{Blame, Code};
use crate::telemetry::gauges::Health;

/// Checks took it out.
pub(super) const CHECKED_OUT: u8 = 1;
/// Requests took it out, for a time.
const RESTING: u8 = 2;

/// How one address is.
#[derive(Default)]
pub(super) struct Vitals {
    /// What takes it out; 0: it is in.
    out: AtomicU8,
    /// Requests that found no answer since the last one that did.
    failures: AtomicU32,
    /// Whether a check has ended yet: the first one of an address decides alone.
    known: AtomicBool,
    /// Checks in a row that say the contrary of what is thought of it.
    contrary: AtomicU32,
}

/// What was counted for an upstream since the process started.
#[derive(Default)]
pub(super) struct Tally {
    passed: AtomicU64,
    failed: AtomicU64,
    by_checks: AtomicU64,
    by_requests: AtomicU64,
}

/// What a check found wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Symptom {
    /// It answered something else than it should.
    Status(u16),
    /// It did not answer properly.
    Fault(Code),
    /// It did not answer in time.
    Late,
    /// The check could not be made, and says nothing: it is this process that lacks something.
    Ours,
}

impl Vitals {
    /// Whether requests should go elsewhere.
    pub(super) fn is_out(&self) -> bool {
        self.out.load(Relaxed) != 0
    }

    fn answered(&self) {
        if self.failures.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
        }
    }

    /// Failures in a row, with this one.
    fn failed(&self) -> u32 {
        self.failures.fetch_add(1, Relaxed).saturating_add(1)
    }

    pub(super) fn take_out(&self, by: u8) {
        self.out.fetch_or(by, Relaxed);
    }

    pub(super) fn bring_back(&self, from: u8) {
        self.out.fetch_and(!from, Relaxed);
    }

    fn is_out_by(&self, by: u8) -> bool {
        self.out.load(Relaxed) & by != 0
    }

    /// What a check makes of it: `Some` where that is news. One checker calls this.
    pub(super) fn check(&self, passed: bool, active: &Active) -> Option<bool> {
        let first = !self.known.swap(true, Relaxed);
        if passed != self.is_out_by(CHECKED_OUT) {
            self.contrary.store(0, Relaxed);
            return None;
        }
        let needed = match (passed, first) {
            (true, _) => active.passes,
            (false, true) => 1,
            (false, false) => active.fails,
        };
        let contrary = self.contrary.load(Relaxed).saturating_add(1);
        let news = contrary >= needed;
        self.contrary.store(if news { 0 } else { contrary }, Relaxed);
        news.then_some(passed)
    }
}

impl Common {
    /// An answer came from `target`.
    pub(super) fn praise(&self, target: &Target) {
        if self.passive().is_some() {
            target.vitals.answered();
        }
    }

    /// A request found no answer at `target`. Too many in a row, and it rests; never the last one that is well, unless that is wished.
    pub(super) fn blame(&self, target: &Arc<Target>, code: Code) {
        let Some(passive) = self.passive().filter(|_| code.reason().blame == Blame::Upstream) else { return };
        if target.vitals.failed() < passive.fails || !self.rests(target) {
            return;
        }
        self.tally.by_requests.fetch_add(1, Relaxed);
        self.tell(target, false, &format_args!("requests fail: {}", code.reason().code));
        let (common, target, rest) = (self.me.clone(), Arc::clone(target), passive.rest);
        tokio::task::spawn_local(async move {
            tokio::time::sleep(rest).await;
            target.vitals.bring_back(RESTING);
            if let Some(common) = common.upgrade() {
                common.tell(&target, true, &"it has rested");
            }
        });
    }

    /// Takes it out, if it may be and is not yet. Two workers never take out each other's last one.
    fn rests(&self, target: &Arc<Target>) -> bool {
        let _one_at_a_time = self.renewal.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.targets.load();
        let mut others = known.iter().filter(|other| !Arc::ptr_eq(other, target));
        let may = self.refuses() || others.any(|other| !other.vitals.is_out());
        let does = may && !target.vitals.is_out_by(RESTING);
        if does {
            target.vitals.take_out(RESTING);
        }
        does
    }

    /// Whether nothing is sent while no address is well.
    pub(super) fn refuses(&self) -> bool {
        self.settings.health.as_ref().is_some_and(|health| health.refuse)
    }

    /// Whether requests may go there: it is well, or none is and each is tried.
    pub(super) fn is_choice(&self, target: &Target) -> bool {
        !target.vitals.is_out() || !self.refuses() && self.targets.load().iter().all(|target| target.vitals.is_out())
    }

    fn passive(&self) -> Option<&Passive> {
        self.settings.health.as_ref()?.passive.as_ref()
    }

    pub(super) fn checked(&self, target: &Target, active: &Active, found: Result<(), Symptom>) {
        if found == Err(Symptom::Ours) {
            return;
        }
        let counter = if found.is_ok() { &self.tally.passed } else { &self.tally.failed };
        counter.fetch_add(1, Relaxed);
        match target.vitals.check(found.is_ok(), active) {
            None => {}
            Some(true) => {
                target.vitals.bring_back(CHECKED_OUT);
                self.tell(target, true, &"checks pass");
            }
            Some(false) => {
                target.vitals.take_out(CHECKED_OUT);
                self.tally.by_checks.fetch_add(1, Relaxed);
                let symptom = found.err().unwrap_or(Symptom::Late);
                self.tell(target, false, &format_args!("checks fail: {symptom}"));
            }
        }
    }

    /// One line for each change.
    fn tell(&self, target: &Target, well: bool, why: &dyn fmt::Display) {
        let targets = self.targets.load();
        let healthy = targets.iter().filter(|target| !target.vitals.is_out()).count();
        let (upstream, address, of) = (&*self.settings.name, &target.address, targets.len());
        if well {
            let still_out = target.vitals.is_out();
            tracing::info!(upstream, %address, healthy, of, still_out, "{why}: an address of an upstream is healthy again");
        } else {
            tracing::warn!(upstream, %address, healthy, of, "{why}: an address of an upstream is taken out");
        }
    }
}

impl Shared {
    /// How each of `upstreams` is that has health checks; without addresses where none is known yet.
    pub fn health(&self, upstreams: &[Arc<Upstream>]) -> Vec<Health> {
        let checked = upstreams.iter().filter(|upstream| upstream.health.is_some());
        checked
            .map(|upstream| self.known(upstream).map_or_else(|| unknown(upstream), |common| reading(&common)))
            .collect()
    }
}

fn unknown(upstream: &Upstream) -> Health {
    Health { upstream: Arc::clone(&upstream.name), ..Health::default() }
}

fn reading(common: &Common) -> Health {
    let tally = &common.tally;
    let address = |target: &Arc<Target>| (target.address.to_string(), !target.vitals.is_out());
    Health {
        upstream: Arc::clone(&common.settings.name),
        addresses: common.targets.load().iter().map(address).collect(),
        checks: [&tally.passed, &tally.failed].map(|count| count.load(Relaxed)),
        outages: [&tally.by_checks, &tally.by_requests].map(|count| count.load(Relaxed)),
    }
}

impl fmt::Display for Symptom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::Fault(code) => f.write_str(code.reason().code),
            Self::Late => f.write_str("no answer in time"),
            Self::Ours => f.write_str("not made"),
        }
    }
}
