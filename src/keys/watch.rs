//! Whether watched files changed.

use std::path::PathBuf;
use std::time::SystemTime;

/// Watched files and what they looked like.
pub struct Watch {
    paths: Vec<PathBuf>,
    seen: Vec<Option<(SystemTime, u64)>>,
}

impl Watch {
    /// Remembers what they look like now.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        let seen = look(&paths);
        Self { paths, seen }
    }

    /// Whether anything changed since the last call.
    pub fn changed(&mut self) -> bool {
        let now = look(&self.paths);
        std::mem::replace(&mut self.seen, now) != self.seen
    }
}

fn look(paths: &[PathBuf]) -> Vec<Option<(SystemTime, u64)>> {
    paths
        .iter()
        .map(|path| std::fs::metadata(path).and_then(|found| Ok((found.modified()?, found.len()))).ok())
        .collect()
}
