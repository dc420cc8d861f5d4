//! Which bytes are signed, part by part: to be shown to an operator, never to judge by.
//!
//! **Invariant:** no secret gets out of here; where a message holds the key, the trace says so and nothing else.

use std::sync::Arc;
use std::time::Duration;

use super::claims::{self, Claims, Place};
use super::parts::Declared;
use super::scope::{Scope, Seen};
use crate::reject::Rejection;
use crate::sig::Site;
use crate::sig::json::Json;
use crate::sig::message::Head;
use crate::sig::ring::{PreparedRing, Primitive};
use crate::sig::scheme::{Kind, Scheme};
use crate::sig::secret::Secret;
use crate::sig::stamp::Bounds;
use crate::sig::template::{Input, Part, Source, Template, Value};
use crate::sig::time::Moment;

/// A request as a whole, with what is known beside it.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a> {
    /// Its head.
    pub head: &'a Head,
    /// Its body.
    pub body: &'a [u8],
    /// What a scheme may need beside them.
    pub site: Site<'a>,
}

/// A part of the signed bytes and where it comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Traced {
    /// As a template writes it, e.g. `{timestamp}`; empty for literal text.
    pub origin: String,
    /// What it gave; `None` where it is the key.
    pub bytes: Option<Vec<u8>>,
    /// What it is made of, where it is not the thing itself: the text below a hash, or before it was encoded.
    pub of: Vec<Traced>,
}

/// The signed bytes in order.
pub type Message = Vec<Traced>;

/// A stamp that is never too old or too new.
pub(in crate::sig) const ANY_TIME: Bounds = Bounds { past: Duration::MAX, future: Duration::MAX, expiry: false };

impl Traced {
    /// These bytes, from there.
    pub(in crate::sig) fn new(origin: &str, bytes: impl AsRef<[u8]>) -> Self {
        Self { origin: origin.to_owned(), bytes: Some(bytes.as_ref().to_vec()), of: Vec::new() }
    }
}

impl Scheme {
    /// Every message that may be signed, whatever the signature says and however old it is.
    pub fn trace(&self, request: Whole<'_>) -> Result<Vec<Message>, Rejection> {
        let own = match &self.kind {
            Kind::Declared(own) => own,
            Kind::Native(native) => return native.trace(request),
        };
        let json = Json::parse(request.body);
        let claims = claims_of(own, request, json.as_ref())?;
        let scope = Scope { claims: &claims, ..scope(own, request, json.as_ref(), &claims) };
        own.parts.messages.iter().map(|message| traced(scope, message)).collect()
    }

    /// The claimed stamp, whatever the time is.
    pub fn stamp(&self, request: Whole<'_>) -> Option<Moment> {
        let own = match &self.kind {
            Kind::Declared(own) => own,
            Kind::Native(native) => return native.stamp(request),
        };
        let json = Json::parse(request.body);
        claims_of(own, request, json.as_ref()).ok()?.stamp
    }

