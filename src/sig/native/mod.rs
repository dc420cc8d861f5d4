//! Schemes that data cannot say. Each is a directory of its own and implements [`Native`]; keys, MACs, constant time and the verdict are common.

pub(crate) mod aws_sigv4;
pub(crate) mod carrier;
pub(in crate::sig) mod check;
pub(in crate::sig) mod explained;
pub(crate) mod jwt;
pub(crate) mod oauth1;
pub mod rfc9421;
pub(in crate::sig) mod signing;

use std::sync::Arc;

use bytes::Bytes;

use super::mac::{Algorithm, Mac};
use super::message::Head;
use super::ring::Prepared;
use super::scheme::{Facts, Stated};
use super::time::Moment;
use super::{Answering, Site};
use crate::reject::Rejection;

/// A scheme in code: it reads evidence out of a request, and writes it into one. It never sees a key while verifying.
pub(crate) trait Native: explained::Explained + std::fmt::Debug + Send + Sync {
    /// What it proves and what it leaves open; asked once, at load.
    fn facts(&self) -> Facts;

    /// What makes its signature prove less than it seems to: for the linter.
    fn doubts(&self) -> Vec<super::scheme::Doubt> {
        Vec::new()
    }

    /// When its signatures end, where they say so themselves: for the linter.
    fn stated(&self) -> Stated {
        Stated::Never
    }

    /// Whether what it carries was made before the request, and covers nothing of it.
    fn is_ticket(&self) -> bool {
        false
    }

    /// The authentication scheme by which a refusal asks for it.
    #[expect(clippy::unnecessary_literal_bound, reason = "a scheme may say a word of its configuration")]
    fn asked_as(&self) -> &str {
        "HMAC"
    }

    /// Whether one of its carriers is there.
    fn is_chosen(&self, head: &Head) -> bool;

    /// The claimed key id, where the head holds one in a readable form.
    fn claimed_key_id(&self, head: &Head) -> Option<Bytes>;

    /// Reads the evidence, in this order: what is missing, the stamp's form and time, the signature's spelling. Several readings are alternatives, any of
    /// which may hold; never empty, at most [`MOST`]. `body` is there under [`super::Need::Whole`] only.
    fn read(&self, request: Request<'_>) -> Result<Vec<Reading>, Rejection>;

    /// Refuses what the head alone decides, where the rest of the evidence waits for the body. Tells nothing of keys.
    fn glance(&self, _request: Request<'_>) -> Result<(), Rejection> {
        Ok(())
    }

    /// Removes every carrier that the client may have filled.
    fn clear(&self, head: &mut Head);

    /// Digests of the outgoing body that signing asks for.
    fn signing_digests(&self) -> Vec<Algorithm>;

    /// Writes the signature into the outgoing head, made with `keys` (not empty, newest first).
    fn sign(&self, head: &mut Head, keys: &[Arc<Prepared>], outgoing: &Outgoing<'_>) -> Result<(), Rejection>;
}

/// Most readings of one request.
pub(crate) const MOST: usize = 4;

/// A request as a native scheme reads it.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    /// Its head.
    pub head: &'a Head,
    /// What it may need to know beside.
    pub site: Site<'a>,
    /// The request's one `now`.
    pub now: Moment,
    /// The contiguous body under [`super::Need::Whole`].
    pub body: Option<&'a [u8]>,
    /// Set where the head is an answer's.
    pub answering: Option<Answering<'a>>,
}

/// What one signature of a request claims: everything but whether it is true.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Who claims it; `None`: every usable key is tried.
    pub key_id: Option<Bytes>,
    /// When it claims to be made; covered by the MAC.
    pub stamp: Option<Moment>,
    /// The first moment at which the stamp is surely outside the window.
    pub fresh_until: Option<Moment>,
    /// Covered by the MAC.
    pub nonce: Option<Bytes>,
    /// The claimed MAC, raw.
    pub mac: Vec<u8>,
    /// The signed bytes.
    pub message: Vec<Piece>,
    /// How the signing key comes from the secret, under [`super::ring::Primitive::Derived`].
    pub derivation: Option<Derivation>,
    /// What must hold of the body beside the MAC.
    pub body: BodyRule,
    /// Headers for the upstream if it holds: lower-case names and values.
    pub sets: Vec<(Bytes, Bytes)>,
}

/// A part of the signed bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Piece {
    /// As it stands.
    Bytes(Bytes),
    /// The body's digest in lower-case hex, known when the body was seen.
    BodyDigest(Algorithm),
    /// The digest of these pieces in lower-case hex.
    Digest(Algorithm, Vec<Piece>),
}

impl Piece {
    /// The body digests that it waits for.
    pub(in crate::sig) fn awaits(&self) -> Vec<Algorithm> {
        match self {
            Self::Bytes(_) => Vec::new(),
            Self::BodyDigest(algorithm) => vec![*algorithm],
            Self::Digest(_, pieces) => pieces.iter().flat_map(Self::awaits).collect(),
        }
    }
}

/// A chain of HMACs: the first is keyed with `prefix` and the secret, each further one with the output before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Derivation {
    /// Before the secret.
    pub prefix: &'static [u8],
    /// What is fed, link by link.
    pub steps: Vec<Bytes>,
}

/// What must hold of the body beside the MAC.
#[derive(Debug)]
pub(crate) enum BodyRule {
    /// Nothing: the MAC covers it, or the scheme leaves it open.
    Free,
    /// There must be none: nothing covers it.
    Empty,
    /// Each digest must be the body's.
    Digests(Vec<(Algorithm, Vec<u8>)>),
    /// It is signed piece by piece.
    Chunks(Box<dyn Chunks>),
}

/// A body that carries signatures of its own.
pub(crate) trait Chunks: std::fmt::Debug + Send {
    /// The head held: this is the state of a MAC under the signing key that made it.
    fn start(&mut self, key: Mac);

    /// The next bytes of the body.
    fn feed(&mut self, bytes: &[u8]);

    /// Whether every piece was signed and the end was reached.
    fn finish(self: Box<Self>) -> Result<(), Rejection>;
}

/// What signing knows of the outgoing request beside its head.
pub(crate) struct Outgoing<'a> {
    /// What it may need to know beside.
    pub site: Site<'a>,
    /// The time to sign with.
    pub now: Moment,
    /// Randomness for a nonce.
    pub entropy: [u8; 16],
    /// The digests that were asked for.
    pub digests: &'a [(Algorithm, Vec<u8>)],
    /// Whether there is a body.
    pub has_body: bool,
    /// The contiguous body under [`super::Need::Whole`].
    pub body: Option<&'a [u8]>,
    /// Set where the head is an answer's.
    pub answering: Option<Answering<'a>>,
}

/// [`Answering`] that outlives the call.
pub(in crate::sig) struct Answered {
    status: u16,
    request: Head,
}

impl Answered {
    pub(in crate::sig) fn new(answering: Answering<'_>) -> Self {
        Self { status: answering.status, request: answering.request.clone() }
    }

    pub(in crate::sig) fn answering(&self) -> Answering<'_> {
        Answering { status: self.status, request: &self.request }
    }
}

impl Derivation {
    /// A MAC keyed with the end of the chain.
    pub(in crate::sig) fn mac(&self, algorithm: Algorithm, secret: &[u8]) -> Mac {
        let first = zeroize::Zeroizing::new([self.prefix, secret].concat());
        let mut mac = Mac::keyed(algorithm, &first);
        for step in &self.steps {
            mac.update(step);
            let key = zeroize::Zeroizing::new(mac.finish());
            mac = Mac::keyed(algorithm, &key);
        }
        mac
    }
}
