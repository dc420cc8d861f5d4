//! Whether requests should be sent here, and what an operator should know about it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sig::keyring::Keyring;
use crate::sig::time::Moment;
use crate::telemetry::gauges::Health;

/// Where the process stands in its life. Starts unready.
#[derive(Default)]
pub struct Readiness(Mutex<Standing>);

#[derive(Default)]
struct Standing {
    phase: Phase,
    reload_failed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    Starting,
    Serving,
    Draining,
}

impl Readiness {
    /// Every listener accepts. Does nothing once draining has begun.
    pub fn serving(&self) {
        let mut standing = self.standing();
        if standing.phase == Phase::Starting {
            standing.phase = Phase::Serving;
        }
    }

    /// No further requests, please. There is no way back.
    pub fn draining(&self) {
        self.standing().phase = Phase::Draining;
    }

    /// A reload is over. A failed one leaves the process ready: the last good configuration serves on.
    pub fn reloaded(&self, succeeded: bool) {
        self.standing().reload_failed = !succeeded;
    }

    /// Whether requests should be sent here.
    pub fn is_ready(&self) -> bool {
        self.standing().phase == Phase::Serving
    }

    /// What `/readyz` says, one fact per line. An empty keyring is told but leaves the process ready: every replica has the same keys, and
    /// the other routes still work. So does an upstream that is not well: every replica sees it alike, and nobody else would be better off.
    pub(super) fn detail(&self, keyrings: &[impl AsRef<Keyring>], upstreams: &[Health], now: Moment) -> String {
        let standing = self.standing();
        let mut detail = String::from(match standing.phase {
            Phase::Starting => "starting\n",
            Phase::Serving => "ready\n",
            Phase::Draining => "draining\n",
        });
        if standing.reload_failed {
            detail.push_str(
                "last reload failed: the configuration before it is in force, /status of the admin listener says why\n",
            );
        }
        for ring in keyrings.iter().map(AsRef::as_ref).filter(|ring| ring.count_usable(now) == 0) {
            detail.extend(["keyring `", &**ring.name(), "` has no usable key\n"]);
        }
        for health in upstreams {
            let (name, healthy, known) = (&health.upstream, health.healthy(), health.addresses.len());
            let line = match known {
                0 => format!("upstream `{name}`: no address known yet\n"),
                _ => format!("upstream `{name}`: {healthy} of {known} addresses healthy\n"),
            };
            detail.push_str(&line);
        }
        detail
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sig::key::{Key, Window};
    use crate::sig::secret::Secret;

    fn ring_until(secs: i64) -> Arc<Keyring> {
        let window = Window { from: None, until: Some(Moment::from_secs(secs)) };
        let key = Key {
            id: "k".into(),
            principal: "k".into(),
            secret: Secret::new(vec![1]),
            sign: window,
            verify: window,
            created: None,
            observe: false,
        };
        Arc::new(Keyring::new("partners", vec![key]).unwrap())
    }

    #[test]
    fn only_a_serving_process_is_ready_and_draining_has_no_way_back() {
        let readiness = Readiness::default();
        assert!(!readiness.is_ready());
        readiness.serving();
        assert!(readiness.is_ready());
        readiness.draining();
        readiness.serving();
        assert!(!readiness.is_ready());
    }

    #[test]
    fn a_failed_reload_is_told_and_leaves_the_process_ready_until_one_succeeds() {
        let (readiness, none): (_, [Arc<Keyring>; 0]) = (Readiness::default(), []);
        readiness.serving();
        readiness.reloaded(false);
        assert!(readiness.is_ready());
        assert!(readiness.detail(&none, &[], Moment::default()).contains("last reload failed"));
        readiness.reloaded(true);
        assert_eq!(readiness.detail(&none, &[], Moment::default()), "ready\n");
    }

    #[test]
    fn an_upstream_that_is_not_well_is_told_and_leaves_the_process_ready() {
        let (readiness, none): (_, [Arc<Keyring>; 0]) = (Readiness::default(), []);
        readiness.serving();
        let addresses = vec![("10.0.0.1:80".to_owned(), false), ("10.0.0.2:80".to_owned(), false)];
        let upstreams = [Health { upstream: "app".into(), addresses, ..Health::default() }, Health::default()];
        let detail = readiness.detail(&none, &upstreams, Moment::default());
        assert_eq!(detail, "ready\nupstream `app`: 0 of 2 addresses healthy\nupstream ``: no address known yet\n");
        assert!(readiness.is_ready());
    }

    #[test]
    fn a_keyring_without_a_usable_key_is_told_from_the_second_it_runs_dry() {
        let readiness = Readiness::default();
        for (now, told) in [(99, false), (100, true), (101, true)] {
            let detail = readiness.detail(&[ring_until(100)], &[], Moment::from_secs(now));
            assert_eq!(detail.contains("keyring `partners` has no usable key"), told, "{now}");
        }
    }
}
