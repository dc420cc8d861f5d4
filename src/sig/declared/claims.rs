//! What a request claims: signatures, key id, timestamp, nonce. Read strictly, believed not at all.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::parts::{Declared, SignatureField};
use super::scope::{Scope, Seen, Twice, split};
use crate::reject::{Code, Rejection};
use crate::sig::encoding::Tag;
use crate::sig::params::Params;
use crate::sig::template::Source;
use crate::sig::time::Moment;

/// Longest carrier of a signature, in bytes.
const LONGEST: usize = 8 * 1024;

/// Most candidates that are looked at in a list: more is a way to burn CPU, not a rotation.
const MOST: usize = 16;

/// A decoded signature of the right length, and the one key that may have made it.
#[derive(Clone, Debug)]
pub(in crate::sig) struct Candidate {
    pub(in crate::sig) mac: Tag,
    pub(in crate::sig) key: Option<Arc<str>>,
}

/// Everything that was read so far.
#[derive(Clone, Debug, Default)]
pub(in crate::sig) struct Claims {
    pub(in crate::sig) params: Params,
    pub(in crate::sig) stamp_text: Option<Bytes>,
    pub(in crate::sig) stamp: Option<Moment>,
    pub(in crate::sig) nonce: Option<Bytes>,
    pub(in crate::sig) key_id: Option<Bytes>,
    pub(in crate::sig) candidates: Candidates,
}

/// Nearly always one.
type Candidates = SmallVec<[Candidate; 1]>;

/// The texts at a signature's place; nearly always one.
type Texts = SmallVec<[Bytes; 1]>;

/// Reads what sits in the head (`in_body` false) or in the body (true), beside what `scope` knows already.
/// Presence first (an empty value is no evidence), then the stamp and its time, then the spelling of the signature: that order is what services that check by
/// hand do, and it tells nothing, since a stamp is judged by the clock alone.
pub(in crate::sig) fn read(scope: Scope<'_>, now: Moment, in_body: bool) -> Result<Claims, Rejection> {
    let parts = &scope.scheme.parts;
    let mut claims = scope.claims.clone();
    if let Some(list) = parts.params.as_ref().filter(|list| list.source.in_body() == in_body) {
        let raw = bounded(one(scope, &list.source)?.ok_or_else(missing)?)?;
        claims.params = list.parse(&list.strip(&raw).ok_or_else(missing)?)?;
        let known = claims.clone();
        return read_fields(Scope { claims: &known, ..scope }, in_body, now, claims);
    }
    read_fields(scope, in_body, now, claims)
}

/// The claimed key id alone, where the head holds one in a readable form.
pub(in crate::sig) fn key_id(scope: Scope<'_>) -> Option<Bytes> {
    let parts = &scope.scheme.parts;
    let field = parts.key_id.as_ref()?;
    let mut claims = Claims::default();
    if let Some(list) = parts.params.as_ref().filter(|list| !list.source.in_body()) {
        let raw = bounded(one(scope, &list.source).ok()??).ok()?;
        claims.params = list.parse(&list.strip(&raw)?).ok()?;
    }
    one(Scope { claims: &claims, ..scope }, &field.source).ok()?
}

