//! Headers that only the gateway writes: who sent a request, and what was found.

use bytes::Bytes;

use super::super::field::Field;
use super::super::raw::routes as raw;
use super::super::report::Spot;
use super::super::values::{FromText, HeaderName, Of};
use super::Scope;
use super::edits::not_framing;
use crate::policy::route::Identity;

/// Identity headers.
pub(crate) fn compile(raw: &raw::Route, scope: &Scope<'_>) -> Identity {
    check(raw, scope);
    let raw = raw.identity.get();
    let name = |field: fn(&raw::Identity) -> &Field<raw::HeaderOrNone>, default: &'static str| {
        let field = raw.map(field).and_then(Field::get);
        field.map_or(Some(Bytes::from_static(default.as_bytes())), raw::HeaderOrNone::name)
    };
    let verdict = raw.and_then(|raw| raw.verdict.get());
    Identity {
        key: name(|raw| &raw.key, "x-countersign-key"),
        principal: name(|raw| &raw.principal, "x-countersign-principal"),
        verdict: verdict.map_or(Bytes::from_static(b"x-countersign-verdict"), |Of(HeaderName(name))| name.clone()),
        strip_signature: raw.is_some_and(|raw| raw.strip_signature.or(false)),
    }
}

/// The header for the subject of the client's certificate.
pub(crate) fn subject(raw: &raw::Route) -> Option<Bytes> {
    let (Of(HeaderName(name)), _) = subject_field(raw)?;
    Some(name.clone())
}

/// Each name says one thing, frames nothing, and is written by nobody else.
fn check(raw: &raw::Route, scope: &Scope<'_>) {
    let mut taken: Vec<Bytes> = Vec::new();
    for (name, at) in written(raw) {
        if taken.contains(&name) {
            scope.report.error(at, "two facts cannot share one header", Some("give each a name of its own"));
        }
        taken.extend(not_framing(name, at, scope));
    }
    let set = raw.request.get().and_then(|edits| edits.set.get()).into_iter().flat_map(|named| named.0.iter());
    for (name, value) in set {
        let ours = HeaderName::from_text(name).is_some_and(|HeaderName(name)| taken.contains(&name));
        if let Some(at) = value.spot.filter(|_| ours) {
            scope.report.error_at_key(at, "`identity` writes this header", Some("remove it, or rename one of them"));
        }
    }
}

fn written(raw: &raw::Route) -> impl Iterator<Item = (Bytes, Spot)> {
    let identity = raw.identity.get();
    let optional = identity.into_iter().flat_map(|one| [one.key.found(), one.principal.found()]).flatten();
    let optional = optional.filter_map(|(name, at)| Some((name.name()?, at)));
    let fixed = [identity.and_then(|one| one.verdict.found()), subject_field(raw)].into_iter().flatten();
    optional.chain(fixed.map(|(Of(HeaderName(name)), at)| (name.clone(), at)))
}

fn subject_field(raw: &raw::Route) -> Option<(&Of<HeaderName>, Spot)> {
    raw.client_certificate.get().and_then(|short| short.0.subject.found())
}
