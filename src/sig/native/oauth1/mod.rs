//! OAuth 1.0a requests with HMAC (RFC 5849): method, URL and every parameter are signed, and the body by its fields or its hash.

mod base;
mod explained;
mod params;
mod sign;

use std::sync::Arc;

use bytes::Bytes;

use super::carrier::Carrier;
use super::{BodyRule, Native, Outgoing, Piece, Reading, Request};
use crate::reject::{Code, Rejection};
use crate::sig::Need;
use crate::sig::declared::parts::{KeyForm, Pair};
use crate::sig::encoding::Encoding;
use crate::sig::form;
use crate::sig::mac::Algorithm;
use crate::sig::message::Head;
use crate::sig::ring::{KeyUse, Prepared, Primitive};
use crate::sig::scheme::{Covers, Facts};
use crate::sig::stamp::{Bounds, Format};
use crate::sig::time::Moment;
use params::Params;

/// Requests of one kind: where the parameters sit, and what of the body is signed.
#[derive(Clone, Debug)]
pub(crate) struct Oauth1 {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// The one `oauth_signature_method` that is accepted and written.
    pub method: Method,
    /// `Authorization: OAuth …`, or the query: then it looks for `oauth_signature`.
    pub carrier: Carrier,
    /// The carrier's header as it is usually written.
    pub announced: Vec<String>,
    /// What of the body is signed.
    pub body: Coverage,
    /// How the two secrets of the key are written.
    pub pair: Pair,
    /// How the stamp is written: in seconds, but where a refusal is explained.
    pub stamp: Format,
    /// How far the stamp may lie from now.
    pub bounds: Bounds,
    /// The realm that we write.
    pub realm: Option<String>,
}

/// An HMAC signature method by its name (RFC 5849 §3.4.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Method {
    /// HMAC with SHA-1, the one of the RFC.
    HmacSha1,
    /// HMAC with SHA-256, a widely used extension.
    HmacSha256,
}

/// What is signed of a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Coverage {
    /// The fields of a form; another body is refused.
    Form,
    /// `oauth_body_hash`, which every body must have; forms are refused.
    Hash,
    /// The fields of a form, the hash of everything else.
    Either,
    /// Nothing.
    Nothing,
}

impl Method {
    /// Every method by its name.
    pub(crate) const NAMES: [(&'static str, Self); 2] =
        [("HMAC-SHA1", Self::HmacSha1), ("HMAC-SHA256", Self::HmacSha256)];

    const fn name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "HMAC-SHA1",
            Self::HmacSha256 => "HMAC-SHA256",
        }
    }

    const fn hash(self) -> Algorithm {
        match self {
            Self::HmacSha1 => Algorithm::Sha1,
            Self::HmacSha256 => Algorithm::Sha256,
        }
    }
}

impl Coverage {
    const fn has_forms(self) -> bool {
        matches!(self, Self::Form | Self::Either)
    }

    const fn has_hashes(self) -> bool {
        matches!(self, Self::Hash | Self::Either)
    }
}

impl Native for Oauth1 {
    fn facts(&self) -> Facts {
        let form = KeyForm { pair: Some(self.pair), ..KeyForm::default() };
        let carriers = self.carrier.source.headers().to_vec();
        let looked_at = self.body.has_forms().then(|| Bytes::from_static(b"content-type"));
        let body = self.body != Coverage::Nothing;
        let covers = Covers { body, timestamp: true, nonce: true, key_id: true, method: true, path: true, query: true };
        Facts {
            name: Arc::clone(&self.name),
            need: if self.body.has_forms() { Need::Whole } else { Need::Head },
            signing_need: match self.body {
                Coverage::Form | Coverage::Either => Need::Whole,
                Coverage::Hash => Need::Feed,
                Coverage::Nothing => Need::Head,
            },
            key_use: KeyUse { form, primitive: Primitive::Hmac(self.method.hash()) },
            has_key_id: true,
            key_named: true,
            has_timestamp: true,
            has_nonce: true,
            messages: 1,
            needs_public_url: true,
            carries_list: false,
            window: Some((self.bounds.past, self.bounds.future)),
            covers,
            known_headers: carriers.iter().cloned().chain(looked_at).collect(),
            carrier_headers: carriers,
            announced: self.announced.clone(),
            can_sign: Ok(()),
            sets: Vec::new(),
        }
    }

