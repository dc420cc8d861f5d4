//! Structured fields (RFC 8941): read strictly, written in their one canonical form.
//!
//! What occurs twice is refused instead of resolved: of two values somebody else may see the other one.

use super::print::Print;
use crate::reject::{Code, Rejection};
use crate::sig::encoding::Encoding;

/// A value without parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Bare {
    /// At most 15 digits.
    Integer(i64),
    /// In thousandths; at most 12 digits and 3 more behind the point.
    Decimal(i64),
    /// Spaces and visible ASCII.
    Text(String),
    /// A word without quotes.
    Token(String),
    /// Base64 between colons.
    Bytes(Vec<u8>),
    /// `?0` or `?1`.
    Boolean(bool),
}

/// Parameters in the order written; no name occurs twice.
pub type Params = Vec<(String, Bare)>;

/// A value and its parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// The value.
    pub bare: Bare,
    /// What is said of it.
    pub params: Params,
}

/// Items in parentheses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InnerList {
    /// In order.
    pub items: Vec<Item>,
    /// What is said of all of them.
    pub params: Params,
}

/// A member of a list or dictionary.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Member {
    /// One value.
    Item(Item),
    /// Several.
    List(InnerList),
}

/// Members by name in the order written; no name occurs twice.
pub type Dictionary = Vec<(String, Member)>;

/// Why a field cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It is not written as RFC 8941 says.
    Malformed,
    /// A name occurs twice.
    Repeated,
}

impl From<Fault> for Rejection {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed => Self::from(Code::SignatureMalformed).because("not a structured field"),
            Fault::Repeated => Self::from(Code::SignatureRepeated).because("a name occurs twice"),
        }
    }
}

/// Reads a dictionary (RFC 8941 §4.2.2).
pub fn dictionary(text: &[u8]) -> Result<Dictionary, Fault> {
    let all = entries(text, |reader| {
        let name = reader.key()?;
        let member = if reader.take(b'=') {
            reader.member()?
        } else {
            Member::Item(Item { bare: Bare::Boolean(true), params: reader.params()? })
        };
        Ok((name, member))
    })?;
    unique(all)
}

/// Reads one item (RFC 8941 §4.2.3).
pub fn item(text: &[u8]) -> Result<Item, Fault> {
    let mut reader = Reader { rest: text.trim_ascii() };
    let item = reader.item()?;
    if reader.rest.is_empty() { Ok(item) } else { Err(Fault::Malformed) }
}

/// The canonical form of a field whose type is not known. Dictionary, list and item share a form wherever they share a text.
pub fn canonical(text: &[u8]) -> Result<String, Fault> {
    if let Ok(dictionary) = dictionary(text) {
        return Ok(print_dictionary(&dictionary));
    }
    Ok(entries(text, |reader| Ok(reader.member()?.to_string()))?.join(", "))
}

/// A dictionary in its canonical form.
pub fn print_dictionary(dictionary: &Dictionary) -> String {
    let print = |(name, member): &(String, Member)| match member {
        Member::Item(Item { bare: Bare::Boolean(true), params }) => format!("{name}{}", Print(params)),
        member => format!("{name}={member}"),
    };
    dictionary.iter().map(print).collect::<Vec<_>>().join(", ")
}

fn entries<T>(text: &[u8], entry: impl Fn(&mut Reader<'_>) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
    let space = |byte: u8| byte == b' ' || byte == b'\t';
    let (mut reader, mut all) = (Reader { rest: text.trim_ascii() }, Vec::new());
    while !reader.rest.is_empty() {
        if !all.is_empty() {
            reader.run(space);
            if !reader.take(b',') {
                return Err(Fault::Malformed);
            }
            reader.run(space);
        }
        all.push(entry(&mut reader)?);
    }
    Ok(all)
}

fn unique<T>(all: Vec<(String, T)>) -> Result<Vec<(String, T)>, Fault> {
    let mut names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair.first() == pair.last()) { Err(Fault::Repeated) } else { Ok(all) }
}

