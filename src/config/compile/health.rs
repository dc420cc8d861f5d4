//! Health checks of an upstream: what is asked, what counts, and what could never have an effect.

use std::net::IpAddr;
use std::time::Duration;

use super::super::field::{Field, Short};
use super::super::raw::upstreams as raw;
use super::super::report::Spot;
use super::super::values::Of;
use super::edits::is_plain_path;
use super::{Scope, bounds};
use crate::policy::upstream::{Active, Endpoint, Health, Passive};
use crate::sig::message::Method;

/// Between two checks of one address, at least.
const SHORTEST: Duration = Duration::from_millis(100);
/// Between two checks where nothing else is written.
const INTERVAL: Duration = Duration::from_secs(5);
/// For one check where nothing else is written, unless the interval is shorter.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The health checks as written; `None` where there are none, or where what they lack was told.
pub(super) fn compile(raw: &raw::Health, spot: Spot, endpoints: &[Endpoint], scope: &Scope<'_>) -> Option<Health> {
    let refuse = raw.none_healthy.get() == Some(&raw::NoneHealthy::Refuse);
    if !raw.active.is_written() && !raw.passive.is_written() {
        let fix = "write `active: /healthz`, `passive: {}` or both";
        scope.report.error(spot, "nothing is checked", Some(fix));
    }
    let active = raw.active.found().and_then(|(Short(raw), spot)| active(raw, spot, scope));
    let passive = raw.passive.found().map(|(raw, spot)| {
        if !refuse && is_single(endpoints) {
            let fix = "write `none_healthy: refuse` beside it, several `urls`, or remove `passive`";
            scope.report.error(spot, "the only address would never be taken out", Some(fix));
        }
        passive(raw, scope)
    });
    (active.is_some() || passive.is_some()).then_some(Health { active, passive, refuse })
}

/// Whether there is, and always will be, one address. A name can stand for several.
fn is_single(endpoints: &[Endpoint]) -> bool {
    match endpoints {
        [Endpoint::Unix(_)] => true,
        [Endpoint::Tcp { host, .. }] => host.parse::<IpAddr>().is_ok(),
        _ => false,
    }
}

fn active(raw: &raw::Active, spot: Spot, scope: &Scope<'_>) -> Option<Active> {
    if !raw.path.is_written() {
        scope.report.error(spot, "there is nothing to ask for", Some("write `path: /healthz`"));
    }
    if let Some((_, at)) = raw.path.found().filter(|(path, _)| !is_target(path)) {
        scope.report.error(at, "not the path of a request", Some("write `/healthz`, or `/healthz?full=1`"));
    }
    if let Some((_, at)) = raw.host.found().filter(|(host, _)| !is_host(host)) {
        scope.report.error(at, "not the value of a `Host` header", Some("write `app.internal` or `app.internal:8000`"));
    }
    let interval = raw.interval.get().map_or(INTERVAL, |Of(interval)| *interval);
    if let Some((_, at)) = raw.interval.found().filter(|(Of(interval), _)| *interval < SHORTEST) {
        scope.report.error(
            at,
            "checks without a pause are a flood",
            Some("write at least `100ms`; `5s` is the default"),
        );
    }
    bounds::positive([&raw.timeout], scope);
    if let Some((_, at)) = raw.timeout.found().filter(|(Of(timeout), _)| *timeout > interval) {
        scope.report.error(at, "longer than the interval", Some("write a shorter `timeout`, or a longer `interval`"));
    }
    at_least_one([&raw.passes, &raw.fails], scope);
    Some(Active {
        path: raw.path.get()?.as_str().into(),
        method: method(raw, scope),
        host: raw.host.get().map(|host| host.as_str().into()),
        statuses: raw.status.each().map(|(Of(status), _)| status.0).collect(),
        interval,
        timeout: raw.timeout.get().map_or(TIMEOUT.min(interval), |Of(timeout)| *timeout),
        passes: raw.passes.or(2),
        fails: raw.fails.or(3),
    })
}

fn method(raw: &raw::Active, scope: &Scope<'_>) -> Method {
    let Some((Of(asked), at)) = raw.method.found() else { return Method::GET };
    if !matches!(asked.0.as_str(), "GET" | "HEAD") {
        scope.report.error(at, "a check changes nothing", Some("write `GET` or `HEAD`"));
    }
    asked.0.clone()
}

fn passive(raw: &raw::Passive, scope: &Scope<'_>) -> Passive {
    at_least_one([&raw.fails], scope);
    if let Some((_, at)) = raw.pause.found().filter(|(Of(pause), _)| pause.is_zero()) {
        scope.report.error(at, "no address would be taken out", Some("write more; `10s` is the default"));
    }
    Passive { fails: raw.fails.or(5), rest: raw.pause.get().map_or(Duration::from_secs(10), |Of(pause)| *pause) }
}

fn at_least_one<'a>(counts: impl IntoIterator<Item = &'a Field<u32>>, scope: &Scope<'_>) {
    for (_, at) in counts.into_iter().filter_map(Field::found).filter(|(count, _)| **count == 0) {
        scope.report.error(at, "nothing happens after 0 of them", Some("write at least 1"));
    }
}

/// A plain path, and after it perhaps a query.
fn is_target(text: &str) -> bool {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    is_plain_path(path) && query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

/// A name or an address, and perhaps a port.
fn is_host(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    !text.is_empty() && text.bytes().all(plain)
}
