//! `check --print`: the effective file, every value with its origin, secrets blacked out.

use std::fmt::Write as _;

use super::report::Report;
use super::sources::{self, Sources};
use super::tree::{Node, Value};

/// YAML with a comment `# file:line` behind every value that stands in a file.
pub(crate) fn effective(sources: &Sources, report: &Report) -> String {
    let mut out = String::new();
    Printer { report, out: &mut out }.node(&sources.root, 0, "");
    out
}

struct Printer<'a> {
    report: &'a Report,
    out: &'a mut String,
}

impl Printer<'_> {
    fn node(&mut self, node: &Node, depth: usize, key: &str) {
        match &node.value {
            Value::Map(entries) if !entries.is_empty() => {
                for entry in entries {
                    self.indent(depth);
                    let _ = write!(self.out, "{}:", scalar(&entry.key));
                    self.child(&entry.node, depth, &entry.key);
                }
            }
            Value::List(items) if !items.is_empty() => {
                for item in items {
                    self.indent(depth);
                    self.out.push('-');
                    self.child(item, depth, key);
                }
            }
            _ => {}
        }
    }

    fn child(&mut self, node: &Node, depth: usize, key: &str) {
        match &node.value {
            Value::Map(entries) if !entries.is_empty() => self.block(node, depth, key),
            Value::List(items) if !items.is_empty() => self.block(node, depth, key),
            value => {
                let text =
                    if is_secret(self.report.path(node.spot), key) { "<redacted>".to_owned() } else { leaf(value) };
                let _ = writeln!(self.out, " {text}  # {}", self.report.origin(node.spot));
            }
        }
    }

    fn block(&mut self, node: &Node, depth: usize, key: &str) {
        self.out.push('\n');
        self.node(node, depth.saturating_add(1), key);
    }

    fn indent(&mut self, depth: usize) {
        for _ in 0..depth {
            self.out.push_str("  ");
        }
    }
}

/// Secrets of keys, and header values, which are often tokens.
fn is_secret(path: &str, key: &str) -> bool {
    sources::is_secret(key) || [".request.set.", ".response.set."].iter().any(|edit| path.contains(edit))
}

fn leaf(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Unsigned(value) => value.to_string(),
        Value::Signed(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Text(text) => scalar(text),
        Value::List(_) => "[]".to_owned(),
        Value::Map(_) => "{}".to_owned(),
    }
}

/// JSON's quoting is YAML's where plain text will not do.
fn scalar(text: &str) -> String {
    let plain = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b'.'))
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'/')
        && !matches!(text, "true" | "false" | "null" | "yes" | "no" | "on" | "off");
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