    /// The signature that each usable key would have made, as it is sent. **These are as good as the key for this one request.**
    pub(crate) fn expected(
        &self,
        ring: &PreparedRing,
        (request, message): (Whole<'_>, &Message),
        now: Moment,
    ) -> Vec<(Arc<str>, String)> {
        let algorithm = match self.facts().key_use.primitive {
            Primitive::Hmac(algorithm) | Primitive::Hash(algorithm) | Primitive::Derived(algorithm) => algorithm,
            Primitive::Public(_) | Primitive::Token => return Vec::new(),
        };
        let Some((prefix, encoding)) = self.spelling() else { return Vec::new() };
        let derivation = match &self.kind {
            Kind::Declared(_) => None,
            Kind::Native(native) => native.derivation(request),
        };
        let keys = ring.candidates(None, now, usize::MAX).unwrap_or_default();
        let spelled = keys.iter().filter_map(|ready| {
            let mut mac = match (&derivation, &ready.bytes) {
                (Some(derivation), Some(secret)) => derivation.mac(algorithm, secret.expose()),
                (Some(_) | None, _) => ready.mac.clone(),
            };
            for part in message {
                let secret = ready.bytes.as_ref().map(Secret::expose);
                mac.update(part.bytes.as_deref().or(secret).unwrap_or_default());
            }
            let prefix = String::from_utf8_lossy(&prefix);
            Some((Arc::clone(&ready.key.as_ref()?.id), format!("{prefix}{}", encoding.encode(&mac.tag().ok()?))))
        });
        spelled.collect()
    }
}

fn scope<'a>(own: &'a Declared, request: Whole<'a>, json: Option<&'a Json>, claims: &'a Claims) -> Scope<'a> {
    let Whole { head, body, site } = request;
    Scope { scheme: own, head, public_url: site.public_url, claims, seen: Seen::Whole(body, json) }
}

/// Everything but the signatures, read as leniently as it can be.
fn claims_of(own: &Declared, request: Whole<'_>, json: Option<&Json>) -> Result<Claims, Rejection> {
    let mut lenient = own.clone();
    lenient.parts.signatures.clear();
    if let Some(stamp) = &mut lenient.parts.timestamp {
        stamp.bounds = ANY_TIME;
    }
    let nothing = Claims::default();
    let outside = claims::read(scope(&lenient, request, json, &nothing), Moment::default(), Place::Head)?;
    claims::read(scope(&lenient, request, json, &outside), Moment::default(), Place::Body)
}

fn traced(scope: Scope<'_>, message: &Template) -> Result<Message, Rejection> {
    let part = |part: &Part| {
        Ok(match part {
            Part::Literal(text) => Traced::new("", text),
            Part::Value(value) if value.input == Input::Key => {
                Traced { bytes: None, ..Traced::new(&origin(value), "") }
            }
            Part::Value(value) => Traced::new(&origin(value), value_of(scope, value)?),
        })
    };
    message.0.iter().map(part).collect()
}

fn value_of(scope: Scope<'_>, value: &Value) -> Result<Vec<u8>, Rejection> {
    scope.render(&Template(vec![Part::Value(value.clone())]))
}

/// A value as the language writes it, without its filters.
pub(in crate::sig) fn origin(value: &Value) -> String {
    let name = match &value.input {
        Input::Body => "body".to_owned(),
        Input::Method => "method".to_owned(),
        Input::Target => "target".to_owned(),
        Input::Path => "path".to_owned(),
        Input::Query => "query".to_owned(),
        Input::MarkedQuery => "?query".to_owned(),
        Input::Host => "host".to_owned(),
        Input::PublicUrl => "public_url".to_owned(),
        Input::Url => "url".to_owned(),
        Input::Timestamp => "timestamp".to_owned(),
        Input::Nonce => "nonce".to_owned(),
        Input::KeyId => "key_id".to_owned(),
        Input::Key => "key".to_owned(),
        Input::SignedHeaders => "signed_headers".to_owned(),
        Input::FieldName => "name".to_owned(),
        Input::ListedName => "listed".to_owned(),
        Input::FieldValue => "value".to_owned(),
        Input::Let(place) => format!("let {place}"),
        Input::Source(source) => named(source),
    };
    let filtered = if value.filters.is_empty() { "" } else { "|…" };
    format!("{{{name}{filtered}}}")
}

fn named(source: &Source) -> String {
    let text = |kind: &str, name: &[u8]| format!("{kind}:{}", String::from_utf8_lossy(name));
    match source {
        Source::Header(names) => text("header", &names.join(&b'/')),
        Source::Query(name) => text("query", name),
        Source::Cookie(name) => text("cookie", name),
        Source::Param(name) => text("param", name),
        Source::Form(name) => text("form", name),
        Source::Json(pointer) => text("json", pointer),
    }
}
