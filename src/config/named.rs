//! What a file declares by name, or a text says, without the routes that use it: for commands that judge one request.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::de::De;
use super::report::Report;
use super::scheme::{self, Declaration};
use super::sources::Sources;
use super::{Problem, compile, deprecated, environment, raw, tree};
use crate::sig::keyring::Keyring;
use crate::sig::scheme::Scheme;
use crate::sig::time::Moment;

/// What two names stand for.
pub type Found = (Option<Arc<Scheme>>, Option<Arc<Keyring>>);

/// The declarations under `schemes:` of a file. Whatever else stands in it is not looked at beyond its form.
pub fn declarations(path: &Path) -> Result<Vec<(String, Declaration)>, Vec<Problem>> {
    read(path, |raw, _, _| {
        let named = raw.schemes.get().map(|named| named.0.as_slice()).unwrap_or_default();
        named.iter().filter_map(|(name, field)| Some((name.clone(), field.get()?.clone()))).collect()
    })
}

/// The scheme and the keyring of these names, the scheme declared in the file or built in.
pub fn find(path: &Path, (scheme, ring): (Option<&str>, Option<&str>), now: Moment) -> Result<Found, Vec<Problem>> {
    read(path, |raw, sources, report| compile::named(raw, sources.root.spot, (scheme, ring), (report, now)))
}

/// A built-in scheme, compiled.
pub fn built_in(name: &str) -> Option<Arc<Scheme>> {
    let declaration = declaration(scheme::builtin(name)?).ok()?;
    scheme::compile(name, &declaration).ok().map(Arc::new)
}

/// A declaration as text, e.g. of a built-in scheme.
pub fn declaration(text: &str) -> Result<Declaration, Vec<Problem>> {
    let mut report = Report::default();
    let node = tree::parse(text, 0, &mut report);
    let declaration = node.and_then(|node| Declaration::deserialize(De { node: &node, report: &report }).ok());
    let errors = report.finish().errors;
    declaration.filter(|_| errors.is_empty()).ok_or(errors)
}

/// The settings of a declaration as text.
pub fn settings(text: &str) -> Vec<(String, String)> {
    declaration(text).map(Declaration::settings).unwrap_or_default()
}

fn read<T>(path: &Path, take: impl FnOnce(&raw::File, &Sources, &Report) -> T) -> Result<T, Vec<Problem>> {
    let mut report = Report::default();
    let taken = Sources::read(path, &environment::variable, deprecated::FIELDS, &mut report).and_then(|sources| {
        let raw = raw::File::deserialize(De { node: &sources.root, report: &report }).ok()?;
        Some(take(&raw, &sources, &report))
    });
    let errors = report.finish().errors;
    taken.filter(|_| errors.is_empty()).ok_or(errors)
}
