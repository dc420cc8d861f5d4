//! A signature under way: started on the outgoing head, fed with the body, finished as headers. The same declaration, backwards.

use std::sync::Arc;

use bytes::Bytes;

use super::claims::Claims;
use super::lanes::Lanes;
use super::parts::{Declared, SignatureField};
use super::scope::{Scope, Seen};
use crate::reject::{Code, Rejection};
use crate::sig::Need;
use crate::sig::form;
use crate::sig::json::Json;
use crate::sig::mac::{Algorithm, Mac};
use crate::sig::message::Head;
use crate::sig::ring::Prepared;
use crate::sig::signing::Terms;
use crate::sig::template::Source;
use crate::sig::time::Moment;

/// A signature whose head part is computed.
pub(in crate::sig) struct Signing {
    scheme: Arc<Declared>,
    keys: Vec<Arc<Prepared>>,
    claims: Claims,
    public_url: Option<String>,
    digests: Vec<(Algorithm, Mac)>,
    /// MACs under way; `None` where they wait for the body's digest or the whole body.
    lanes: Option<Lanes>,
}

impl Signing {
    /// Removes what the client signed, writes a fresh stamp, nonce and key id, and starts the MACs. `keys` is not empty.
    pub(in crate::sig) fn start(
        scheme: &Arc<Declared>,
        keys: Vec<Arc<Prepared>>,
        head: &mut Head,
        terms: Terms<'_>,
    ) -> Result<Self, Rejection> {
        let id = keys.first().and_then(|key| key.key.as_ref()).map(|key| Arc::clone(&key.id));
        let id = id.ok_or_else(|| Rejection::from(Code::SigningFailed).because("no key may sign now"))?;
        let stamp = stamp(scheme, &terms)?;
        clear(scheme, head);
        meet(scheme, head);
        let mut claims = Claims::default();
        claim(scheme, head, &mut claims, (stamp, terms.entropy, &id));
        let mut signing = Self {
            scheme: Arc::clone(scheme),
            keys,
            claims,
            public_url: terms.site.public_url.map(str::to_owned),
            digests: scheme.digests.iter().map(|algorithm| (*algorithm, Mac::plain(*algorithm))).collect(),
            lanes: None,
        };
        if scheme.need == Need::Feed && signing.digests.is_empty() {
            let lanes = Lanes::open(signing.scope(head, Seen::Nothing), &signing.keys)?;
            signing.lanes = Some(lanes);
        }
        Ok(signing)
    }

    /// The next bytes of the outgoing body, in order.
    pub(in crate::sig) fn feed(&mut self, chunk: &[u8]) {
        for (_, digest) in &mut self.digests {
            digest.update(chunk);
        }
        if let Some(lanes) = &mut self.lanes {
            lanes.feed(chunk);
        }
    }

    /// Writes the signature into the head, replacing what the client sent, or into an envelope, which is returned.
    pub(in crate::sig) fn finish(mut self, head: &mut Head, whole: Option<&[u8]>) -> Result<Option<Bytes>, Rejection> {
        if let Some(body) = whole.filter(|_| self.scheme.signing_need() == Need::Whole) {
            self.feed(body);
        }
        let digests: Vec<_> = std::mem::take(&mut self.digests).into_iter().map(|(a, mac)| (a, mac.finish())).collect();
        self.write_digest(head, &digests);
        let scheme = Arc::clone(&self.scheme);
        let envelope = scheme.parts.envelope();
        let json = match (&envelope, whole.unwrap_or_default()) {
            (Some(envelope), body) => Some(envelope.wrap(body, &self.claims)?),
            (None, body) => Some(body).filter(|_| scheme.uses_json).and_then(Json::parse),
        };
        let seen = match (whole, self.scheme.need) {
            (Some(body), Need::Whole) => Seen::Whole(body, json.as_ref()),
            (None, Need::Whole) => Seen::Whole(b"", None),
            (_, Need::Head | Need::Feed) => Seen::Digests(&digests),
        };
        let lanes = match self.lanes.take() {
            Some(lanes) => lanes,
            None => Lanes::open(self.scope(head, seen), &self.keys)?,
        };
        let macs = lanes.finish(Some(self.scope(head, seen)))?;
        let field = scheme.parts.signatures.first().ok_or(Code::SigningFailed)?;
        let texts: Vec<_> = macs.iter().take(self.keys.len()).map(|(_, mac)| spell(field, mac)).collect();
        let sealed = envelope.zip(json).zip(texts.first());
        let body = sealed.map(|((envelope, document), text)| envelope.seal(document, text)).transpose()?;
        self.write_signature(head, field, texts);
        Ok(body)
    }

    fn scope<'a>(&'a self, head: &'a Head, seen: Seen<'a>) -> Scope<'a> {
        Scope { scheme: &self.scheme, head, public_url: self.public_url.as_deref(), claims: &self.claims, seen }
    }

    fn write_digest(&mut self, head: &mut Head, digests: &[(Algorithm, Vec<u8>)]) {
        let Some(field) = &self.scheme.parts.digest else { return };
        let digest = digests.iter().find(|(algorithm, _)| *algorithm == field.algorithm);
        let text = field.encoding.encode(digest.map(|(_, bytes)| bytes.as_slice()).unwrap_or_default());
        let value = Bytes::from([field.prefix.as_ref(), text.as_bytes()].concat());
        write(head, &mut self.claims, &field.source, value);
    }

    fn write_signature(mut self, head: &mut Head, field: &SignatureField, texts: Vec<Vec<u8>>) {
        match &field.list {
            Some(separator) => {
                write(head, &mut self.claims, &field.source, texts.join(separator.as_ref()).into());
            }
            None => texts.into_iter().for_each(|text| write(head, &mut self.claims, &field.source, text.into())),
        }
        if let Some(list) = &self.scheme.parts.params {
            let value = list.write(&self.claims.params);
            write(head, &mut self.claims, &list.source, value);
        }
    }
}

