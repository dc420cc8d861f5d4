//! Which file a key is in, and whether it may be changed there at all.

use std::path::{Path, PathBuf};

use super::{Change, Refused, refused, tree};
use crate::keys::{Source, file, lines, read};

/// Where a key stands.
pub(super) enum Found {
    /// In a key file.
    InFile(PathBuf),
    /// In a file that is its secret, named by its id.
    Alone(PathBuf),
}

/// The file with key `id`.
pub(super) fn key(source: &Source, id: &str) -> Result<Found, Refused> {
    let directory = match source {
        Source::File(path) => return Ok(Found::InFile(path.clone())),
        Source::Directory(path) => path,
        Source::Env(_) | Source::Inline(_) | Source::Pkcs11(_) | Source::Derived(_) => return Err(nowhere(id)),
    };
    let alone = directory.join(id);
    if !id.contains('/') && alone.is_file() && !is_key_file(&alone) {
        return Ok(Found::Alone(alone));
    }
    let unread = |error: std::io::Error| refused(format!("`{}`: {error}", directory.display()), "make it readable");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(directory).map_err(unread)?.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| is_key_file(path) && !is_hidden(path));
    files.sort_unstable();
    files.into_iter().find(|path| holds(path, id)).map(Found::InFile).ok_or_else(|| nowhere(id))
}

fn holds(path: &Path, id: &str) -> bool {
    let content = read::regular(path, file::MAX).ok();
    let root = content.and_then(|content| file::tree(&content.bytes).ok());
    root.is_some_and(|root| tree::keys(&root).iter().any(|key| tree::id(key) == Some(id)))
}

/// Those that can be edited; one with many lines is written by a program.
fn is_key_file(path: &Path) -> bool {
    let known = ["yaml", "yml", lines::EXTENSION];
    path.extension().is_some_and(|extension| known.iter().any(|known| extension == *known))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn nowhere(id: &str) -> Refused {
    let fix = "a `.jsonl` file is written by a program; keys of the configuration or the environment are changed there";
    refused(format!("no file that can be edited holds key `{id}`"), fix)
}

/// **Threat:** a mounted Secret is replaced as a whole by the kubelet: whatever is written into it is lost with the next generation,
/// or refused half-way.
pub(super) fn not_mounted(path: &Path, change: &Change) -> Result<(), Refused> {
    let directory = if path.is_dir() { Some(path) } else { path.parent() };
    let mounted = directory.is_some_and(|directory| directory.join("..data").symlink_metadata().is_ok());
    if !mounted {
        return Ok(());
    }
    let name = |id: &str| {
        let alone = directory.is_some_and(|directory| directory.join(id).exists());
        if alone { id.to_owned() } else { format!("{id}.yaml") }
    };
    let fix = match change {
        Change::Add(entry) => format!(
            "countersign keygen --id {} --format secret --name NAME | kubectl patch secret NAME --patch-file /dev/stdin",
            entry.id
        ),
        Change::Remove { id } => format!(
            "kubectl patch secret NAME --type json -p '[{{\"op\": \"remove\", \"path\": \"/data/{}\"}}]'",
            name(id)
        ),
        Change::Until { id, .. } => format!(
            "edit `{}` in a copy, and: kubectl create secret generic NAME --from-file DIRECTORY --dry-run=client -o yaml | kubectl apply -f -",
            name(id)
        ),
    };
    let why = format!("`{}` is a mounted Kubernetes Secret, which only Kubernetes changes", path.display());
    Err(refused(why, format!("change the Secret, and the kubelet brings it here:\n  {fix}")))
}
