//! JSON in one spelling: as Python's `json.dumps(sort_keys=True)` writes it, and as RFC 8785 does.

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::json::Json;

/// Most digits of an integer: the interpreter reads no more (`sys.int_info.default_max_str_digits`).
const DIGITS: usize = 4300;

/// Up to here every integer is a double of its own (RFC 7493 §2.2).
const EXACT: f64 = 9_007_199_254_740_991.0;

/// A canonical form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Canonical {
    /// `json.dumps(value, sort_keys=True)` of Python 3.
    Python,
    /// The JSON Canonicalization Scheme (RFC 8785).
    Jcs,
}

impl Canonical {
    /// The one spelling; `None` where a number has none that everybody reads alike: too large for a double, or for [`Self::Jcs`] an
    /// integer that a double would change.
    pub fn print(self, json: &Json) -> Option<Vec<u8>> {
        let mut out = String::new();
        self.value(json, &mut out)?;
        Some(out.into_bytes())
    }

    fn value(self, json: &Json, out: &mut String) -> Option<()> {
        match json {
            Json::Null => out.push_str("null"),
            Json::Bool(true) => out.push_str("true"),
            Json::Bool(false) => out.push_str("false"),
            Json::Number(text) => out.push_str(&self.number(text)?),
            Json::Text(text) => self.text(text, out),
            Json::List(items) => {
                out.push('[');
                for (place, item) in items.iter().enumerate() {
                    out.push_str(if place == 0 { "" } else { self.comma() });
                    self.value(item, out)?;
                }
                out.push(']');
            }
            Json::Object(members) => self.object(members, out)?,
        }
        Some(())
    }

    fn object(self, members: &[(String, Json)], out: &mut String) -> Option<()> {
        let mut sorted: Vec<_> = members.iter().collect();
        sorted.sort_by(|(one, _), (other, _)| self.order(one, other));
        out.push('{');
        for (place, (name, value)) in sorted.into_iter().enumerate() {
            out.push_str(if place == 0 { "" } else { self.comma() });
            self.text(name, out);
            out.push_str(self.colon());
            self.value(value, out)?;
        }
        out.push('}');
        Some(())
    }

    const fn comma(self) -> &'static str {
        match self {
            Self::Python => ", ",
            Self::Jcs => ",",
        }
    }

    const fn colon(self) -> &'static str {
        match self {
            Self::Python => ": ",
            Self::Jcs => ":",
        }
    }

    /// Python sorts names by code point, RFC 8785 by UTF-16 unit: they differ above U+FFFF.
    fn order(self, one: &str, other: &str) -> Ordering {
        match self {
            Self::Python => one.cmp(other),
            Self::Jcs => one.encode_utf16().cmp(other.encode_utf16()),
        }
    }

    fn text(self, text: &str, out: &mut String) {
        out.push('"');
        for char in text.chars() {
            match char {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '\0'..' ' => escape(char, out),
                '\u{7f}'.. if self == Self::Python => escape(char, out),
                _ => out.push(char),
            }
        }
        out.push('"');
    }

    fn number(self, text: &str) -> Option<String> {
        let whole = !text.contains(['.', 'e', 'E']);
        match self {
            Self::Python if whole => integer(text),
            Self::Python => python(text.parse().ok()?),
            Self::Jcs => {
                let number: f64 = text.parse().ok()?;
                ecmascript(number).filter(|printed| !whole || number.abs() <= EXACT || printed == text)
            }
        }
    }
}

fn escape(char: char, out: &mut String) {
    for unit in char.encode_utf16(&mut [0; 2]) {
        let _never_fails = write!(out, "\\u{unit:04x}");
    }
}

fn integer(text: &str) -> Option<String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let printed = if digits == "0" { digits } else { text };
    (digits.len() <= DIGITS).then(|| printed.to_owned())
}

/// Significant digits of a number without its sign, and how many of them stand before the point.
struct Decimal {
    digits: String,
    point: i32,
}

impl Decimal {
    /// The shortest digits that read back as `number`, and of those the closest; `None` for what JSON cannot say. Half way between two,
    /// Python and V8 take the even one. Rust's shortest form does not, but its form of a given length does.
    fn of(number: f64) -> Option<Self> {
        let size = number.abs();
        let shortest = format!("{size:e}");
        let (mantissa, _) = shortest.split_once('e').filter(|_| number.is_finite())?;
        let length = mantissa.len().saturating_sub(2);
        let even = format!("{size:.length$e}");
        let text = if even.parse() == Ok(size) { even } else { shortest };
        let (mantissa, exponent) = text.split_once('e')?;
        Some(Self { digits: mantissa.replace('.', ""), point: exponent.parse::<i32>().ok()?.checked_add(1)? })
    }