/// What is not read yet.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, byte: u8) -> bool {
        let after = self.rest.strip_prefix(&[byte]);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn run(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !belongs(*byte)).unwrap_or(self.rest.len());
        let (run, after) = self.rest.split_at_checked(end).unwrap_or((self.rest, b""));
        self.rest = after;
        run
    }

    fn key(&mut self) -> Result<String, Fault> {
        let first = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'*';
        if !self.rest.first().is_some_and(first) {
            return Err(Fault::Malformed);
        }
        Ok(ascii(self.run(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte))))
    }

    fn member(&mut self) -> Result<Member, Fault> {
        if !self.take(b'(') {
            return self.item().map(Member::Item);
        }
        let mut items = Vec::new();
        loop {
            let gap = !self.run(|byte| byte == b' ').is_empty();
            if self.take(b')') {
                return Ok(Member::List(InnerList { items, params: self.params()? }));
            }
            if !items.is_empty() && !gap {
                return Err(Fault::Malformed);
            }
            items.push(self.item()?);
        }
    }

    fn item(&mut self) -> Result<Item, Fault> {
        Ok(Item { bare: self.bare()?, params: self.params()? })
    }

    fn params(&mut self) -> Result<Params, Fault> {
        let mut params = Vec::new();
        while self.take(b';') {
            self.run(|byte| byte == b' ');
            let name = self.key()?;
            let value = if self.take(b'=') { self.bare()? } else { Bare::Boolean(true) };
            params.push((name, value));
        }
        unique(params)
    }

    fn bare(&mut self) -> Result<Bare, Fault> {
        match self.rest.first() {
            Some(b'"') => self.text(),
            Some(b':') => self.bytes(),
            Some(b'?') => self.boolean(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(first) if first.is_ascii_alphabetic() || *first == b'*' => {
                let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
                Ok(Bare::Token(ascii(self.run(belongs))))
            }
            _ => Err(Fault::Malformed),
        }
    }

    fn text(&mut self) -> Result<Bare, Fault> {
        let mut text = String::new();
        self.take(b'"');
        loop {
            text.push_str(&ascii(self.run(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')));
            if self.take(b'"') {
                return Ok(Bare::Text(text));
            }
            let escaped = self.take(b'\\');
            match self.rest.first() {
                Some(byte @ (b'"' | b'\\')) if escaped => text.push(char::from(*byte)),
                _ => return Err(Fault::Malformed),
            }
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
    }

    fn bytes(&mut self) -> Result<Bare, Fault> {
        self.take(b':');
        let text = self.run(|byte| byte != b':');
        let bytes = Encoding::Base64.decode(text, false).filter(|_| self.take(b':'));
        bytes.map(Bare::Bytes).ok_or(Fault::Malformed)
    }

    fn boolean(&mut self) -> Result<Bare, Fault> {
        self.take(b'?');
        if self.take(b'1') {
            return Ok(Bare::Boolean(true));
        }
        if self.take(b'0') { Ok(Bare::Boolean(false)) } else { Err(Fault::Malformed) }
    }

    fn number(&mut self) -> Result<Bare, Fault> {
        let negative = self.take(b'-');
        let whole = self.run(|byte| byte.is_ascii_digit());
        let fraction = if self.take(b'.') { Some(self.run(|byte| byte.is_ascii_digit())) } else { None };
        let signed = |value: i64| if negative { value.saturating_neg() } else { value };
        match fraction {
            None if (1..=15).contains(&whole.len()) => Ok(Bare::Integer(signed(digits(whole)))),
            Some(fraction) if (1..=12).contains(&whole.len()) && (1..=3).contains(&fraction.len()) => {
                let thousandths = [whole, fraction, b"000".get(fraction.len()..).unwrap_or_default()].concat();
                Ok(Bare::Decimal(signed(digits(&thousandths))))
            }
            None | Some(_) => Err(Fault::Malformed),
        }
    }
}

/// At most 15 of them.
fn digits(text: &[u8]) -> i64 {
    text.iter().fold(0, |sum: i64, digit| sum.saturating_mul(10).saturating_add(i64::from(digit.saturating_sub(b'0'))))
}

fn ascii(text: &[u8]) -> String {
    text.iter().map(|byte| char::from(*byte)).collect()
}
