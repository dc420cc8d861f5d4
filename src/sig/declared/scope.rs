//! Looking values up: what a template says, for one request.

use std::borrow::Cow;

use bytes::Bytes;

use super::claims::Claims;
use super::parts::{Absent, Declared, SignedHeaders};
use crate::reject::{Code, Rejection};
use crate::sig::canonical::Canonical;
use crate::sig::filter::Filter;
use crate::sig::form;
use crate::sig::json::Json;
use crate::sig::mac::Algorithm;
use crate::sig::message::Head;
use crate::sig::template::{Input, Part, Source, Template, Value};

/// What is known of the body so far.
#[derive(Clone, Copy)]
pub(in crate::sig) enum Seen<'a> {
    /// Only the head is here.
    Nothing,
    /// Its digests.
    Digests(&'a [(Algorithm, Vec<u8>)]),
    /// All of it.
    Whole(&'a [u8], Option<&'a Json>),
}

/// One request, as templates see it.
#[derive(Clone, Copy)]
pub(in crate::sig) struct Scope<'a> {
    pub(in crate::sig) scheme: &'a Declared,
    pub(in crate::sig) head: &'a Head,
    pub(in crate::sig) public_url: Option<&'a str>,
    pub(in crate::sig) claims: &'a Claims,
    pub(in crate::sig) seen: Seen<'a>,
}

/// A source that must occur once occurs twice.
pub(in crate::sig) struct Twice;

impl<'a> Scope<'a> {
    /// The bytes of a template, joined. Only for small things: messages are fed part by part.
    pub(in crate::sig) fn render(&self, template: &'a Template) -> Result<Vec<u8>, Rejection> {
        let mut out = Vec::new();
        for part in &template.0 {
            match part {
                Part::Literal(text) => out.extend_from_slice(text),
                Part::Value(value) => out.extend_from_slice(&self.value(value)?),
            }
        }
        Ok(out)
    }

