//! HTTP Message Signatures (RFC 9421) with `hmac-sha256`, and Content-Digest (RFC 9530).
//!
//! **Invariant:** what is signed is rebuilt from what was parsed, in canonical form: two spellings of one signature are one signature.

pub mod base;
mod claims;
pub mod components;
mod digest;
mod explained;
mod print;
mod reading;
mod signing;
pub mod structured;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use self::base::{Asked, Authority, Message};
use self::components::Component;
use super::{Native, Outgoing, Reading, Request};
use crate::reject::Rejection;
use crate::sig::declared::parts::KeyForm;
use crate::sig::mac::Algorithm;
use crate::sig::message::Head;
use crate::sig::ring::{KeyUse, Prepared, Primitive};
use crate::sig::scheme::{Covers, Facts};
use crate::sig::stamp::{Bounds, Format};
use crate::sig::{Answering, Need, Site};

/// The only value of `alg`.
const ALGORITHM: &str = "hmac-sha256";

/// The scheme with its options.
#[derive(Clone, Debug)]
pub struct Rfc9421 {
    name: Arc<str>,
    key: KeyForm,
    options: Options,
    made: Made,
}

/// How a signature is made and dated: what the RFC says, but where a refusal is explained.
#[derive(Clone, Copy, Debug)]
struct Made {
    algorithm: Algorithm,
    stamp: Format,
}

/// What is demanded when verifying, and written when signing.
#[derive(Clone, Debug)]
pub struct Options {
    /// The one label that counts; `None`: every one.
    pub label: Option<String>,
    /// What the signature is for.
    pub tag: Option<String>,
    /// How far `created` may lie from now.
    pub bounds: Bounds,
    /// Whether `created` must be there.
    pub created: bool,
    /// Whether `keyid` must be there.
    pub key_id: bool,
    /// Whether `nonce` must be there, and is written.
    pub nonce: bool,
    /// Whether a body must come with a covered Content-Digest.
    pub body: bool,
    /// Where the authority comes from.
    pub authority: Authority,
    /// What of a request.
    pub request: Cover,
    /// What of a response.
    pub response: Cover,
    /// The life of what we sign.
    pub expires: Option<Duration>,
}

/// What is covered of a message.
#[derive(Clone, Debug)]
pub struct Cover {
    /// At least, when verifying.
    pub require: Vec<Component>,
    /// When signing.
    pub components: Vec<Component>,
}

impl Options {
    /// Whether a signature with this label is looked at: the one demanded, or what we write for a further key.
    fn counts(&self, label: &str) -> bool {
        self.label.is_none() || (0..super::MOST).any(|place| self.label_of(place) == label)
    }

    /// `sig1`, `sig2`, …; or the configured label, then the same with a number.
    fn label_of(&self, place: usize) -> String {
        let number = place.saturating_add(1);
        match &self.label {
            None => format!("sig{number}"),
            Some(label) if place == 0 => label.clone(),
            Some(label) => format!("{label}-{number}"),
        }
    }

    /// Whether a digest of the body is written.
    fn digests(&self) -> bool {
        let mut signed = self.request.components.iter().chain(&self.response.components);
        self.body || signed.any(Component::is_digest)
    }

    /// What is covered of a request, or of an answer to one.
    const fn cover(&self, answering: Option<Answering<'_>>) -> &Cover {
        if answering.is_some() { &self.response } else { &self.request }
    }

    /// The message that `head` belongs to.
    fn message<'a>(&self, head: &'a Head, site: Site<'a>, answering: Option<Answering<'a>>) -> Message<'a> {
        let asked = |head| Asked { head, public_url: site.public_url, authority: self.authority };
        match answering {
            None => Message::Request(asked(head)),
            Some(Answering { status, request }) => {
                Message::Response { status, fields: &head.fields, request: asked(request) }
            }
        }
    }
}

impl Rfc9421 {
    /// The scheme `name`; `key` says how a secret becomes key bytes.
    pub fn new(name: &str, key: KeyForm, options: Options) -> Self {
        let made = Made { algorithm: Algorithm::Sha256, stamp: Format::Unix };
        Self { name: Arc::from(name), key, options, made }
    }

    fn covers(&self, name: &str) -> bool {
        let wanted = Component::parse(name);
        wanted.is_ok_and(|wanted| self.options.request.require.iter().any(|component| component.covers(&wanted)))
    }
}

impl Native for Rfc9421 {
    fn facts(&self) -> Facts {
        let carriers = ["signature-input", "signature"].map(|name| Bytes::from_static(name.as_bytes()));
        let Cover { require, components } = &self.options.request;
        let fields = require.iter().chain(components).filter_map(Component::field);
        let mut known: Vec<Bytes> = fields.map(|name| Bytes::copy_from_slice(name.as_bytes())).collect();
        known.extend(carriers.iter().cloned().chain([Bytes::from_static(digest::FIELD.as_bytes())]));
        known.sort_unstable();
        known.dedup();
        let Options { bounds, .. } = self.options;
        Facts {
            name: Arc::clone(&self.name),
            need: Need::Head,
            signing_need: if self.options.digests() { Need::Feed } else { Need::Head },
            key_use: KeyUse { form: self.key.clone(), primitive: Primitive::Hmac(self.made.algorithm) },
            has_key_id: true,
            key_named: self.options.key_id,
            has_timestamp: true,
            has_nonce: self.options.nonce,
            messages: 1,
            needs_public_url: self.options.authority == Authority::PublicUrl,
            carries_list: true,
            window: self.options.created.then_some((bounds.past, bounds.future)),
            covers: Covers {
                body: self.options.body || self.covers(digest::FIELD),
                timestamp: self.options.created,
                nonce: self.options.nonce,
                key_id: self.options.key_id,
                method: self.covers("@method"),
                path: self.covers("@path"),
                query: self.covers("@query"),
            },
            carrier_headers: carriers.to_vec(),
            known_headers: known,
            announced: ["Signature-Input", "Signature"].map(str::to_owned).to_vec(),
            can_sign: Ok(()),
            sets: Vec::new(),
        }
    }

    fn is_chosen(&self, head: &Head) -> bool {
        head.fields.contains("signature-input")
    }

    fn claimed_key_id(&self, head: &Head) -> Option<Bytes> {
        self.first_key_id(head)
    }

    fn read(&self, request: Request<'_>) -> Result<Vec<Reading>, Rejection> {
        self.readings(request)
    }

    fn clear(&self, head: &mut Head) {
        head.fields.retain(|field| field.name != "signature-input" && field.name != "signature");
    }

    fn signing_digests(&self) -> Vec<Algorithm> {
        if self.options.digests() { vec![digest::WRITTEN] } else { Vec::new() }
    }

    fn sign(&self, head: &mut Head, keys: &[Arc<Prepared>], outgoing: &Outgoing<'_>) -> Result<(), Rejection> {
        self.write(head, keys, outgoing)
    }
}
