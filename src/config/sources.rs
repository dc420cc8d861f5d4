//! The files of a configuration: the one that was named, what it includes, defaults worked in. One tree comes out.

use std::io;
use std::path::{Path, PathBuf};

use super::deprecated::{self, Deprecated};
use super::environment::{self, Lookup};
use super::report::{Report, Spot};
use super::tree::{self, Entry, Node, Value};

/// How deep includes may nest.
const MAX_DEPTH: usize = 8;
/// Settings of a route that are taken whole or not at all.
const WHOLE: [&str; 3] = ["verify", "sign", "allow"];

/// Defaults that a public route has no use for.
const VERIFYING: [&str; 3] = ["verify", "keys", "allow"];
/// The same within `rate`.
const COUNTING: [&str; 2] = ["key", "principal"];

/// Everything that was read.
pub(crate) struct Sources {
    /// The effective configuration.
    pub(crate) root: Node,
    /// The files, in the order they were read.
    pub(crate) files: Vec<PathBuf>,
}

impl Sources {
    /// Reads `path` and what it includes. `None` where a file could not be parsed at all.
    pub(crate) fn read(path: &Path, lookup: Lookup<'_>, renamed: &[Deprecated], report: &mut Report) -> Option<Self> {
        let mut reader = Reader { lookup, renamed, report, files: Vec::new(), open: Vec::new() };
        let mut root = reader.file(path, None)?;
        let files = reader.files;
        work_in_defaults(&mut root, report);
        Some(Self { root, files })
    }
}

struct Reader<'a> {
    lookup: Lookup<'a>,
    renamed: &'a [Deprecated],
    report: &'a mut Report,
    files: Vec<PathBuf>,
    /// Files that are being included, outermost first.
    open: Vec<PathBuf>,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, from: Option<Spot>) -> Option<Node> {
        let canonical = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if self.open.contains(&canonical) || self.open.len() >= MAX_DEPTH {
            self.report.error(
                from.unwrap_or_default(),
                "files include each other in a circle",
                Some("remove one of the includes"),
            );
            return None;
        }
        self.files.push(path.to_owned());
        let file = self.report.add_file(path);
        let text = match text_of(path) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("`{}` cannot be read: {}", path.display(), reason(&error));
                self.report.error(from.unwrap_or(Spot::file(file)), &message, None);
                return None;
            }
        };
        let mut root = tree::parse(&text, file, self.report)?;
        environment::resolve(&mut root, self.lookup, self.report);
        deprecated::rename(&mut root, self.renamed, self.report);
        hide_secrets(&root, self.report);
        if !self.is_configuration(&root) {
            return None;
        }
        self.open.push(canonical);
        let whole = self.includes(&mut root, path);
        self.open.pop();
        whole.then_some(root)
    }

    /// Whether it is a mapping; anything wrong with its version is reported.
    fn is_configuration(&self, root: &Node) -> bool {
        let Value::Map(_) = &root.value else {
            let message =
                if matches!(root.value, Value::Null) { "the file is empty" } else { "the file is not a mapping" };
            self.report.error(root.spot, message, Some("begin with `version: 1`"));
            return false;
        };
        match root.field("version").map(|node| (&node.value, node.spot)) {
            Some((Value::Unsigned(1), _)) => {}
            // What is no number is said when the first file's is read.
            Some((version, spot)) if matches!(version, Value::Unsigned(_)) || !self.open.is_empty() => {
                self.report.error(spot, "this version of countersign reads version 1", Some("write `version: 1`"));
            }
            Some(_) => {}
            None => self.report.error_in(
                root.spot,
                "version",
                "`version` is missing",
                Some("begin the file with `version: 1`"),
            ),
        }
        true
    }

    /// Whether every include could be read.
    fn includes(&mut self, root: &mut Node, path: &Path) -> bool {
        let Value::Map(entries) = &mut root.value else { return true };
        let Some(place) = entries.iter().position(|entry| entry.key == "include") else { return true };
        let include = entries.remove(place).node;
        let Value::List(files) = &include.value else {
            self.report.error(include.spot, "expected a list of files", Some("write `include: [more.yaml]`"));
            return true;
        };
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut whole = true;
        for file in files {
            let Value::Text(name) = &file.value else {
                self.report.error(file.spot, "expected the name of a file", None);
                continue;
            };
            match self.file(&base.join(name), Some(file.spot)) {
                Some(other) => merge(root, other, self.report),
                None => whole = false,
            }
        }
        whole
    }
}

