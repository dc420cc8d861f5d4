//! Where keys come from: a file, a directory, the environment, the configuration itself. Blocking; never run on a worker.

pub(crate) mod date;
pub(crate) mod declared;
mod directory;
pub(crate) mod edit;
mod file;
mod findings;
mod json;
mod lines;
mod lint;
mod node;
#[cfg(feature = "pkcs11")]
mod pkcs11;
#[cfg(not(feature = "pkcs11"))]
#[path = "no_pkcs11.rs"]
mod pkcs11;
pub(crate) mod read;
mod revoked;
pub mod watch;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::declared::Declared;
use self::findings::{Findings, Place};
use crate::config::Problem;
use crate::policy::lint::Code;
pub use crate::policy::upkeep::Pkcs11;
use crate::sig::key::{Key, Window};
use crate::sig::keyring::{Draft, Keyring, KeyringError, Spelling};
use crate::sig::secret::Secret;

/// A key source as configured.
#[derive(Clone)]
pub enum Source {
    /// A key file: YAML with a list of keys under `keys:`, or one key per line as JSON where its name ends in `.jsonl`.
    File(PathBuf),
    /// One file per key, named by its id: the Kubernetes Secret mount, or a plain directory.
    Directory(PathBuf),
    /// Environment variables: key id and variable name.
    Env(Vec<(String, String)>),
    /// In the configuration itself.
    Inline(Vec<Declared>),
    /// In a token that makes the MACs itself.
    Pkcs11(Pkcs11),
    /// Masters of whom a key is derived for every id.
    Derived(Box<Derived>),
}

/// Masters, and what becomes of them.
#[derive(Clone)]
pub struct Derived {
    /// Where the masters are.
    pub masters: Source,
    /// A file with ids that have no key any more, one a line.
    pub revoked: Option<PathBuf>,
    /// How derived bytes become a secret.
    pub spelling: Spelling,
}

/// A ring that was loaded and checked whole, and what was read for it.
pub struct LoadedRing {
    /// The ring.
    pub ring: Keyring,
    /// Not wrong, but worth saying (short secrets, readable by others, trailing NUL …).
    pub warnings: Vec<Problem>,
    /// Files and directories to watch.
    pub watched: Vec<PathBuf>,
}

/// Loads one keyring, whole or not at all. Problems of [`Source::Env`] and [`Source::Inline`] have an empty file: they are the configuration's.
pub fn load(name: &str, source: &Source) -> Result<LoadedRing, Vec<Problem>> {
    load_with(name, source, &|variable| std::env::var_os(variable))
}

/// [`load`] with an environment of the caller's.
pub fn load_with(
    name: &str,
    source: &Source,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<LoadedRing, Vec<Problem>> {
    let path = source.path();
    let mut findings = Findings::new(path.unwrap_or(Path::new("")));
    let keys = source.keys(environment, &mut findings);
    let ring = if findings.mistakes() == 0 { ring(name, keys, &mut findings) } else { None };
    let ring = match (ring, source) {
        (Some(masters), Source::Derived(derived)) => revoked::derived(masters, derived, &mut findings),
        (ring, _) => ring,
    };
    let (problems, warnings) = findings.told();
    match ring {
        Some(ring) if problems.is_empty() => Ok(LoadedRing { ring, warnings, watched: source.watched() }),
        _ => Err(problems),
    }
}

fn ring(name: &str, keys: Draft, findings: &mut Findings) -> Option<Keyring> {
    match keys.finish(name) {
        Ok(ring) => Some(ring),
        Err(error) => {
            told(&error, findings);
            None
        }
    }
}

/// A ring that cannot be, and what to do.
fn told(error: &KeyringError, findings: &mut Findings) {
    let fix = match error {
        KeyringError::Empty(_) => "add a key; `countersign keygen` makes one",
        KeyringError::Duplicate(_) => "give every key of a ring an id of its own",
        KeyringError::EmptySecret(_) => "make a secret with `countersign keygen`",
        KeyringError::TooManyMasters(_) => "remove masters that are over: every one of them is tried",
        KeyringError::TooMany(_) => "give each kind of client a ring of its own",
    };
    findings.problem(&Place::default(), error.to_string(), fix);
}

impl Source {
    /// The file or directory that is read, if any.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::Directory(path) => Some(path),
            Self::Env(_) | Self::Inline(_) | Self::Pkcs11(_) => None,
            Self::Derived(derived) => derived.masters.path(),
        }
    }

    /// Everything that is read.
    pub fn watched(&self) -> Vec<PathBuf> {
        let beside = match self {
            Self::Derived(derived) => derived.revoked.clone(),
            Self::Pkcs11(token) => Some(token.pin_file.clone()),
            Self::File(_) | Self::Directory(_) | Self::Env(_) | Self::Inline(_) => None,
        };
        self.path().map(Path::to_owned).into_iter().chain(beside).collect()
    }

    fn keys(&self, environment: &dyn Fn(&str) -> Option<OsString>, findings: &mut Findings) -> Draft {
        let mut keys = Draft::default();
        match self {
            Self::File(path) => {
                let mode = file::load(path, &mut keys, findings);
                exposure(&[(path.clone(), mode)], findings);
            }
            Self::Directory(path) => {
                let listing = directory::load(path, findings);
                exposure(&listing.modes, findings);
                keys = listing.keys;
            }
            Self::Env(variables) => {
                let found = variables.iter().filter_map(|(id, name)| variable(id, name, environment, findings));
                found.for_each(|key| keys.push(key));
            }
            Self::Inline(declared) => inline(declared, &mut keys, findings),
            Self::Pkcs11(token) => pkcs11::load(token, &mut keys, findings),
            Self::Derived(derived) => keys = derived.masters.keys(environment, findings),
        }
        keys
    }
}

/// One warning per ring: a Secret mount without `defaultMode` would otherwise say it for every key.
fn exposure(modes: &[(PathBuf, u32)], findings: &mut Findings) {
    let mut open = modes.iter().filter(|(_, mode)| mode & 0o007 != 0);
    let Some((path, mode)) = open.next() else { return };
    let others = match open.count() {
        0 => String::new(),
        count => format!(", and {count} more of this ring"),
    };
    findings.turn_to(path);
    let message = format!("every user of this machine has access to the file (mode {mode:04o}){others}");
    findings.warning(&Place::default(), Code::KeyFileExposed, message);
}

fn variable(
    id: &str,
    name: &str,
    environment: &dyn Fn(&str) -> Option<OsString>,
    findings: &mut Findings,
) -> Option<Key> {
    let place = Place::default().field(id, None);
    if !declared::id_is_plain(id) {
        findings.problem(&place, "not a key id", "use 1 to 128 visible ASCII characters");
        return None;
    }
    let Some(secret) = environment(name) else {
        let fix = "set it, or take the key from a file or directory";
        findings.problem(&place, format!("the environment variable `{name}` is not set"), fix);
        return None;
    };
    let secret = secret.into_vec();
    lint::secret(&secret, id, &place, findings);
    let id: Arc<str> = id.into();
    Some(Key {
        principal: Arc::clone(&id),
        id,
        secret: Secret::new(secret),
        sign: Window::default(),
        verify: Window::default(),
        created: None,
        observe: false,
    })
}

fn inline(declared: &[Declared], keys: &mut Draft, findings: &mut Findings) {
    let list = Place::default().field("keys", None);
    for (index, Declared(node)) in declared.iter().enumerate() {
        if let Some(key) = declared::key(node, &list.item(index, node), findings) {
            keys.push(key);
        }
    }
}

#[cfg(test)]
mod tests;
