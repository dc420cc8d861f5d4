//! A directory with one file per key: plain, or a Kubernetes Secret mount.
//!
//! A mount is a set of symbolic links through `..data`, which points to the current generation and is replaced in one step. Names are taken from
//! **one** generation: `..data` is resolved once, and everything is read again when it has moved meanwhile.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::declared;
use super::file;
use super::findings::{Findings, Place};
use super::lines;
use super::lint;
use super::read;
use crate::sig::key::{Key, Window};
use crate::sig::keyring::Draft;
use crate::sig::secret::Secret;

/// A secret larger than this is a mistake.
const MAX: u64 = 64 << 10;
/// How often a mount may move under our eyes before we give up; kubelet moves it once a minute at most.
const ATTEMPTS: usize = 3;

/// What a directory holds.
#[derive(Default)]
pub(super) struct Listing {
    /// Its keys, in the order of their file names.
    pub(super) keys: Draft,
    /// Key files and who else may read them.
    pub(super) modes: Vec<(PathBuf, u32)>,
}

/// Reads every key of the directory, all from one generation.
pub(super) fn load(path: &Path, findings: &mut Findings) -> Listing {
    let mut absent = None;
    for _ in 0..ATTEMPTS {
        let mut attempt = Findings::new(path);
        let Some(generation) = read::generation(path) else {
            // Its links are followed name by name here: only what they say of themselves may be used, never keys.
            read_all(path, &path.join("..data"), &mut attempt);
            absent = Some(attempt);
            continue;
        };
        let listing = read_all(path, &generation, &mut attempt);
        if read::generation(path).as_ref() == Some(&generation) {
            findings.add(attempt);
            return listing;
        }
        absent = None;
    }
    match absent.filter(Findings::refuse) {
        Some(attempt) => findings.add(attempt),
        None => findings.problem(
            &Place::default(),
            "the mount changes faster than it can be read",
            "look at what writes to it",
        ),
    }
    Listing::default()
}

fn read_all(path: &Path, content: &Path, findings: &mut Findings) -> Listing {
    let mut listing = Listing::default();
    let names = match names(content) {
        Ok(names) => names,
        Err(error) => {
            let message = format!("the directory cannot be listed: {error}");
            findings.problem(&Place::default(), message, "a keyring is a readable directory with one file per key");
            return listing;
        }
    };
    for name in names {
        // Findings name the path that the operator knows, not the generation behind it.
        let shown = path.join(&name);
        findings.turn_to(&shown);
        let mode = one(&content.join(&name), &name, &mut listing.keys, findings);
        listing.modes.extend(mode.map(|mode| (shown, mode)));
    }
    findings.turn_to(path);
    listing
}

/// File names in byte order, without hidden ones (`..data`, `..2026_…`, `.gitkeep`).
fn names(content: &Path) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(content)? {
        let name = entry?.file_name();
        if !name.as_encoded_bytes().starts_with(b".") {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Reads one file; its permission bits, if it could be read.
fn one(path: &Path, name: &OsStr, keys: &mut Draft, findings: &mut Findings) -> Option<u32> {
    let is_key_file = |extension: &OsStr| ["yaml", "yml", lines::EXTENSION].iter().any(|known| extension == *known);
    if path.extension().is_some_and(is_key_file) {
        Some(file::load(path, keys, findings))
    } else {
        plain(path, name, keys, findings)
    }
}

/// A file whose name is the key id and whose content is the secret.
fn plain(path: &Path, name: &OsStr, keys: &mut Draft, findings: &mut Findings) -> Option<u32> {
    let place = Place::default();
    let Some(id) = name.to_str().filter(|id| declared::id_is_plain(id)) else {
        findings.problem(&place, "the file name is not a key id", "use 1 to 128 visible ASCII characters");
        return None;
    };
    let content = match read::regular(path, MAX) {
        Ok(content) => content,
        Err(error) => {
            let fix = "a keyring's directory holds one readable, regular file per key and nothing else";
            findings.problem(&place, error.to_string(), fix);
            return None;
        }
    };
    let secret = without_newline(&content.bytes);
    lint::secret(secret, id, &place, findings);
    let id: Arc<str> = id.into();
    keys.push(Key {
        principal: Arc::clone(&id),
        id,
        secret: Secret::new(secret.to_vec()),
        sign: Window::default(),
        verify: Window::default(),
        created: None,
        observe: false,
    });
    Some(content.mode)
}

/// Editors and `echo` end a file with a newline: exactly one is not part of the secret.
fn without_newline(content: &[u8]) -> &[u8] {
    match content.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => content,
    }
}
