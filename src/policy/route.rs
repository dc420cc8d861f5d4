//! One rule: what is checked, what is changed, what is signed, where it goes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ipnet::IpNet;

use super::{Gate, Seal};
use super::{access, limits, rate};
use crate::reject::Code;

/// A route of the configuration.
pub struct Route {
    /// Stable over reloads as long as its match stays: the metric label, e.g. `/stripe` or `hooks.acme.com/stripe`.
    pub name: Arc<str>,
    /// What it demands.
    pub guard: Guard,
    /// Whether verdicts are enforced or only counted.
    pub observe: bool,
    /// Signs what leaves; `None` forwards without a signature of ours.
    pub seal: Option<Seal>,
    /// Changes of the request after verifying and before signing.
    pub request: Edits,
    /// Changes of the response's headers.
    pub response: Edits,
    /// What is demanded of the response, and how it is signed.
    pub answers: Answers,
    /// New target, after verifying and before signing.
    pub rewrite: Option<Rewrite>,
    /// Names of the identity headers set for the upstream.
    pub identity: Identity,
    /// Whether the body is held until judged.
    pub body: BodyMode,
    /// What the upstream gets of a body that carries its own signature.
    pub forward: Forward,
    /// Bounds of one request.
    pub limits: limits::Request,
    /// What a repetition is.
    pub replay: Replay,
    /// Place of the upstream in [`super::Policy::upstreams`]; `None` where another proxy forwards.
    pub upstream: Option<usize>,
    /// More attempts to connect, after the first failed without a byte sent.
    pub connect_retries: u32,
    /// Shape of refusals.
    pub errors: ErrorShape,
    /// Status of single codes on this route.
    pub statuses: BTreeMap<Code, u16>,
    /// What verified callers may do, and how often anybody comes.
    pub callers: Callers,
    /// Peers that may use it; empty: everybody.
    pub sources: Vec<IpNet>,
    /// Whether a verified client certificate is demanded.
    pub client_certificate: bool,
    /// Client-certificate subject for the upstream.
    pub subject_header: Option<Bytes>,
    /// `Upgrade: websocket` is passed on.
    pub websocket: bool,
    /// CORS preflight requests.
    pub preflight: Preflight,
    /// What happens to request trailers.
    pub trailers: Trailers,
    /// Handshakes of its vendors are answered here.
    pub challenge: Option<Challenge>,
    /// `scheme://host[:port]` as clients see it; overrides the listener's.
    pub public_url: Option<Arc<str>>,
}

/// What verified callers may do, and how often anybody comes.
#[derive(Clone, Default)]
pub struct Callers {
    /// Which keys may do what; empty: every key that verifies may do everything.
    pub allow: Vec<access::Rule>,
    /// Where tokens are taken.
    pub rates: rate::Rates,
}

impl Callers {
    /// Whether it is all the same whose key verified a request. Where it is not, a key that only observes forgives nothing: anybody may name it.
    pub fn take_anybody(&self) -> bool {
        self.allow.is_empty() && !self.rates.ask_who()
    }
}

/// What a route demands of the upstream's answers, and how it signs them.
pub struct Answers {
    /// Answers that do not hold are refused; `None` believes them all.
    pub gate: Option<Gate>,
    /// Signs what goes back to the client.
    pub seal: Option<Seal>,
    /// Whether a body is held, or streams: verified with its end kept back, signed with the signature in its trailers.
    pub body: BodyMode,
    /// Most bytes of an answer that are held.
    pub max: usize,
}

impl Answers {
    /// Whether the signature of a streamed answer may follow its body.
    pub fn takes_trailers(&self) -> bool {
        self.body == BodyMode::Stream && self.gate.as_ref().is_some_and(Gate::verifies_behind)
    }
}

/// What a route demands of a request.
pub enum Guard {
    /// Nothing; said in the configuration.
    Public,
    /// A valid signature.
    Verify(Gate),
    /// No signature, but the caller is restricted by address, listener or certificate (sign-only routes).
    Restricted,
}

impl Guard {
    /// The widest freshness window (past, future) of what is verified; `None` where no stamp is covered.
    pub fn window(&self) -> Option<(Duration, Duration)> {
        match self {
            Self::Verify(gate) => gate.window(),
            Self::Public | Self::Restricted => None,
        }
    }
}

