//! Reading a file that somebody else may be changing, replacing or setting as a trap.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

/// How much is read at once of a file that is not held whole.
const PIECE: usize = 256 << 10;

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
    let opened = Opened::new(path, max)?;
    let bytes = bounded(&opened.file, opened.before.len(), max)?;
    opened.settled(u64::try_from(bytes.len()).unwrap_or(u64::MAX))?;
    Ok(Content { bytes, mode: opened.mode() })
}

/// The same piece by piece; returns the permission bits. An error takes back what was given out before.
pub(crate) fn pieces(path: &Path, max: u64, take: &mut dyn FnMut(&[u8])) -> Result<u32, ReadError> {
    let opened = Opened::new(path, max)?;
    let room = usize::try_from(opened.before.len().saturating_add(1)).unwrap_or(PIECE).min(PIECE);
    let mut buffer = Zeroizing::new(vec![0; room]);
    let (mut file, mut length) = (&opened.file, 0_u64);
    loop {
        let read = match file.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        length = length.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        if read == 0 || length > opened.before.len() {
            break;
        }
        take(buffer.get(..read).unwrap_or_default());
    }
    opened.settled(length)?;
    Ok(opened.mode())
}

/// A regular file, and what it was like when it was opened.
struct Opened {
    file: File,
    before: Metadata,
}

impl Opened {
    fn new(path: &Path, max: u64) -> Result<Self, ReadError> {
        // Opening a device can do something; looking at it first cannot. The look after opening is the one that counts.
        ordinary(&std::fs::metadata(path)?)?;
        let file = open(path)?;
        let before = file.metadata()?;
        ordinary(&before)?;
        if before.len() > max { Err(ReadError::TooLarge(max)) } else { Ok(Self { file, before }) }
    }

    /// Whether it is still the same after so many bytes were read of it.
    fn settled(&self, length: u64) -> Result<(), ReadError> {
        let (before, after) = (&self.before, self.file.metadata()?);
        let touched = (after.mtime(), after.mtime_nsec()) != (before.mtime(), before.mtime_nsec());
        if after.len() != length || touched { Err(ReadError::Unsettled) } else { Ok(()) }
    }

    fn mode(&self) -> u32 {
        self.before.mode() & 0o777
    }
}

/// What a path means at this moment, every link resolved: of a Kubernetes mount, the directory behind `..data`. `None` while it means nothing.
/// Whoever reads several files reads them below this, and again when it has changed meanwhile.
pub(crate) fn generation(path: &Path) -> Option<PathBuf> {
    let data = path.join("..data");
    let mounted = data.symlink_metadata().is_ok();
    std::fs::canonicalize(if mounted { data.as_path() } else { path }).ok()
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
