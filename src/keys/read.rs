//! Reading a file that somebody else may be changing, replacing or setting as a trap.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use zeroize::Zeroizing;

/// What was read, and who else may read it.
pub(crate) struct Content {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// Permission bits.
    pub(crate) mode: u32,
}

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// It is not there, or not any more.
    #[error("the file does not exist")]
    Missing,
    /// Anything but a regular file: it could block us, or never end.
    #[error("this is {0}, not a regular file")]
    Special(&'static str),
    /// More than it may be.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// Somebody is writing it at this moment.
    #[error("the file changed while it was read")]
    Unsettled,
    /// The system said no.
    #[error("the file cannot be read: {0}")]
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Missing } else { Self::Io(error) }
    }
}

/// The whole of a regular file of at most `max` bytes, following symbolic links. Never blocks on a FIFO, socket or device.
pub(crate) fn regular(path: &Path, max: u64) -> Result<Content, ReadError> {
    // Opening a device can do something; looking at it first cannot. The look after opening is the one that counts.
    ordinary(&std::fs::metadata(path)?)?;
    let file = open(path)?;
    let before = file.metadata()?;
    ordinary(&before)?;
    if before.len() > max {
        return Err(ReadError::TooLarge(max));
    }
    let bytes = bounded(&file, before.len(), max)?;
    let after = file.metadata()?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if after.len() != length || (after.mtime(), after.mtime_nsec()) != (before.mtime(), before.mtime_nsec()) {
        return Err(ReadError::Unsettled);
    }
    Ok(Content { bytes, mode: before.mode() & 0o777 })
}

fn open(path: &Path) -> io::Result<File> {
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY).bits()).unwrap_or(0);
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Reserves once, so that no growing buffer leaves copies of a secret behind.
fn bounded(file: &File, length: u64, max: u64) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    let room = usize::try_from(length.saturating_add(1)).map_err(|_| ReadError::TooLarge(max))?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(length.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn ordinary(metadata: &Metadata) -> Result<(), ReadError> {
    if metadata.is_file() { Ok(()) } else { Err(ReadError::Special(kind(metadata))) }
}

/// What a file is, for a message.
fn kind(metadata: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}
