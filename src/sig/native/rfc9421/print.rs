//! The canonical form of structured fields (RFC 8941 §4.1).

use std::fmt::{self, Display, Formatter, Write as _};

use super::structured::{Bare, InnerList, Item, Member, Params};
use crate::sig::encoding::Encoding;

/// Parameters, each behind its `;`.
pub(super) struct Print<'a>(pub(super) &'a Params);

impl Display for Print<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, value)| match value {
            Bare::Boolean(true) => write!(f, ";{name}"),
            value => write!(f, ";{name}={value}"),
        })
    }
}

impl Display for Bare {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Decimal(thousandths) => decimal(f, *thousandths),
            Self::Text(text) => quoted(f, text),
            Self::Token(word) => f.write_str(word),
            Self::Bytes(bytes) => write!(f, ":{}:", Encoding::Base64.encode(bytes)),
            Self::Boolean(value) => f.write_str(if *value { "?1" } else { "?0" }),
        }
    }
}

impl Display for Item {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.bare, Print(&self.params))
    }
}

impl Display for InnerList {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (place, item) in self.items.iter().enumerate() {
            write!(f, "{}{item}", if place == 0 { "(" } else { " " })?;
        }
        write!(f, "{}){}", if self.items.is_empty() { "(" } else { "" }, Print(&self.params))
    }
}

impl Display for Member {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item(item) => write!(f, "{item}"),
            Self::List(list) => write!(f, "{list}"),
        }
    }
}

/// At least one digit behind the point, and no further zeros.
fn decimal(f: &mut Formatter<'_>, thousandths: i64) -> fmt::Result {
    let sign = if thousandths < 0 { "-" } else { "" };
    let size = thousandths.unsigned_abs();
    let fraction = format!("{:03}", size.rem_euclid(1000));
    let trimmed = fraction.trim_end_matches('0');
    write!(f, "{sign}{}.{}", size.div_euclid(1000), if trimmed.is_empty() { "0" } else { trimmed })
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for letter in text.chars() {
        if matches!(letter, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(letter)?;
    }
    f.write_char('"')
}
