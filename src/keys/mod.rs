//! Where keys come from: a file, a directory, the environment, the configuration itself. Blocking; never run on a worker.

pub mod watch;

use std::path::PathBuf;

use crate::config::Problem;
use crate::sig::keyring::Keyring;

/// A key source as configured.
#[derive(Clone)]
pub enum Source {
    /// A YAML key file: a list of keys under `keys:`.
    File(PathBuf),
    /// One file per key, named by its id: the Kubernetes Secret mount, or a plain directory.
    Directory(PathBuf),
    /// Environment variables: key id and variable name.
    Env(Vec<(String, String)>),
    /// In the configuration itself.
    Inline(Vec<Declared>),
}

/// A key as declared in YAML, in the configuration or in a key file.
#[derive(Clone)]
pub struct Declared {}

/// A ring that was loaded and checked whole, and what was read for it.
pub struct LoadedRing {
    /// The ring.
    pub ring: Keyring,
    /// Not wrong, but worth saying (short secrets, readable by others, trailing NUL …).
    pub warnings: Vec<Problem>,
    /// Files and directories to watch.
    pub watched: Vec<PathBuf>,
}

/// Loads one keyring.
pub fn load(_name: &str, _source: &Source) -> Result<LoadedRing, Vec<Problem>> {
    todo!()
}
