//! Health checks follow the rules in force, and end when the process has nothing more to send.

use std::sync::PoisonError;

use super::{Generation, Process};
use crate::proxy::upstream::health::checks::Checks;
use crate::telemetry::gauges::Health;

impl Process {
    /// How the upstreams are that have health checks.
    pub(super) fn health(&self) -> Vec<Health> {
        self.upstreams.health(&self.generation.load().policy.upstreams)
    }

    /// Checks what `generation` wants checked, from now on. Without active checks there is no thread for them. Never call it on a worker.
    pub(super) fn check_upstreams(&self, generation: &Generation) {
        let active = generation.policy.upstreams.iter();
        let active = active.filter(|upstream| upstream.health.as_ref().is_some_and(|health| health.active.is_some()));
        let wanted: Vec<_> = active.cloned().collect();
        let mut checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        match &*checks {
            _ if wanted.is_empty() => *checks = None,
            Some(running) => running.replace(wanted),
            None => match Checks::start(&self.upstreams, wanted) {
                Ok(started) => *checks = Some(started),
                Err(cause) => tracing::error!(%cause, "upstreams are not checked"),
            },
        }
    }

    /// Asks nobody any more.
    pub(super) fn stop_checks(&self) {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
