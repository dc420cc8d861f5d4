//! From one YAML file to a [`Policy`], or to every mistake in it with its place.
//!
//! Steps: [`sources`] parses the file and its includes into trees, the [`environment`] is put in, [`de`] reads the tree into the [`raw`]
//! structs, [`compile`] checks what they mean together. Each step reports what is wrong and goes on.

mod compile;
mod de;
mod deprecated;
pub mod environment;
mod field;
mod mistake;
pub mod named;
mod print;
mod raw;
mod report;
pub mod scheme;
mod share;
mod sources;
mod suggest;
mod tree;
mod url;
mod values;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use crate::clock::Clock;
use crate::policy::{Policy, lint};
use crate::sig::time::Moment;
use deprecated::Deprecated;
use environment::Lookup;
use report::{Outcome, Report};
use sources::Sources;

/// A configuration that was read and checked whole, with everything it names.
pub struct Loaded {
    /// What it means.
    pub policy: Policy,
    /// Not wrong, but worth saying; each with its place.
    pub warnings: Vec<Problem>,
    /// The same, milder: true of many good configurations.
    pub notes: Vec<Problem>,
    /// Warnings and notes that `lint.allow` allows; `fix` says with which reason.
    pub allowed: Vec<Problem>,
    /// Every file and directory that was read: a change of any of them is a reason to load again.
    pub watched: Vec<PathBuf>,
    /// When reading began, by the system's clock.
    pub began: Moment,
}

/// A mistake, where it is and what to write instead. Never holds a secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The file it is in.
    pub file: Arc<Path>,
    /// Line and column, from 1, where known.
    pub at: Option<(u32, u32)>,
    /// Path within the file, e.g. `routes[1].verify.scheme`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub fix: Option<String>,
    /// Its name in docs/lint.md, where it is not a mistake.
    pub code: Option<lint::Code>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some((line, column)) = self.at {
            write!(f, ":{line}:{column}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(fix) = &self.fix {
            write!(f, "; {fix}")?;
        }
        match self.code {
            Some(code) => write!(f, " [{}]", code.row().code),
            None => Ok(()),
        }
    }
}

/// Reads the file and everything it names (includes, keys, certificates, schemes). Blocking; never run on a worker.
pub fn load(path: &Path) -> Result<Loaded, Vec<Problem>> {
    load_with(path, &environment::variable, Clock::system().now())
}

/// [`load`] with an environment and a time of the caller's.
pub fn load_with(path: &Path, lookup: Lookup<'_>, now: Moment) -> Result<Loaded, Vec<Problem>> {
    load_knowing(path, lookup, now, deprecated::FIELDS)
}

/// [`load_with`], where these fields were renamed.
fn load_knowing(path: &Path, lookup: Lookup<'_>, now: Moment, renamed: &[Deprecated]) -> Result<Loaded, Vec<Problem>> {
    let began = Clock::system().now();
    let mut report = Report::default();
    let compiled = Sources::read(path, lookup, renamed, &mut report).and_then(|sources| {
        let raw = raw::File::deserialize(de::De { node: &sources.root, report: &report }).ok()?;
        let (policy, mut watched) = compile::policy(&raw, &sources, &report, now)?;
        watched.extend(sources.files.iter().cloned());
        Some((policy, watched))
    });
    let Outcome { errors, warnings, notes, allowed } = report.finish();
    match compiled {
        Some((policy, watched)) if errors.is_empty() => Ok(Loaded { policy, warnings, notes, allowed, watched, began }),
        _ => Err(errors),
    }
}

/// The effective file with the origin of each value, secrets blacked out. Works as far as the file can be parsed.
pub fn print(path: &Path) -> Result<String, Vec<Problem>> {
    let mut report = Report::default();
    match Sources::read(path, &environment::variable, deprecated::FIELDS, &mut report) {
        Some(sources) if report.is_clean() => Ok(print::effective(&sources, &report)),
        _ => Err(report.finish().errors),
    }
}

#[cfg(test)]
mod tests;
