//! The files that the rules look at, and what a rule says about them.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::scan;

/// A Rust file: its path from the repository's root with forward slashes, and its text.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Something that a rule does not accept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// The whole repository.
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    pub(crate) files: Vec<File>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

impl File {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Where a rule objects.
    pub(crate) fn finding(&self, line: usize, message: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, message: message.into() }
    }

    /// The text without comments and literals, line for line.
    pub(crate) fn code(&self) -> String {
        scan::blank(&self.text)
    }

    /// The part that ships: everything before the tests.
    pub(crate) fn shipped(&self) -> &str {
        if self.is_test() { "" } else { scan::before_tests(&self.text) }
    }

    /// The part that proves.
    pub(crate) fn tests(&self) -> &str {
        self.text.get(self.shipped().len()..).unwrap_or_default()
    }

    /// Whether the whole file is a test.
    pub(crate) fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// Whether it belongs to this guard, whose fixtures break every rule on purpose.
    pub(crate) fn is_the_guard(&self) -> bool {
        self.path.starts_with("tests/tidy")
    }
}

impl Tree {
    /// The repository that this test was built from.
    pub(crate) fn here() -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let mut files = Vec::new();
        collect(&root, &root.join("src"), &mut files);
        collect(&root, &root.join("tests"), &mut files);
        Self { root, files }
    }

    /// What ships.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.starts_with("src/"))
    }

    /// A document beside the code; empty when it is missing.
    pub(crate) fn document(&self, path: &str) -> String {
        std::fs::read_to_string(self.root.join(path)).unwrap_or_default()
    }
}

fn collect(root: &Path, directory: &Path, files: &mut Vec<File>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            files.push(File::new(&name, &std::fs::read_to_string(&path).unwrap()));
        }
    }
}
