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
}

/// The signed bytes in order.
pub type Message = Vec<Traced>;

/// A stamp that is never too old or too new.
pub(in crate::sig) const ANY_TIME: Bounds = Bounds { past: Duration::MAX, future: Duration::MAX, expiry: false };

impl Scheme {
    /// Every message that may be signed, whatever the signature says and however old it is; none where the scheme is code.
    pub fn trace(&self, request: Whole<'_>) -> Result<Vec<Message>, Rejection> {
        let Kind::Declared(own) = &self.kind else { return Ok(Vec::new()) };
        let json = Json::parse(request.body);
        let claims = claims_of(own, request, json.as_ref())?;
        let scope = Scope { claims: &claims, ..scope(own, request, json.as_ref(), &claims) };
        own.parts.messages.iter().map(|message| traced(scope, message)).collect()
    }

    /// The claimed stamp, whatever the time is.
    pub fn stamp(&self, request: Whole<'_>) -> Option<Moment> {
        let Kind::Declared(own) = &self.kind else { return None };
        let json = Json::parse(request.body);
        claims_of(own, request, json.as_ref()).ok()?.stamp
    }

    /// The signature that each usable key would have made, as it is sent. **These are as good as the key for this one request.**
    pub(crate) fn expected(&self, ring: &PreparedRing, message: &Message, now: Moment) -> Vec<(Arc<str>, String)> {
        let Kind::Declared(own) = &self.kind else { return Vec::new() };
        let Some(field) = own.parts.signatures.first() else { return Vec::new() };
        match self.facts().key_use.primitive {
            Primitive::Hmac(_) | Primitive::Hash(_) | Primitive::Derived(_) => {}
            Primitive::Public(_) | Primitive::Token => return Vec::new(),
        }
        let Some(encoding) = field.encoding else { return Vec::new() };
        let keys = ring.candidates(None, now, usize::MAX).unwrap_or_default();
        let spelled = keys.iter().filter_map(|ready| {
            let mut mac = ready.mac.clone();
            for part in message {
                let secret = ready.bytes.as_ref().map(Secret::expose);
                mac.update(part.bytes.as_deref().or(secret).unwrap_or_default());
            }
            let prefix = String::from_utf8_lossy(&field.prefix);
            Some((Arc::clone(&ready.key.as_ref()?.id), format!("{prefix}{}", encoding.encode(&mac.finish()))))
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
            Part::Literal(text) => Traced { origin: String::new(), bytes: Some(text.to_vec()) },
            Part::Value(value) if value.input == Input::Key => Traced { origin: origin(value), bytes: None },
            Part::Value(value) => Traced { origin: origin(value), bytes: Some(value_of(scope, value)?) },
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