    /// A value after its filters. Absence and repetition refuse: absence is not emptiness.
    pub(in crate::sig) fn value(&self, value: &'a Value) -> Result<Cow<'a, [u8]>, Rejection> {
        if let (Some(algorithm), Seen::Digests(digests)) = (value.body_digest(), self.seen) {
            let digest = digests.iter().find(|(known, _)| *known == algorithm).ok_or_else(unready)?;
            return filtered(Cow::Borrowed(&digest.1), value.filters.get(1..));
        }
        if let (Input::Source(Source::Json(pointer)), Some(Filter::Canonical(form))) =
            (&value.input, value.filters.first())
        {
            let text = self.canonical(pointer, *form, value.optional)?;
            return filtered(Cow::Owned(text), value.filters.get(1..));
        }
        if value.input == Input::MarkedQuery && !value.filters.is_empty() {
            let query = Cow::Borrowed(self.head.query().unwrap_or_default());
            let query = filtered(query, Some(&value.filters))?;
            let mark: &[u8] = if query.is_empty() { b"" } else { b"?" };
            return Ok(Cow::Owned([mark, &query].concat()));
        }
        let bytes = self.input(&value.input, value.optional)?;
        filtered(bytes, Some(&value.filters))
    }

    /// The value at a JSON pointer in one spelling; unlike a scalar it may be anything.
    fn canonical(&self, pointer: &[u8], form: Canonical, optional: bool) -> Result<Vec<u8>, Rejection> {
        let found = match self.seen {
            Seen::Whole(_, json) => json.and_then(|json| json.at(pointer)),
            Seen::Nothing | Seen::Digests(_) => return Err(unready()),
        };
        match found {
            Some(json) => form.print(json).ok_or_else(unspellable),
            None if optional => Ok(Vec::new()),
            None => Err(uncovered(format!("`{}` of the JSON body is missing", String::from_utf8_lossy(pointer)))),
        }
    }

    fn input(&self, input: &'a Input, optional: bool) -> Result<Cow<'a, [u8]>, Rejection> {
        let claims = self.claims;
        Ok(match input {
            Input::Body => match self.seen {
                Seen::Whole(body, _) => Cow::Borrowed(body),
                Seen::Nothing | Seen::Digests(_) => return Err(unready()),
            },
            Input::Method => Cow::Borrowed(self.head.method.as_str().as_bytes()),
            Input::Target => Cow::Borrowed(&self.head.target),
            Input::Path => Cow::Borrowed(self.head.path()),
            Input::Query => Cow::Borrowed(self.head.query().unwrap_or_default()),
            Input::MarkedQuery => Cow::Borrowed(self.head.target.get(self.head.path().len()..).unwrap_or_default()),
            Input::Host if self.head.authority.is_empty() => return Err(uncovered("there is no host".to_owned())),
            Input::Host => Cow::Borrowed(&self.head.authority),
            Input::PublicUrl => Cow::Borrowed(self.site()?.as_bytes()),
            Input::Url => Cow::Owned([self.site()?.as_bytes(), &self.head.target].concat()),
            Input::Timestamp => Cow::Borrowed(claims.stamp_text.as_deref().ok_or_else(unready)?),
            Input::Nonce => Cow::Borrowed(claims.nonce.as_deref().ok_or_else(unready)?),
            Input::KeyId => Cow::Borrowed(claims.key_id.as_deref().unwrap_or_default()),
            Input::SignedHeaders => Cow::Owned(self.signed_headers()?),
            Input::Let(place) => match self.scheme.parts.lets.get(*place) {
                Some(template) => Cow::Owned(self.render(template)?),
                None => return Err(unready()),
            },
            Input::Source(source) => match self.one(source) {
                Ok(Some(value)) => value,
                Ok(None) if optional => Cow::Borrowed(b""),
                Ok(None) => return Err(uncovered(format!("{source} is missing"))),
                Err(Twice) => return Err(uncovered(format!("{source} is repeated"))),
            },
            Input::Key | Input::FieldName | Input::ListedName | Input::FieldValue => return Err(unready()),
        })
    }

    fn site(&self) -> Result<&'a str, Rejection> {
        let missing = "the scheme covers the URL, but the listener or route has no public_url";
        self.public_url.ok_or_else(|| Rejection::from(Code::RequirementUnmet).because(missing))
    }

    /// The one value at a source.
    pub(in crate::sig) fn one(&self, source: &'a Source) -> Result<Option<Cow<'a, [u8]>>, Twice> {
        if let Source::Header(names) = source {
            let name = names.iter().find(|name| self.has_header(name));
            return match name {
                Some(name) => self.header(name),
                None => Ok(None),
            };
        }
        let mut all = self.all(source).into_iter();
        let first = all.next();
        if all.next().is_some() { Err(Twice) } else { Ok(first) }
    }

    /// Every value at a source, in order.
    pub(in crate::sig) fn all(&self, source: &'a Source) -> Vec<Cow<'a, [u8]>> {
        match source {
            Source::Header(names) => match names.iter().find(|name| self.has_header(name)) {
                Some(name) => self.lines(name).map(Cow::Borrowed).collect(),
                None => Vec::new(),
            },
            Source::Query(name) => form::values(self.head.query().unwrap_or_default(), name, false).collect(),
            Source::Cookie(name) => {
                let lines = self.head.fields.all("cookie");
                lines.flat_map(|line| form::cookies(line, name)).map(Cow::Borrowed).collect()
            }
            Source::Param(name) => self.claims.params.all(name).map(|value| Cow::Borrowed(value.as_ref())).collect(),
            Source::Form(name) => match self.seen {
                Seen::Whole(body, _) => form::values(body, name, true).collect(),
                Seen::Nothing | Seen::Digests(_) => Vec::new(),
            },
            Source::Json(pointer) => match self.seen {
                Seen::Whole(_, Some(json)) => json.scalar(pointer).map(Cow::Borrowed).into_iter().collect(),
                Seen::Whole(_, None) | Seen::Nothing | Seen::Digests(_) => Vec::new(),
            },
        }
    }

    fn lines(&self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let fields = self.head.fields.iter();
        fields.filter(move |field| field.name == name).map(|field| field.value.as_ref())
    }

    pub(in crate::sig) fn has_header(&self, name: &'a [u8]) -> bool {
        self.lines(name).next().is_some() || (name == b"host" && !self.head.authority.is_empty())
    }

    fn header(&self, name: &'a [u8]) -> Result<Option<Cow<'a, [u8]>>, Twice> {
        if name == b"host" {
            return Ok(Some(Cow::Borrowed(&self.head.authority)));
        }
        let mut lines = self.lines(name);
        let first = lines.next();
        if lines.next().is_some() { Err(Twice) } else { Ok(first.map(Cow::Borrowed)) }
    }

    /// The names that the request says it signed, each once.
    pub(in crate::sig) fn listed(&self, signed: &'a SignedHeaders) -> Result<Vec<Bytes>, Rejection> {
        let lower = |name: &Bytes| Bytes::from(name.to_ascii_lowercase());
        let names: Vec<Bytes> = self.as_listed(signed)?.iter().map(lower).collect();
        let twice = names.iter().enumerate().any(|(place, name)| names.iter().take(place).any(|other| other == name));
        if twice || names.is_empty() || names.len() > 64 || names.iter().any(Bytes::is_empty) {
            return Err(uncovered("the list of signed headers is empty, too long or names something twice".to_owned()));
        }
        if let Some(entry) = signed.require.iter().find(|entry| !self.is_listed(entry, signed, &names)) {
            return Err(Rejection::from(Code::RequirementUnmet).because(format!("one of {entry:?} must be signed")));
        }
        Ok(names)
    }

    /// The same names as they are spelled.
    fn as_listed(&self, signed: &'a SignedHeaders) -> Result<Vec<Bytes>, Rejection> {
        match self.one(&signed.source) {
            Ok(None) => Ok(signed.default.clone()),
            Ok(Some(list)) => Ok(split(&list, &signed.separator).map(Bytes::copy_from_slice).collect()),
            Err(Twice) => Err(uncovered("the list of signed headers is repeated".to_owned())),
        }
    }

    /// Whether the list has the first name of a required entry that is there. What is no header is there when it is listed.
    fn is_listed(&self, entry: &'a [Bytes], signed: &SignedHeaders, names: &[Bytes]) -> bool {
        let is_special = |name| signed.special.iter().any(|(special, _)| special == name);
        let is_there = |name: &&'a Bytes| if is_special(*name) { names.contains(name) } else { self.has_header(name) };
        entry.iter().find(is_there).or_else(|| entry.first()).is_some_and(|name| names.contains(name))
    }

    fn signed_headers(&self) -> Result<Vec<u8>, Rejection> {
        let signed = self.scheme.parts.signed_headers.as_ref().ok_or_else(unready)?;
        let mut lines: Vec<Vec<u8>> = Vec::new();
        for (name, listed) in self.listed(signed)?.iter().zip(self.as_listed(signed)?) {
            if let Some((_, template)) = signed.special.iter().find(|(special, _)| special == name) {
                lines.push(self.render(template)?);
            } else if let Some(line) = self.signed_line(signed, (name, &listed))? {
                lines.push(line);
            }
        }
        let mut block = lines.join(signed.join.as_ref());
        block.extend_from_slice(&signed.end);
        Ok(block)
    }

    fn signed_line(&self, signed: &'a SignedHeaders, names: (&Bytes, &Bytes)) -> Result<Option<Vec<u8>>, Rejection> {
        let (name, _) = names;
        let found = if name == "host" {
            Some(&self.head.authority).filter(|host| !host.is_empty())
        } else {
            let name = std::str::from_utf8(name).unwrap_or_default();
            self.head.fields.one(name).map_err(|_| uncovered("a signed header is repeated".to_owned()))?
        };
        match (found, &signed.absent) {
            (Some(value), _) => Ok(Some(self.line(&signed.line, names, value)?)),
            (None, Absent::Skip) => Ok(None),
            (None, Absent::Line(line)) => Ok(Some(self.line(line, names, b"")?)),
            (None, Absent::Refuse) => Err(uncovered("a signed header is missing".to_owned())),
        }
    }

    fn line(&self, template: &'a Template, names: (&Bytes, &Bytes), value: &[u8]) -> Result<Vec<u8>, Rejection> {
        let mut out = Vec::new();
        for part in &template.0 {
            let (input, filters) = match part {
                Part::Literal(text) => (text.as_ref(), &[][..]),
                Part::Value(Value { input: Input::FieldName, filters, .. }) => (names.0.as_ref(), filters.as_slice()),
                Part::Value(Value { input: Input::ListedName, filters, .. }) => (names.1.as_ref(), filters.as_slice()),
                Part::Value(Value { input: Input::FieldValue, filters, .. }) => (value, filters.as_slice()),
                Part::Value(value) => {
                    out.extend_from_slice(&self.value(value)?);
                    continue;
                }
            };
            out.extend_from_slice(&filtered(Cow::Borrowed(input), Some(filters))?);
        }
        Ok(out)
    }
}

fn filtered<'t>(bytes: Cow<'t, [u8]>, filters: Option<&[Filter]>) -> Result<Cow<'t, [u8]>, Rejection> {
    let mut filters = filters.unwrap_or_default().iter();
    filters.try_fold(bytes, |bytes, filter| filter.apply(&bytes).map(Cow::Owned).ok_or_else(unspellable))
}

/// Pieces of `text` between separators.
pub(in crate::sig) fn split<'t>(text: &'t [u8], separator: &[u8]) -> impl Iterator<Item = &'t [u8]> {
    let mut rest = Some(text);
    let width = separator.len().max(1);
    std::iter::from_fn(move || {
        let text = rest?;
        let mark = text.windows(width).position(|window| window == separator);
        let (piece, after) = match mark {
            Some(mark) => (text.get(..mark)?, text.get(mark.saturating_add(width)..)),
            None => (text, None),
        };
        rest = after;
        Some(piece)
    })
}

fn uncovered(note: String) -> Rejection {
    Rejection::from(Code::CoveredFieldMissing).because(note)
}

fn unspellable() -> Rejection {
    uncovered("a covered value is not JSON that everybody reads alike".to_owned())
}

/// The analysis at load makes this unreachable; if it were not, the request is refused.
fn unready() -> Rejection {
    Rejection::from(Code::SignatureInvalid).because("a covered value is not at hand")
}
