//! A YAML key file: `version: 1` and a list of keys.

use std::path::Path;

use super::declared::{self, Fields};
use super::findings::{Findings, Place};
use super::lines;
use super::node::{Node, Value};
use super::read::{self, ReadError};
use crate::sig::keyring::Draft;

/// A key file larger than this is a mistake, or should be [`super::lines`].
pub(super) const MAX: u64 = 16 << 20;

/// Puts the keys of the file at `path` into `keys`; returns who else may read it. Every mistake goes to `findings`, which has turned to the file.
pub(super) fn load(path: &Path, keys: &mut Draft, findings: &mut Findings) -> u32 {
    if path.extension().is_some_and(|extension| extension == lines::EXTENSION) {
        return lines::load(path, keys, findings);
    }
    match read::regular(path, MAX) {
        Ok(content) => {
            parse(&content.bytes, keys, findings);
            content.mode
        }
        Err(error) => {
            let fix = match error {
                ReadError::TooLarge(_) => "write so many keys as JSON, one per line, into a file that ends in `.jsonl`",
                _ => "a key file is a readable, regular YAML file",
            };
            findings.problem(&Place::default(), error.to_string(), fix);
            0
        }
    }
}

/// A YAML text as a tree, or where it is none.
pub(super) fn tree(text: &[u8]) -> Result<Node, Option<(u32, u32)>> {
    // The parser's own words may quote the text, and the text is secrets.
    let place = |number: u64| u32::try_from(number).ok().filter(|number| *number > 0);
    serde_yaml::from_slice_with_options::<Node>(text, options())
        .map_err(|error| error.location().and_then(|at| place(at.line()).zip(place(at.column()))))
}

/// The keys in a YAML text.
pub(super) fn parse(text: &[u8], ring: &mut Draft, findings: &mut Findings) {
    let root = match tree(text) {
        Ok(root) => root,
        Err(at) => {
            let fix = "check quotes, colons and indentation here; put secrets with special characters in quotes";
            return findings.problem(&Place { at, path: String::new() }, "this is not valid YAML", fix);
        }
    };
    let Some(fields) = Fields::of(&root, &Place { at: root.at, path: String::new() }, &["version", "keys"], findings)
    else {
        return;
    };
    version(&fields, findings);
    keys(&fields, ring, findings);
}

/// As much as fits into a file, and no alias that makes more of it.
fn options() -> serde_yaml::Options {
    serde_yaml::options! {
        duplicate_keys: serde_yaml::DuplicateKeyPolicy::PassThrough,
        budget: serde_yaml::budget! {
            max_nodes: 4_000_000,
            max_events: 8_000_000,
            max_depth: 32,
            max_aliases: 1_000,
            max_anchors: 100,
            max_documents: 1,
        },
    }
}

fn version(fields: &Fields<'_>, findings: &mut Findings) {
    match fields.node("version").map(|node| &node.value) {
        Some(Value::Number(1)) => {}
        Some(_) => findings.problem(&fields.at("version"), "unknown version of the key file", "write `version: 1`"),
        None => findings.problem(&fields.place, "the key file has no `version`", "begin it with `version: 1`"),
    }
}

fn keys(fields: &Fields<'_>, ring: &mut Draft, findings: &mut Findings) {
    let place = fields.at("keys");
    let Some(Value::List(items)) = fields.node("keys").map(|node| &node.value) else {
        let fix = "write `keys:` and under it one `- id: …` per key";
        return findings.problem(&place, "`keys` is not a list of keys", fix);
    };
    for (index, item) in items.iter().enumerate() {
        if let Some(key) = declared::key(item, &place.item(index, item), findings) {
            ring.push(key);
        }
    }
}
