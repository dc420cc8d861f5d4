//! A YAML key file: `version: 1` and a list of keys.

use std::path::Path;

use super::declared::{self, Declared, Fields};
use super::findings::{Findings, Place};
use super::node::{Node, Value};
use super::read;
use crate::sig::key::Key;

/// A key file larger than this is a mistake.
const MAX: u64 = 16 << 20;

/// The keys of the file at `path`, and who else may read it. Every mistake goes to `findings`, which has turned to the file.
pub(super) fn load(path: &Path, findings: &mut Findings) -> (Vec<Key>, u32) {
    match read::regular(path, MAX) {
        Ok(content) => (parse(&content.bytes, findings), content.mode),
        Err(error) => {
            findings.problem(&Place::default(), error.to_string(), "a key file is a readable, regular YAML file");
            (Vec::new(), 0)
        }
    }
}

/// The keys in a YAML text.
fn parse(text: &[u8], findings: &mut Findings) -> Vec<Key> {
    let options = serde_yaml::options! { duplicate_keys: serde_yaml::DuplicateKeyPolicy::PassThrough };
    let root = match serde_yaml::from_slice_with_options::<Node>(text, options) {
        Ok(root) => root,
        Err(error) => {
            // The parser's own words may quote the text, and the text is secrets.
            let place = |number: u64| u32::try_from(number).ok().filter(|number| *number > 0);
            let at = error.location().and_then(|at| place(at.line()).zip(place(at.column())));
            let fix = "check quotes, colons and indentation here; put secrets with special characters in quotes";
            findings.problem(&Place { at, path: String::new() }, "this is not valid YAML", fix);
            return Vec::new();
        }
    };
    let Some(fields) = Fields::of(&root, &Place { at: root.at, path: String::new() }, &["version", "keys"], findings)
    else {
        return Vec::new();
    };
    version(&fields, findings);
    keys(&fields, findings)
}

fn version(fields: &Fields<'_>, findings: &mut Findings) {
    match fields.node("version").map(|node| &node.value) {
        Some(Value::Number(1)) => {}
        Some(_) => findings.problem(&fields.at("version"), "unknown version of the key file", "write `version: 1`"),
        None => findings.problem(&fields.place, "the key file has no `version`", "begin it with `version: 1`"),
    }
}

fn keys(fields: &Fields<'_>, findings: &mut Findings) -> Vec<Key> {
    let place = fields.at("keys");
    let Some(Value::List(items)) = fields.node("keys").map(|node| &node.value) else {
        findings.problem(&place, "`keys` is not a list of keys", "write `keys:` and under it one `- id: …` per key");
        return Vec::new();
    };
    let declared = items.iter().enumerate();
    declared
        .filter_map(|(index, item)| declared::key(&Declared(item.clone()), &place.item(index, item), findings))
        .collect()
}
