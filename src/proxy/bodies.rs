//! Where held bodies may live on this machine: how much memory the pod has, and a directory that takes a file.

use std::path::{Path, PathBuf};

use super::budget::Budget;
use super::held::Store;
use crate::policy::limits;

/// Budget without a cgroup limit.
const WITHOUT_CGROUP: u64 = 64 << 20;

/// `f_type` of tmpfs (statfs(2)): its files are memory.
const TMPFS_MAGIC: i64 = 0x0102_1994;

/// The spool directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the spool directory `{}` cannot be written: {source}; set spool.directory to a writable directory, e.g. an emptyDir mounted at /tmp", directory.display())]
pub struct Unwritable {
    directory: PathBuf,
    source: std::io::Error,
}

impl Store {
    /// Probes the directory with a real unlinked file and sets the budgets. Blocking; done at start and on reload.
    pub fn open(limits: &limits::Process) -> Result<Self, Unwritable> {
        let directory = limits.spool_directory.clone().unwrap_or_else(std::env::temp_dir);
        if let Err(source) = tempfile::tempfile_in(&directory) {
            return Err(Unwritable { directory, source });
        }
        let memory = Budget::new(memory_budget(limits, Path::new("/sys/fs/cgroup")));
        let spool = if is_tmpfs(&directory) { memory.clone() } else { Budget::new(limits.spool_budget) };
        Ok(Self { memory, spool, directory })
    }

    /// New limits after a reload; what is held stays held.
    pub fn resize(&self, limits: &limits::Process) {
        self.spool.resize(limits.spool_budget);
        self.memory.resize(memory_budget(limits, Path::new("/sys/fs/cgroup")));
    }
}

fn memory_budget(limits: &limits::Process, cgroup: &Path) -> u64 {
    limits.memory_budget.unwrap_or_else(|| cgroup_memory(cgroup).map_or(WITHOUT_CGROUP, |max| max / 4))
}

/// The memory limit of this process's cgroup: version 2, then version 1. A version 1 without a limit shows a huge number.
pub fn cgroup_memory(cgroup: &Path) -> Option<u64> {
    let read = |file: &str| std::fs::read_to_string(cgroup.join(file)).ok()?.trim().parse::<u64>().ok();
    read("memory.max").or_else(|| read("memory/memory.limit_in_bytes")).filter(|max| *max < 1 << 50)
}

fn is_tmpfs(directory: &Path) -> bool {
    rustix::fs::statfs(directory).is_ok_and(|stat| stat.f_type == TMPFS_MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_budget_is_a_quarter_of_the_pod() {
        let cgroup = tempfile::tempdir().unwrap();
        let limits = limits::Process::default();
        assert_eq!(memory_budget(&limits, cgroup.path()), 64 << 20);
        std::fs::write(cgroup.path().join("memory.max"), "134217728\n").unwrap();
        assert_eq!(memory_budget(&limits, cgroup.path()), 32 << 20);
        std::fs::write(cgroup.path().join("memory.max"), "max\n").unwrap();
        assert_eq!(memory_budget(&limits, cgroup.path()), 64 << 20);
        let said = limits::Process { memory_budget: Some(5), ..limits };
        assert_eq!(memory_budget(&said, cgroup.path()), 5);
    }

    #[test]
    fn an_unwritable_spool_directory_is_said_with_its_name_and_the_fix() {
        let missing = limits::Process { spool_directory: Some("/nonexistent/spool".into()), ..Default::default() };
        let error = Store::open(&missing).err().unwrap().to_string();
        assert!(error.contains("/nonexistent/spool") && error.contains("spool.directory"), "{error}");
    }
}
