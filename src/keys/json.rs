//! A line of JSON as a tree. A parser undoes the escapes of a text in space of its own and wipes none of it: here they are undone in space that is.

use std::fmt;

use serde::de::{Deserializer as _, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::node::{Node, Unplaced, Value};

/// The tree in `line`, or the column from 1 where it is not valid JSON.
pub(super) fn node(line: &[u8]) -> Result<Node, u32> {
    let column = |error: serde_json::Error| u32::try_from(error.column()).unwrap_or(1).max(1);
    let raw: &RawValue = serde_json::from_slice(line).map_err(column)?;
    Ok(Node { at: None, value: value(raw.get(), DEEPEST).map_err(column)? })
}

/// **Threat:** whoever looks over a value that is kept as it stands counts no depth; going into it without an end would use up the stack.
const DEEPEST: usize = 32;

fn value(text: &str, deeper: usize) -> serde_json::Result<Value> {
    let inner = || deeper.checked_sub(1).map(Inner).ok_or_else(|| serde_json::Error::custom("too deep"));
    let mut parser = serde_json::Deserializer::from_str(text);
    match text.as_bytes().first() {
        Some(b'"') => unescaped(text).map(Value::Text).ok_or_else(|| serde_json::Error::custom("half a character")),
        Some(b'{') => parser.deserialize_map(inner()?).map(Value::Map),
        Some(b'[') => {
            parser.deserialize_seq(inner()?).map(|named| Value::List(named.into_iter().map(|(_, node)| node).collect()))
        }
        _ => serde_json::from_str::<Unplaced>(text).map(|Unplaced(node)| node.value),
    }
}

/// What stands in a mapping or a list: names and values, which are only looked at where they stand, and how much deeper it may go.
struct Inner(usize);

impl<'de> Visitor<'de> for Inner {
    type Value = Vec<(String, Node)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut named = Vec::new();
        while let Some((name, raw)) = fields.next_entry::<String, &RawValue>()? {
            named.push((name, Node { at: None, value: value(raw.get(), self.0).map_err(A::Error::custom)? }));
        }
        Ok(named)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(raw) = items.next_element::<&RawValue>()? {
            list.push((String::new(), Node { at: None, value: value(raw.get(), self.0).map_err(A::Error::custom)? }));
        }
        Ok(list)
    }
}

/// What a JSON string means, whose form was checked (RFC 8259 §7). `None` where half of a surrogate pair stands alone.
/// **Invariant:** the buffer never grows: no escape is shorter than what it stands for.
fn unescaped(quoted: &str) -> Option<Zeroizing<String>> {
    let mut rest = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = Zeroizing::new(String::with_capacity(rest.len()));
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let (shown, behind) = character(escape)?;
        text.push(shown);
        rest = behind;
    }
    text.push_str(rest);
    Some(text)
}

/// The character that `escape` begins with, without its backslash, and what comes behind.
fn character(escape: &str) -> Option<(char, &str)> {
    let (kind, rest) = escape.split_at_checked(1)?;
    let shown = match kind {
        "b" => '\u{8}',
        "f" => '\u{c}',
        "n" => '\n',
        "r" => '\r',
        "t" => '\t',
        "u" => return unicode(rest),
        _ => kind.chars().next()?,
    };
    Some((shown, rest))
}

fn unicode(digits: &str) -> Option<(char, &str)> {
    let unit = |digits: &'_ str| u32::from_str_radix(digits.get(..4)?, 16).ok();
    let (first, rest) = (unit(digits)?, digits.get(4..)?);
    if let Some(shown) = char::from_u32(first) {
        return Some((shown, rest));
    }
    let low = rest.strip_prefix("\\u")?;
    let both = char::decode_utf16([u16::try_from(first).ok()?, u16::try_from(unit(low)?).ok()?]).next()?.ok()?;
    Some((both, low.get(4..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_mean_what_they_mean_to_others_in_a_buffer_that_never_grew() {
        for quoted in [
            r#""""#,
            r#""plain""#,
            r#""\"\\\/\b\f\n\r\t""#,
            r#""a\u0041\u00e9\u20acz""#,
            r#""\ud83d\ude00 \uD83D\uDE00""#,
            "\"\u{e9}\u{1f600}\\\\\"",
        ] {
            let text = unescaped(quoted).unwrap();
            assert_eq!(*text, serde_json::from_str::<String>(quoted).unwrap(), "{quoted}");
            assert_eq!(text.capacity(), quoted.len() - 2, "{quoted}");
        }
    }

    #[test]
    fn half_a_pair_and_what_is_no_json_is_refused_as_others_refuse_it() {
        for text in [
            r#"{"a": "\ud83d"}"#,
            r#"["\ude00"]"#,
            r#"{"a": "\ud83d\u0041"}"#,
            r#"{"a": "\ud83dx"}"#,
            r#"{"a": "\x"}"#,
            r#"{"a": "\u12"}"#,
            r#"{"a": "\u+123"}"#,
            "{\"a\": \"\u{1}\"}",
            "\"",
            "{} {}",
            "",
        ] {
            assert!(
                node(text.as_bytes()).is_err() && serde_json::from_str::<serde_json::Value>(text).is_err(),
                "{text}"
            );
        }
        assert!(node(b"\"\xff\"").is_err());
    }

    #[test]
    fn a_tree_is_as_deep_as_it_is() {
        let tree = node(br#" {"a": [1, "\n", {"b": null}], "c": 1.5} "#).ok().unwrap();
        let Value::Map(fields) = tree.value else { panic!("a mapping") };
        let [(a, list), (c, number)] = &fields[..] else { panic!("two fields") };
        assert_eq!((a.as_str(), c.as_str(), number.value.kind()), ("a", "c", "a number"));
        let Value::List(items) = &list.value else { panic!("a list") };
        let [one, text, inner] = &items[..] else { panic!("three items") };
        assert!(matches!(&text.value, Value::Text(text) if text.as_str() == "\n"));
        assert_eq!((one.value.kind(), inner.value.kind()), ("a number", "a mapping"));
        let nested = |depth: usize| node(format!("{}{}", "[".repeat(depth), "]".repeat(depth)).as_bytes()).is_ok();
        assert!(nested(DEEPEST) && !nested(DEEPEST + 1) && !nested(100_000));
    }
}
