//! Who may do what on a route, and how often: `allow` and `rate`.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::field::{Field, Many, Short};
use super::super::raw::routes::Route;
use super::super::raw::{File, callers as raw};
use super::super::report::Spot;
use super::super::values::{Frequency, MethodName, Of};
use super::Scope;
use super::routes::Placed;
use crate::policy::access::Rule;
use crate::policy::rate::{Limit, Per, Pool, Rates};
use crate::policy::route::{Callers, Guard};

/// A name for a pool that other routes can share.
const POOL: &str = "use 1 to 64 letters, digits, `-`, `_` and `.`";

/// The rules of a route. Its rates follow when every route is known: see [`pools`].
pub(super) fn compile(raw: &Route, scope: &Scope<'_>) -> Callers {
    let written = raw.allow.get().map(|many| many.0.as_slice()).unwrap_or_default();
    if let Some((many, at)) = raw.allow.found() {
        if many.0.is_empty() {
            scope.report.error(at, "an empty list lets nobody in", Some("add a rule, or leave it out for every key"));
        }
        if !raw.verify.is_written() {
            let fix = "add `verify`, or restrict the callers with `sources`";
            scope.report.error(at, "nothing is verified, so there is no key to allow", Some(fix));
        }
    }
    let rules = written.iter().filter_map(Field::found).map(|(rule, at)| self::rule(rule, at, raw, scope));
    Callers { allow: rules.collect(), rates: Rates::default() }
}

fn rule(raw: &raw::Rule, at: Spot, route: &Route, scope: &Scope<'_>) -> Rule {
    let says = [raw.keys.is_written(), raw.principals.is_written(), raw.methods.is_written(), raw.sources.is_written()];
    if says == [false; 4] {
        let fix = "name `keys`, `principals`, `methods` or `sources`; leave `allow` out for every key";
        scope.report.error(at, "a rule that says nothing lets every key in", Some(fix));
    }
    let empty = [none(&raw.keys), none(&raw.principals), none(&raw.methods), none(&raw.sources)];
    for at in empty.into_iter().flatten() {
        let fix = "name something, or leave it out for everything";
        scope.report.error(at, "an empty list matches nothing", Some(fix));
    }
    let taken: Vec<_> = route.methods.each().map(|(Of(MethodName(name)), _)| name).collect();
    for (Of(MethodName(name)), at) in raw.methods.each().filter(|_| !taken.is_empty()) {
        if !taken.contains(&name) {
            let message = format!("the route does not take {}", name.as_str());
            scope.report.error(at, &message, Some("remove it here, or add it to the route's `methods`"));
        }
    }
    Rule {
        keys: names(&raw.keys),
        principals: names(&raw.principals),
        methods: raw.methods.each().map(|(Of(MethodName(name)), _)| name.clone()).collect(),
        sources: raw.sources.each().map(|(Of(net), _)| *net).collect(),
    }
}

fn none<T>(field: &Field<Many<T>>) -> Option<Spot> {
    field.found().filter(|(many, _)| many.0.is_empty()).map(|(_, at)| at)
}

fn names(field: &Field<Many<String>>) -> HashSet<Arc<str>> {
    field.each().map(|(name, _)| name.as_str().into()).collect()
}

/// Every pool of the file; the routes learn their places in it.
pub(super) fn pools(routes: &mut [Placed], file: &File, scope: &Scope<'_>) -> Vec<Pool> {
    let written = file.routes.get().map(Vec::as_slice).unwrap_or_default();
    let is_shared = |rate: &raw::Rate| shared(rate, file, scope);
    let mut pools: Vec<(Pool, Spot)> = Vec::new();
    for (raw, spot) in written.iter().filter_map(Field::found) {
        let Some(placed) = routes.iter_mut().find(|placed| placed.spot == spot) else { continue };
        let Some(rates) = raw.rate.get() else { continue };
        let own = own_pool(placed);
        let verifies = matches!(placed.value.guard, Guard::Verify(_));
        let mut place = |per: Per, field: &Field<Short<raw::Rate>>| {
            let (short, at) = field.found()?;
            if matches!(per, Per::Key | Per::Principal) && !verifies {
                let fix = "add `verify`, or count by `source` or `route`";
                scope.report.error(at, "nothing is verified, so there is no key to count", Some(fix));
            }
            let (name, shared) = (name(&short.0, &own, scope), is_shared(&short.0));
            let pool = Pool { per, name, limit: limit(&short.0, at, scope)?, shared };
            Some(join(&mut pools, pool, at, scope))
        };
        placed.value.callers.rates = Rates {
            source: place(Per::Source, &rates.source),
            key: place(Per::Key, &rates.key),
            principal: place(Per::Principal, &rates.principal),
            route: place(Per::Route, &rates.route),
        };
    }
    pools.into_iter().map(|(pool, _)| pool).collect()
}

/// The place of this pool. Those who share one must mean the same.
fn join(pools: &mut Vec<(Pool, Spot)>, pool: Pool, at: Spot, scope: &Scope<'_>) -> usize {
    let same = |(known, _): &(Pool, Spot)| known.per == pool.per && known.name == pool.name;
    if let Some(place) = pools.iter().position(same) {
        if let Some((known, first)) = pools.get(place).filter(|(known, _)| *known != pool) {
            let what = if known.limit == pool.limit { "is counted elsewhere" } else { "has another limit" };
            let message = format!("pool `{}` {what} at {}", known.name, scope.report.origin(*first));
            let fix = "write the same `limit`, `burst` and `shared`, or name another `pool`";
            scope.report.error(at, &message, Some(fix));
        }
        return place;
    }
    pools.push((pool, at));
    pools.len().saturating_sub(1)
}

/// A pool of the route's own. Its name holds a `/` or `*`, which no written one does.
fn own_pool(placed: &Placed) -> Arc<str> {
    let listeners = placed.matches.first().map(|one| one.listeners.join(",")).unwrap_or_default();
    let name = &placed.value.name;
    if listeners.is_empty() { Arc::clone(name) } else { format!("{name} on {listeners}").into() }
}

fn name(raw: &raw::Rate, own: &Arc<str>, scope: &Scope<'_>) -> Arc<str> {
    let Some((name, at)) = raw.pool.found() else { return Arc::clone(own) };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !(1..=64).contains(&name.len()) || !name.bytes().all(plain) {
        scope.report.error(at, "not the name of a pool", Some(POOL));
    }
    name.as_str().into()
}

/// Whether other gateways take from the same buckets.
fn shared(rate: &raw::Rate, file: &File, scope: &Scope<'_>) -> bool {
    let Some((true, at)) = rate.shared.found().map(|(shared, at)| (*shared, at)) else { return false };
    if file.replay.get().is_none_or(|replay| !replay.0.redis.is_written()) {
        let fix = "add `replay: {store: redis, redis: {urls: \"redis://redis:6379\"}}`, or remove `shared`";
        scope.report.error(at, "there is no store that gateways share", Some(fix));
    }
    true
}

fn limit(raw: &raw::Rate, at: Spot, scope: &Scope<'_>) -> Option<Limit> {
    if !raw.limit.is_written() {
        scope.report.error_in(at, "limit", "`limit` is missing", Some("write `limit: 20/s`"));
    }
    super::bounds::positive([&raw.burst], scope);
    let Of(Frequency { count, every }) = *raw.limit.get()?;
    Some(Limit { every, burst: raw.burst.or(count) })
}
