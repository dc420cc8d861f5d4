//! Lines and columns of a YAML text as places in its bytes.

use std::ops::Range;

use zeroize::Zeroizing;

use super::Patch;
use crate::keys::edit::tree;
use crate::keys::node::Node;

/// A text whose lines are known; they are counted from 1.
pub(super) struct Text<'a> {
    text: &'a str,
    lines: Vec<Range<usize>>,
}

/// An item of a list that is written with a dash: `content` is its last line that is neither blank nor a comment, `end` its last line.
pub(super) struct Item {
    pub(super) dash: usize,
    pub(super) begin: usize,
    pub(super) content: usize,
    pub(super) end: usize,
}

impl<'a> Text<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut start = 0_usize;
        let lines = text.split_inclusive('\n').map(|line| {
            let begin = start;
            start = start.saturating_add(line.len());
            begin..start
        });
        Self { text, lines: lines.collect() }
    }

    /// How its lines end.
    pub(super) fn ending(&self) -> &'static str {
        if self.text.contains("\r\n") { "\r\n" } else { "\n" }
    }

    fn range(&self, line: usize) -> Range<usize> {
        let end = self.text.len()..self.text.len();
        line.checked_sub(1).and_then(|line| self.lines.get(line)).cloned().unwrap_or(end)
    }

    fn line(&self, line: usize) -> &'a str {
        self.text.get(self.range(line)).unwrap_or_default()
    }

    /// The line and the byte of a place, which counts characters.
    fn offset(&self, node: &Node) -> Option<(usize, usize)> {
        let (line, column) = node.at?;
        let (line, column) = (usize::try_from(line).ok()?, usize::try_from(column).ok()?.checked_sub(1)?);
        let text = self.line(line);
        let within = text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(column)?;
        Some((line, self.range(line).start.checked_add(within)?))
    }

    /// The lines of an item. What is indented beyond its dash is part of it; a comment that is not belongs to what follows.
    pub(super) fn item(&self, node: &Node) -> Option<Item> {
        let (line, at) = self.offset(node)?;
        let before = self.text.get(self.range(line).start..at)?;
        let (begin, dash) = match before.find('-') {
            Some(dash) if before.trim() == "-" => (line, dash),
            None if before.trim().is_empty() => {
                let above = (1..line).rev().find(|above| !is_idle(self.line(*above)))?;
                (above, self.line(above).find('-').filter(|_| uncommented(self.line(above)) == "-")?)
            }
            Some(_) | None => return None,
        };
        let (mut content, mut end) = (line, line);
        for next in line.saturating_add(1)..=self.lines.len() {
            let text = self.line(next);
            if !text.trim().is_empty() {
                if indent(text) <= dash {
                    break;
                }
                end = next;
                if !is_idle(text) {
                    content = next;
                }
            }
        }
        Some(Item { dash, begin, content, end })
    }

    /// `added` as lines of their own behind a line.
    pub(super) fn after(&self, line: usize, added: &str, said: Vec<String>) -> Patch {
        let end = self.range(line).end;
        let mut text = Zeroizing::new(String::with_capacity(added.len().saturating_add(2)));
        if !self.line(line).ends_with('\n') {
            text.push_str(self.ending());
        }
        text.push_str(added);
        Patch { range: end..end, text, said }
    }

    /// Without these lines.
    pub(super) fn without(&self, first: usize, last: usize, said: Vec<String>) -> Patch {
        let range = self.range(first).start..self.range(last).end;
        Patch { range, text: Zeroizing::new(String::new()), said }
    }

    /// Ways to give a mapping one more field.
    pub(super) fn field(&self, map: &Node, field: &str) -> Vec<Patch> {
        let Some((line, at)) = self.offset(map) else { return Vec::new() };
        let inserted = |text: String| Patch {
            range: at..at,
            text: Zeroizing::new(text),
            said: vec![format!("line {line}:"), format!("+ {field}")],
        };
        if let Some(rest) = self.text.get(at..).and_then(|text| text.strip_prefix('{')) {
            let more = if rest.trim_start().starts_with('}') { "" } else { ", " };
            let brace = at.saturating_add(1);
            return vec![Patch { range: brace..brace, ..inserted(format!("{field}{more}")) }];
        }
        let indent = " ".repeat(at.saturating_sub(self.range(line).start));
        let added = format!("{indent}{field}{}", self.ending());
        let behind =
            |line: usize| self.after(line, &added, vec![format!("after line {line}:"), format!("+ {indent}{field}")]);
        let mut ways: Vec<Patch> = self.item(map).map(|item| behind(item.content)).into_iter().collect();
        let id = tree::field(map, "id").and_then(|id| self.offset(id));
        ways.extend(id.map(|(line, _)| behind(line)));
        ways.push(inserted(format!("{field}{}{indent}", self.ending())));
        ways
    }

    /// Ways to write `value` where a scalar stands.
    pub(super) fn instead(&self, scalar: &Node, value: &str) -> Vec<Patch> {
        let Some((line, at)) = self.offset(scalar) else { return Vec::new() };
        let rest = self.text.get(at..self.range(line).end).unwrap_or_default();
        let length = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                rest.get(1..).and_then(|rest| rest.find(quote)).map(|end| end.saturating_add(2))
            }
            _ => rest.find([',', '}', ' ', '\t', '\r', '\n']).or(Some(rest.len())),
        };
        let Some(end) = length.and_then(|length| at.checked_add(length)) else { return Vec::new() };
        let old = self.text.get(at..end).unwrap_or_default();
        let said = vec![format!("line {line}:"), format!("- until: {old}"), format!("+ until: {value}")];
        vec![Patch { range: at..end, text: Zeroizing::new(value.to_owned()), said }]
    }
}

fn indent(line: &str) -> usize {
    line.len().saturating_sub(line.trim_start_matches(' ').len())
}

/// A line without anything that a parser reads.
fn is_idle(line: &str) -> bool {
    let text = line.trim();
    text.is_empty() || text.starts_with('#')
}

fn uncommented(line: &str) -> &str {
    line.split_once(" #").map_or(line, |(text, _)| text).trim()
}
