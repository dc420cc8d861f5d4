//! From a claim to what must hold: time, scope, what is covered, and the signed bytes.

use std::time::Duration;

use bytes::Bytes;

use super::claim::{Claim, Credential, Stamp};
use super::{ALGORITHM, AwsSigV4, canonical};
use crate::reject::{Code, Rejection};
use crate::sig::encoding::Encoding;
use crate::sig::mac::Algorithm;
use crate::sig::message::Head;
use crate::sig::native::{Piece, Reading};
use crate::sig::stamp::{Bounds, Format};
use crate::sig::time::Moment;

impl AwsSigV4 {
    pub(super) fn reading(&self, head: &Head, now: Moment) -> Result<Reading, Rejection> {
        let claim = Claim::read(head)?;
        let stamp = claim.stamp(head)?;
        let bounds = self.bounds(&claim)?;
        bounds.judge(stamp.moment, Format::Unix, now)?;

        let credential = claim.credential()?;
        self.agree(&credential, &stamp)?;
        let signed = claim.names()?;
        self.covers_enough(head, &signed, &stamp)?;
        let mac = signature(&claim.signature)?;

        let scope = self.scope(stamp.date());
        let payload = self.payload(&claim, head, (&stamp.text, &scope))?;
        let request = vec![Piece::Bytes(canonical::request(head, self.uri, &signed)?), payload.hash];
        Ok(Reading {
            key_id: Some(credential.key_id),
            stamp: Some(stamp.moment),
            fresh_until: Some(bounds.end(stamp.moment, Format::Unix)),
            nonce: None,
            mac,
            message: string_to_sign(&stamp.text, &scope, request),
            derivation: Some(self.derivation(stamp.date())),
            body: payload.rule,
            sets: Vec::new(),
        })
    }

    /// A presigned URL is good from its stamp for as long as it says, within what is configured.
    fn bounds(&self, claim: &Claim) -> Result<Bounds, Rejection> {
        let Some(presigned) = &claim.presigned else { return Ok(self.window) };
        let longest = self.presigned.ok_or_else(|| unmet("presigned URLs are not accepted here"))?;
        let past = Duration::from_secs(presigned.life()?);
        if past > longest {
            return Err(unmet("X-Amz-Expires is longer than `presigned` allows"));
        }
        Ok(Bounds { past, ..self.window })
    }

    /// The scope names this service and region, and the day of the stamp.
    fn agree(&self, credential: &Credential, stamp: &Stamp) -> Result<(), Rejection> {
        if credential.region != self.region || credential.service != self.service {
            return Err(unmet("the credential is for another region or service"));
        }
        if credential.date != stamp.date() {
            return Err(unmet("the credential is for another day than the stamp"));
        }
        Ok(())
    }

    /// `host`, the stamp, every `x-amz-*` header that was sent, and what the configuration demands.
    fn covers_enough(&self, head: &Head, signed: &[Bytes], stamp: &Stamp) -> Result<(), Rejection> {
        let lacks = |name: &[u8]| !signed.iter().any(|known| known == name);
        if lacks(b"host") {
            return Err(unmet("Host is not among SignedHeaders"));
        }
        if stamp.is_date && lacks(b"date") {
            return Err(unmet("Date is the stamp and not among SignedHeaders"));
        }
        let mut unsigned = head.fields.iter().map(|field| &field.name).filter(|name| lacks(name));
        if unsigned.clone().any(|name| name.starts_with(b"x-amz-")) {
            return Err(unmet("an X-Amz-* header was sent that is not among SignedHeaders"));
        }
        if unsigned.any(|name| self.require.contains(name)) {
            return Err(unmet("a header of `require` was sent that is not among SignedHeaders"));
        }
        Ok(())
    }
}

/// What the MAC is made of: a hash of the canonical request, so that a body's hash within it may come last.
pub(super) fn string_to_sign(stamp: &str, scope: &str, request: Vec<Piece>) -> Vec<Piece> {
    let prefix = format!("{ALGORITHM}\n{stamp}\n{scope}\n");
    vec![Piece::Bytes(Bytes::from(prefix)), Piece::Digest(Algorithm::Sha256, request)]
}

/// 64 lower-case hex digits.
pub(super) fn signature(text: &[u8]) -> Result<Vec<u8>, Rejection> {
    let mac = Encoding::Hex.decode(text, false).filter(|mac| mac.len() == Algorithm::Sha256.size());
    mac.ok_or_else(|| Rejection::from(Code::SignatureMalformed).because("a signature has 64 lower-case hex digits"))
}

pub(super) fn unmet(note: &'static str) -> Rejection {
    Rejection::from(Code::RequirementUnmet).because(note)
}
