//! One YAML file as a tree in which every value knows its line and column, so that every mistake can be reported at once.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Budget, DuplicateKeyPolicy, MergeKeyPolicy, Spanned};

use super::report::{Report, Spot};

/// Largest configuration file in bytes.
pub(crate) const MAX_BYTES: u64 = 4 << 20;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Its place, known to the [`Report`].
    pub(crate) spot: Spot,
    /// What stands there.
    pub(crate) value: Value,
    /// Whether the environment had a part in it; such text is also taken for numbers and booleans.
    pub(crate) resolved: bool,
}

/// What a YAML value can be.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Nothing, `null` or `~`.
    Null,
    /// `true` or `false`, no other spelling.
    Bool(bool),
    /// A whole number from 0.
    Unsigned(u64),
    /// A whole number below 0.
    Signed(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Entry>),
}

/// A key of a mapping and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) node: Node,
}

impl Node {
    /// The value under `key`, if this is a mapping that has one.
    pub(crate) fn field(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node),
            _ => None,
        }
    }
}

/// Parses one file. A syntax error stops here, since nothing after it can be trusted; a repeated key does not.
pub(crate) fn parse(text: &str, file: usize, report: &mut Report) -> Option<Node> {
    match serde_yaml::from_str_with_options::<Spanned<Raw>>(text, options()) {
        Ok(root) => Some(Planter { file, report }.plant(root, "")),
        Err(error) => {
            let spot = error.location().map_or(Spot::file(file), |at| report.place(file, position(at), String::new()));
            let fix = "look for quotes, brackets and indentation; `${NAME}` inside `{…}` or `[…]` needs quotes";
            report.error(spot, &syntax_message(&error), Some(fix));
            None
        }
    }
}

fn options() -> serde_yaml::Options {
    serde_yaml::options! {
        strict_booleans: true,
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        reject_unsupported_tags: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
        budget: budget(),
    }
}

fn budget() -> Option<Budget> {
    serde_yaml::budget! {
        max_nodes: 200_000,
        max_events: 500_000,
        max_depth: 32,
        max_aliases: 1_000,
        max_anchors: 100,
        max_documents: 1,
    }
}

/// **Threat:** an anchor's name or a scalar could be a misquoted secret, so only messages without text of the file are passed on.
fn syntax_message(error: &serde_yaml::Error) -> String {
    let text = error.without_snippet().to_string();
    let line = text.lines().next().unwrap_or_default();
    let line = line.split(" at line ").next().unwrap_or_default();
    if line.contains("Documents {") {
        "not valid YAML: a second document begins; a configuration is one".to_owned()
    } else if line.contains("budget breached") {
        "not valid YAML: too much of it, counting what aliases repeat".to_owned()
    } else if line.is_empty() || line.contains(['`', '"', '\'']) {
        "not valid YAML".to_owned()
    } else {
        format!("not valid YAML: {line}")
    }
}

fn position(at: serde_yaml::Location) -> Option<(u32, u32)> {
    let line = u32::try_from(at.line()).ok().filter(|line| *line > 0)?;
    Some((line, u32::try_from(at.column()).ok()?))
}

/// Turns what the parser delivers into nodes, registering every place and reporting repeated keys.
struct Planter<'a> {
    file: usize,
    report: &'a mut Report,
}

impl Planter<'_> {
    fn plant(&mut self, raw: Spanned<Raw>, path: &str) -> Node {
        let spot = self.report.place(self.file, position(raw.referenced), path.to_owned());
        let value = match raw.value {
            Raw::Leaf(value) => value,
            Raw::List(items) => Value::List(
                items
                    .into_iter()
                    .enumerate()
                    .map(|(place, item)| self.plant(item, &format!("{path}[{place}]")))
                    .collect(),
            ),
            Raw::Map(entries) => Value::Map(self.entries(entries, path)),
        };
        Node { spot, value, resolved: false }
    }

    fn entries(&mut self, raw: Vec<(Spanned<Raw>, Spanned<Raw>)>, path: &str) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::with_capacity(raw.len());
        for (key, value) in raw {
            let at = position(key.referenced);
            let Some(key) = key.value.as_key() else {
                let spot = self.report.place(self.file, at, path.to_owned());
                self.report.error(spot, "a key must be plain text", None);
                continue;
            };
            let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                let line = self.report.line(first.node.spot);
                let spot = self.report.place(self.file, at, inner);
                self.report.error(
                    spot,
                    &format!("`{key}` is written twice"),
                    Some(&format!("keep one of them; the first is on line {line}")),
                );
                continue;
            }
            let node = self.plant(value, &inner);
            self.report.key(node.spot, at);
            entries.push(Entry { key, node });
        }
        entries
    }
}

/// What the parser delivers.
enum Raw {
    Leaf(Value),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl Raw {
    fn as_key(&self) -> Option<String> {
        match self {
            Self::Leaf(Value::Text(text)) => Some(text.clone()),
            Self::Leaf(Value::Unsigned(number)) => Some(number.to_string()),
            Self::Leaf(Value::Bool(value)) => Some(value.to_string()),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Leaf(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Leaf(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Leaf(Value::Bool(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Leaf(Value::Unsigned(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Leaf(u64::try_from(value).map_or(Value::Signed(value), Value::Unsigned)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Leaf(Value::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Leaf(Value::Text(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}
