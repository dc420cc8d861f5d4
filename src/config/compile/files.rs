//! Reading certificates and their keys: contents go into the policy, paths are watched, one Kubernetes generation is never mixed with another.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::super::report::{Report, Spot};
use super::super::sources::reason;
use crate::policy::lint::Code;
use crate::policy::listen::Certificate;
use crate::sig::secret::Secret;

/// Largest certificate or key file in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Reads files and remembers what to watch.
pub(crate) struct Files<'a> {
    report: &'a Report,
    watched: RefCell<Vec<PathBuf>>,
    /// Directories with a `..data` link and where it led when it was first followed.
    generations: RefCell<HashMap<PathBuf, PathBuf>>,
}

impl<'a> Files<'a> {
    pub(crate) fn new(report: &'a Report) -> Self {
        Self { report, watched: RefCell::default(), generations: RefCell::default() }
    }

    /// Everything that was read.
    pub(crate) fn watched(&self) -> Vec<PathBuf> {
        let mut watched = self.watched.take();
        watched.sort_unstable();
        watched.dedup();
        watched
    }

    /// A change of `path` is a reason to load again.
    pub(crate) fn watch(&self, path: impl Into<PathBuf>) {
        self.watched.borrow_mut().push(path.into());
    }

    /// A path as written at `spot`: relative ones start at the directory of the file they are written in.
    pub(crate) fn resolve(&self, path: &str, spot: Spot) -> PathBuf {
        let file = self.report.file_of(spot);
        file.parent().unwrap_or(Path::new("")).join(path)
    }

    /// A chain and its key.
    pub(crate) fn certificate(&self, chain: (&str, Spot), key: (&str, Spot)) -> Option<Certificate> {
        let origin = self.resolve(chain.0, chain.1);
        let chain = self.chain(&origin, chain.1);
        let key = self.key(&self.resolve(key.0, key.1), key.1);
        Some(Certificate { chain: chain?, key: key?, origin: origin.display().to_string() })
    }

    /// `tls.crt` and `tls.key` of a directory, as in a Kubernetes Secret of type `kubernetes.io/tls`.
    pub(crate) fn directory(&self, directory: &str, spot: Spot) -> Option<Certificate> {
        let directory = self.resolve(directory, spot);
        let origin = directory.join("tls.crt");
        let chain = self.chain(&origin, spot);
        let key = self.key(&directory.join("tls.key"), spot);
        Some(Certificate { chain: chain?, key: key?, origin: origin.display().to_string() })
    }

    /// Authorities.
    pub(crate) fn authorities(&self, path: &str, spot: Spot) -> Option<Vec<u8>> {
        self.chain(&self.resolve(path, spot), spot)
    }

    fn chain(&self, path: &Path, spot: Spot) -> Option<Vec<u8>> {
        let pem = self.read(path, spot)?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        if certificates.is_ok_and(|certificates| !certificates.is_empty()) {
            return Some(pem);
        }
        let message = format!("`{}` holds no PEM certificate", path.display());
        self.report.error(spot, &message, Some("the file begins with `-----BEGIN CERTIFICATE-----`"));
        None
    }

    fn key(&self, path: &Path, spot: Spot) -> Option<Secret> {
        let pem = Secret::new(self.read(path, spot)?);
        if let Ok(metadata) = std::fs::metadata(path)
            && metadata.permissions().mode() & 0o007 != 0
        {
            let message = format!("every user of this machine can read `{}`", path.display());
            self.report.warn(spot, Code::KeyFileExposed, &message);
        }
        if PrivateKeyDer::from_pem_slice(pem.expose()).is_ok() {
            return Some(pem);
        }
        let message = format!("`{}` holds no PEM private key", path.display());
        self.report.error(spot, &message, Some("the file holds a PKCS#8, PKCS#1 or SEC1 key without a passphrase"));
        None
    }

    fn read(&self, path: &Path, spot: Spot) -> Option<Vec<u8>> {
        self.watch(path);
        let real = self.generation(path);
        let whole = || {
            let file = std::fs::metadata(&real)?;
            // Opening a FIFO would wait for its writer.
            if !file.is_file() || file.len() > MAX_BYTES {
                return Err(std::io::Error::other("not a file of at most 1 MiB"));
            }
            std::fs::read(&real)
        };
        match whole() {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.report.error(spot, &format!("`{}` cannot be read: {}", path.display(), reason(&error)), None);
                None
            }
        }
    }

    /// The file itself, inside the directory that `..data` leads to at the first look: a certificate and its key come from one swap.
    fn generation(&self, path: &Path) -> PathBuf {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return path.to_owned() };
        let mut generations = self.generations.borrow_mut();
        if !generations.contains_key(parent) {
            let Ok(real) = std::fs::canonicalize(parent.join("..data")) else { return path.to_owned() };
            generations.insert(parent.to_owned(), real);
        }
        generations.get(parent).map_or_else(|| path.to_owned(), |real| real.join(name))
    }
}
