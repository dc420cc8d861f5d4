//! A JSON body that carries its own signature: which part of it is signed, and how a plain body becomes one.

use bytes::Bytes;

use super::analysis::sources;
use super::claims::Claims;
use super::parts::{Parts, SignatureField};
use crate::reject::{Code, Rejection};
use crate::sig::canonical::Canonical;
use crate::sig::filter::Filter;
use crate::sig::json::Json;
use crate::sig::stamp::Format;
use crate::sig::template::{Input, Source, Template, Value};

/// What a plain body becomes: an object with the payload, the signature beside it, and the rest of the evidence beside or inside.
pub(in crate::sig) struct Envelope<'a> {
    parts: &'a Parts,
    payload: &'a Bytes,
    signature: &'a Bytes,
    form: Canonical,
}

impl Parts {
    /// The JSON that is signed in one spelling, where the message holds exactly one such value.
    pub(in crate::sig) fn payload(&self) -> Option<(&Value, Canonical)> {
        let [message] = self.messages.as_slice() else { return None };
        let mut found = message.values().filter_map(|value| match (&value.input, value.filters.as_slice()) {
            (Input::Body | Input::Source(Source::Json(_)), [Filter::Canonical(form)]) if !value.optional => {
                Some((value, *form))
            }
            _ => None,
        });
        let first = found.next();
        first.filter(|_| found.next().is_none())
    }

    /// The envelope that signing makes, where everything that the scheme looks for in the body is the payload or written by us.
    pub(in crate::sig) fn envelope(&self) -> Option<Envelope<'_>> {
        let (Value { input: Input::Source(Source::Json(payload)), .. }, form) = self.payload()? else { return None };
        let [SignatureField { source: Source::Json(signature), list: None, .. }] = self.signatures.as_slice() else {
            return None;
        };
        let envelope = Envelope { parts: self, payload, signature, form };
        (self.digest.is_none() && envelope.is_whole()).then_some(envelope)
    }
}

impl Envelope<'_> {
    /// The document with the payload and all evidence but the signature.
    pub(in crate::sig) fn wrap(&self, body: &[u8], claims: &Claims) -> Result<Json, Rejection> {
        let plain = Json::parse(body).ok_or_else(|| unfit("it is not JSON that can be read in one way only"))?;
        let mut document = Json::Object(Vec::new());
        document.put(self.payload, plain).ok_or_else(|| unfit("it has no place"))?;
        for (pointer, value) in self.evidence(claims) {
            document.put(pointer, value).ok_or_else(|| unfit("it is not an object that takes the stamp"))?;
        }
        Ok(document)
    }

    /// The body that leaves.
    pub(in crate::sig) fn seal(&self, mut document: Json, signature: &[u8]) -> Result<Bytes, Rejection> {
        let unspellable = || unfit("it holds a number that not everybody reads alike");
        document.put(self.signature, text(signature)).ok_or(Code::SigningFailed)?;
        self.form.print(&document).map(Bytes::from).ok_or_else(unspellable)
    }

    /// Stamp, nonce and key id where they sit in the body.
    fn evidence<'c>(&'c self, claims: &'c Claims) -> impl Iterator<Item = (&'c Bytes, Json)> {
        let parts = self.parts;
        let stamp = parts.timestamp.as_ref().map(|field| (&field.source, &claims.stamp_text, is_number(field.format)));
        let nonce = parts.nonce.as_ref().map(|field| (&field.source, &claims.nonce, false));
        let key_id = parts.key_id.as_ref().map(|field| (&field.source, &claims.key_id, false));
        [stamp, nonce, key_id].into_iter().flatten().filter_map(|(source, value, number)| match (source, value) {
            (Source::Json(pointer), Some(value)) if number => Some((pointer, Json::Number(lossy(value)))),
            (Source::Json(pointer), Some(value)) => Some((pointer, text(value))),
            _ => None,
        })
    }

    /// Whether every place in the body is one of ours, and none lies within another or around the payload.
    fn is_whole(&self) -> bool {
        let all: Vec<&Bytes> = super::analysis::carriers(self.parts).into_iter().filter_map(pointer).collect();
        let apart = |(place, one): (usize, &&Bytes)| {
            let others = all.iter().enumerate().filter(|(other, _)| *other != place);
            !is_within(self.payload, one) && others.into_iter().all(|(_, other)| !is_within(other, one))
        };
        let known = |one: &Bytes| all.contains(&one) || is_within(one, self.payload);
        let templates = || sources(self.parts).into_iter().filter_map(pointer);
        let forms = sources(self.parts).into_iter().any(|source| matches!(source, Source::Form(_)));
        let raw = self.parts.messages.iter().flat_map(Template::values).any(|value| value.input == Input::Body);
        !forms && !raw && all.iter().enumerate().all(apart) && templates().all(known)
    }
}

fn pointer(source: &Source) -> Option<&Bytes> {
    match source {
        Source::Json(pointer) => Some(pointer),
        Source::Header(_) | Source::Query(_) | Source::Cookie(_) | Source::Param(_) | Source::Form(_) => None,
    }
}

/// Whether the place that `inner` points to is `outer`'s or lies in it.
pub(in crate::sig) fn is_within(inner: &[u8], outer: &[u8]) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

const fn is_number(format: Format) -> bool {
    matches!(format, Format::Unix | Format::UnixMs | Format::UnixUs)
}

fn text(bytes: &[u8]) -> Json {
    Json::Text(lossy(bytes))
}

/// What we write is ASCII.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn unfit(why: &str) -> Rejection {
    Rejection::from(Code::BadRequest).because(format!("the body cannot be put into an envelope: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_lies_within_itself_and_what_is_around_it() {
        for (inner, outer, within) in
            [("/a", "/a", true), ("/a/b", "/a", true), ("/ab", "/a", false), ("/a", "/a/b", false), ("/b", "/a", false)]
        {
            assert_eq!(is_within(inner.as_bytes(), outer.as_bytes()), within, "{inner} in {outer}");
        }
    }
}