fn read_fields(scope: Scope<'_>, in_body: bool, now: Moment, mut claims: Claims) -> Result<Claims, Rejection> {
    let parts = &scope.scheme.parts;
    let here = |source: &Source| match (source, &parts.params) {
        (Source::Param(_), Some(list)) => list.source.in_body() == in_body,
        _ => source.in_body() == in_body,
    };
    let fields = || parts.signatures.iter().filter(|field| here(&field.source));
    let texts = fields().map(|field| signature_texts(scope, field)).collect::<Result<SmallVec<[_; 1]>, _>>()?;
    if !texts.is_empty() && texts.iter().flatten().all(Bytes::is_empty) {
        return Err(missing());
    }
    let stamp_field = parts.timestamp.as_ref().filter(|field| here(&field.source));
    if let Some(field) = stamp_field {
        let text = one(scope, &field.source)?.filter(|text| !text.is_empty()).ok_or_else(missing)?;
        claims.stamp = Some(field.format.parse(&text).ok_or(Code::TimestampInvalid)?);
        claims.stamp_text = Some(text);
    }
    if let Some(field) = parts.key_id.as_ref().filter(|field| here(&field.source)) {
        claims.key_id = one(scope, &field.source)?;
        if claims.key_id.is_none() && !field.optional {
            return Err(missing().because("no key id"));
        }
    }
    if let Some(field) = parts.nonce.as_ref().filter(|field| here(&field.source)) {
        let nonce = one(scope, &field.source)?.filter(|nonce| is_nonce(nonce));
        claims.nonce = Some(nonce.ok_or(Code::NonceInvalid)?);
    }
    if let (Some(field), Some(stamp)) = (stamp_field, claims.stamp) {
        field.bounds.judge(stamp, field.format, now)?;
    }
    for (field, found) in fields().zip(&texts) {
        decode(scope.scheme, field, found, &mut claims.candidates)?;
    }
    if !texts.is_empty() && claims.candidates.is_empty() {
        return Err(malformed());
    }
    Ok(claims)
}

/// The texts at a signature's place: one, or all where the scheme allows several.
fn signature_texts(scope: Scope<'_>, field: &SignatureField) -> Result<Texts, Rejection> {
    if field.list.is_some() || scope.scheme.is_repeated(&field.source) {
        let found = scope.all(&field.source).into_iter().map(|text| Bytes::copy_from_slice(&text));
        return found.map(bounded).collect();
    }
    one(scope, &field.source)?.map(bounded).into_iter().collect()
}

fn decode(
    scheme: &Declared,
    field: &SignatureField,
    texts: &[Bytes],
    candidates: &mut Candidates,
) -> Result<(), Rejection> {
    let several = field.list.is_some() || scheme.is_repeated(&field.source);
    let separator = field.list.as_deref();
    let members = texts.iter().flat_map(|text| {
        let alone = separator.is_none().then_some(text.as_ref());
        alone.into_iter().chain(separator.into_iter().flat_map(|separator| split(text, separator)))
    });
    for (place, member) in members.enumerate() {
        if place >= MOST {
            return Err(Rejection::from(Code::SignatureMalformed).because("more than 16 signatures"));
        }
        let member = if field.trim { member.trim_ascii() } else { member };
        let text = member.strip_prefix(field.prefix.as_ref());
        let decoded = text.and_then(|text| match field.encoding {
            Some(encoding) => encoding.decode_tag(text, field.any_case),
            None => Some(Tag::from_slice(text)),
        });
        match decoded.and_then(|signature| scheme.parts.primitive.claim(signature)) {
            Some(mac) => candidates.push(Candidate { mac, key: field.key.clone() }),
            None if several => {}
            None => return Err(malformed()),
        }
    }
    Ok(())
}

fn one(scope: Scope<'_>, source: &Source) -> Result<Option<Bytes>, Rejection> {
    // Headers are slices of the receive buffer: sharing them costs no copy.
    if let (Source::Header(names), Seen::Nothing | Seen::Digests(_)) = (source, scope.seen)
        && let [name] = names.as_slice()
        && name != "host"
    {
        let name = std::str::from_utf8(name).unwrap_or_default();
        return scope.head.fields.one(name).map(Option::<&Bytes>::cloned).map_err(|_| repeated());
    }
    match scope.one(source) {
        Ok(found) => Ok(found.map(|value| Bytes::copy_from_slice(&value))),
        Err(Twice) => Err(repeated()),
    }
}

fn bounded(text: Bytes) -> Result<Bytes, Rejection> {
    if text.len() > LONGEST { Err(malformed().because("longer than 8 KiB")) } else { Ok(text) }
}

/// 1 to 256 visible ASCII characters.
pub(in crate::sig) fn is_nonce(nonce: &[u8]) -> bool {
    (1..=256).contains(&nonce.len()) && nonce.iter().all(u8::is_ascii_graphic)
}

fn missing() -> Rejection {
    Code::SignatureMissing.into()
}

fn repeated() -> Rejection {
    Code::SignatureRepeated.into()
}

fn malformed() -> Rejection {
    Code::SignatureMalformed.into()
}