/// The text of a file that is a file: a FIFO would wait for its writer, a device may never end.
fn text_of(path: &Path) -> io::Result<String> {
    let file = std::fs::metadata(path)?;
    if file.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !file.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if file.len() > tree::MAX_BYTES {
        return Err(io::Error::other("larger than 4 MiB; split it with `include:`"));
    }
    std::fs::read_to_string(path)
}

/// Why a file cannot be read, in the words of the system's tools.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        io::ErrorKind::Other => error.to_string(),
        kind => kind.to_string(),
    }
}

/// Secrets that stand in the file itself are blacked out of every message from now on.
fn hide_secrets(node: &Node, report: &mut Report) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| hide_secrets(item, report)),
        Value::Map(entries) => {
            for Entry { key, node } in entries {
                match &node.value {
                    Value::Text(text) if is_secret(key) => report.hide(text),
                    _ => hide_secrets(node, report),
                }
            }
        }
        _ => {}
    }
}

/// Whether a field of this name holds a secret: `secret`, `secret_hex`, `secret_base64`.
pub(crate) fn is_secret(key: &str) -> bool {
    key.starts_with("secret")
}

/// Adds what `other` says to `root`. Nothing may be said twice.
fn merge(root: &mut Node, other: Node, report: &Report) {
    let (Value::Map(entries), Value::Map(others)) = (&mut root.value, other.value) else { return };
    for Entry { key, node } in others {
        if key == "version" {
            continue;
        }
        let Some(mine) = entries.iter_mut().find(|entry| entry.key == key) else {
            entries.push(Entry { key, node });
            continue;
        };
        match (&mut mine.node.value, node.value) {
            (Value::List(mine), Value::List(more)) => mine.extend(more),
            (Value::Map(mine), Value::Map(more)) => more.into_iter().for_each(|entry| add(mine, entry, report)),
            _ => twice(&key, mine.node.spot, node.spot, report),
        }
    }
}

fn add(mine: &mut Vec<Entry>, entry: Entry, report: &Report) {
    match mine.iter().find(|known| known.key == entry.key) {
        Some(known) => twice(&entry.key, known.node.spot, entry.node.spot, report),
        None => mine.push(entry),
    }
}

fn twice(name: &str, first: Spot, second: Spot, report: &Report) {
    let fix = format!("keep one of them; the first is at {}", report.origin(first));
    report.error_at_key(second, &format!("`{name}` is written twice"), Some(&fix));
}

/// Gives every route the settings of `defaults:` that it does not have. Mappings are filled up one level deep, `verify` and `sign` are not.
fn work_in_defaults(root: &mut Node, report: &Report) {
    let Value::Map(entries) = &mut root.value else { return };
    let Some(place) = entries.iter().position(|entry| entry.key == "defaults") else { return };
    let node = entries.remove(place).node;
    let Value::Map(defaults) = node.value else {
        report.error(node.spot, "expected a mapping", Some("write `defaults: {upstream: app}`"));
        return;
    };
    for entry in &defaults {
        if entry.key == "path" {
            report.error_at_key(entry.node.spot, "`path` cannot be a default", Some("give every route its own"));
        }
    }
    let routes = entries.iter_mut().find(|entry| entry.key == "routes");
    let Some(Value::List(routes)) = routes.map(|entry| &mut entry.node.value) else { return };
    for route in routes {
        if let Value::Map(fields) = &mut route.value {
            fill(fields, &defaults);
        }
    }
}

/// A default for a route where no key is told.
fn uncounted(default: &Entry) -> Entry {
    let mut default = default.clone();
    if let ("rate", Value::Map(rates)) = (default.key.as_str(), &mut default.node.value) {
        rates.retain(|rate| !COUNTING.contains(&rate.key.as_str()));
    }
    default
}

fn fill(fields: &mut Vec<Entry>, defaults: &[Entry]) {
    let own = |key: &str| fields.iter().find(|entry| entry.key == key).map(|entry| &entry.node.value);
    let public = own("verify").is_none() && own("public").is_some_and(|public| !matches!(public, Value::Bool(false)));
    for default in defaults.iter().filter(|default| !(public && VERIFYING.contains(&default.key.as_str()))) {
        let default = &if public { uncounted(default) } else { default.clone() };
        match fields.iter_mut().find(|entry| entry.key == default.key) {
            None => fields.push(default.clone()),
            Some(own) => {
                if let (Value::Map(own), Value::Map(more)) = (&mut own.node.value, &default.node.value)
                    && !WHOLE.contains(&default.key.as_str())
                {
                    let missing: Vec<_> =
                        more.iter().filter(|entry| own.iter().all(|own| own.key != entry.key)).cloned().collect();
                    own.extend(missing);
                }
            }
        }
    }
}
