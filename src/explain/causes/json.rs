//! A JSON body that was parsed and written again between signing and here: which of its former texts was signed?

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Candidate, Cause};

/// Longest body that is written again in every style.
const LONGEST: usize = 256 << 10;

/// Most members whose every order is tried: 6! = 720.
const MEMBERS: usize = 6;

/// How somebody's library writes JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Style {
    /// Behind a comma and behind a colon.
    gaps: (&'static str, &'static str),
    /// Spaces for each level; `None`: all in one line.
    indent: Option<usize>,
    /// Which characters become `\u` escapes.
    escapes: Escapes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    /// Only what must be.
    Few,
    /// Everything beyond ASCII, in lower-case hex.
    Lower,
    /// The same in upper case.
    Upper,
    /// What could end a script, as Go does it.
    Html,
    /// Everything beyond ASCII and slashes, as PHP does it.
    Slashes,
}

const GAPS: [((&str, &str), Option<usize>); 6] = [
    (("", ""), None),
    ((" ", " "), None),
    (("", " "), Some(2)),
    (("", " "), Some(4)),
    (("", " "), None),
    ((" ", ""), None),
];
const ESCAPES: [Escapes; 5] = [Escapes::Few, Escapes::Lower, Escapes::Slashes, Escapes::Html, Escapes::Upper];

/// The body in every style, then in other orders of its members.
pub(super) fn candidates(body: &[u8]) -> impl Iterator<Item = Candidate> + '_ {
    let parsed = if body.len() <= LONGEST { serde_json::from_slice::<Value>(body).ok() } else { None };
    let parsed = parsed.filter(|value| value.is_object() || value.is_array());
    parsed
        .into_iter()
        .flat_map(move |value| {
            let own = styles().find(|style| style.write(&value) == body);
            let same = texts(value.clone(), styles().collect());
            let sorted = texts(sorted(&value), styles().collect());
            let few = own.into_iter().chain(plain());
            let few: Vec<Style> = few.collect();
            let orders = orders(&value).flat_map(move |order| texts(order, few.clone()));
            let squeezed = squeeze(body);
            let same = same.map(move |text| {
                let cause = if squeeze(&text) == squeezed { Cause::JsonWhiteSpace } else { Cause::JsonEscapes };
                (cause, text)
            });
            same.chain(sorted.chain(orders).map(|text| (Cause::JsonKeyOrder, text)))
        })
        .filter(move |(_, text)| text != body)
        .map(|(cause, text)| Candidate { body: Some(text), ..Candidate::new(cause, "") })
}

fn styles() -> impl Iterator<Item = Style> {
    ESCAPES.into_iter().flat_map(|escapes| GAPS.into_iter().map(move |(gaps, indent)| Style { gaps, indent, escapes }))
}

/// The two styles of nearly everybody.
fn plain() -> impl Iterator<Item = Style> {
    styles().filter(|style| style.indent.is_none() && [("", ""), (" ", " ")].contains(&style.gaps)).take(4)
}

fn texts(value: Value, styles: Vec<Style>) -> impl Iterator<Item = Vec<u8>> {
    styles.into_iter().map(move |style| style.write(&value))
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let ordered: BTreeMap<_, _> = members.iter().map(|(name, value)| (name.clone(), sorted(value))).collect();
            Value::Object(ordered.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// Every order of the outermost members, where they are few.
fn orders(value: &Value) -> impl Iterator<Item = Value> + use<> {
    let members: Vec<(String, Value)> = match value {
        Value::Object(members) if members.len() <= MEMBERS => members.clone().into_iter().collect(),
        _ => Vec::new(),
    };
    let count = if members.is_empty() { 0 } else { (1..=members.len()).product() };
    (1..count).map(move |number| Value::Object(permuted(members.clone(), number)))
}

/// The permutation of this number, as digits of the factorial number system.
fn permuted(mut members: Vec<(String, Value)>, mut number: usize) -> Map<String, Value> {
    let mut order = Map::new();
    while !members.is_empty() {
        let place = number.checked_rem(members.len()).unwrap_or_default();
        number = number.checked_div(members.len()).unwrap_or_default();
        let (name, value) = members.remove(place);
        order.insert(name, value);
    }
    order
}

/// Without white space outside of strings.
fn squeeze(text: &[u8]) -> Vec<u8> {
    let (mut inside, mut escaped) = (false, false);
    let kept = text.iter().filter(|byte| {
        let was_inside = inside;
        inside ^= **byte == b'"' && !escaped;
        escaped = inside && **byte == b'\\' && !escaped;
        was_inside || !byte.is_ascii_whitespace()
    });
    kept.copied().collect()
}

impl Style {
    fn write(self, value: &Value) -> Vec<u8> {
        let mut out = String::new();
        self.value(value, 0, &mut out);
        out.into_bytes()
    }

    fn value(self, value: &Value, depth: usize, out: &mut String) {
        match value {
            Value::Object(members) if !members.is_empty() => {
                let entry = |(name, value): (&String, &Value), out: &mut String| {
                    self.text(name, out);
                    out.push(':');
                    out.push_str(self.gaps.1);
                    self.value(value, depth.saturating_add(1), out);
                };
                self.list(('{', '}', depth), members.iter(), entry, out);
            }
            Value::Array(items) if !items.is_empty() => {
                let item = |value: &Value, out: &mut String| self.value(value, depth.saturating_add(1), out);
                self.list(('[', ']', depth), items.iter(), item, out);
            }
            Value::String(text) => self.text(text, out),
            other => out.push_str(&other.to_string()),
        }
    }

    fn list<T>(
        self,
        (open, close, depth): (char, char, usize),
        items: impl Iterator<Item = T>,
        write: impl Fn(T, &mut String),
        out: &mut String,
    ) {
        out.push(open);
        for (place, item) in items.enumerate() {
            if place > 0 {
                out.push(',');
                out.push_str(self.gaps.0);
            }
            self.line(depth.saturating_add(1), out);
            write(item, out);
        }
        self.line(depth, out);
        out.push(close);
    }

    fn line(self, depth: usize, out: &mut String) {
        if let Some(indent) = self.indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent.saturating_mul(depth)));
        }
    }

    fn text(self, text: &str, out: &mut String) {
        let plain = Value::from(text).to_string();
        for char in plain.chars() {
            let beyond = !char.is_ascii() && matches!(self.escapes, Escapes::Lower | Escapes::Upper | Escapes::Slashes);
            let script = self.escapes == Escapes::Html && matches!(char, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
            if beyond || script {
                self.escape(char, out);
            } else if char == '/' && self.escapes == Escapes::Slashes {
                out.push_str("\\/");
            } else {
                out.push(char);
            }
        }
    }

    fn escape(self, char: char, out: &mut String) {
        let mut units = [0; 2];
        for unit in char.encode_utf16(&mut units) {
            let escaped =
                if self.escapes == Escapes::Upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
            out.push_str(&escaped);
        }
    }
}