    /// RFC 5849 §3.5.1.
    fn asked_as(&self) -> &'static str {
        "OAuth"
    }

    fn is_chosen(&self, head: &Head) -> bool {
        self.carrier.is_there(head)
    }

    fn claimed_key_id(&self, head: &Head) -> Option<Bytes> {
        let params = Params::read(&self.carrier, head, None).ok()?;
        self.key_id(&params).ok()
    }

    fn read(&self, request: Request<'_>) -> Result<Vec<Reading>, Rejection> {
        let head = request.head;
        let is_form = is_form(head)?;
        let fields = request.body.filter(|_| is_form && self.body.has_forms());
        let params = Params::read(&self.carrier, head, fields)?;
        let text = params.must("oauth_signature")?;
        let key_id = self.key_id(&params)?;
        let (stamp, nonce) = self.freshness(&params, request.now)?;
        self.check(&params)?;
        let mac = Encoding::Base64.decode(text, false).filter(|mac| mac.len() == self.method.hash().size());
        let mac = mac.ok_or(Code::SignatureMalformed)?;
        let message = base::string(head, request.site.public_url, params.signed())?;
        Ok(vec![Reading {
            key_id: Some(key_id),
            stamp: Some(stamp),
            fresh_until: Some(self.bounds.end(stamp, Format::Unix)),
            nonce: Some(nonce),
            mac,
            message: vec![Piece::Bytes(message)],
            derivation: None,
            body: self.body_rule(&params, is_form)?,
            sets: Vec::new(),
        }])
    }

    /// Whatever a form adds to the parameters, it mends nothing of what is read here.
    fn glance(&self, request: Request<'_>) -> Result<(), Rejection> {
        self.read(Request { body: None, ..request }).map(drop)
    }

    fn clear(&self, head: &mut Head) {
        self.carrier.clear(head);
        let names: Vec<Vec<u8>> = params::PROTOCOL.iter().map(|name| name.as_bytes().to_vec()).collect();
        super::carrier::remove_query(head, &names);
    }

    fn signing_digests(&self) -> Vec<Algorithm> {
        if self.body.has_hashes() { vec![self.method.hash()] } else { Vec::new() }
    }

    fn sign(&self, head: &mut Head, keys: &[Arc<Prepared>], outgoing: &Outgoing<'_>) -> Result<(), Rejection> {
        sign::sign(self, head, keys, outgoing)
    }
}

impl Oauth1 {
    /// Where the key is a pair, so is its id: the consumer's key and the token, written like the secrets.
    fn key_id(&self, params: &Params) -> Result<Bytes, Rejection> {
        let consumer = params.must("oauth_consumer_key")?;
        let token = params.get("oauth_token")?.unwrap_or_default();
        match self.pair {
            Pair::Alone if token.is_empty() => Ok(Bytes::copy_from_slice(consumer)),
            Pair::Alone => Err(unmet("a token whose secret signs nothing: see `token_secret`")),
            Pair::Joined => {
                Ok(Bytes::from(format!("{}&{}", form::percent_encode(consumer), form::percent_encode(token))))
            }
        }
    }

    fn freshness(&self, params: &Params, now: Moment) -> Result<(Moment, Bytes), Rejection> {
        let stamp = self.stamp.parse(params.must("oauth_timestamp")?).ok_or(Code::TimestampInvalid)?;
        let is_nonce = |nonce: &&[u8]| (1..=256).contains(&nonce.len()) && nonce.iter().all(u8::is_ascii_graphic);
        let nonce = params.get("oauth_nonce")?.filter(is_nonce).ok_or(Code::NonceInvalid)?;
        self.bounds.judge(stamp, Format::Unix, now)?;
        Ok((stamp, Bytes::copy_from_slice(nonce)))
    }

    fn check(&self, params: &Params) -> Result<(), Rejection> {
        if params.must("oauth_signature_method")? != self.method.name().as_bytes() {
            let note = "`oauth_signature_method` is not the configured algorithm";
            return Err(Rejection::from(Code::SignatureMalformed).because(note));
        }
        match params.get("oauth_version")? {
            None | Some(b"1.0") => Ok(()),
            Some(_) => Err(unmet("`oauth_version` is not 1.0")),
        }
    }

    /// **Threat:** a hash that is signed and not checked would let the body be exchanged under a signature that seems to cover it.
    fn body_rule(&self, params: &Params, is_form: bool) -> Result<BodyRule, Rejection> {
        if let Some(text) = params.get("oauth_body_hash")? {
            let misspelt = || Rejection::from(Code::DigestInvalid).because("`oauth_body_hash` is not base64");
            let digest = Encoding::Base64.decode(text, false).ok_or_else(misspelt)?;
            return Ok(BodyRule::Digests(vec![(self.method.hash(), digest)]));
        }
        let free = self.body == Coverage::Nothing || is_form && self.body.has_forms();
        Ok(if free { BodyRule::Free } else { BodyRule::Empty })
    }
}

/// Whether the body is a form by its media type; two types would be two readings.
fn is_form(head: &Head) -> Result<bool, Rejection> {
    let repeated = |_| Rejection::from(Code::CoveredFieldMissing).because("two content types");
    let value = head.fields.one("content-type").map_err(repeated)?;
    let media = value.and_then(|value| value.split(|byte| *byte == b';').next()).unwrap_or_default();
    Ok(media.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded"))
}

fn unmet(note: &'static str) -> Rejection {
    Rejection::from(Code::RequirementUnmet).because(note)
}
