//! Replacing a file in one step, as it was in everything but its content.
//!
//! **Invariant:** at every moment the name leads to the whole old file or to the whole new one, and both are on the disk before the name moves.

use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use zeroize::Zeroizing;

use super::{Refused, refused};
use crate::keys::{file, read};

/// Mode and owner.
type Standing = (u32, (u32, u32));

/// A file that was read to be changed. Nobody else who asks changes its directory meanwhile.
pub(super) struct Held {
    path: PathBuf,
    bytes: Zeroizing<Vec<u8>>,
    before: Metadata,
    directory: File,
}

impl Held {
    /// Reads the file that `path` leads to: a link stays, and what it leads to is changed.
    pub(super) fn open(path: &Path) -> Result<Self, Refused> {
        let failed = |error: io::Error| failed(path, &error);
        let path = std::fs::canonicalize(path).map_err(failed)?;
        let directory = locked(&path)?;
        let before = std::fs::metadata(&path).map_err(failed)?;
        let content = read::regular(&path, file::MAX);
        let content = content.map_err(|error| refused(format!("`{}`: {error}", path.display()), "make it readable"))?;
        if before.nlink() > 1 {
            let why = format!("`{}` has {} names (hard links)", path.display(), before.nlink());
            return Err(refused(why, "a file is replaced under one name: use a symbolic link, or copies"));
        }
        Ok(Self { path, bytes: content.bytes, before, directory })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same file with other content.
    pub(super) fn replace(self, content: &[u8]) -> Result<(), Refused> {
        self.unchanged()?;
        let standing = (self.before.mode() & 0o7777, (self.before.uid(), self.before.gid()));
        written(&self.path, content, standing)
            .and_then(|file| file.persist(&self.path).map_err(|error| error.error))
            .and_then(|_file| self.directory.sync_all())
            .map_err(|error| failed(&self.path, &error))
    }

    /// No such file any more.
    pub(super) fn remove(self) -> Result<(), Refused> {
        self.unchanged()?;
        let removed = std::fs::remove_file(&self.path).and_then(|()| self.directory.sync_all());
        removed.map_err(|error| failed(&self.path, &error))
    }

    /// An editor asks nobody: what it wrote meanwhile must not be lost.
    fn unchanged(&self) -> Result<(), Refused> {
        let now = read::regular(&self.path, file::MAX).ok();
        if now.is_some_and(|now| *now.bytes == *self.bytes) {
            return Ok(());
        }
        Err(refused(format!("`{}` has changed meanwhile", self.path.display()), "look at it, and try again"))
    }
}

/// A file that was not there, with the mode and the owner of its youngest neighbour, so that whoever reads the others reads it, too.
pub(super) fn create(path: &Path, content: &[u8]) -> Result<(), Refused> {
    let directory = locked(path)?;
    written(path, content, neighbourly(path))
        .and_then(|file| file.persist_noclobber(path).map_err(|error| error.error))
        .and_then(|_file| directory.sync_all())
        .map_err(|error| failed(path, &error))
}

fn neighbourly(path: &Path) -> Standing {
    let directory = parent(path);
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let visible = entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    let files = visible.filter_map(|entry| std::fs::metadata(entry.path()).ok()).filter(Metadata::is_file);
    let youngest = files.max_by_key(|file| (file.mtime(), file.mtime_nsec()));
    let of = |owner: &Metadata| (owner.uid(), owner.gid());
    match (youngest, std::fs::metadata(directory)) {
        (Some(file), _) => (file.mode() & 0o777, of(&file)),
        (None, Ok(directory)) => (0o600, of(&directory)),
        (None, Err(_)) => (0o600, (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())),
    }
}

/// A temporary file beside `path` that is on the disk. Its name begins with a dot: no directory of keys reads it.
fn written(path: &Path, content: &[u8], (mode, owner): Standing) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(".countersign-").tempfile_in(parent(path))?;
    let metadata = file.as_file().metadata()?;
    if (metadata.uid(), metadata.gid()) != owner {
        std::os::unix::fs::fchown(file.as_file(), Some(owner.0), Some(owner.1))?;
    }
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// The directory of `path`, ours until the handle is dropped.
fn locked(path: &Path) -> Result<File, Refused> {
    let directory = parent(path);
    let file = OpenOptions::new().read(true).open(directory).map_err(|error| failed(directory, &error))?;
    let locked = rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(io::Error::from);
    locked.map_err(|error| failed(directory, &error)).map(|()| file)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn failed(path: &Path, error: &io::Error) -> Refused {
    let fix = match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => {
            "it is mounted read-only: change it where it comes from, e.g. with `kubectl patch secret`"
        }
        io::ErrorKind::PermissionDenied => "run it as the owner of the file and of its directory",
        io::ErrorKind::AlreadyExists => "choose another id",
        _ => "nothing was changed",
    };
    refused(format!("`{}`: {error}", path.display()), fix)
}
