//! Budgets, the replay store, operations listeners, logs.

use super::super::raw::File;
use super::super::raw::process as raw;
use super::super::values::Of;
use super::listeners::is_local;
use super::{Scope, audit, bounds, redis};
use crate::policy::limits::Process;
use crate::policy::listen::{Address, ListenAt};
use crate::policy::operations::{LogFormat, Operations, ReplayStore};

/// Most replay entries where nothing else is said: about 100 MB when full.
const REPLAY_CAPACITY: u64 = 1_000_000;
const WORKERS_MAX: u64 = 1024;

/// Bounds of the process.
pub(crate) fn limits(raw: &File, scope: &Scope<'_>) -> Process {
    let mut limits = Process::default();
    if let Some(raw) = raw.limits.get() {
        bounds::positive([&raw.memory], scope);
        bounds::positive([&raw.buckets], scope);
        limits.buckets = raw.buckets.get().map_or(limits.buckets, |most| usize::try_from(*most).unwrap_or(usize::MAX));
        limits.memory_budget = raw.memory.get().map(|Of(size)| size.0);
    }
    if let Some(raw) = raw.spool.get() {
        limits.spool_directory = raw.directory.found().map(|(path, at)| scope.files.resolve(path, at));
        limits.spool_budget = raw.max.get().map_or(limits.spool_budget, |Of(size)| size.0);
    }
    if let Some(raw) = raw.timeouts.get() {
        limits.drain = raw.drain.get().map_or(limits.drain, |Of(time)| *time);
        limits.drain_delay = raw.drain_delay.get().map_or(limits.drain_delay, |Of(time)| *time);
    }
    limits
}

/// Everything about running it.
pub(crate) fn operations(raw: &File, scope: &Scope<'_>) -> Operations {
    let log = raw.log.get().map(|short| &short.0);
    if let Some((Of(poll), at)) = raw.poll.found()
        && poll.is_zero()
    {
        scope.report.error(at, "files would be looked at without a pause", Some("write a duration such as `2s`"));
    }
    let filter = log.and_then(|log| log.filter.found());
    if let Some((filter, at)) = filter
        && filter.parse::<tracing_subscriber::filter::Targets>().is_err()
    {
        scope.report.error(at, "not a log filter", Some("write `info` or `info,countersign=debug`"));
    }
    Operations {
        health: raw.health.get().and_then(|short| short.0.address.get()).map(|Of(address)| address.clone()),
        admin: admin(raw, scope),
        explain: raw.admin.get().is_some_and(|short| short.0.explain.or(false)),
        workers: workers(raw, scope),
        poll: raw.poll.get().map_or(std::time::Duration::from_secs(2), |Of(poll)| *poll),
        replay: replay(raw, scope),
        audit: audit::audit(raw, scope),
        anomalies: audit::anomalies(raw),
        capture: audit::capture(raw, scope),
        log_filter: filter.map_or("info", |(filter, _)| filter).to_owned(),
        log_format: match log.and_then(|log| log.format.get()) {
            None | Some(raw::LogFormat::Auto) => LogFormat::Auto,
            Some(raw::LogFormat::Text) => LogFormat::Text,
            Some(raw::LogFormat::Json) => LogFormat::Json,
        },
    }
}

/// Two servers cannot have one address; the listeners were compared with each other.
pub(crate) fn check_addresses(raw: &File, operations: &Operations, scope: &Scope<'_>) {
    let fixed = |address: &&Address| !matches!(address, Address::Socket(address) if address.port() == 0);
    let named = raw.listeners.get().map(|named| named.0.as_slice()).unwrap_or_default();
    let listeners = named.iter().filter_map(|(_, listener)| match listener.get()?.address.get()? {
        Of(ListenAt::Address(address)) => Some(address),
        Of(ListenAt::Inherited(_)) => None,
    });
    let mut taken: Vec<&Address> = listeners.collect();
    for (address, spot) in [(&operations.health, raw.health.spot), (&operations.admin, raw.admin.spot)] {
        let Some((address, at)) = address.as_ref().filter(fixed).zip(spot) else { continue };
        if taken.contains(&address) {
            scope.report.error(at, "another listener has this address", Some("give it an address of its own"));
        }
        taken.push(address);
    }
}

fn admin(raw: &File, scope: &Scope<'_>) -> Option<Address> {
    let (Of(address), at) = raw.admin.get()?.0.address.found()?;
    if !is_local(address) {
        let fix = "write `127.0.0.1:8082` or `unix:/run/countersign/admin.sock`";
        scope.report.error(at, "`admin` is for this machine only", Some(fix));
    }
    Some(address.clone())
}

fn workers(raw: &File, scope: &Scope<'_>) -> Option<usize> {
    let (workers, at) = raw.workers.found()?;
    if !(1..=WORKERS_MAX).contains(workers) {
        let fix = "leave it out: one for each core that the process may use, at most 4";
        scope.report.error(at, "expected 1 to 1024 workers", Some(fix));
    }
    usize::try_from(*workers).ok()
}

fn replay(raw: &File, scope: &Scope<'_>) -> ReplayStore {
    let settings = raw.replay.get().map(|short| &short.0);
    let capacity = settings.and_then(|settings| settings.capacity.found());
    if let Some((0, at)) = capacity.map(|(capacity, at)| (*capacity, at)) {
        scope.report.error(at, "a store without room refuses everything", Some("write at least 1"));
    }
    let capacity = capacity.map_or(REPLAY_CAPACITY, |(capacity, _)| *capacity);
    let redis = settings.and_then(|settings| redis::compile(settings, scope));
    ReplayStore {
        capacity: usize::try_from(capacity).unwrap_or(usize::MAX),
        // A shared store remembers what came before the start, and has a guard of its own.
        restart_guard: redis.is_none() && settings.is_none_or(|settings| settings.restart_guard.or(true)),
        persist: settings.and_then(|settings| settings.persist.found()).map(|(path, at)| scope.files.resolve(path, at)),
        redis,
    }
}