/// How a route answers its vendors' handshakes.
#[derive(Clone)]
pub struct Challenge {
    /// Whose secrets are the tokens by which vendors prove themselves that do not sign.
    pub tokens: Option<Arc<crate::sig::keyring::Keyring>>,
}

/// When the upstream sees the body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyMode {
    /// After the verdict.
    Hold,
    /// As it arrives; the message is completed only by a permit.
    Stream,
}

/// What the upstream gets of a body that carries its own signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forward {
    /// The body as it came.
    Envelope,
    /// The signed JSON alone, in the one spelling that was signed.
    Payload,
}

/// What counts as a repetition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replay {
    /// By what a repetition is told.
    pub by: ReplayBy,
    /// Methods it applies to; empty: all.
    pub methods: Vec<crate::sig::message::Method>,
    /// Whether a HEAD neither is a repetition nor makes one: a link is looked at before it is followed.
    pub spares_head: bool,
    /// Lifetime of an entry where no covered timestamp bounds it.
    pub keep: Option<Duration>,
    /// How much longer than here a copy may be fresh on another route, with a wider window and one of the same keyrings.
    pub beyond: Duration,
    /// How far ahead of us stamps may be, here and on other routes with one of the same keyrings; bounds what a restart may have forgotten.
    pub ahead: Duration,
    /// Status that answers the duplicate of a completed request, instead of the refusal.
    pub duplicate: Option<u16>,
    /// Upstream statuses after which the same request may come again.
    pub release_on: Vec<u16>,
    /// Whether a request passes when a shared store does not answer.
    pub open: bool,
    /// Whether the configuration says by what, or leaves it to the default.
    pub chosen: bool,
}

/// By what a repetition is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplayBy {
    /// Not at all.
    Off,
    /// (principal, scheme, nonce, timestamp), all covered by the MAC, and the raw MAC under every key that was tried.
    Nonce,
    /// The raw MAC under every key that was tried.
    Signature,
}

/// Header changes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Edits {
    /// Lower-case names to remove; applied first.
    pub remove: Vec<Bytes>,
    /// Lower-case names and values to set, replacing what is there.
    pub set: Vec<(Bytes, Bytes)>,
}

/// Identity headers; copies sent by the client are always removed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Carries the key id (`x-countersign-key`); `None` sends none.
    pub key: Option<Bytes>,
    /// Carries the principal (`x-countersign-principal`); `None` sends none.
    pub principal: Option<Bytes>,
    /// Carries the verdict in observe mode (`x-countersign-verdict`).
    pub verdict: Bytes,
    /// Whether the verified signature headers are removed.
    pub strip_signature: bool,
}

/// A new path; the query is kept as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rewrite {
    /// Literals and captures in order.
    pub parts: Vec<RewritePart>,
}

/// A part of a rewritten path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RewritePart {
    /// As it stands.
    Literal(Bytes),
    /// `{name}`: the raw bytes of a captured segment.
    Capture(Arc<str>),
    /// `**`: what the route's own `**` matched, raw.
    Rest,
}

/// Shape of refusals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorShape {
    /// RFC 9457 `application/problem+json`.
    Problem,
    /// Django REST Framework: 403 `{"detail": …}` without `WWW-Authenticate`.
    Drf,
    /// HTML for whoever prefers it to JSON, and RFC 9457 for everybody else.
    Page,
}

/// What happens to a CORS preflight (`OPTIONS` with `Origin` and `Access-Control-Request-Method`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Preflight {
    /// Treated like any other request.
    Verify,
    /// Forwarded unsigned.
    Pass,
    /// Answered here with 204.
    Answer {
        /// Allowed origins; `*` alone allows every one.
        origins: Vec<Arc<str>>,
        /// Allowed methods.
        methods: Vec<Arc<str>>,
        /// Allowed request headers.
        headers: Vec<Arc<str>>,
        /// How long a browser may remember the answer.
        max_age: Duration,
    },
}

/// What happens to request trailers. They are never merged into the head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trailers {
    /// Dropped and counted.
    Drop,
    /// Refused.
    Refuse,
}
