//! `aws_sigv4:` as written: for which service, and what is accepted beside a signed head and body.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::super::SchemeProblem;
use super::super::compile::Compiler;
use super::super::raw::Text;
use crate::sig::native::aws_sigv4::{AwsSigV4, LONGEST_LIFE, Uri};
use crate::sig::scheme::Scheme;
use crate::sig::stamp::Bounds;
use crate::sig::template::{Names, Part, Template};

const CHOICE: [(&str, bool); 2] = [("refuse", false), ("allow", true)];

/// Services whose paths are signed as they are sent.
const S3: [&str; 4] = ["s3", "s3-object-lambda", "s3-outposts", "s3express"];

/// Mirrors docs/aws-sigv4.md field by field.
#[derive(Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RawAwsSigV4 {
    region: Option<Text>,
    service: Option<Text>,
    past: Option<Text>,
    future: Option<Text>,
    presigned: Option<Text>,
    uri: Option<Text>,
    unsigned_payload: Option<Text>,
    streaming: Option<Text>,
    require: Option<Vec<Text>>,
    payload: Option<Text>,
}

pub(super) fn compile(name: &str, compiler: &mut Compiler<'_>, raw: &RawAwsSigV4) -> Option<Scheme> {
    check_settings(compiler);
    let key = compiler.declaration.key.as_ref().map(|key| compiler.key(key)).unwrap_or_default();
    let region = constant(compiler, "region", raw.region.as_ref(), "us-east-1");
    let service = constant(compiler, "service", raw.service.as_ref(), "execute-api");
    let window = window(compiler, raw);
    let presigned = presigned(compiler, raw.presigned.as_ref());
    let choice = |compiler: &mut Compiler<'_>, name, text: &Option<Text>, default, known: &[(&str, bool)]| {
        text.as_ref().map_or(Some(default), |text| compiler.word(&format!("aws_sigv4.{name}"), text, known))
    };
    let is_s3 = service.as_deref().is_some_and(|service| S3.contains(&service));
    let raw_uri = choice(compiler, "uri", &raw.uri, is_s3, &[("normalise", false), ("raw", true)]);
    let takes_unsigned = choice(compiler, "unsigned_payload", &raw.unsigned_payload, false, &CHOICE);
    let takes_chunks = choice(compiler, "streaming", &raw.streaming, true, &CHOICE);
    let require = required(compiler, raw.require.as_deref().unwrap_or_default());
    let signs_payload = choice(compiler, "payload", &raw.payload, true, &[("signed", true), ("unsigned", false)]);
    Some(Scheme::native(AwsSigV4 {
        name: Arc::from(name),
        key,
        region: region?,
        service: service?,
        window: window?,
        presigned,
        uri: if raw_uri? { Uri::Raw } else { Uri::Normalise },
        takes_unsigned: takes_unsigned?,
        takes_chunks: takes_chunks?,
        require,
        signs_payload: signs_payload?,
    }))
}

fn window(compiler: &mut Compiler<'_>, raw: &RawAwsSigV4) -> Option<Bounds> {
    let overrides = &compiler.declaration.overrides;
    let past = compiler.duration("aws_sigv4.past", raw.past.as_ref(), 300);
    let future = compiler.duration("aws_sigv4.future", raw.future.as_ref(), 300);
    let (past, future) = (overrides.past.unwrap_or(past?), overrides.future.unwrap_or(future?));
    Some(Bounds { past, future, expiry: false })
}

/// A part of the scope; `{setting:…}` is all that it may take from elsewhere.
fn constant(compiler: &mut Compiler<'_>, name: &str, text: Option<&Text>, example: &str) -> Option<String> {
    let path = format!("aws_sigv4.{name}");
    let Some(text) = text else {
        let message = format!("a credential is for one {name}, so the scheme has to say which");
        return compiler.lacks(&path, &message, &format!("{name}: {example}"));
    };
    let template = match Template::parse(&text.value, Names { lets: &[], settings: &compiler.settings }) {
        Ok(template) => template,
        Err(why) => return compiler.refuse(&path, text, &why),
    };
    let is_part = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(byte);
    match template.0.as_slice() {
        [Part::Literal(value)] if value.iter().all(is_part) => String::from_utf8(value.to_vec()).ok(),
        _ => compiler.refuse(&path, text, "lower-case letters, digits and `-` only; it never comes from the request"),
    }
}

/// How long a presigned URL may be good; `refuse` for not at all.
fn presigned(compiler: &mut Compiler<'_>, text: Option<&Text>) -> Option<Duration> {
    let Some(text) = text else { return Some(LONGEST_LIFE) };
    if text.value == "refuse" {
        return None;
    }
    let life = compiler.duration("aws_sigv4.presigned", Some(text), 0)?;
    if life > LONGEST_LIFE {
        compiler.say("aws_sigv4.presigned", &text.referenced, "a presigned URL is good for 7 days at most");
    }
    Some(life)
}

/// Names of headers, each once.
fn required(compiler: &mut Compiler<'_>, list: &[Text]) -> Vec<Bytes> {
    let mut all: Vec<Bytes> = Vec::with_capacity(list.len());
    for (place, text) in list.iter().enumerate() {
        let name = Bytes::from(text.value.to_ascii_lowercase());
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
        let path = format!("aws_sigv4.require[{place}]");
        if name.is_empty() || !name.iter().all(is_name) {
            compiler.say(&path, &text.referenced, "expected the name of a header");
        } else if all.contains(&name) {
            compiler.say(&path, &text.referenced, "it is named twice");
        } else {
            all.push(name);
        }
    }
    all
}

/// A route may change what the scheme has.
fn check_settings(compiler: &mut Compiler<'_>) {
    let declaration = compiler.declaration;
    let known = |name: &String| declaration.settings.0.iter().any(|(known, _)| known == name);
    for name in declaration.overrides.settings.keys().filter(|name| !known(name)) {
        let message = format!("the scheme has no setting `{name}`");
        compiler.problems.push(SchemeProblem { path: "settings".to_owned(), at: None, message, fix: None });
    }
}
