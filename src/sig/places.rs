//! Where a scheme looks for what proves a request, and what is wrong with what stands there: to be told to an operator, never to judge by.

use bytes::Bytes;

use super::declared::claims::Claims;
use super::declared::parts::{Declared, SignatureField};
use super::declared::scope::{Scope, Seen};
use super::declared::trace::Whole;
use super::encoding::Encoding;
use super::form;
use super::json::Json;
use super::message::Head;
use super::ring::Primitive;
use super::scheme::{Kind, Scheme};
use super::template::Source;

/// Something that has to be there once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// What has to be there.
    pub what: &'static str,
    /// Where, in words.
    pub told: String,
    /// How often it is there.
    pub found: usize,
}

/// What is wrong with the spelling of a signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Misspelt {
    /// It does not begin with this.
    Prefix(String),
    /// It is not in this encoding.
    Encoding(&'static str),
    /// It has so many bytes, where the algorithm makes so many.
    Size(usize, usize),
}

impl Scheme {
    /// What the scheme looks for, and how often it is there.
    pub fn places(&self, request: Whole<'_>) -> Vec<Place> {
        match &self.kind {
            Kind::Declared(own) => of_declaration(own, request),
            Kind::Native(native) => {
                let all = native.places().into_iter();
                all.map(|(what, source)| place(what, told(&source), count(&source, request.head))).collect()
            }
        }
    }

    /// The key that the request names, where the head says so.
    pub fn claims_key(&self, head: &Head) -> Option<Bytes> {
        self.claimed_key_id(head)
    }

    /// What is wrong with the first signature, where it is there at all.
    pub fn misspelt(&self, request: Whole<'_>) -> Option<Misspelt> {
        let wanted = match self.facts().key_use.primitive {
            Primitive::Hmac(algorithm) | Primitive::Hash(algorithm) | Primitive::Derived(algorithm) => algorithm.size(),
            Primitive::Public(_) | Primitive::Token => return None,
        };
        let size = match &self.kind {
            Kind::Native(native) => native.claimed_size(request.head)?,
            Kind::Declared(own) => {
                let field = own.parts.signatures.first()?;
                match with_scope(own, request, |scope| size_of(scope, field))? {
                    Ok(size) => size,
                    Err(misspelt) => return Some(misspelt),
                }
            }
        };
        (size != wanted).then_some(Misspelt::Size(size, wanted))
    }
}

fn place(what: &'static str, told: String, found: usize) -> Place {
    Place { what, told, found }
}

fn of_declaration(own: &Declared, request: Whole<'_>) -> Vec<Place> {
    let parts = &own.parts;
    let list = parts.params.as_ref().map(|list| ("list of values", &list.source));
    let signatures = parts.signatures.iter().map(|field| ("signature", &field.source));
    let others = [
        parts.timestamp.as_ref().map(|field| ("timestamp", &field.source)),
        parts.key_id.as_ref().filter(|field| !field.optional).map(|field| ("key id", &field.source)),
        parts.nonce.as_ref().map(|field| ("nonce", &field.source)),
    ];
    let all: Vec<_> = list.into_iter().chain(signatures).chain(others.into_iter().flatten()).collect();
    with_scope(own, request, |scope| {
        let found = |source| scope.all(source).iter().filter(|text| !text.is_empty()).count();
        let words = |source: &Source| match (source, &parts.params) {
            (Source::Param(name), Some(list)) => format!("`{}` in {}", name.escape_ascii(), told(&list.source)),
            _ => told(source),
        };
        let spelled = |source| spelled_as_declared(words(source), &parts.spellings);
        all.iter().map(|(what, source)| place(what, spelled(source), found(source))).collect()
    })
}

/// Looks at a request as far as it can be read; `see` is given what the list of values says, if there is one.
fn with_scope<T>(own: &Declared, request: Whole<'_>, see: impl FnOnce(Scope<'_>) -> T) -> T {
    let json = Json::parse(request.body);
    let (seen, nothing) = (Seen::Whole(request.body, json.as_ref()), Claims::default());
    let scope = Scope { scheme: own, head: request.head, public_url: request.site.public_url, claims: &nothing, seen };
    let list = own.parts.params.as_ref();
    let raw = list.and_then(|list| scope.all(&list.source).into_iter().next());
    let raw = raw.map(|raw| Bytes::copy_from_slice(&raw));
    let params = list.zip(raw).and_then(|(list, raw)| list.parse(&list.strip(&raw)?).ok()).unwrap_or_default();
    let claims = Claims { params, ..nothing.clone() };
    see(Scope { claims: &claims, ..scope })
}

/// Bytes of the first signature at its place; `None` without one, or where there may be several.
fn size_of(scope: Scope<'_>, field: &SignatureField) -> Option<Result<usize, Misspelt>> {
    let text = scope.all(&field.source).into_iter().next().filter(|_| field.list.is_none())?;
    let Some(rest) = text.strip_prefix(field.prefix.as_ref()) else {
        return Some(Err(Misspelt::Prefix(field.prefix.escape_ascii().to_string())));
    };
    let encoding = field.encoding?;
    let decoded = encoding.decode(rest, field.any_case);
    Some(decoded.map(|bytes| bytes.len()).ok_or(Misspelt::Encoding(name(encoding))))
}

const fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Hex => "hex in its one spelling",
        Encoding::Base64 => "padded base64",
        Encoding::Base64Url => "unpadded base64url",
        Encoding::Base64UrlPadded => "padded base64url",
        Encoding::Base64Escaped => "percent-encoded base64",
    }
}

/// How often something stands in a place of a head.
fn count(source: &Source, head: &Head) -> usize {
    match source {
        Source::Header(names) => head.fields.iter().filter(|field| names.contains(&field.name)).count(),
        Source::Query(name) => form::values(head.query().unwrap_or_default(), name, false).count(),
        Source::Cookie(name) => head.fields.all("cookie").flat_map(|line| form::cookies(line, name)).count(),
        Source::Param(_) | Source::Form(_) | Source::Json(_) => 0,
    }
}

fn told(source: &Source) -> String {
    let text = |kind: &str, name: &[u8]| format!("{kind} `{}`", name.escape_ascii());
    match source {
        Source::Header(names) => text("header", &names.join(&b'/')),
        Source::Query(name) => text("query parameter", name),
        Source::Cookie(name) => text("cookie", name),
        Source::Param(name) => text("parameter", name),
        Source::Form(name) => text("form field", name),
        Source::Json(pointer) => text("JSON", pointer),
    }
}

/// Headers are kept in lower case; people know them otherwise.
fn spelled_as_declared(told: String, spellings: &[String]) -> String {
    let known = spellings.iter().find_map(|name| {
        let lower = format!("`{}`", name.to_ascii_lowercase());
        told.contains(&lower).then(|| told.replace(&lower, &format!("`{name}`")))
    });
    known.unwrap_or(told)
}
