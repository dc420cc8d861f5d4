//! Mistakes in how the signature is spelled and where it is put.

use std::sync::Arc;

use bytes::Bytes;

use super::{Candidate, Cause, Subject, code};
use crate::sig::declared::vary::Change;
use crate::sig::encoding::Encoding;
use crate::sig::message::Head;
use crate::sig::scheme::Scheme;

const ENCODINGS: [(&str, Encoding); 4] = [
    ("hex", Encoding::Hex),
    ("base64", Encoding::Base64),
    ("unpadded base64url", Encoding::Base64Url),
    ("base64url", Encoding::Base64UrlPadded),
];

/// Prefixes in use.
const PREFIXES: [&str; 12] = [
    "",
    "sha256=",
    "sha1=",
    "sha512=",
    "v0=",
    "v1=",
    "v1,",
    "hmac-sha256=",
    "hmac-sha256 ",
    "HMAC-SHA256 ",
    "HMAC ",
    "Bearer ",
];

/// The same signature, spelled or placed as the scheme does not have it.
pub(super) fn candidates(subject: &Subject<'_>, scheme: &Arc<Scheme>) -> Vec<Candidate> {
    let Some((_, encoding)) = scheme.spelling() else { return Vec::new() };
    let mut all = spelled(scheme);
    all.extend(values(subject.whole.head, encoding));
    all.extend(headers(subject, scheme));
    if scheme.is_code() {
        all.extend(code::candidates(subject, scheme));
    }
    all
}

/// The same signature where the scheme reads it, in another case or encoding, or behind another prefix.
pub(super) fn spelled(scheme: &Arc<Scheme>) -> Vec<Candidate> {
    let Some((prefix, encoding)) = scheme.spelling() else { return Vec::new() };
    let mut all: Vec<Candidate> = Vec::new();
    all.extend(Candidate::changed(Cause::SignatureCase, "", scheme, &[Change::AnyCase]));
    for (name, other) in ENCODINGS.iter().filter(|(_, other)| *other != encoding) {
        let changes = [Change::Encoding(*other), Change::AnyCase];
        all.extend(Candidate::changed(Cause::SignatureEncoding, format!("it is {name}"), scheme, &changes));
    }
    for other in PREFIXES.iter().filter(|other| other.as_bytes() != prefix) {
        let change = Change::Prefix(Bytes::from_static(other.as_bytes()));
        let told = if other.is_empty() { "it has none".to_owned() } else { format!("it is `{other}`") };
        all.extend(Candidate::changed(Cause::SignaturePrefix, told, scheme, &[change]));
    }
    all
}

/// The values of headers, rewritten one at a time.
fn values(head: &Head, encoding: Encoding) -> Vec<Candidate> {
    let mut all = Vec::new();
    for (place, field) in head.fields.iter().enumerate() {
        let mut push = |cause, value: Option<Vec<u8>>| {
            if let Some(value) = value.filter(|value| *value != field.value) {
                all.push(Candidate { head: Some(replaced(head, place, value)), ..Candidate::new(cause, "") });
            }
        };
        push(Cause::SignatureTwice, decoded_once(&field.value, encoding));
        let trimmed = field.value.trim_ascii();
        push(Cause::SignaturePadding, Some(bare(trimmed)));
        push(Cause::SignaturePadding, Some([trimmed, b"="].concat()));
        push(Cause::SignaturePadding, Some([trimmed, b"=="].concat()));
    }
    all
}

/// `text` with the base64 of hex text within it replaced by the hex text, or by what the scheme wants instead.
fn decoded_once(text: &[u8], encoding: Encoding) -> Option<Vec<u8>> {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    let end = text.iter().rposition(|byte| *byte != b'=')?.saturating_add(1);
    let body = text.get(..end)?;
    let from = body.iter().rposition(|byte| !is_base64(byte)).map_or(0, |place| place.saturating_add(1));
    let inner = Encoding::Base64.decode(text.get(from..)?, false)?;
    let bytes = Encoding::Hex.decode(&inner, true).filter(|bytes| bytes.len() >= 20)?;
    Some([text.get(..from)?, encoding.encode(&bytes).as_bytes()].concat())
}

/// Without quotes.
fn bare(text: &[u8]) -> Vec<u8> {
    text.iter().filter(|byte| **byte != b'"' && **byte != b'\'').copied().collect()
}

pub(super) fn replaced(head: &Head, place: usize, value: Vec<u8>) -> Head {
    let mut changed = head.clone();
    let lines: Vec<_> = head.fields.iter().cloned().collect();
    changed.fields.retain(|_| false);
    let mut value = Some(Bytes::from(value));
    for (at, line) in lines.into_iter().enumerate() {
        let kept = if at == place { value.take().unwrap_or_default() } else { line.value };
        changed.fields.append(line.name, kept);
    }
    changed
}

/// The signature in one of the headers that mean nothing here.
fn headers(subject: &Subject<'_>, scheme: &Arc<Scheme>) -> Vec<Candidate> {
    let known = &scheme.facts().known_headers;
    let strangers = subject.whole.head.fields.iter().filter(|field| !known.contains(&field.name));
    let words: Vec<Change> = words(subject.whole.head).into_iter().map(Change::Word).collect();
    let candidates = |name: &Bytes| {
        let moved = Change::SignatureIn(name.clone());
        let told = format!("`{}`", String::from_utf8_lossy(name));
        let plain = Candidate::changed(Cause::SignatureHeader, &*told, scheme, std::slice::from_ref(&moved));
        let bare = [moved, Change::Word(None)];
        plain.into_iter().chain(Candidate::changed(Cause::SignatureHeader, told, scheme, &bare)).collect::<Vec<_>>()
    };
    let moved: Vec<_> = strangers.flat_map(|field| candidates(&field.name)).collect();
    let word = |word| Candidate::changed(Cause::SignaturePrefix, "the word before it", scheme, &[word]);
    words.into_iter().filter_map(word).chain(moved).collect()
}

/// What may stand before the evidence in a header, and nothing.
fn words(head: &Head) -> Vec<Option<String>> {
    let word = |value: &Bytes| {
        let end = value.iter().position(|byte| *byte == b' ').filter(|end| *end <= 32)?;
        let word = value.get(..end)?;
        let plain = word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
        plain.then(|| String::from_utf8_lossy(word).into_owned())
    };
    let mut all: Vec<_> = head.fields.iter().filter_map(|field| word(&field.value)).map(Some).collect();
    all.sort_unstable();
    all.dedup();
    all.push(None);
    all
}
