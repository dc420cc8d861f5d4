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

/// Whether a scheme of one's own may have this name: it stands in headers and logs, and in place of no built-in one.
pub fn name_fault(name: &str) -> Option<(&'static str, &'static str)> {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    if name.is_empty() || !name.bytes().all(plain) {
        return Some((
            "a scheme's name is visible ASCII without spaces, quotes and backslashes",
            "choose a name like `acme-v2`",
        ));
    }
    builtin(name)
        .map(|_| ("a built-in scheme has this name", "choose another name, and write it where routes say `scheme`"))
}

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
