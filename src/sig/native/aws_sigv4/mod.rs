//! AWS Signature Version 4: in the header, in the query of a presigned URL, and over a body that is signed chunk by chunk.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

mod canonical;
mod chunks;
mod claim;
mod explained;
mod payload;
mod reading;
mod sealing;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Derivation, Native, Outgoing, Reading, Request};
use crate::reject::Rejection;
use crate::sig::Need;
use crate::sig::declared::parts::KeyForm;
use crate::sig::mac::Algorithm;
use crate::sig::message::Head;
use crate::sig::ring::{KeyUse, Prepared, Primitive};
use crate::sig::scheme::{Covers, Facts, Stated};
use crate::sig::stamp::Bounds;

/// The one algorithm; it opens the `Authorization` header and every string to sign.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What a credential's scope ends with.
const TERMINATOR: &str = "aws4_request";

/// The value of `X-Amz-Content-Sha256` that says: nothing covers the body.
const UNSIGNED: &[u8] = b"UNSIGNED-PAYLOAD";

/// The longest life of a presigned URL: 7 days.
pub(crate) const LONGEST_LIFE: Duration = Duration::from_hours(7 * 24);

/// Signature Version 4 for one service in one region.
#[derive(Clone, Debug)]
pub(crate) struct AwsSigV4 {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// How a configured secret becomes a secret access key.
    pub key: KeyForm,
    /// The region in every scope.
    pub region: String,
    /// The service in every scope.
    pub service: String,
    /// How far the stamp of a signed header may lie from now; `future` holds for presigned URLs too.
    pub window: Bounds,
    /// The longest life of a presigned URL that is accepted; `None`: none is.
    pub presigned: Option<Duration>,
    /// How the path is written for signing.
    pub uri: Uri,
    /// Whether a body may come that nothing covers.
    pub takes_unsigned: bool,
    /// Whether a body may come that is signed chunk by chunk.
    pub takes_chunks: bool,
    /// Lower-case names of headers that have to be signed where they are sent, beside those that always have to.
    pub require: Vec<Bytes>,
    /// Whether our own signatures cover the body.
    pub signs_payload: bool,
}

/// How the path is written in the canonical request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Uri {
    /// Without dot segments, and percent-encoded once more than it is sent: every service but S3.
    Normalise,
    /// As it is sent: S3.
    Raw,
}

impl Native for AwsSigV4 {
    fn facts(&self) -> Facts {
        let names = |names: &[&'static str]| names.iter().map(|name| Bytes::from_static(name.as_bytes())).collect();
        Facts {
            name: Arc::clone(&self.name),
            need: Need::Feed,
            signing_need: if self.signs_payload { Need::Feed } else { Need::Head },
            key_use: KeyUse { form: self.key.clone(), primitive: Primitive::Derived(Algorithm::Sha256) },
            has_key_id: true,
            key_named: true,
            has_timestamp: true,
            has_nonce: false,
            messages: 1,
            needs_public_url: false,
            carries_list: false,
            window: Some((self.window.past.max(self.presigned.unwrap_or_default()), self.window.future)),
            covers: Covers {
                body: !self.takes_unsigned,
                timestamp: true,
                nonce: false,
                key_id: false,
                method: true,
                path: true,
                query: true,
            },
            carrier_headers: names(&["authorization", "x-amz-date"]),
            known_headers: self.known_headers(),
            announced: vec!["Authorization".to_owned(), "X-Amz-Date".to_owned()],
            can_sign: Ok(()),
            sets: Vec::new(),
        }
    }

    fn stated(&self) -> Stated {
        let window = (self.window.past, self.window.future);
        self.presigned.map_or(Stated::Never, |life| Stated::Within { life, option: "presigned", window })
    }

    fn is_chosen(&self, head: &Head) -> bool {
        claim::in_header(head) || claim::in_query(head)
    }

    fn claimed_key_id(&self, head: &Head) -> Option<Bytes> {
        claim::Claim::read(head).and_then(|claim| claim.credential()).ok().map(|credential| credential.key_id)
    }

    fn read(&self, request: Request<'_>) -> Result<Vec<Reading>, Rejection> {
        self.reading(request.head, request.now).map(|reading| vec![reading])
    }

    fn clear(&self, head: &mut Head) {
        sealing::clear(head);
    }

    fn signing_digests(&self) -> Vec<Algorithm> {
        if self.signs_payload { vec![Algorithm::Sha256] } else { Vec::new() }
    }

    fn sign(&self, head: &mut Head, keys: &[Arc<Prepared>], outgoing: &Outgoing<'_>) -> Result<(), Rejection> {
        self.seal(head, keys, outgoing)
    }
}

impl AwsSigV4 {
    fn known_headers(&self) -> Vec<Bytes> {
        let own = [
            "authorization",
            "date",
            "x-amz-content-sha256",
            "x-amz-date",
            "x-amz-decoded-content-length",
            "x-amz-security-token",
        ];
        let mut known: Vec<Bytes> = own.map(|name| Bytes::from_static(name.as_bytes())).to_vec();
        known.extend(self.require.iter().cloned());
        known.sort_unstable();
        known.dedup();
        known
    }

    /// Where and when a signing key is good: `20251009/us-east-1/s3/aws4_request`.
    fn scope(&self, date: &str) -> String {
        [date, &self.region, &self.service, TERMINATOR].join("/")
    }

    /// The signing key of a day.
    fn derivation(&self, date: &str) -> Derivation {
        let steps = [date, &self.region, &self.service, TERMINATOR].map(|step| Bytes::copy_from_slice(step.as_bytes()));
        Derivation { prefix: b"AWS4", steps: steps.into() }
    }
}
