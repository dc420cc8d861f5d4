//! The text of a key file, edited at the places that the parser names.
//!
//! **Invariant:** every way to write a change is tried on a copy, and taken only where the parser then reads what was meant and nothing else.

mod place;

use std::ops::Range;

use zeroize::Zeroizing;

use self::place::Text;
use super::{Change, Refused, refused, tree};
use crate::keys::findings::Findings;
use crate::keys::node::Node;
use crate::keys::{date, file};
use crate::sig::keyring::Draft;
use crate::sig::time::Moment;

/// A key file after a change.
pub(super) struct Edited {
    pub(super) text: Zeroizing<String>,
    /// What is different, without any secret.
    pub(super) said: Vec<String>,
    /// Whether no key is left.
    pub(super) is_empty: bool,
}

/// Bytes that are replaced, and by what.
struct Patch {
    range: Range<usize>,
    text: Zeroizing<String>,
    /// What people are told of it.
    said: Vec<String>,
}

/// `text` after `change`.
pub(super) fn edit(text: &str, change: &Change) -> Result<Edited, Refused> {
    let steps = match change {
        Change::Until { id, sign, verify } => {
            let only = |sign: Option<Moment>, verify: Option<Moment>| Change::Until { id: id.clone(), sign, verify };
            vec![sign.map(|sign| only(Some(sign), None)), verify.map(|verify| only(None, Some(verify)))]
        }
        Change::Add(_) | Change::Remove { .. } => vec![Some(change.clone())],
    };
    let mut edited = Edited { text: copied(text), said: Vec::new(), is_empty: false };
    for step in steps.into_iter().flatten() {
        let next = once(&edited.text, &step)?;
        edited.said.extend(next.said);
        (edited.text, edited.is_empty) = (next.text, next.is_empty);
    }
    Ok(edited)
}

fn once(text: &str, change: &Change) -> Result<Edited, Refused> {
    let root = file::tree(text.as_bytes()).map_err(|_| refused("this is not valid YAML", "mend the file first"))?;
    if let (Change::Remove { id }, [only]) = (change, tree::keys(&root))
        && tree::id(only) == Some(id)
    {
        return Ok(Edited { text: copied(text), said: Vec::new(), is_empty: true });
    }
    let ways = ways(&Text::new(text), &root, change);
    for patch in ways {
        let text = patched(text, &patch);
        if file::tree(text.as_bytes()).is_ok_and(|after| is_meant(&root, &after, change)) {
            check(&text)?;
            return Ok(Edited { text, said: patch.said, is_empty: false });
        }
    }
    let fix = "edit it by hand: one `- id: …` per key and one field per line can be edited for you";
    Err(refused("the file is written in a way that cannot be edited at the place", fix))
}

fn is_meant(before: &Node, after: &Node, change: &Change) -> bool {
    match change {
        Change::Add(entry) => tree::is_added(before, after, &entry.id),
        Change::Until { .. } | Change::Remove { .. } => {
            tree::changed(before, change).is_some_and(|meant| tree::same(&meant, after))
        }
    }
}

/// What the loader would refuse is not written.
fn check(text: &str) -> Result<(), Refused> {
    let mut findings = Findings::new(std::path::Path::new(""));
    file::parse(text.as_bytes(), &mut Draft::default(), &mut findings);
    let (problems, _) = findings.told();
    problems.first().map_or(Ok(()), |problem| {
        let why = format!("the file would not load any more: {}", problem.message);
        Err(refused(why, problem.fix.clone().unwrap_or_default()))
    })
}

/// Every way to write the change, the nicest first.
fn ways(text: &Text<'_>, root: &Node, change: &Change) -> Vec<Patch> {
    let keys = tree::keys(root);
    let named = |wanted: &str| keys.iter().find(|key| tree::id(key) == Some(wanted));
    match change {
        Change::Add(entry) => {
            let Some(item) = keys.last().and_then(|last| text.item(last)) else { return Vec::new() };
            let indent = " ".repeat(item.dash);
            let shown = entry.shown();
            let said = |line: usize| {
                let mut said = vec![format!("after line {line}:")];
                said.extend(shown.lines().map(|line| format!("+ {line}")));
                said
            };
            let after = |line: usize| text.after(line, &entry.item(&indent, text.ending()), said(line));
            vec![after(item.content), after(item.end)]
        }
        Change::Remove { id } => {
            let Some(item) = named(id).and_then(|key| text.item(key)) else { return Vec::new() };
            let said = match (item.begin, item.end) {
                (one, other) if one == other => format!("- line {one}"),
                (one, other) => format!("- lines {one} to {other}"),
            };
            vec![text.without(item.begin, item.end, vec![said])]
        }
        Change::Until { id, sign, verify } => {
            let Some(key) = named(id) else { return Vec::new() };
            let edges = [("sign", sign), ("verify", verify)];
            let edge = edges.into_iter().find_map(|(name, moment)| Some((name, date::written((*moment)?))));
            edge.map_or(Vec::new(), |(name, until)| end(text, key, name, &until))
        }
    }
}

/// Ways to write the end of a window.
fn end(text: &Text<'_>, key: &Node, name: &str, until: &str) -> Vec<Patch> {
    let Some(window) = tree::field(key, name) else {
        return text.field(key, &format!("{name}: {{until: {until}}}"));
    };
    match tree::field(window, "until") {
        Some(written) => text.instead(written, until),
        None => text.field(window, &format!("until: {until}")),
    }
}

fn copied(text: &str) -> Zeroizing<String> {
    let mut copy = Zeroizing::new(String::with_capacity(text.len()));
    copy.push_str(text);
    copy
}

/// Made in one piece: a string that grows leaves copies of secrets behind.
fn patched(text: &str, patch: &Patch) -> Zeroizing<String> {
    let mut whole = Zeroizing::new(String::with_capacity(text.len().saturating_add(patch.text.len())));
    let (before, after) = (text.get(..patch.range.start), text.get(patch.range.end..));
    whole.extend([before.unwrap_or_default(), &patch.text, after.unwrap_or_default()]);
    whole
}
