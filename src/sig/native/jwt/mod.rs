//! JSON Web Tokens with HMAC (RFC 7519 in the compact form of RFC 7515): one pinned algorithm, judged over the bytes as received.
//!
//! **Invariant:** nothing in a token chooses how it is verified: `alg` must be the configured one, key URLs and embedded keys are never looked at.

mod claims;
mod explained;
mod mint;
mod token;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::carrier::Carrier;
use super::{BodyRule, Native, Outgoing, Piece, Reading, Request};
use crate::reject::{Code, Rejection};
use crate::sig::Need;
use crate::sig::declared::parts::KeyForm;
use crate::sig::mac::Algorithm;
use crate::sig::message::Head;
use crate::sig::ring::{KeyUse, Prepared, Primitive};
use crate::sig::scheme::{Covers, Facts, Stated};
use crate::sig::stamp::Format;
use crate::sig::template::Source;
use token::Token;

/// Tokens of one kind: how they are carried, and what they must say.
#[derive(Clone, Debug)]
pub(crate) struct Jwt {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// The one algorithm that is accepted and written.
    pub algorithm: Alg,
    /// How the configured secret becomes key bytes.
    pub key: KeyForm,
    /// Where the token sits.
    pub carrier: Carrier,
    /// The carrier's header as it is usually written.
    pub announced: Vec<String>,
    /// Whether `kid` names the key.
    pub kid: Kid,
    /// Whether every token has a `jti`, which makes it good for one use.
    pub single: bool,
    /// What `typ` must be.
    pub typ: Option<String>,
    /// Accepted `iss`; empty: any. The first is written.
    pub issuers: Vec<String>,
    /// Who we are: `aud` must name one of them. All are written.
    pub audience: Vec<String>,
    /// Whether a token must expire.
    pub expires: bool,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// How its dates are written: in seconds, but where a refusal is explained.
    pub stamp: Format,
    /// How old a token may be by its `iat`.
    pub max_age: Option<Duration>,
    /// Claims that become headers for the upstream.
    pub claims: Vec<(String, Bytes)>,
    /// How long a token that we write is good for.
    pub lifetime: Duration,
    /// Whether we write the key's principal as `sub`.
    pub subject: bool,
}

/// An HMAC algorithm by its JOSE name (RFC 7518 §3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Alg {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

/// What the header's `kid` means to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kid {
    /// It is our key id; without it every usable key is tried.
    Optional,
    /// It is our key id and must be there.
    Required,
    /// It is somebody else's: every usable key is tried.
    Ignored,
}