fn spell(field: &SignatureField, mac: &[u8]) -> Vec<u8> {
    let text = field.encoding.map_or_else(|| mac.to_vec(), |encoding| encoding.encode(mac).into_bytes());
    [field.prefix.as_ref(), &text].concat()
}

/// Removes every carrier that the client may have filled.
pub(in crate::sig) fn clear(scheme: &Declared, head: &mut Head) {
    if scheme.parts.envelope().is_some() {
        head.fields.forget_body();
    }
    let digest = scheme.parts.digest.as_ref().map(|field| &field.source);
    for source in super::analysis::carriers(&scheme.parts).into_iter().chain(digest) {
        match source {
            Source::Header(names) => {
                let names = names.iter().filter_map(|name| std::str::from_utf8(name).ok());
                names.for_each(|name| _ = head.fields.remove(name));
            }
            Source::Query(name) => remove_query(head, name),
            Source::Cookie(_) | Source::Param(_) | Source::Form(_) | Source::Json(_) => {}
        }
    }
}

/// Sets headers that have to say one thing beside the signature, where they say another or are missing.
fn meet(scheme: &Declared, head: &mut Head) {
    for requirement in &scheme.parts.require {
        let (Some(name), Some(value)) = (requirement.header(), requirement.literal()) else { continue };
        let said = head.fields.iter().filter(|field| field.name == *name).map(|field| &field.value);
        let said: Vec<_> = said.collect();
        let met = if said.is_empty() { requirement.if_present } else { said.iter().all(|text| **text == value) };
        if !met {
            head.fields.set(name.clone(), value);
        }
    }
}

/// What the stamp is to say: now, or until when the signature holds.
fn stamp(scheme: &Declared, terms: &Terms<'_>) -> Result<Moment, Rejection> {
    if !scheme.expires() {
        return Ok(terms.now);
    }
    terms.expires.ok_or_else(|| Rejection::from(Code::SigningFailed).because("nobody says when it expires"))
}

/// Writes stamp, nonce, key id, the list of signed headers and fixed parameters.
fn claim(scheme: &Declared, head: &mut Head, claims: &mut Claims, (stamp, entropy, id): (Moment, [u8; 16], &str)) {
    let parts = &scheme.parts;
    if let Some(list) = &parts.params {
        claims.params.0.extend(list.fixed.iter().cloned());
    }
    if let Some(field) = &parts.timestamp {
        let text = Bytes::from(field.format.print(stamp));
        claims.stamp_text = Some(text.clone());
        write(head, claims, &field.source, text);
    }
    if let Some(field) = &parts.key_id {
        let text = Bytes::copy_from_slice(id.as_bytes());
        claims.key_id = Some(text.clone());
        write(head, claims, &field.source, text);
    }
    if let Some(field) = &parts.nonce {
        let text = Bytes::from(format!("{}{}", field.prefix, nonce(entropy, field.uuid)));
        claims.nonce = Some(text.clone());
        write(head, claims, &field.source, text);
    }
    if let Some(signed) = parts.signed_headers.as_ref().filter(|signed| !signed.sign.is_empty()) {
        let names: Vec<&[u8]> = signed.sign.iter().map(Bytes::as_ref).collect();
        write(head, claims, &signed.source, names.join(signed.separator.as_ref()).into());
    }
}

fn write(head: &mut Head, claims: &mut Claims, source: &Source, value: Bytes) {
    match source {
        Source::Header(names) => {
            if let Some(name) = names.first() {
                head.fields.set(name.clone(), value);
            }
        }
        Source::Param(name) => claims.params.0.push((name.clone(), value)),
        Source::Query(name) => {
            let mark = if head.query().is_some() { "&" } else { "?" };
            let pair = format!("{mark}{}={}", form::percent_encode(name), form::percent_encode(&value));
            head.target = Bytes::from([head.target.as_ref(), pair.as_bytes()].concat());
        }
        Source::Cookie(_) | Source::Form(_) | Source::Json(_) => {}
    }
}

fn remove_query(head: &mut Head, name: &Bytes) {
    let Some(query) = head.query() else { return };
    let kept = form::without(query, &[name.to_vec()]);
    if kept.len() != query.len() {
        let mark: &[u8] = if kept.is_empty() { b"" } else { b"?" };
        head.target = Bytes::from([head.path(), mark, &kept].concat());
    }
}

/// 32 hex digits, or the same 128 bits as a version 4 UUID (RFC 9562 §5.4).
fn nonce(mut entropy: [u8; 16], uuid: bool) -> String {
    if uuid {
        let [_, _, _, _, _, _, version, _, variant, ..] = &mut entropy;
        *version = (*version & 0x0f) | 0x40;
        *variant = (*variant & 0x3f) | 0x80;
    }
    let mut text = data_encoding::HEXLOWER.encode(&entropy);
    if uuid {
        for place in [20, 16, 12, 8] {
            text.insert(place, '-');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_hex_or_a_version_4_uuid() {
        assert_eq!(nonce([0xff; 16], false), "f".repeat(32));
        assert_eq!(nonce([0xff; 16], true), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
