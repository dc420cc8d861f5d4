//! Changing keys where they are kept: the file is edited at the place, checked whole, and replaced in one step.
//!
//! **Invariant:** what people wrote beside the change, comments above all, stays byte for byte; nothing that is said holds a secret.

mod entry;
mod find;
mod store;
#[cfg(test)]
mod tests;
mod text;
mod tree;

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

pub(crate) use self::entry::{Entry, quoted};
use self::find::Found;
use self::store::Held;
use super::Source;
use crate::sig::keyring::Keyring;
use crate::sig::time::Moment;

/// What is to be changed.
#[derive(Clone)]
pub(crate) enum Change {
    /// One more key, behind the others.
    Add(Entry),
    /// The key signs, or verifies, until this moment and no longer. An edge that is `None` stays as it is.
    Until { id: String, sign: Option<Moment>, verify: Option<Moment> },
    /// One key less.
    Remove { id: String },
}

/// Why nothing was changed, and what to do instead.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{why}\n  {fix}")]
pub(crate) struct Refused {
    pub(crate) why: String,
    pub(crate) fix: String,
}

/// A change that was checked and waits to be made.
pub(crate) struct Ready {
    /// The file that will be different.
    pub(crate) path: PathBuf,
    /// What will be different in it, line by line, without any secret.
    pub(crate) said: Vec<String>,
    step: Step,
}

enum Step {
    Rewrite(Box<Held>, Zeroizing<String>),
    Create(Zeroizing<String>),
    Unlink(Box<Held>),
}

/// The change of `source`, checked and not made; `kept` is what it holds now.
pub(crate) fn prepare(source: &Source, kept: &Keyring, change: &Change) -> Result<Ready, Refused> {
    if let Source::Derived(derived) = source {
        return prepare(&derived.masters, kept, change);
    }
    let root = match source {
        Source::File(path) | Source::Directory(path) => path,
        Source::Env(_) => {
            return Err(refused("the keys are environment variables", "change them where the process is started"));
        }
        Source::Pkcs11(_) => {
            return Err(refused("the keys are in a token", "change them with its own tools, such as `pkcs11-tool`"));
        }
        Source::Inline(_) | Source::Derived(_) => {
            return Err(refused(
                "the keys stand in the configuration itself",
                "edit them there, or move them into a key file",
            ));
        }
    };
    let known = |id: &str| kept.place(id).is_some();
    match change {
        Change::Add(entry) if known(&entry.id) => {
            return Err(refused(format!("key `{}` is there already", entry.id), "choose another id"));
        }
        Change::Until { id, .. } | Change::Remove { id } if !known(id) => {
            return Err(refused(format!("there is no key `{id}`"), "`countersign keys list` shows which there are"));
        }
        Change::Remove { id } if kept.len() == 1 => {
            return Err(refused(format!("key `{id}` is the only one"), "add another first: a keyring is never empty"));
        }
        Change::Add(_) | Change::Until { .. } | Change::Remove { .. } => {}
    }
    find::not_mounted(root, change)?;
    match (source, change) {
        (Source::Directory(directory), Change::Add(entry)) => create(directory, entry),
        (_, Change::Add(_)) => rewrite(root, change),
        (_, Change::Until { id, .. } | Change::Remove { id }) => match find::key(source, id)? {
            Found::InFile(path) => rewrite(&path, change),
            Found::Alone(path) => alone(path, change),
        },
    }
}

/// Whether the key is a file that is its secret: it goes, or it stays, and cannot say when.
pub(crate) fn is_alone(source: &Source, id: &str) -> bool {
    matches!(find::key(source, id), Ok(Found::Alone(_)))
}

impl Ready {
    /// Makes the change: whole or not at all.
    pub(crate) fn commit(self) -> Result<(), Refused> {
        match self.step {
            Step::Rewrite(held, text) => held.replace(text.as_bytes()),
            Step::Create(text) => store::create(&self.path, text.as_bytes()),
            Step::Unlink(held) => held.remove(),
        }
    }
}

fn rewrite(path: &Path, change: &Change) -> Result<Ready, Refused> {
    if path.extension().is_some_and(|extension| extension == super::lines::EXTENSION) {
        let why = format!("`{}` has one key per line and is written by a program", path.display());
        return Err(refused(why, "let that program write it anew, to a temporary name, and rename"));
    }
    let held = Held::open(path)?;
    let text = std::str::from_utf8(held.bytes()).map_err(|_| refused("the file is not UTF-8", "write it as UTF-8"))?;
    let edited = text::edit(text, change)?;
    if edited.is_empty {
        return Ok(Ready {
            path: path.to_owned(),
            said: vec!["the file, which holds no other key, is removed".into()],
            step: Step::Unlink(Box::new(held)),
        });
    }
    Ok(Ready { path: path.to_owned(), said: edited.said, step: Step::Rewrite(Box::new(held), edited.text) })
}

/// A key in a directory gets a file of its own.
fn create(directory: &Path, entry: &Entry) -> Result<Ready, Refused> {
    if entry.id.contains('/') || entry.id.starts_with('.') {
        return Err(refused(
            "in a directory the id is a file name",
            "choose an id without `/` and without `.` in front",
        ));
    }
    let path = directory.join(format!("{}.yaml", entry.id));
    let mut said = vec!["a new key file:".to_owned()];
    said.extend(entry.shown().lines().map(|line| format!("+ {line}")));
    Ok(Ready { path, said, step: Step::Create(entry.file()) })
}

/// A file that is a secret and nothing else.
fn alone(path: PathBuf, change: &Change) -> Result<Ready, Refused> {
    match change {
        Change::Remove { .. } => {
            let held = Held::open(&path)?;
            Ok(Ready { path, said: vec!["the file is removed".into()], step: Step::Unlink(Box::new(held)) })
        }
        Change::Until { id, .. } => {
            let why = format!("`{}` is a secret alone: it cannot say when it ends", path.display());
            Err(refused(why, format!("`countersign keys remove {id}` ends it at once, or put it into a key file")))
        }
        Change::Add(_) => Err(refused("a secret alone holds no other key", "use a directory or a key file")),
    }
}

fn refused(why: impl Into<String>, fix: impl Into<String>) -> Refused {
    Refused { why: why.into(), fix: fix.into() }
}
