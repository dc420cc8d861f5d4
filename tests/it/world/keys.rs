//! A keyring directory as Kubernetes mounts a Secret: every swap is one rename of `..data`.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// One file per key, behind a `..data` symlink.
pub(crate) struct Keys {
    directory: PathBuf,
    generation: AtomicU32,
}

impl Keys {
    pub(crate) fn in_directory(directory: &Path) -> Self {
        std::fs::create_dir(directory).unwrap();
        Self { directory: directory.to_owned(), generation: AtomicU32::new(0) }
    }

    /// Exactly these keys from now on: id and contents of its file.
    pub(crate) fn swap(&self, keys: &[(&str, &str)]) {
        let number = self.generation.fetch_add(1, Ordering::SeqCst);
        let fresh = format!("..{number}");
        std::fs::create_dir(self.directory.join(&fresh)).unwrap();
        for (id, contents) in keys {
            std::fs::write(self.directory.join(&fresh).join(id), contents).unwrap();
        }
        symlink(&fresh, self.directory.join("..next")).unwrap();
        std::fs::rename(self.directory.join("..next"), self.directory.join("..data")).unwrap();
        self.relink(keys);
    }

    fn relink(&self, keys: &[(&str, &str)]) {
        for entry in std::fs::read_dir(&self.directory).unwrap().map(Result::unwrap) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with("..") && !keys.iter().any(|(id, _)| *id == name) {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
        for (id, _) in keys {
            let link = self.directory.join(id);
            if link.symlink_metadata().is_err() {
                symlink(format!("..data/{id}"), link).unwrap();
            }
        }
    }
}
