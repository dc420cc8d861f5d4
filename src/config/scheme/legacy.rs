//! Doors that a scheme keeps shut until a route opens them by name, for senders that cannot change.

use serde_yaml::Spanned;

use super::compile::compile;
use super::raw::{Declaration, RawLegacy, Text};
use super::{Overrides, SchemeProblem};

/// The declaration as it stands with the doors open that its route names: one, or one for each algorithm that is let in.
pub(super) fn open(declaration: &Declaration) -> Result<Vec<Declaration>, Vec<SchemeProblem>> {
    let mut opened = vec![declaration.clone()];
    let mut problems = Vec::new();
    for name in &declaration.overrides.legacy {
        match declaration.legacy.0.iter().find(|(known, _)| known == name) {
            Some((_, door)) => opened = opened.iter().flat_map(|one| walk(one, door)).collect(),
            None => problems.push(unknown(declaration, name)),
        }
    }
    for one in &mut opened {
        one.opened = std::mem::take(&mut one.overrides.legacy);
    }
    if problems.is_empty() { Ok(opened) } else { Err(problems) }
}

/// Every mistake that would show only when a route opens a door.
pub(super) fn check(name: &str, declaration: &Declaration) -> Vec<SchemeProblem> {
    let mut problems = Vec::new();
    for (door, raw) in &declaration.legacy.0 {
        let legacy = vec![door.clone()];
        let with = Overrides { legacy, ..declaration.overrides.clone() };
        let at = |problem: SchemeProblem| SchemeProblem { path: format!("legacy.{door}.{}", problem.path), ..problem };
        problems.extend(compile(name, &declaration.with(with)).err().into_iter().flatten().map(at));
        problems.extend(idle(declaration, door, raw));
    }
    problems
}

/// A door that changes nothing is a misspelled one.
fn idle(declaration: &Declaration, door: &str, raw: &RawLegacy) -> Option<SchemeProblem> {
    let required =
        declaration.signed_headers.as_ref().map(|signed| signed.value.require.as_slice()).unwrap_or_default();
    let stray = raw.unsigned.iter().find(|entry| !required.contains(entry));
    let message = match stray {
        Some(entry) => format!("`{entry}` is no entry of `signed_headers.require`"),
        None if raw.digest.is_some() && declaration.digest.is_none() => "the scheme has no `digest`".to_owned(),
        None if !raw.special.0.is_empty() && declaration.signed_headers.is_none() => {
            "the scheme has no `signed_headers`".to_owned()
        }
        None => return None,
    };
    Some(SchemeProblem { path: format!("legacy.{door}"), at: None, message, fix: None })
}

fn unknown(declaration: &Declaration, name: &str) -> SchemeProblem {
    let known: Vec<&str> = declaration.legacy.0.iter().map(|(name, _)| name.as_str()).collect();
    let fix = (!known.is_empty()).then(|| format!("one of {}", known.join(", ")));
    let message = format!("the scheme has no legacy switch `{name}`");
    SchemeProblem { path: "legacy".to_owned(), at: None, message, fix }
}

fn walk(declaration: &Declaration, door: &RawLegacy) -> Vec<Declaration> {
    let mut open = declaration.clone();
    if let Some(signed) = &mut open.signed_headers {
        signed.value.require.retain(|entry| !door.unsigned.contains(entry));
        for (name, line) in &door.special.0 {
            signed.value.special.0.retain(|(known, _)| known != name);
            signed.value.special.0.push((name.clone(), line.clone()));
        }
    }
    if let (Some(digest), Some(when)) = (&mut open.digest, &door.digest) {
        digest.value.when = Some(when.clone());
    }
    if let Some(require) = &door.require {
        open.require.clone_from(require);
    }
    if door.algorithms.is_empty() { vec![open] } else { door.algorithms.iter().map(|one| pinned(&open, one)).collect() }
}

fn pinned(declaration: &Declaration, algorithm: &Text) -> Declaration {
    let mut one = declaration.clone();
    one.algorithm = Some(Spanned::new(algorithm.value.clone(), algorithm.referenced, algorithm.defined));
    one.overrides.algorithm = None;
    one
}
