//! Which requests a route is for; two routes for the same ones are an error.

use std::sync::Arc;

use super::super::field::Field;
use super::super::raw::File;
use super::super::raw::routes as raw;
use super::super::report::Spot;
use super::super::suggest;
use super::super::values::{MethodName, Of};
use super::Scope;
use super::routes::Placed;
use crate::policy::routes::{HostPattern, Match, PathPattern};

/// Every combination of the route's hosts and paths.
pub(crate) fn compile(raw: &raw::Route, spot: Spot, file: &File, scope: &Scope<'_>) -> Vec<Match> {
    let paths = paths(raw, spot, scope);
    let hosts = hosts(raw, scope);
    let methods: Vec<_> = raw.methods.each().map(|(Of(MethodName(name)), _)| name.clone()).collect();
    let listeners = listeners(raw, file, scope);
    let every = |path: &PathPattern| {
        let path = path.clone();
        hosts.iter().map(move |host| (host.clone(), path.clone())).collect::<Vec<_>>()
    };
    let pairs = paths.iter().flat_map(every);
    pairs.map(|(host, path)| Match { host, path, methods: methods.clone(), listeners: listeners.clone() }).collect()
}

/// Reports every two routes of which neither is more specific.
pub(crate) fn check_collisions(routes: &[Placed], scope: &Scope<'_>) {
    for (place, later) in routes.iter().enumerate() {
        for earlier in routes.iter().take(place) {
            let collide = later.matches.iter().any(|one| earlier.matches.iter().any(|other| one.collides(other)));
            if collide {
                let message = format!("the same requests match the route at {}", scope.report.origin(earlier.spot));
                let fix = "routes are not tried in order: change path, host, methods or listeners of one";
                scope.report.error(later.spot, &message, Some(fix));
            }
        }
    }
}

/// The metric label: host and path as written.
pub(crate) fn name(matches: &[Match]) -> Arc<str> {
    let Some(first) = matches.first() else { return "".into() };
    let host = match &first.host {
        None => String::new(),
        Some(HostPattern::Exact(host)) => host.to_string(),
        Some(HostPattern::Below(suffix)) => format!("*.{suffix}"),
    };
    let methods: Vec<_> = first.methods.iter().map(crate::sig::message::Method::as_str).collect();
    let methods = if methods.is_empty() { String::new() } else { format!("{} ", methods.join(",")) };
    format!("{methods}{host}{}", first.path.text()).into()
}

fn paths(raw: &raw::Route, spot: Spot, scope: &Scope<'_>) -> Vec<PathPattern> {
    if !raw.path.is_written() {
        scope.report.error_in(spot, "path", "`path` is missing", Some("write `path: \"/**\"` for every path"));
    }
    let written = raw.path.each();
    let parsed = written.filter_map(|(text, at)| match PathPattern::new(text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let fix = "write `/exact`, `/below/**`, `/one/{name}` or `/files/*.txt`";
            scope.report.error(at, &error.to_string(), Some(fix));
            None
        }
    });
    parsed.collect()
}

fn hosts(raw: &raw::Route, scope: &Scope<'_>) -> Vec<Option<HostPattern>> {
    let Some(many) = raw.host.get() else { return vec![None] };
    let parsed = many.iter().filter_map(|(text, at)| {
        let lower = text.to_ascii_lowercase();
        let (name, below) = lower.strip_prefix("*.").map_or((lower.as_str(), false), |suffix| (suffix, true));
        let bare = name.starts_with('[') && name.ends_with(']') || !name.contains([':', '/']);
        if name.is_empty() || !bare || name.contains(['*', ' ', '@']) {
            scope.report.error(at, "not a host", Some("write `api.example.com` or `*.example.com`, without port"));
            return None;
        }
        Some(Some(if below { HostPattern::Below(name.into()) } else { HostPattern::Exact(name.into()) }))
    });
    parsed.collect()
}

fn listeners(raw: &raw::Route, file: &File, scope: &Scope<'_>) -> Vec<Arc<str>> {
    let known: Vec<&str> =
        file.listeners.get().into_iter().flat_map(|named| named.0.iter()).map(|(name, _)| name.as_str()).collect();
    let written = raw.listeners.get().into_iter().flat_map(|many| many.0.iter()).filter_map(Field::found);
    for (name, at) in written.clone() {
        if !known.contains(&name.as_str()) {
            let fix = suggest::fix(name, known.iter().copied());
            scope.report.error(at, &format!("unknown listener {}", suggest::quoted(name)), fix.as_deref());
        }
    }
    written.map(|(name, _)| name.as_str().into()).collect()
}
