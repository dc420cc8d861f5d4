//! The options of `jwt`: which tokens are accepted, what they must say, and what is written into ours.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_yaml::Spanned;

use super::super::compile::Compiler;
use super::super::raw::{OneOrMany, Ordered, Text};
use super::carrier::RawCarrier;
use crate::config::compile::edits::FRAMING;
use crate::sig::native::jwt::{Alg, Jwt, Kid};
use crate::sig::scheme::Scheme;
use crate::sig::stamp::Format;
use crate::sig::template::Source;

const KID: [(&str, Kid); 3] = [("optional", Kid::Optional), ("required", Kid::Required), ("ignored", Kid::Ignored)];
const DEMAND: [(&str, bool); 2] = [("required", true), ("optional", false)];
const SUBJECT: [(&str, bool); 2] = [("principal", true), ("none", false)];

/// The value under `jwt`.
#[derive(Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RawJwt {
    algorithm: Option<Text>,
    carrier: Option<Spanned<RawCarrier>>,
    kid: Option<Text>,
    jti: Option<Text>,
    typ: Option<Text>,
    issuer: Option<OneOrMany>,
    audience: Option<OneOrMany>,
    expires: Option<Text>,
    leeway: Option<Text>,
    max_age: Option<Text>,
    lifetime: Option<Text>,
    subject: Option<Text>,
    #[serde(default)]
    claims: Ordered<Text>,
}

pub(super) fn compile(name: &str, compiler: &mut Compiler<'_>, raw: &RawJwt) -> Option<Scheme> {
    let algorithm = match &raw.algorithm {
        Some(text) => compiler.word("jwt.algorithm", text, &Alg::NAMES),
        None => {
            compiler.lacks("jwt.algorithm", "tokens need an `algorithm`: it never comes from them", "algorithm: HS256")
        }
    };
    let key = compiler.declaration.key.as_ref().map(|key| compiler.key(key)).unwrap_or_default();
    let carrier = compiler.carrier("jwt.carrier", raw.carrier.as_ref(), "Bearer");
    let kid = raw.kid.as_ref().map_or(Some(Kid::Optional), |text| compiler.word("jwt.kid", text, &KID));
    let single = raw.jti.as_ref().map_or(Some(false), |text| compiler.word("jwt.jti", text, &DEMAND));
    let expires = raw.expires.as_ref().map_or(Some(true), |text| compiler.word("jwt.expires", text, &DEMAND));
    let subject = raw.subject.as_ref().map_or(Some(false), |text| compiler.word("jwt.subject", text, &SUBJECT));
    let leeway = compiler.duration("jwt.leeway", raw.leeway.as_ref(), 0);
    let max_age = raw.max_age.as_ref().map(|text| compiler.duration("jwt.max_age", Some(text), 0));
    let lifetime = compiler.duration("jwt.lifetime", raw.lifetime.as_ref(), 60);
    if let Some((text, _)) = raw.lifetime.as_ref().zip(lifetime.filter(|time| *time < Duration::from_secs(1))) {
        compiler.say("jwt.lifetime", &text.referenced, "a token is good for a second at least");
    }
    compiler.check_overrides();
    let (carrier, announced) = carrier?;
    let claims = claims(compiler, raw, &carrier.source);
    Some(Scheme::native(Jwt {
        name: Arc::from(name),
        algorithm: algorithm?,
        key,
        carrier,
        announced,
        kid: kid?,
        single: single?,
        typ: raw.typ.as_ref().map(|text| text.value.clone()),
        issuers: texts(raw.issuer.as_ref()),
        audience: texts(raw.audience.as_ref()),
        expires: expires?,
        leeway: leeway?,
        stamp: Format::Unix,
        max_age: max_age.map_or(Some(None), |age| age.map(Some))?,
        claims,
        lifetime: lifetime?,
        subject: subject?,
    }))
}

fn texts(raw: Option<&OneOrMany>) -> Vec<String> {
    raw.map(|many| many.0.iter().map(|text| text.value.clone()).collect()).unwrap_or_default()
}

/// Claims and the lower-case headers that they become; two claims in one header would be one that wins.
fn claims(compiler: &mut Compiler<'_>, raw: &RawJwt, carrier: &Source) -> Vec<(String, Bytes)> {
    let mut all: Vec<(String, Bytes)> = Vec::new();
    for (claim, text) in &raw.claims.0 {
        let path = format!("jwt.claims.{claim}");
        let header = match Source::new("header", &text.value) {
            Ok(Source::Header(names)) if names.len() == 1 => names.into_iter().next(),
            Ok(_) | Err(_) => None,
        };
        let Some(header) = header else {
            compiler.say(&path, &text.referenced, "not a header name");
            continue;
        };
        let owned = FRAMING.iter().any(|framing| framing.as_bytes() == header) || carrier.headers().contains(&header);
        if owned || header == "cookie" {
            compiler.say(
                &path,
                &text.referenced,
                "this header is not free: it carries the token, or frames the message",
            );
        }
        if all.iter().any(|(_, known)| *known == header) {
            compiler.say(&path, &text.referenced, "two claims cannot be one header");
        }
        all.push((claim.clone(), header));
    }
    all
}
