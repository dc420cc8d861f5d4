//! One swap: a new generation is built aside and put in force whole, or nothing changes and everybody is told.

use std::sync::{Arc, PoisonError};

use super::{Generation, Process, build, supervisor};
use crate::admin::Attempt;
use crate::config::{self, Problem};
use crate::policy::Policy;
use crate::policy::listen::ListenAt;
use crate::policy::operations::Operations;

impl Process {
    /// Loads the configuration and everything it names. On success it is in force when this returns, and its number is returned; else the
    /// last good one serves on. Blocking; never run on a worker.
    pub fn reload(&self) -> Result<u64, Vec<Problem>> {
        let _one_at_a_time = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        supervisor::reloading();
        let old = self.generation.load_full();
        let built = self.build(&old);
        self.tell(built.is_ok());
        match built {
            Ok(new) => Ok(self.install(new)),
            Err(problems) => {
                report(&problems);
                self.remember(Err(&problems));
                self.state.problems.store(Arc::new(problems.clone()));
                let (count, number) = (problems.len(), old.number);
                supervisor::ready(&format!("a reload was refused, {count} mistakes; generation {number} serves on"));
                Err(problems)
            }
        }
    }

    /// After a failed load, tries again without a word: what was missing may be there now, where nothing watches. Blocking.
    pub(super) fn retry(&self) {
        if self.state.problems.load().is_empty() {
            return;
        }
        let _one_at_a_time = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.generation.load_full();
        if let Ok(new) = self.build(&old) {
            self.tell(true);
            self.install(new);
        }
    }

    fn build(&self, old: &Generation) -> Result<Generation, Vec<Problem>> {
        let now = self.clock.now();
        let loaded = config::load_with(&self.source, &config::environment::variable, now)?;
        build::generation(&self.source, loaded, Some(old), now)
    }

    fn tell(&self, succeeded: bool) {
        self.telemetry.reloaded(succeeded);
        self.state.readiness.reloaded(succeeded);
    }

    fn install(&self, mut new: Generation) -> u64 {
        let number = new.number;
        new.meters = self.rates.meters(&new.policy.pools, new.policy.limits.buckets, self.clock.age());
        let pending = self.fixed.restart_needed(&new.policy);
        for what in &pending {
            tracing::warn!("{what} needs a restart");
        }
        self.state.pending.store(Arc::new(pending));
        self.state.problems.store(Arc::default());
        self.bodies.resize(&new.policy.limits);
        let new = Arc::new(new);
        self.retired.push(self.generation.swap(Arc::clone(&new)));
        self.check_upstreams(&new);
        tracing::info!(generation = number, "reloaded");
        supervisor::ready(&format!("serving, generation {number}"));
        self.remember(Ok(number));
        number
    }
}

impl Process {
    fn remember(&self, outcome: Result<u64, &[Problem]>) {
        let problems = outcome.err().unwrap_or_default().to_vec();
        self.state.attempts.push(Attempt { time: self.clock.now(), generation: outcome.ok(), problems });
    }
}

fn report(problems: &[Problem]) {
    for problem in problems {
        let file = problem.file.display();
        let (line, column) = problem.at.unwrap_or_default();
        tracing::error!(%file, line, column, path = problem.path, "not reloaded: {}", problem.message);
    }
}

/// What cannot change while the process runs, as it was at the start.
pub(super) struct Fixed {
    addresses: Vec<(Arc<str>, ListenAt)>,
    pub(super) operations: Operations,
}

impl Fixed {
    pub(super) fn of(policy: &Policy) -> Self {
        let addresses = policy.listeners.iter().map(|listener| (Arc::clone(&listener.name), listener.address.clone()));
        Self { addresses: addresses.collect(), operations: policy.operations.clone() }
    }

    /// What `policy` says otherwise, however many reloads ago it changed.
    fn restart_needed(&self, policy: &Policy) -> Vec<String> {
        let mut changed = Vec::new();
        for listener in &policy.listeners {
            let bound = self.addresses.iter().find(|(name, _)| *name == listener.name);
            if bound.is_none_or(|(_, address)| *address != listener.address) {
                changed.push(format!("the address of listener `{}`", listener.name));
            }
        }
        let (before, after) = (&self.operations, &policy.operations);
        let settings = [
            ("the health listener", before.health != after.health),
            ("the admin listener", before.admin != after.admin),
            ("the number of workers", before.workers != after.workers),
            ("the replay store", before.replay != after.replay),
            ("the audit log", before.audit != after.audit),
            ("the search for anomalies", before.anomalies != after.anomalies),
            ("the log", before.log_filter != after.log_filter || before.log_format != after.log_format),
        ];
        changed.extend(settings.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what.to_owned()));
        changed
    }
}
