//! What the machine, or the container, leaves to the gateway.

use std::path::Path;

use rustix::process::{Resource, getrlimit};

use super::Finding;
use crate::policy::Policy;
use crate::proxy::bodies;

pub(super) fn look(policy: &Policy) -> Vec<Finding> {
    let connections: usize = policy.listeners.iter().map(|listener| listener.limits.connections).sum();
    let descriptors = getrlimit(Resource::Nofile).maximum;
    let memory = bodies::cgroup_memory(Path::new("/sys/fs/cgroup"));
    vec![
        judge_descriptors(u64::try_from(connections).unwrap_or(u64::MAX), descriptors),
        judge_memory(policy.limits.memory_budget, memory),
    ]
}

/// Clients get half of the descriptors, upstreams and files the rest.
pub(super) fn judge_descriptors(connections: u64, limit: Option<u64>) -> Finding {
    let wanted = connections.saturating_mul(2);
    match limit {
        Some(limit) if limit < wanted => Finding::doubtful(
            "machine",
            format!("{limit} file descriptors for {connections} connections: {} of them can come", limit / 2),
            format!(
                "raise the hard limit to {wanted} (`ulimit -Hn`, LimitNOFILE), or lower `limits.connections` of the listeners"
            ),
        ),
        Some(limit) => Finding::good("machine", format!("{limit} file descriptors for {connections} connections")),
        None => Finding::good("machine", "as many file descriptors as wanted"),
    }
}

/// Everything else needs room beside the bodies.
pub(super) fn judge_memory(budget: Option<u64>, limit: Option<u64>) -> Finding {
    let mib = |bytes: u64| bytes >> 20;
    match (budget, limit) {
        (Some(budget), Some(limit)) if budget > limit / 2 => Finding::wrong(
            "machine",
            format!("held bodies may take {} MiB of the {} MiB that the container has", mib(budget), mib(limit)),
            "lower `limits.memory` to a quarter, or give the container more: else the kernel ends the process",
        ),
        (_, Some(limit)) => Finding::good("machine", format!("{} MiB of memory", mib(limit))),
        (_, None) => Finding::good("machine", "no memory limit of a container"),
    }
}
