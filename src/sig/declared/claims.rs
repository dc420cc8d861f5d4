//! What a request claims: signatures, key id, timestamp, nonce. Read strictly, believed not at all.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::parts::{Declared, SignatureField};
use super::scope::{Scope, Seen, Twice, split};
use crate::reject::{Code, Rejection};
use crate::sig::encoding::Tag;
use crate::sig::message::{Fields, Head, Method};
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

impl Declared {
    /// Whether a signature may come behind the body that it covers: in a header's place, where all other evidence is in the head.
    pub(in crate::sig) fn verifies_behind(&self) -> bool {
        self.signs_behind() && self.parts.signatures.iter().all(|field| matches!(field.source, Source::Header(_)))
    }
}

/// Which part of a message is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::sig) enum Place {
    /// The head.
    Head,
    /// The head, where the signature follows the body.
    HeadAlone,
    /// The body.
    Body,
}

/// Nearly always one.
pub(in crate::sig) type Candidates = SmallVec<[Candidate; 1]>;

/// The texts at a signature's place; nearly always one.
type Texts = SmallVec<[Bytes; 1]>;

/// The places of signatures that are read together; nearly always one.
type Places<'a> = SmallVec<[&'a SignatureField; 1]>;

/// Reads what sits in one part of the message, beside what `scope` knows already.
/// Presence first (an empty value is no evidence), then the stamp and its time, then the spelling of the signature: that order is what services that check by
/// hand do, and it tells nothing, since a stamp is judged by the clock alone.
pub(in crate::sig) fn read(scope: Scope<'_>, now: Moment, place: Place) -> Result<Claims, Rejection> {
    let parts = &scope.scheme.parts;
    let mut claims = scope.claims.clone();
    let in_body = place == Place::Body;
    if let Some(list) = parts.params.as_ref().filter(|list| list.source.in_body() == in_body) {
        let raw = bounded(one(scope, &list.source)?.ok_or_else(missing)?)?;
        claims.params = list.parse(&list.strip(&raw).ok_or_else(missing)?)?;
        let known = claims.clone();
        return read_fields(Scope { claims: &known, ..scope }, place, now, claims);
    }
    read_fields(scope, place, now, claims)
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

/// The signature alone, out of what followed the body.
pub(in crate::sig) fn behind(scheme: &Declared, trailers: &Fields) -> Result<Candidates, Rejection> {
    let head = Head {
        method: Method::GET,
        target: Bytes::new(),
        authority: Bytes::new(),
        secure: false,
        fields: trailers.clone(),
    };
    let scope = Scope { scheme, head: &head, public_url: None, claims: &Claims::default(), seen: Seen::Nothing };
    let mut candidates = Candidates::new();
    let fields: Places<'_> = scheme.parts.signatures.iter().collect();
    decode_all(scheme, &fields, &signature_texts_of(scope, &fields)?, &mut candidates)?;
    Ok(candidates)
}

fn read_fields(scope: Scope<'_>, place: Place, now: Moment, mut claims: Claims) -> Result<Claims, Rejection> {
    let parts = &scope.scheme.parts;
    let in_body = place == Place::Body;
    let here = |source: &Source| match (source, &parts.params) {
        (Source::Param(_), Some(list)) => list.source.in_body() == in_body,
        _ => source.in_body() == in_body,
    };
    let signed = |field: &&SignatureField| place != Place::HeadAlone && here(&field.source);
    let fields: Places<'_> = parts.signatures.iter().filter(signed).collect();
    let texts = signature_texts_of(scope, &fields)?;
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
    decode_all(scope.scheme, &fields, &texts, &mut claims.candidates)?;
    Ok(claims)
}

/// What stands at each place of a signature; something has to.
fn signature_texts_of(scope: Scope<'_>, fields: &[&SignatureField]) -> Result<SmallVec<[Texts; 1]>, Rejection> {
    let texts = fields.iter().map(|field| signature_texts(scope, field)).collect::<Result<SmallVec<[_; 1]>, _>>()?;
    let nothing = !fields.is_empty() && texts.iter().flatten().all(Bytes::is_empty);
    if nothing { Err(missing()) } else { Ok(texts) }
}

/// The texts at a signature's place: one, or all where the scheme allows several.
fn signature_texts(scope: Scope<'_>, field: &SignatureField) -> Result<Texts, Rejection> {
    if field.list.is_some() || scope.scheme.is_repeated(&field.source) {
        let found = scope.all(&field.source).into_iter().map(|text| Bytes::copy_from_slice(&text));
        return found.map(bounded).collect();
    }
    one(scope, &field.source)?.map(bounded).into_iter().collect()
}

fn decode_all(
    scheme: &Declared,
    fields: &[&SignatureField],
    texts: &[Texts],
    candidates: &mut Candidates,
) -> Result<(), Rejection> {
    for (field, found) in fields.iter().zip(texts) {
        decode(scheme, field, found, candidates)?;
    }
    if !fields.is_empty() && candidates.is_empty() { Err(malformed()) } else { Ok(()) }
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
