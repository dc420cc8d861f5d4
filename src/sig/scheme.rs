//! A scheme, ready to verify and to sign: declared in YAML, or native where data cannot say it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Need;
use super::challenge::Challenge;
use super::declared::parts::{Declared, Fault, Parts};
use super::message::Head;
use super::native::Native;
use super::ring::{KeyUse, Primitive};
pub use super::stated::Stated;
use super::template::Source;

/// A compiled scheme; the same one verifies and signs.
#[derive(Clone, Debug)]
pub struct Scheme {
    facts: Facts,
    /// Of the facts, for the rings to share.
    key_use: Arc<KeyUse>,
    pub(in crate::sig) kind: Kind,
    alternatives: Vec<Arc<Scheme>>,
    challenge: Option<Arc<Challenge>>,
}

/// Where the work is done.
#[derive(Clone, Debug)]
pub(in crate::sig) enum Kind {
    /// By the declaration's own words.
    Declared(Arc<Declared>),
    /// By code.
    Native(Arc<dyn Native>),
}

/// What a scheme proves and what it leaves open: for the linter, the gate and the status page. Computed once, at load.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// What verifying needs of the body.
    pub need: Need,
    /// What signing needs of the body: a digest in the head has to be known before the head is signed.
    pub signing_need: Need,
    /// How a secret is used.
    pub key_use: KeyUse,
    /// Whether the request may name its key.
    pub has_key_id: bool,
    /// Whether the request must name its key.
    pub key_named: bool,
    /// Whether it has a timestamp, covered or not.
    pub has_timestamp: bool,
    /// Whether it has a nonce, covered or not.
    pub has_nonce: bool,
    /// MACs for each key that is tried.
    pub messages: usize,
    /// Whether it signs the public URL, which only configuration can say.
    pub needs_public_url: bool,
    /// Whether signatures come in a list.
    pub carries_list: bool,
    /// How far a stamp may lie from now: past and future.
    pub window: Option<(Duration, Duration)>,
    /// What is always under the MAC.
    pub covers: Covers,
    /// Lower-case names of headers that only carry evidence.
    pub carrier_headers: Vec<Bytes>,
    /// Lower-case names of headers that carry evidence or are covered by every signature.
    pub known_headers: Vec<Bytes>,
    /// The headers that a caller has to send, as they are usually written.
    pub announced: Vec<String>,
    /// Whether it can sign, or why not.
    pub can_sign: Result<(), String>,
    /// Lower-case names of headers that a valid signature sets for the upstream; copies that the client sent are removed.
    pub sets: Vec<Bytes>,
}

/// What every signature of a scheme covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Covers {
    /// The body, raw or by a digest.
    pub body: bool,
    /// The timestamp.
    pub timestamp: bool,
    /// The nonce.
    pub nonce: bool,
    /// The key id.
    pub key_id: bool,
    /// The method.
    pub method: bool,
    /// The path.
    pub path: bool,
    /// The query.
    pub query: bool,
}

/// Something in a scheme's words that makes its signature prove less than it seems to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// Two values of free length stand side by side in the signed bytes.
    Adjacent(String, String),
    /// A value is itself joined from names and values without separators.
    Joined(String),
    /// A body digest is checked where it is sent, and not always signed.
    LooseDigest,
}

impl Scheme {
    /// Checks that the parts of a declaration make sense together.
    pub fn new(parts: Parts) -> Result<Self, Vec<Fault>> {
        let declared = Declared::new(parts)?;
        Ok(Self::of(declared.facts(), Kind::Declared(Arc::new(declared))))
    }

    /// A scheme that is code.
    pub(crate) fn native(native: impl Native + 'static) -> Self {
        Self::of(native.facts(), Kind::Native(Arc::new(native)))
    }

    pub(in crate::sig) fn of(facts: Facts, kind: Kind) -> Self {
        let key_use = Arc::new(facts.key_use.clone());
        Self { key_use, facts, kind, alternatives: Vec::new(), challenge: None }
    }

    /// A scheme that stands for an ordered choice of schemes; the first also signs.
    pub fn any_of(members: Vec<Self>) -> Option<Self> {
        let first = members.first()?.clone();
        Some(Self { alternatives: members.into_iter().map(Arc::new).collect(), ..first })
    }

    /// The same, whose vendor asks whether an endpoint is meant.
    #[must_use]
    pub fn with_challenge(self, challenge: Challenge) -> Self {
        Self { challenge: Some(Arc::new(challenge)), ..self }
    }

    /// How its vendor asks whether an endpoint is meant.
    pub fn challenge(&self) -> Option<&Challenge> {
        self.challenge.as_deref()
    }

    /// What it proves and what it leaves open.
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What it makes of a secret.
    pub(crate) const fn key_use(&self) -> &Arc<KeyUse> {
        &self.key_use
    }

    /// Its name in the configuration.
    pub const fn name(&self) -> &Arc<str> {
        &self.facts.name
    }

    /// What verifying needs of the body.
    pub const fn need(&self) -> Need {
        self.facts.need
    }

    /// The members of `any_of`; empty for a scheme of its own.
    pub fn alternatives(&self) -> &[Arc<Scheme>] {
        &self.alternatives
    }

