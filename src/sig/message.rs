//! The request as countersign sees it: a cheap view of a head, independent of any HTTP library.
//!
//! **Invariant:** nothing is decoded, merged or reordered here; what was received is what is kept.

use std::borrow::Cow;

use bytes::Bytes;

/// A request method, case-sensitive (RFC 9110 §9.1).
#[derive(Default, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Method(Cow<'static, str>);

impl Method {
    /// `GET`
    pub const GET: Self = Self(Cow::Borrowed("GET"));
    /// `HEAD`
    pub const HEAD: Self = Self(Cow::Borrowed("HEAD"));
    /// `POST`
    pub const POST: Self = Self(Cow::Borrowed("POST"));
    /// `OPTIONS`
    pub const OPTIONS: Self = Self(Cow::Borrowed("OPTIONS"));

    /// A method by its name. The usual ones cost no allocation.
    pub fn new(name: &str) -> Self {
        const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
        match KNOWN.iter().find(|known| **known == name) {
            Some(known) => Self(Cow::Borrowed(known)),
            None => Self(Cow::Owned(name.to_owned())),
        }
    }

    /// The name as sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One header line: a lower-case name and the raw value without outer white space (RFC 9110 §5).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Lower-case ASCII.
    pub name: Bytes,
    /// As received; may hold obs-text (bytes above 0x7f).
    pub value: Bytes,
}

/// Header lines in the order received. `Host` is not among them: it is [`Head::authority`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fields(Vec<Field>);

/// A header that must occur at most once occurs twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Repeated;

impl Fields {
    /// No lines, with room for `capacity`.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Every line.
    pub fn iter(&self) -> std::slice::Iter<'_, Field> {
        self.0.iter()
    }

    /// How many lines.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every value of `name` (lower-case), in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Bytes> {
        self.0.iter().filter(move |field| field.name == name.as_bytes()).map(|field| &field.value)
    }

    /// The one value of `name` (lower-case), `None` when absent, an error when repeated: the first of several is never meant.
    pub fn one(&self, name: &str) -> Result<Option<&Bytes>, Repeated> {
        let mut values = self.0.iter().filter(|field| field.name == name.as_bytes());
        let first = values.next().map(|field| &field.value);
        if values.next().is_some() { Err(Repeated) } else { Ok(first) }
    }

    /// Whether `name` (lower-case) occurs at all.
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|field| field.name == name.as_bytes())
    }

    /// Adds a line at the end. `name` must be lower-case.
    pub fn append(&mut self, name: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.0.push(Field { name: name.into(), value: value.into() });
    }

    /// Removes every line of `name` (lower-case); says whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|field| field.name != name.as_bytes());
        self.0.len() != before
    }

    /// Replaces every line of `name` (lower-case) by this one.
    pub fn set(&mut self, name: impl Into<Bytes>, value: impl Into<Bytes>) {
        let name = name.into();
        if self.0.iter().any(|field| field.name == name) {
            self.0.retain(|field| field.name != name);
        }
        self.0.push(Field { name, value: value.into() });
    }

    /// Removes the digests of a body that is about to be replaced (RFC 9530, RFC 3230, RFC 1864).
    pub fn forget_body(&mut self) {
        self.0.retain(|field| {
            !matches!(field.name.as_ref(), b"content-digest" | b"repr-digest" | b"digest" | b"content-md5")
        });
    }

    /// Keeps the lines for which `keep` says so.
    pub fn retain(&mut self, keep: impl FnMut(&Field) -> bool) {
        self.0.retain(keep);
    }
}

impl<'a> IntoIterator for &'a Fields {
    type Item = &'a Field;
    type IntoIter = std::slice::Iter<'a, Field>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// A request head. Cloning copies reference counts, not bytes. The default is empty: what is left where one was taken.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Head {
    /// As sent.
    pub method: Method,
    /// The request target exactly as received, in origin form (`/path?query`) or `*`.
    pub target: Bytes,
    /// `Host` or `:authority`, as received; empty only for HTTP/1.0 without a Host.
    pub authority: Bytes,
    /// Whether the connection to us was TLS.
    pub secure: bool,
    /// Every other header line.
    pub fields: Fields,
}

impl Head {
    /// The target up to the first `?`.
    pub fn path(&self) -> &[u8] {
        let end = memchr::memchr(b'?', &self.target).unwrap_or(self.target.len());
        self.target.get(..end).unwrap_or_default()
    }

    /// The target after the first `?`; `None` without one. An empty query is not an absent one.
    pub fn query(&self) -> Option<&[u8]> {
        let mark = memchr::memchr(b'?', &self.target)?;
        self.target.get(mark.saturating_add(1)..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(target: &'static str) -> Head {
        Head {
            method: Method::GET,
            target: Bytes::from_static(target.as_bytes()),
            authority: Bytes::new(),
            secure: false,
            fields: Fields::default(),
        }
    }

    #[test]
    fn an_empty_query_is_not_an_absent_one() {
        assert_eq!((head("/a").path(), head("/a").query()), (&b"/a"[..], None));
        assert_eq!((head("/a?").path(), head("/a?").query()), (&b"/a"[..], Some(&b""[..])));
        assert_eq!(head("/a?b?c").query(), Some(&b"b?c"[..]));
    }

    #[test]
    fn a_repeated_header_is_neither_its_first_nor_its_last_value() {
        let mut fields = Fields::default();
        fields.append("x-sig", "one");
        assert_eq!(fields.one("x-sig"), Ok(Some(&Bytes::from("one"))));
        fields.append("x-sig", "two");
        assert_eq!(fields.one("x-sig"), Err(Repeated));
        assert_eq!(fields.one("x-other"), Ok(None));
    }
}