impl Alg {
    /// Every algorithm by its JOSE name.
    pub(crate) const NAMES: [(&'static str, Self); 3] =
        [("HS256", Self::Hs256), ("HS384", Self::Hs384), ("HS512", Self::Hs512)];

    const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    const fn hash(self) -> Algorithm {
        match self {
            Self::Hs256 => Algorithm::Sha256,
            Self::Hs384 => Algorithm::Sha384,
            Self::Hs512 => Algorithm::Sha512,
        }
    }
}

impl Native for Jwt {
    fn facts(&self) -> Facts {
        let dated = self.expires || self.max_age.is_some();
        let known = match &self.carrier.source {
            Source::Header(names) => names.clone(),
            Source::Cookie(_) => vec![Bytes::from_static(b"cookie")],
            Source::Query(_) | Source::Param(_) | Source::Form(_) | Source::Json(_) => Vec::new(),
        };
        let (timestamp, key_id) = (dated, self.kid != Kid::Ignored);
        Facts {
            name: Arc::clone(&self.name),
            need: Need::Head,
            signing_need: Need::Head,
            key_use: KeyUse { form: self.key.clone(), primitive: Primitive::Hmac(self.algorithm.hash()) },
            has_key_id: key_id,
            key_named: self.kid == Kid::Required,
            has_timestamp: dated,
            has_nonce: self.single,
            messages: 1,
            needs_public_url: false,
            carries_list: false,
            window: self.max_age.map(|age| (age.saturating_add(self.leeway), self.leeway)),
            covers: Covers { timestamp, nonce: self.single, key_id, ..Covers::default() },
            carrier_headers: self.carrier.source.headers().to_vec(),
            known_headers: known,
            announced: self.announced.clone(),
            can_sign: self.carrier.can_write(),
            sets: self.claims.iter().map(|(_, header)| header.clone()).collect(),
        }
    }

    fn stated(&self) -> Stated {
        if self.max_age.is_some() { Stated::Never } else { Stated::Freely { always: self.expires } }
    }

    fn is_ticket(&self) -> bool {
        true
    }

    /// RFC 6750 §3, unless the token stands behind another word.
    fn asked_as(&self) -> &str {
        self.carrier.auth_scheme.as_deref().unwrap_or("Bearer")
    }

    fn is_chosen(&self, head: &Head) -> bool {
        self.carrier.is_there(head)
    }

    fn claimed_key_id(&self, head: &Head) -> Option<Bytes> {
        let text = self.carrier.find(head).ok()??;
        self.key_id(&Token::read(&text)?).ok()?
    }

    fn read(&self, request: Request<'_>) -> Result<Vec<Reading>, Rejection> {
        let text = self.carrier.find(request.head)?.ok_or(Code::SignatureMissing)?;
        let token = Token::read(&text).ok_or_else(|| malformed("not three parts of unpadded base64url with JSON"))?;
        self.check_header(&token)?;
        let key_id = self.key_id(&token)?;
        let (stamp, fresh_until) = self.check_times(&token, request.now)?;
        self.check_parties(&token)?;
        let nonce = self.nonce(&token)?;
        let sets = self.sets(&token)?;
        if token.mac.len() != self.algorithm.hash().size() {
            return Err(Code::SignatureMalformed.into());
        }
        let (message, derivation, body) = (vec![Piece::Bytes(token.signed)], None, BodyRule::Free);
        Ok(vec![Reading { key_id, stamp, fresh_until, nonce, mac: token.mac, message, derivation, body, sets }])
    }

    fn clear(&self, head: &mut Head) {
        self.carrier.clear(head);
    }

    fn signing_digests(&self) -> Vec<Algorithm> {
        Vec::new()
    }

    fn sign(&self, head: &mut Head, keys: &[Arc<Prepared>], outgoing: &Outgoing<'_>) -> Result<(), Rejection> {
        let token = self.mint(keys, outgoing)?;
        self.carrier.write(head, &token);
        Ok(())
    }
}

impl Jwt {
    /// **Law:** what is marked `crit` and not understood refuses (RFC 7515 §4.1.11); we understand nothing of it, so `b64` (RFC 7797) refuses too.
    fn check_header(&self, token: &Token) -> Result<(), Rejection> {
        if token.header.text("alg") != Some(self.algorithm.name()) {
            return Err(malformed("`alg` is not the configured algorithm"));
        }
        if token.header.find("crit").is_some() || token.header.find("b64").is_some() {
            return Err(unmet("`crit` or `b64` asks for what is not understood here"));
        }
        match &self.typ {
            Some(wanted) if !token.header.text("typ").is_some_and(|typ| is_type(typ, wanted)) => {
                Err(unmet("`typ` is not the configured type"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn key_id(&self, token: &Token) -> Result<Option<Bytes>, Rejection> {
        let kid =
            token.header.find("kid").map(|_| token.header.text("kid").ok_or_else(|| malformed("`kid` is no text")));
        match (self.kid, kid.transpose()?) {
            (Kid::Ignored, _) | (Kid::Optional, None) => Ok(None),
            (Kid::Required, None) => Err(Rejection::from(Code::SignatureMissing).because("no key id")),
            (Kid::Optional | Kid::Required, Some(kid)) => Ok(Some(Bytes::copy_from_slice(kid.as_bytes()))),
        }
    }
}

/// Media types are compared without case, and `application/` may be left out (RFC 7515 §4.1.9).
fn is_type(found: &str, wanted: &str) -> bool {
    let bare = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.strip_prefix("application/").map(str::to_owned).unwrap_or(text)
    };
    bare(found) == bare(wanted)
}

fn malformed(note: &'static str) -> Rejection {
    Rejection::from(Code::SignatureMalformed).because(note)
}

fn unmet(note: &'static str) -> Rejection {
    Rejection::from(Code::RequirementUnmet).because(note)
}