    /// How many MACs it takes to try a ring of `keys`; one per message where the request names its key.
    pub fn trials(&self, keys: usize) -> usize {
        self.facts.messages.saturating_mul(if self.facts.key_named { keys.min(1) } else { keys })
    }

    /// Whether it compares a token, which covers nothing.
    pub fn is_token(&self) -> bool {
        self.facts.key_use.primitive == Primitive::Token
    }

    /// Whether it, or a member of it, signs the public URL, which only configuration can say.
    pub fn needs_public_url(&self) -> bool {
        self.facts.needs_public_url || self.alternatives.iter().any(|member| member.needs_public_url())
    }

    /// When its signatures end, where they say so themselves.
    pub fn stated(&self) -> Stated {
        match &self.kind {
            Kind::Declared(declared) => declared.stated(),
            Kind::Native(native) => native.stated(),
        }
    }

    /// Whether what it carries was made before the request, and covers nothing of it.
    pub fn is_ticket(&self) -> bool {
        matches!(&self.kind, Kind::Native(native) if native.is_ticket())
    }

    /// The authentication scheme by which a refusal asks for it (RFC 9110 §11.1), a registered one where there is one.
    pub fn asked_as(&self) -> &str {
        match &self.kind {
            Kind::Declared(declared) => declared.asked_as(),
            Kind::Native(native) => native.asked_as(),
        }
    }

    /// Whether what it signs is a form's fields and not the body as it is.
    pub fn signs_forms(&self) -> bool {
        matches!(&self.kind, Kind::Declared(declared) if declared.signs_forms())
    }

    /// Removes every carrier that a client may have filled.
    pub(crate) fn clear(&self, head: &mut Head) {
        match &self.kind {
            Kind::Declared(declared) => super::declared::signing::clear(declared, head),
            Kind::Native(native) => native.clear(head),
        }
    }

    /// Whether it signs what is to hold until a time that is told, or why not: a link.
    pub fn can_issue(&self) -> Result<(), String> {
        match &self.kind {
            Kind::Declared(declared) if declared.expires() => declared.can_write(),
            Kind::Declared(_) | Kind::Native(_) => Err("its timestamp is no expiry".to_owned()),
        }
    }

    /// Whether a signature can be written after the body was sent: its other fields are written first, and the body is fed once, raw.
    pub fn signs_behind(&self) -> bool {
        matches!(&self.kind, Kind::Declared(declared) if declared.signs_behind())
    }

    /// Whether a signature that follows the body can be verified.
    pub fn verifies_behind(&self) -> bool {
        matches!(&self.kind, Kind::Declared(declared) if declared.verifies_behind())
    }

    /// Whether the bytes at `source` are under every signature.
    pub fn covers(&self, source: &Source) -> bool {
        let covers = self.facts.covers;
        match (&self.kind, source) {
            (Kind::Declared(declared), _) => declared.covers_source(source),
            (Kind::Native(_), Source::Json(_) | Source::Form(_)) => covers.body,
            (Kind::Native(_), Source::Query(_)) => covers.query,
            (Kind::Native(_), Source::Header(_) | Source::Cookie(_) | Source::Param(_)) => false,
        }
    }

    /// What makes its signature prove less than it seems to; of a scheme of its own, not of its alternatives.
    pub fn doubts(&self) -> Vec<Doubt> {
        match &self.kind {
            Kind::Declared(declared) => declared.doubts(),
            Kind::Native(native) => native.doubts(),
        }
    }

    /// Whether this alternative is the one to judge: one of its signature carriers is there.
    pub fn is_chosen(&self, head: &Head) -> bool {
        match &self.kind {
            Kind::Declared(declared) => declared.is_chosen(head),
            Kind::Native(native) => native.is_chosen(head),
        }
    }

    /// Whether what it signs is one JSON value in one spelling, which can be forwarded without its envelope.
    pub fn has_payload(&self) -> bool {
        match &self.kind {
            Kind::Declared(declared) => declared.parts.payload().is_some(),
            Kind::Native(_) => false,
        }
    }

    /// Whether signing puts the body into an envelope.
    pub fn wraps_body(&self) -> bool {
        match &self.kind {
            Kind::Declared(declared) => declared.parts.envelope().is_some(),
            Kind::Native(_) => false,
        }
    }

    /// Whether no parameter with one allowed value says that another alternative is meant.
    pub fn fits(&self, head: &Head) -> bool {
        match &self.kind {
            Kind::Declared(declared) => declared.fits(head),
            Kind::Native(_) => true,
        }
    }

    /// The doors that the route opened for senders that cannot change, by name.
    pub fn legacy(&self) -> &[Arc<str>] {
        match &self.kind {
            Kind::Declared(declared) => &declared.parts.legacy,
            Kind::Native(_) => &[],
        }
    }

    /// The claimed key id, where the head holds one in a readable form.
    pub(crate) fn claimed_key_id(&self, head: &Head) -> Option<Bytes> {
        match &self.kind {
            Kind::Declared(declared) => declared.claimed_key_id(head),
            Kind::Native(native) => native.claimed_key_id(head),
        }
    }
}
