//! Fields under the name of an earlier release: still read, and told with what to write instead.

use super::report::Report;
use super::tree::{Entry, Node, Value};
use crate::policy::lint::{Code, Level};

/// A field that was renamed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deprecated {
    /// The mapping it stands in, from the root; `*` is each entry of a mapping or a list. Empty: the root.
    pub(crate) within: &'static str,
    /// Its former name.
    pub(crate) field: &'static str,
    /// Its name.
    pub(crate) replacement: &'static str,
    /// The release that renamed it.
    pub(crate) since: &'static str,
    /// The release that will refuse it.
    pub(crate) refused: &'static str,
}

/// Every field that was renamed and is still read. Nothing was since 0.1.0.
pub(crate) const FIELDS: &[Deprecated] = &[];

/// Gives each field its name, so that nothing after this step knows the former one.
///
/// **Invariant:** runs before anything looks at fields by name: what is secret is found by the name of its field.
pub(crate) fn rename(root: &mut Node, table: &[Deprecated], report: &Report) {
    for row in table {
        let path: Vec<&str> = row.within.split('.').filter(|name| !name.is_empty()).collect();
        descend(root, &path, row, report);
    }
}

fn descend(node: &mut Node, path: &[&str], row: &Deprecated, report: &Report) {
    let Some((first, rest)) = path.split_first() else { return here(node, row, report) };
    match &mut node.value {
        Value::Map(entries) => {
            for entry in entries.iter_mut().filter(|entry| *first == "*" || entry.key == *first) {
                descend(&mut entry.node, rest, row, report);
            }
        }
        Value::List(items) if *first == "*" => items.iter_mut().for_each(|item| descend(item, rest, row, report)),
        _ => {}
    }
}

fn here(node: &mut Node, row: &Deprecated, report: &Report) {
    let Value::Map(entries) = &mut node.value else { return };
    let both = entries.iter().any(|entry| entry.key == row.replacement);
    let Some(Entry { key, node }) = entries.iter_mut().find(|entry| entry.key == row.field) else { return };
    if both {
        let message = format!("`{}` is the former name of `{}`, which is written as well", row.field, row.replacement);
        report.error_at_key(node.spot, &message, Some("keep the one with the new name"));
    } else {
        let message = format!("`{}` is deprecated since {} and refused from {} on", row.field, row.since, row.refused);
        let fix = format!("write `{}`; nothing else changes", row.replacement);
        report.find(node.spot, (Code::DeprecatedField, Level::Warning), (&message, &fix));
        row.replacement.clone_into(key);
    }
}
