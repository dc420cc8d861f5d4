//! What a route demands, and how it signs: schemes and keys, and the rules that keep a route from being open by oversight.

use std::sync::Arc;

use super::super::field::{Field, Many, Short};
use super::super::raw::routes as raw;
use super::super::report::Spot;
use super::Scope;
use crate::policy::gate::{Alternative, Keys};
use crate::policy::routes::Match;
use crate::policy::seal::With;
use crate::policy::{Gate, Seal};
use crate::sig::ring::Misfit;
use crate::sig::scheme::Scheme;

/// A gate and what the rules ask of its schemes.
pub(crate) struct Verified {
    pub(crate) gate: Gate,
    /// Whether every alternative covers a nonce.
    pub(crate) nonce: bool,
}

/// The gate that `verify` asks for; `route` says the keys where it does not.
pub(crate) fn gate(
    verify: &Field<Many<Short<raw::Verify>>>,
    route: &raw::Route,
    matches: &[Match],
    scope: &Scope<'_>,
) -> Option<Verified> {
    let (many, at) = verify.found()?;
    if many.0.is_empty() {
        scope.report.error(at, "no alternative could ever be satisfied", Some("name a scheme, or remove `verify`"));
    }
    let made: Vec<_> = many
        .0
        .iter()
        .map(|one| {
            let (short, at) = one.found()?;
            alternative(&short.0, at, route, matches, scope)
        })
        .collect();
    let alternatives: Vec<Alternative> = made.into_iter().collect::<Option<_>>()?;
    let gate = Gate::new(alternatives);
    report_misfits(&gate.misfits(), at, scope);
    let nonce = gate.schemes().all(|scheme| scheme.facts().covers.nonce);
    Some(Verified { gate, nonce })
}

/// The seal that `sign` asks for; `route` says the keys where it does not.
pub(crate) fn seal(sign: &Field<Short<raw::Sign>>, route: &raw::Route, scope: &Scope<'_>) -> Option<Seal> {
    let (short, at) = sign.found()?;
    let sign = &short.0;
    let scheme = scheme(&sign.scheme, (&sign.overrides, &Field::default()), at, scope);
    let (name, keys_at) = keys(&sign.keys, route, at, scope)?;
    if name.contains('{') {
        let fix = "name one ring; captures choose keys for verifying only";
        scope.report.error(keys_at, "a signing ring cannot depend on the path", Some(fix));
        return None;
    }
    let ring = scope.keyrings.find(name, keys_at);
    let with = match sign.with.get() {
        None | Some(raw::With::All) => With::All,
        Some(raw::With::Newest) => With::Newest,
    };
    let scheme = scheme?;
    if let Err(why) = &scheme.facts().can_sign {
        scope.report.error(at, &format!("scheme `{}` cannot sign: {why}", scheme.name()), None);
        return None;
    }
    let ring = ring?;
    if ring.derives() {
        let fix = "sign with a ring that holds the key itself: `countersign keys derive` prints one";
        scope.report.error(keys_at, "a derived keyring has no key of its own to sign with", Some(fix));
        return None;
    }
    let seal = Seal::new(scheme, ring, with);
    report_misfits(&seal.misfits(), at, scope);
    Some(seal)
}

/// A key that cannot be used with its scheme is a mistake, not a key that never matches.
fn report_misfits(misfits: &[Misfit], spot: Spot, scope: &Scope<'_>) {
    for misfit in misfits {
        scope.report.error(spot, &misfit.to_string(), Some("give the key the form that the scheme's `key` says"));
    }
}

fn alternative(
    raw: &raw::Verify,
    spot: Spot,
    route: &raw::Route,
    matches: &[Match],
    scope: &Scope<'_>,
) -> Option<Alternative> {
    let scheme = scheme(&raw.scheme, (&raw.overrides, &raw.legacy), spot, scope);
    let (name, at) = keys(&raw.keys, route, spot, scope)?;
    let keys: Option<Keys> =
        if check_captures(name, at, matches, scope) { scope.keyrings.keys(name, at) } else { None };
    let (scheme, keys) = (scheme?, keys?);
    check_derived(&scheme, &keys, at, scope);
    Some(Alternative { scheme, keys })
}

/// A key can only be derived for an id that every request carries.
fn check_derived(scheme: &Scheme, keys: &Keys, at: Spot, scope: &Scope<'_>) {
    let derives = match keys {
        Keys::Ring(ring) => ring.derives(),
        Keys::Captured { rings, .. } => {
            if rings.values().any(|ring| ring.derives()) {
                let fix = "name it by itself: its key ids tell devices and tenants apart already";
                scope.report.error(at, "a derived keyring cannot be chosen by a capture", Some(fix));
            }
            return;
        }
    };
    let members = scheme.alternatives();
    let named =
        if members.is_empty() { scheme.facts().key_named } else { members.iter().all(|one| one.facts().key_named) };
    if derives && !named {
        let message =
            format!("scheme `{}` does not carry a key id in every request, so no key can be derived", scheme.name());
        scope.report.error(at, &message, Some("use a scheme with a `key_id` that is not optional, or a ring of keys"));
    }
}

fn scheme(
    name: &Field<String>,
    (overrides, legacy): (&Field<raw::Override>, &Field<Many<String>>),
    spot: Spot,
    scope: &Scope<'_>,
) -> Option<Arc<Scheme>> {
    if !name.is_written() {
        scope.report.error_in(spot, "scheme", "`scheme` is missing", Some("name one, e.g. `scheme: timestamp-body`"));
    }
    let (name, at) = name.found()?;
    scope.schemes.find((name, at), overrides, legacy)
}

/// The ring's name: the one named here, else the route's.
fn keys<'a>(own: &'a Field<String>, route: &'a raw::Route, spot: Spot, scope: &Scope<'_>) -> Option<(&'a str, Spot)> {
    if !own.is_written() && !route.keys.is_written() {
        scope.report.error_in(spot, "keys", "`keys` is missing", Some("name a keyring, e.g. `keys: partners`"));
    }
    let field = if own.is_written() { own } else { &route.keys };
    field.found().map(|(name, at)| (name.as_str(), at))
}

/// Whether every `{name}` in `pattern` is captured by every path of the route.
pub(crate) fn check_captures(pattern: &str, at: Spot, matches: &[Match], scope: &Scope<'_>) -> bool {
    let (mut rest, mut captured_all) = (pattern, true);
    while let Some((name, after)) = rest.split_once('{').and_then(|(_, after)| after.split_once('}')) {
        if !matches.iter().all(|one| one.path.names().any(|captured| **captured == *name)) {
            let fix = format!("write `{{{name}}}` as a segment of `path`");
            scope.report.error(at, &format!("the path captures no `{name}`"), Some(&fix));
            captured_all = false;
        }
        rest = after;
    }
    captured_all
}
