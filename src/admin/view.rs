//! What `/status` says, as JSON. Ids, names and times; never a secret.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Ops, keys};
use crate::config::Problem;
use crate::explain::captured::Kept;
use crate::reject::{Code, Reason};
use crate::sig::time::Moment;
use crate::telemetry::gauges::{Fill, Health};
use crate::telemetry::summary::Summary;
use crate::telemetry::{rfc3339, skews};

/// What the process knows of itself.
#[derive(Clone, Default)]
pub struct Status {
    /// When the process started.
    pub started: Moment,
    /// Why the last reload changed nothing; empty after a good one.
    pub problems: Vec<Problem>,
    /// The last reloads, newest first.
    pub attempts: Vec<Attempt>,
    /// What the configuration in force is warned about.
    pub warnings: Vec<Problem>,
    /// What is configured but takes effect only after a restart.
    pub pending: Vec<String>,
    /// Where requests come in.
    pub listeners: Vec<ListenerStatus>,
    /// Where they go.
    pub upstreams: Vec<UpstreamStatus>,
    /// Refused requests that can be explained, oldest first.
    pub captured: Vec<Arc<Kept>>,
}

/// A reload that is over.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// When it ended.
    pub time: Moment,
    /// What it put in force; `None` where nothing changed.
    pub generation: Option<u64>,
    /// Why nothing changed.
    pub problems: Vec<Problem>,
}

/// A listener as it runs.
#[derive(Clone, Debug)]
pub struct ListenerStatus {
    /// Its name.
    pub name: Arc<str>,
    /// As bound: with the real port.
    pub address: String,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Where each of its certificates came from, and when it ends.
    pub certificates: Vec<(String, Option<Moment>)>,
}

/// An upstream as it is used.
#[derive(Clone, Debug)]
pub struct UpstreamStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Its URL, without user information.
    pub url: String,
    /// Addresses it resolved to.
    pub endpoints: Vec<String>,
}

/// The body of `/status`.
pub(super) fn status(ops: &Ops) -> Value {
    let (now, gauges, status) = (ops.clock.now(), (ops.gauges)(), (ops.status)());
    let connections: HashMap<_, _> = gauges.connections.iter().map(|(name, count)| (&**name, *count)).collect();
    let calls: HashMap<_, _> = gauges.upstream_in_flight.iter().map(|(name, count)| (&**name, *count)).collect();
    let listeners = status.listeners.iter().map(|listener| {
        json!({
            "name": &*listener.name, "address": listener.address, "tls": listener.tls,
            "connections": connections.get(&*listener.name),
            "certificates": listener.certificates.iter().map(|one| certificate(one, now)).collect::<Vec<_>>(),
        })
    });
    let upstreams = status.upstreams.iter().map(|upstream| {
        json!({
            "name": &*upstream.name, "url": upstream.url, "endpoints": upstream.endpoints,
            "in_flight": calls.get(&*upstream.name).copied().unwrap_or(0),
            "addresses": gauges.health.iter().find(|health| health.upstream == upstream.name).map(addresses),
        })
    });
    let summary = ops.telemetry.summary();
    let budgets = gauges.budgets.iter().map(|(name, budget)| ((*name).to_owned(), fill(*budget)));
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "now": rfc3339(now),
        "ready": ops.readiness.is_ready(),
        "started": rfc3339(status.started),
        "uptime_seconds": now.since(status.started).as_secs(),
        "generation": gauges.generation,
        "loaded": rfc3339(gauges.loaded),
        "reload_problems": problems(&status.problems),
        "reloads": status.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "warnings": problems(&status.warnings),
        "needs_restart": status.pending,
        "in_flight": ops.telemetry.in_flight(),
        "traffic": ops.history.told(summary.verdicts),
        "codes": summary.codes.iter().map(code).collect::<Vec<_>>(),
        "skews": skews(&summary),
        "listeners": listeners.collect::<Vec<_>>(),
        "upstreams": upstreams.collect::<Vec<_>>(),
        "keyrings": keys::summary(ops),
        "replay": fill(gauges.replay.fill),
        "replay_store": gauges.shared.as_ref().map(|store| json!({"up": store.trouble.is_none(), "reason": store.trouble})),
        "held_bodies": budgets.collect::<serde_json::Map<_, _>>(),
        "captured": status.captured.iter().map(|kept| captured(kept)).collect::<Vec<_>>(),
    })
}

/// A row for each refused request that is kept; its contents are for whoever asks for the explanation.
fn attempt(attempt: &Attempt) -> Value {
    json!({
        "time": rfc3339(attempt.time),
        "generation": attempt.generation,
        "problems": problems(&attempt.problems),
    })
}

fn code((code, count): (&Code, &u64)) -> Value {
    let reason = code.reason();
    let Reason { code, status, detail, fix, .. } = reason;
    json!({"code": code, "count": count, "status": status, "detail": detail, "fix": fix})
}

/// Seconds between our clock and the stamps of each key: how many requests had at most so much.
fn skews(summary: &Summary) -> Value {
    let keys = summary.skews.iter().map(|(key, counts)| json!({"key": &**key, "requests": counts}));
    let seconds: Vec<_> = skews::BOUNDS.iter().map(|millis| *millis / 1000).collect();
    json!({"at_most_seconds": seconds, "keys": keys.take(keys::TOLD).collect::<Vec<_>>()})
}

fn certificate((origin, ends): &(String, Option<Moment>), now: Moment) -> Value {
    let left = ends.map(|ends| ends.secs().saturating_sub(now.secs()));
    json!({"origin": origin, "ends": ends.map(rfc3339), "left_seconds": left})
}

fn captured(kept: &Kept) -> Value {
    json!({
        "request_id": &*kept.id,
        "time": rfc3339(kept.time),
        "code": kept.rejection.code().reason().code,
        "route": &*kept.route,
    })
}

/// Only of an upstream with health checks: of others nobody knows.
fn addresses(health: &Health) -> Value {
    health.addresses.iter().map(|(address, healthy)| json!({"address": address, "healthy": healthy})).collect()
}

/// Problems with their places.
pub(super) fn problems(problems: &[Problem]) -> Value {
    let describe = |problem: &Problem| {
        json!({
            "file": problem.file.to_string_lossy(),
            "line": problem.at.map(|(line, _)| line),
            "column": problem.at.map(|(_, column)| column),
            "path": problem.path,
            "message": problem.message,
            "fix": problem.fix,
            "code": problem.code.map(|code| code.row().code),
        })
    };
    problems.iter().map(describe).collect()
}

fn fill(fill: Fill) -> Value {
    json!({"used": fill.used, "capacity": fill.capacity})
}
