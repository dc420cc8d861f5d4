//! The options of `oauth1`: which method, where the parameters sit, what of the body is signed.

use std::sync::Arc;

use super::super::compile::Compiler;
use super::super::raw::Text;
use crate::sig::declared::parts::Pair;
use crate::sig::native::carrier::Carrier;
use crate::sig::native::oauth1::{Coverage, Method, Oauth1};
use crate::sig::scheme::Scheme;
use crate::sig::stamp::{Bounds, Format};
use crate::sig::template::Source;

const PLACES: [(&str, bool); 2] = [("header", true), ("query", false)];
const PAIRS: [(&str, Pair); 2] = [("none", Pair::Alone), ("in_key", Pair::Joined)];
const BODIES: [(&str, Coverage); 4] =
    [("form", Coverage::Form), ("hash", Coverage::Hash), ("either", Coverage::Either), ("none", Coverage::Nothing)];

/// The value under `oauth1`.
#[derive(Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RawOauth1 {
    algorithm: Option<Text>,
    carrier: Option<Text>,
    body: Option<Text>,
    token_secret: Option<Text>,
    past: Option<Text>,
    future: Option<Text>,
    realm: Option<Text>,
}

pub(super) fn compile(name: &str, compiler: &mut Compiler<'_>, raw: &RawOauth1) -> Option<Scheme> {
    let method = match &raw.algorithm {
        Some(text) => compiler.word("oauth1.algorithm", text, &Method::NAMES),
        None => compiler.lacks("oauth1.algorithm", "a signature needs an `algorithm`", "algorithm: HMAC-SHA256"),
    };
    let in_header = raw.carrier.as_ref().map_or(Some(true), |text| compiler.word("oauth1.carrier", text, &PLACES));
    let body = raw.body.as_ref().map_or(Some(Coverage::Either), |text| compiler.word("oauth1.body", text, &BODIES));
    let pair =
        raw.token_secret.as_ref().map_or(Some(Pair::Alone), |text| compiler.word("oauth1.token_secret", text, &PAIRS));
    let past = compiler.duration("oauth1.past", raw.past.as_ref(), 300);
    let future = compiler.duration("oauth1.future", raw.future.as_ref(), 60);
    if let Some(text) = raw.realm.as_ref().filter(|text| !is_plain(&text.value)) {
        compiler.say("oauth1.realm", &text.referenced, "a realm is visible ASCII without quotes and backslashes");
    }
    if let Some(key) = &compiler.declaration.key {
        let at = key.encoding.as_ref().map_or(serde_yaml::Location::UNKNOWN, |text| text.referenced);
        compiler.say("key", &at, "the secrets of OAuth 1.0a are text; `token_secret` says how they are written");
    }
    compiler.check_overrides();
    let (carrier, announced) = if in_header? {
        compiler.carrier("oauth1.carrier", None, "OAuth")?
    } else {
        (Carrier { source: Source::new("query", "oauth_signature").ok()?, auth_scheme: None }, Vec::new())
    };
    let overrides = &compiler.declaration.overrides;
    let (past, future) = (overrides.past.unwrap_or(past?), overrides.future.unwrap_or(future?));
    Some(Scheme::native(Oauth1 {
        name: Arc::from(name),
        method: method?,
        carrier,
        announced,
        body: body?,
        pair: pair?,
        stamp: Format::Unix,
        bounds: Bounds { past, future, expiry: false },
        realm: raw.realm.as_ref().map(|text| text.value.clone()),
    }))
}

fn is_plain(realm: &str) -> bool {
    realm.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}
