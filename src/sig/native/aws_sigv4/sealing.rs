//! Signing: `X-Amz-Date`, `X-Amz-Content-Sha256` and `Authorization`, over everything that our own verifier demands.

use std::sync::Arc;

use bytes::Bytes;

use super::claim::{SIGNATURE, Stamp};
use super::reading::string_to_sign;
use super::{ALGORITHM, AwsSigV4, UNSIGNED, canonical};
use crate::reject::{Code, Rejection};
use crate::sig::encoding::Encoding;
use crate::sig::form;
use crate::sig::mac::Algorithm;
use crate::sig::message::Head;
use crate::sig::native::{Outgoing, Piece, check};
use crate::sig::ring::Prepared;

/// What a client signed itself, in either form.
const CARRIERS: [&str; 4] = ["authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"];

const PARAMETERS: [&str; 8] = [
    "X-Amz-Algorithm",
    "X-Amz-Content-Sha256",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-SignedHeaders",
    SIGNATURE,
];

pub(super) fn clear(head: &mut Head) {
    for name in CARRIERS {
        head.fields.remove(name);
    }
    let Some(query) = head.query() else { return };
    let kept = form::without(query, &PARAMETERS.map(|name| name.as_bytes().to_vec()));
    if kept.len() != query.len() {
        let mark: &[u8] = if kept.is_empty() { b"" } else { b"?" };
        head.target = Bytes::from([head.path(), mark, &kept].concat());
    }
}

impl AwsSigV4 {
    pub(super) fn seal(
        &self,
        head: &mut Head,
        keys: &[Arc<Prepared>],
        outgoing: &Outgoing<'_>,
    ) -> Result<(), Rejection> {
        let failed = |note| Rejection::from(Code::SigningFailed).because(note);
        let newest = keys.first().and_then(|key| Some((key.key.as_ref()?, key.bytes.as_ref()?)));
        let (key, secret) = newest.ok_or_else(|| failed("no key may sign now"))?;
        if key.id.contains(',') {
            return Err(failed("a key id with a comma cannot be written into Authorization"));
        }
        canonical::respell(head)?;
        let (stamp, payload) = (Stamp::of(outgoing.now), self.payload_to_sign(outgoing)?);
        head.fields.set("x-amz-date", stamp.text.clone());
        head.fields.set("x-amz-content-sha256", payload.clone());

        let (signed, scope) = (self.names_to_sign(head), self.scope(stamp.date()));
        let request = vec![Piece::Bytes(canonical::request(head, self.uri, &signed)?), Piece::Bytes(payload)];
        let mac = self.derivation(stamp.date()).mac(Algorithm::Sha256, secret.expose());
        let mac =
            check::compute(mac, &string_to_sign(&stamp.text, &scope, request), &[])?.ok_or(Code::SigningFailed)?;
        let names = String::from_utf8(signed.join(&b';')).map_err(|_| failed("a header name is not text"))?;
        let (id, mac) = (&key.id, Encoding::Hex.encode(&mac));
        let value = format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={mac}");
        head.fields.set("authorization", value);
        Ok(())
    }

    fn payload_to_sign(&self, outgoing: &Outgoing<'_>) -> Result<Bytes, Rejection> {
        if !self.signs_payload {
            return Ok(Bytes::from_static(UNSIGNED));
        }
        let digest = outgoing.digests.iter().find(|(algorithm, _)| *algorithm == Algorithm::Sha256);
        let (_, digest) = digest.ok_or(Code::SigningFailed)?;
        Ok(Bytes::from(Encoding::Hex.encode(digest)))
    }

    /// `host`, `content-type`, every `x-amz-*` header and what our own verifier demands beside, sorted.
    fn names_to_sign(&self, head: &Head) -> Vec<Bytes> {
        let wanted =
            |name: &Bytes| name == "content-type" || name.starts_with(b"x-amz-") || self.require.contains(name);
        let names = head.fields.iter().map(|field| field.name.clone()).filter(wanted);
        let mut names: Vec<Bytes> = names.chain([Bytes::from_static(b"host")]).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
