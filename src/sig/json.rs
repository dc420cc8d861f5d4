//! JSON, read so that nobody can read it otherwise: exact numbers, bounded depth, and a name that occurs twice is a refusal.

use std::borrow::Cow;

/// Deepest nesting that is read.
const DEEPEST: usize = 128;

/// A JSON value; numbers keep their text.
#[derive(Clone, PartialEq, Debug)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// The digits as written.
    Number(String),
    /// Decoded.
    Text(String),
    /// In order.
    List(Vec<Json>),
    /// In order, names unique.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads one document; `None` when it is not JSON in one reading (RFC 8259), too deep, or names something twice.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut reader = Reader { rest: std::str::from_utf8(text).ok()? };
        let value = reader.value(0)?;
        reader.space();
        reader.rest.is_empty().then_some(value)
    }

    /// The value at a JSON pointer (RFC 6901).
    pub fn at(&self, pointer: &[u8]) -> Option<&Self> {
        let pointer = std::str::from_utf8(pointer).ok()?.strip_prefix('/')?;
        pointer.split('/').try_fold(self, |at, step| at.step(&unescape(step)))
    }

    /// The text of the string or number at a JSON pointer.
    pub fn scalar(&self, pointer: &[u8]) -> Option<&[u8]> {
        match self.at(pointer)? {
            Self::Number(text) | Self::Text(text) => Some(text.as_bytes()),
            Self::Null | Self::Bool(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// Writes `value` at a JSON pointer, over what is there; objects on the way are made. `None` when something else is on the way.
    pub fn put(&mut self, pointer: &[u8], value: Self) -> Option<()> {
        let pointer = std::str::from_utf8(pointer).ok()?.strip_prefix('/')?;
        let place = pointer.split('/').try_fold(self, |at, step| at.member(&unescape(step)))?;
        *place = value;
        Some(())
    }

    /// The member of this name, made where there is none.
    fn member(&mut self, name: &str) -> Option<&mut Self> {
        let Self::Object(members) = self else { return None };
        let place = members.iter().position(|(known, _)| known == name).unwrap_or(members.len());
        if place == members.len() {
            members.push((name.to_owned(), Self::Object(Vec::new())));
        }
        members.get_mut(place).map(|(_, value)| value)
    }

    fn step(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            Self::List(items) => items.get(place(name)?),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => None,
        }
    }
}

/// A place in a list: digits without a leading zero (RFC 6901 §4).
fn place(step: &str) -> Option<usize> {
    let plain = step.bytes().all(|byte| byte.is_ascii_digit()) && (step == "0" || !step.starts_with('0'));
    step.parse().ok().filter(|_| plain)
}

fn unescape(step: &str) -> Cow<'_, str> {
    if step.contains('~') { Cow::Owned(step.replace("~1", "/").replace("~0", "~")) } else { Cow::Borrowed(step) }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Option<Json> {
        if depth > DEEPEST {
            return None;
        }
        self.space();
        match self.rest.as_bytes().first()? {
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b'"' => self.text().map(Json::Text),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'n' => self.word("null", Json::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Json> {
        let mut members: Vec<(String, Json)> = Vec::new();
        let mut names = std::collections::HashSet::new();
        self.take("{")?;
        if self.take("}").is_some() {
            return Some(Json::Object(members));
        }
        loop {
            self.space();
            let name = self.text()?;
            self.take(":")?;
            let value = self.value(depth.saturating_add(1))?;
            if !names.insert(name.clone()) {
                return None;
            }
            members.push((name, value));
            if self.take(",").is_none() {
                self.take("}")?;
                return Some(Json::Object(members));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Option<Json> {
        let mut items = Vec::new();
        self.take("[")?;
        if self.take("]").is_some() {
            return Some(Json::List(items));
        }
        loop {
            items.push(self.value(depth.saturating_add(1))?);
            if self.take(",").is_none() {
                self.take("]")?;
                return Some(Json::List(items));
            }
        }
    }

    fn text(&mut self) -> Option<String> {
        let (mut out, mut rest) = (String::new(), self.rest.strip_prefix('"')?);
        loop {
            let end = rest.find(|c: char| c == '"' || c == '\\' || c < ' ')?;
            let (plain, after) = rest.split_at_checked(end)?;
            out.push_str(plain);
            if let Some(after) = after.strip_prefix('"') {
                self.rest = after;
                return Some(out);
            }
            let (decoded, after) = escape(after.strip_prefix('\\')?)?;
            out.push(decoded);
            rest = after;
        }
    }

    fn number(&mut self) -> Option<Json> {
        let end = self.rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'));
        let (text, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        if !is_number(text) {
            return None;
        }
        self.rest = rest;
        Some(Json::Number(text.to_owned()))
    }

    fn word(&mut self, word: &str, value: Json) -> Option<Json> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(value)
    }

    fn take(&mut self, mark: &'a str) -> Option<()> {
        self.space();
        self.rest = self.rest.strip_prefix(mark)?;
        Some(())
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }
}

/// One escape after its backslash, and what follows.
fn escape(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    let plain = match chars.next()? {
        '"' => '"',
        '\\' => '\\',
        '/' => '/',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unicode(chars.as_str()),
        _ => return None,
    };
    Some((plain, chars.as_str()))
}

fn unicode(text: &str) -> Option<(char, &str)> {
    let (first, rest) = unit(text)?;
    if let Some(known) = char::from_u32(first) {
        return Some((known, rest));
    }
    let (second, rest) = unit(rest.strip_prefix("\\u")?)?;
    let pair = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
    Some((char::decode_utf16(pair).next()?.ok()?, rest))
}

fn unit(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((u32::from_str_radix(digits, 16).ok().filter(|_| hex)?, rest))
}

/// RFC 8259 §6.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let led = whole.len() > 1 && whole.starts_with('0');
    digits(whole) && !led && fraction.is_none_or(digits) && exponent.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_finds_strings_and_numbers_and_nothing_else() {
        let json = Json::parse(br#" {"a": {"b~/c": [1.50, "x\u00e9\ud83d\ude00"]}, "t": 17, "n": null} "#).unwrap();
        for (pointer, found) in [
            ("/t", Some("17")),
            ("/a/b~0~1c/0", Some("1.50")),
            ("/a/b~0~1c/1", Some("xé😀")),
            ("/n", None),
            ("/a", None),
            ("/x", None),
        ] {
            assert_eq!(json.scalar(pointer.as_bytes()), found.map(str::as_bytes), "{pointer}");
        }
    }

    #[test]
    fn what_is_put_is_found_and_nothing_else_changes() {
        let mut json = Json::parse(br#"{"a": {"b": 1}, "c": [1]}"#).unwrap();
        for pointer in ["/a/b", "/a/x~1y", "/new/deep"] {
            json.put(pointer.as_bytes(), Json::Text("v".to_owned())).unwrap();
            assert_eq!(json.scalar(pointer.as_bytes()), Some(&b"v"[..]), "{pointer}");
        }
        for pointer in ["/c/0", "/a/b/c", "", "a"] {
            assert_eq!(json.put(pointer.as_bytes(), Json::Null), None, "{pointer:?}");
        }
        assert_eq!(json.scalar(b"/c/0"), Some(&b"1"[..]));
        assert!(json.at(b"/c/00").is_none() && json.at(b"/c/+0").is_none());
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not_read() {
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1}x"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":+1}"#,
            r#"{"a":"\ud800"}"#,
            "{\"a\":\"\n\"}",
            r#"{"a":1,}"#,
            "{'a':1}",
            "",
        ] {
            assert_eq!(Json::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Json::parse(b"\xff"), None);
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Json::parse(nested(DEEPEST).as_bytes()).is_some());
        assert!(Json::parse(nested(DEEPEST + 1).as_bytes()).is_none());
    }
}
