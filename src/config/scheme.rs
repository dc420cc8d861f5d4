//! A scheme as it stands in YAML, and how it becomes one that verifies and signs.

mod builtin;
mod challenge;
mod compile;
mod covered;
mod evidence;
mod fields;
mod legacy;
#[cfg(test)]
mod manual;
mod natives;
mod raw;

use std::collections::BTreeMap;
use std::time::Duration;

pub use builtin::{builtin, builtins};
pub use compile::compile;
pub use raw::Declaration;

/// A mistake in a scheme, its place relative to the scheme, and what to write instead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SchemeProblem {
    /// Path within the scheme, e.g. `signature.encoding`.
    pub path: String,
    /// Line and column, from 1, where known.
    pub at: Option<(u32, u32)>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub fix: Option<String>,
}

/// What a route changes of a scheme without copying it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Overrides {
    /// How old a stamp may be.
    pub past: Option<Duration>,
    /// How far ahead a stamp may be.
    pub future: Option<Duration>,
    /// New header names by the scheme's own.
    pub headers: BTreeMap<String, String>,
    /// New values of the scheme's settings.
    pub settings: BTreeMap<String, String>,
    /// Another hash function.
    pub algorithm: Option<String>,
    /// Doors of the scheme's `legacy` to open.
    pub legacy: Vec<String>,
}
