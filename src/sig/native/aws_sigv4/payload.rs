//! What a request says of its body, and what must hold of the body for it.

use bytes::Bytes;

use super::chunks::Chunked;
use super::claim::Claim;
use super::reading::unmet;
use super::{AwsSigV4, UNSIGNED, Uri};
use crate::reject::{Code, Rejection};
use crate::sig::encoding::Encoding;
use crate::sig::mac::Algorithm;
use crate::sig::message::Head;
use crate::sig::native::{BodyRule, Piece};
use crate::sig::stamp::Format;

/// The body is signed chunk by chunk, without trailers.
const STREAMING: &[u8] = b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD";

/// The last line of the canonical request, and what it demands.
pub(super) struct Payload {
    pub(super) hash: Piece,
    pub(super) rule: BodyRule,
}

impl AwsSigV4 {
    pub(super) fn payload(&self, claim: &Claim, head: &Head, made: (&str, &str)) -> Result<Payload, Rejection> {
        let twice = |_| Rejection::from(Code::CoveredFieldMissing).because("X-Amz-Content-Sha256 occurs twice");
        let header = head.fields.one("x-amz-content-sha256").map_err(twice)?;
        let presigned = claim.presigned.as_ref();
        let said = header.or_else(|| presigned.and_then(|presigned| presigned.payload.as_ref()));
        match said {
            Some(said) => Ok(Payload { hash: Piece::Bytes(said.clone()), rule: self.rule(said, claim, head, made)? }),
            // The client of S3 does not know the body when it makes a URL.
            None if presigned.is_some() && self.uri == Uri::Raw => {
                Ok(Payload { hash: Piece::Bytes(Bytes::from_static(UNSIGNED)), rule: self.unsigned() })
            }
            None => Ok(Payload { hash: Piece::BodyDigest(Algorithm::Sha256), rule: BodyRule::Free }),
        }
    }

    fn rule(&self, said: &Bytes, claim: &Claim, head: &Head, made: (&str, &str)) -> Result<BodyRule, Rejection> {
        if said == UNSIGNED {
            return Ok(self.unsigned());
        }
        if said == STREAMING && self.takes_chunks && claim.presigned.is_none() {
            return Ok(BodyRule::Chunks(Box::new(Chunked::new(decoded_length(head)?, &claim.signature, made))));
        }
        if said.starts_with(b"STREAMING-") {
            return Err(unmet(
                "this kind of signed body is not accepted here: chunks that are signed, without trailers, at most",
            ));
        }
        let digest = Encoding::Hex.decode(said, false).filter(|digest| digest.len() == Algorithm::Sha256.size());
        let malformed =
            || Rejection::from(Code::DigestInvalid).because("X-Amz-Content-Sha256 has 64 lower-case hex digits");
        Ok(BodyRule::Digests(vec![(Algorithm::Sha256, digest.ok_or_else(malformed)?)]))
    }

    /// A body that nothing covers is none, unless it is allowed.
    fn unsigned(&self) -> BodyRule {
        if self.takes_unsigned { BodyRule::Free } else { BodyRule::Empty }
    }
}

/// Bytes of the body without the marks of its chunks.
fn decoded_length(head: &Head) -> Result<u64, Rejection> {
    let refused = |note| Rejection::from(Code::CoveredFieldMissing).because(note);
    let said = head.fields.one("x-amz-decoded-content-length");
    let said = said.map_err(|_| refused("X-Amz-Decoded-Content-Length occurs twice"))?;
    let said = said.ok_or_else(|| refused("X-Amz-Decoded-Content-Length is not there"))?;
    // The same strict spelling: digits, no sign, no leading zero.
    let length = Format::Unix.parse(said).and_then(|length| u64::try_from(length.secs()).ok());
    length.ok_or_else(|| unmet("X-Amz-Decoded-Content-Length is not a number"))
}
