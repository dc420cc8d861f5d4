//! What the raw structs mean together: names are resolved, files read, rules checked. Everything wrong is reported, not only the first.

mod ages;
mod allow;
mod answers;
mod audit;
mod bounds;
mod callers;
mod certificates;
mod challenge;
pub(in crate::config) mod edits;
mod files;
mod forward_auth;
mod guard;
mod health;
mod identity;
mod keyrings;
mod listeners;
mod matches;
mod process;
mod proxied;
mod public_url;
mod redis;
mod replay;
mod routes;
mod schemes;
mod signing;
mod upkeep;
mod upstreams;

use std::path::PathBuf;
use std::sync::Arc;

use super::field::Field;
use super::raw::File;
use super::report::{Report, Spot};
use super::scheme::builtin;
use super::sources::Sources;
use crate::policy::lint::Reach;
use crate::policy::{Policy, Routes, lint};
use crate::sig::keyring::Keyring;
use crate::sig::scheme::Scheme;
use crate::sig::time::Moment;
use files::Files;
use keyrings::Keyrings;
use schemes::Schemes;

/// What every part of the compiler needs.
pub(crate) struct Scope<'a> {
    pub(crate) report: &'a Report,
    pub(crate) files: &'a Files<'a>,
    pub(crate) keyrings: &'a Keyrings<'a>,
    pub(crate) schemes: &'a Schemes<'a>,
}

/// The policy and what was read for it; `None` where something was wrong.
pub(crate) fn policy(raw: &File, sources: &Sources, report: &Report, now: Moment) -> Option<(Policy, Vec<PathBuf>)> {
    let root = sources.root.spot;
    let files = Files::new(report);
    let keyrings = Keyrings::new(raw, &files, report, now);
    let schemes = Schemes::new(raw, report);
    let scope = Scope { report, files: &files, keyrings: &keyrings, schemes: &schemes };

    let mut listeners = listeners::compile(raw, root, &scope);
    let upstreams = upstreams::compile(raw, root, &scope);
    let mut routes = routes::compile(raw, root, &upstreams, &scope);
    let pools = callers::pools(&mut routes, raw, &scope);
    signing::guard_listeners(&routes, &mut listeners, report);
    public_url::check(&routes, &listeners, report);
    forward_auth::check(&routes, &listeners, report);
    schemes.check_unused();
    keyrings.check_unused();
    let limits = process::limits(raw, &scope);
    let operations = process::operations(raw, &scope);
    process::check_addresses(raw, &operations, &scope);
    let names: Vec<&str> = routes.iter().map(|route| &*route.value.name).collect();
    audit::check_routes(raw, &names, &scope);
    allow::collect(raw, root, report);
    if !report.is_clean() {
        return None;
    }

    let spots: Vec<Spot> = routes.iter().map(|route| route.spot).collect();
    let reaches: Vec<Reach> = routes.iter().map(|route| Reach::of(&route.matches)).collect();
    let routes = Routes::new(routes.into_iter().map(|route| (route.matches, route.value.into())).collect());
    let policy = Policy {
        listeners: listeners.into_iter().map(|listener| listener.value.into()).collect(),
        upkeep: upkeep::compile(&routes, &keyrings),
        routes,
        pools,
        upstreams: upstreams.into_iter().map(Into::into).collect(),
        keyrings: keyrings.used(),
        limits,
        operations,
    };
    for finding in lint::findings(&policy, &reaches) {
        let spot = match finding.place {
            lint::Place::Route(place) => spots.get(place).copied(),
            lint::Place::Upstream(place) => raw.upstreams.get().and_then(|named| named.0.get(place)?.1.spot),
        };
        let fix = finding.advice(|name| builtin(name).is_some());
        report.find(spot.unwrap_or(root), (finding.code, finding.level), (&finding.message, &fix));
    }
    Some((policy, files.watched()))
}

/// One scheme and one keyring by their names, without anything that uses them.
pub(crate) fn named(
    raw: &File,
    root: Spot,
    (scheme, ring): (Option<&str>, Option<&str>),
    (report, now): (&Report, Moment),
) -> (Option<Arc<Scheme>>, Option<Arc<Keyring>>) {
    let files = Files::new(report);
    let schemes = Schemes::new(raw, report);
    let keyrings = Keyrings::new(raw, &files, report, now);
    let scheme = scheme.and_then(|name| schemes.find((name, root), &Field::default(), &Field::default()));
    (scheme, ring.and_then(|name| keyrings.find(name, root)))
}
