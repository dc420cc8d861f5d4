//! From one YAML file to a [`Policy`], or to every mistake in it with its place.

pub mod scheme;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::policy::Policy;

/// A configuration that was read and checked whole, with everything it names.
pub struct Loaded {
    /// What it means.
    pub policy: Policy,
    /// Not wrong, but worth saying; each with its place.
    pub warnings: Vec<Problem>,
    /// Every file and directory that was read: a change of any of them is a reason to load again.
    pub watched: Vec<PathBuf>,
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
}

/// Reads the file and everything it names (includes, keys, certificates, schemes). Blocking; never run on a worker.
pub fn load(_path: &Path) -> Result<Loaded, Vec<Problem>> {
    todo!()
}