    /// Without an exponent; a whole number ends in `ending`.
    fn plain(&self, ending: &str) -> Option<String> {
        let zeros = |count: i32| Some("0".repeat(usize::try_from(count).ok()?));
        let length = i32::try_from(self.digits.len()).ok()?;
        if self.point <= 0 {
            return Some(format!("0.{}{}", zeros(self.point.checked_neg()?)?, self.digits));
        }
        if self.point >= length {
            return Some(format!("{}{}{ending}", self.digits, zeros(self.point.checked_sub(length)?)?));
        }
        let (whole, fraction) = self.digits.split_at_checked(usize::try_from(self.point).ok()?)?;
        Some(format!("{whole}.{fraction}"))
    }

    /// With one digit before the point, and an exponent of at least `width` digits.
    fn scientific(&self, width: usize) -> Option<String> {
        let (first, others) = self.digits.split_at_checked(1)?;
        let point = if others.is_empty() { "" } else { "." };
        let exponent = self.point.checked_sub(1)?;
        let sign = if exponent < 0 { '-' } else { '+' };
        Some(format!("{first}{point}{others}e{sign}{:0width$}", exponent.unsigned_abs()))
    }
}

/// `repr` of a Python float: an exponent from 1e16 and below 1e-4.
fn python(number: f64) -> Option<String> {
    let decimal = Decimal::of(number)?;
    let sign = if number.is_sign_negative() { "-" } else { "" };
    let text = if (-3..=16).contains(&decimal.point) { decimal.plain(".0")? } else { decimal.scientific(2)? };
    Some(format!("{sign}{text}"))
}

/// `Number::toString` of ECMAScript: an exponent from 1e21 and below 1e-6.
fn ecmascript(number: f64) -> Option<String> {
    let decimal = Decimal::of(number)?;
    let sign = if number < 0.0 { "-" } else { "" };
    let text = if (-5..=21).contains(&decimal.point) { decimal.plain("")? } else { decimal.scientific(1)? };
    Some(format!("{sign}{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(form: Canonical, text: &str) -> Option<String> {
        let printed = form.print(&Json::parse(text.as_bytes())?)?;
        Some(String::from_utf8(printed).unwrap())
    }

    #[test]
    fn both_forms_write_as_their_law_says() {
        for (text, python, jcs) in [
            (r#" { "b" : 1 , "a" : [ ] , "A" : { } } "#, r#"{"A": {}, "a": [], "b": 1}"#, r#"{"A":{},"a":[],"b":1}"#),
            (r#"["\u00e9\u007f\u0001\/\b"]"#, r#"["\u00e9\u007f\u0001/\b"]"#, "[\"é\u{7f}\\u0001/\\b\"]"),
            ("{\"\u{ffff}\":1,\"😀\":2}", r#"{"\uffff": 1, "\ud83d\ude00": 2}"#, "{\"😀\":2,\"\u{ffff}\":1}"),
            ("[-0,-0.0,0e5,1.50]", "[0, -0.0, 0.0, 1.5]", "[0,0,0,1.5]"),
            ("[2147601781572945.25]", "[2147601781572945.2]", "[2147601781572945.2]"),
            ("[true,false,null]", "[true, false, null]", "[true,false,null]"),
        ] {
            assert_eq!(print(Canonical::Python, text).as_deref(), Some(python));
            assert_eq!(print(Canonical::Jcs, text).as_deref(), Some(jcs));
        }
    }

    #[test]
    fn a_number_that_a_reader_would_change_is_not_written() {
        let long = "1".repeat(DIGITS + 1);
        for (text, python, jcs) in [
            ("9007199254740991", true, true),
            ("9007199254740992", true, true),
            ("9007199254740993", true, false),
            ("-9007199254740993", true, false),
            ("1152921504606846976", true, false),
            ("1152921504606847000", true, true),
            ("1e400", false, false),
            ("-1e400", false, false),
            (long.get(1..).unwrap(), true, false),
            (long.as_str(), false, false),
        ] {
            assert_eq!(print(Canonical::Python, text).is_some(), python, "{text}");
            assert_eq!(print(Canonical::Jcs, text).is_some(), jcs, "{text}");
        }
    }
}
