//! What cannot work in a scheme, said when it is loaded.

use super::analysis::{carriers, side_templates};
use super::envelope::is_within;
use super::parts::{Absent, Fault, Parts};
use crate::sig::filter::Filter;
use crate::sig::params::Shape;
use crate::sig::ring::Primitive;
use crate::sig::template::{Input, Source, Template, Value};

/// Everything that cannot work, with its field.
pub(in crate::sig) fn faults(parts: &Parts) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut say = |path: &str, message: &str| faults.push(Fault { path: path.to_owned(), message: message.to_owned() });
    if parts.signatures.is_empty() {
        say("signature", "a scheme needs a `signature` or `signatures`");
    }
    if parts.messages.is_empty() && parts.primitive != Primitive::Token {
        say("message", "a scheme needs a `message`");
    }
    if parts.messages.len() > 8 {
        say("message", "at most 8 messages");
    }
    undeclared(parts, &mut say);
    misplaced_keys(parts, &mut say);
    unkeyed(parts, &mut say);
    misplaced_sources(parts, &mut say);
    misplaced_lines(parts, &mut say);
    circular(parts, &mut say);
    faults
}

/// Values without the field that gives them.
fn undeclared(parts: &Parts, say: &mut impl FnMut(&str, &str)) {
    let fields = [
        (Input::Timestamp, parts.timestamp.is_some(), "`{timestamp}` needs a `timestamp`"),
        (Input::Nonce, parts.nonce.is_some(), "`{nonce}` needs a `nonce`"),
        (Input::KeyId, parts.key_id.is_some(), "`{key_id}` needs a `key_id`"),
        (Input::SignedHeaders, parts.signed_headers.is_some(), "`{signed_headers}` needs `signed_headers`"),
        (Input::Key, is_plain(parts), "`{key}` is for `mac: hash`: HMAC has the key already"),
    ];
    let uses =
        |input: &Input| side_templates(parts).into_iter().chain(&parts.messages).any(|template| template.uses(input));
    for (input, known, message) in fields {
        if !known && uses(&input) {
            say("message", message);
        }
    }
    if parts.key_id.as_ref().is_some_and(|field| field.optional) && uses(&Input::KeyId) {
        say("key_id", "an optional key id cannot be signed: absence is not emptiness");
    }
}

fn misplaced_keys(parts: &Parts, say: &mut impl FnMut(&str, &str)) {
    let filtered =
        |template: &Template| template.values().any(|value| value.input == Input::Key && !value.filters.is_empty());
    let aside = side_templates(parts).into_iter().any(|template| template.uses(&Input::Key));
    if aside || parts.messages.iter().any(filtered) {
        say("message", "`{key}` stands alone in `message`, without filters");
    }
    if is_plain(parts) && !parts.messages.iter().all(|message| message.uses(&Input::Key)) {
        say("message", "`mac: hash` without `{key}` in the message proves nothing");
    }
}

fn is_plain(parts: &Parts) -> bool {
    matches!(parts.primitive, Primitive::Hash(_))
}

/// What public keys and tokens have no use for.
fn unkeyed(parts: &Parts, say: &mut impl FnMut(&str, &str)) {
    let is_token = match parts.primitive {
        Primitive::Hmac(_) | Primitive::Hash(_) | Primitive::Derived(_) => return,
        Primitive::Public(_) => false,
        Primitive::Token => true,
    };
    if parts.key.derive.is_some() {
        say("key", "`derive` makes keys of a MAC, not public keys or tokens");
    }
    if is_token && !parts.messages.is_empty() {
        say("message", "a token covers nothing: leave `message` out, or choose an `algorithm` that signs");
    }
    if is_token && (parts.digest.is_some() || parts.signed_headers.is_some()) {
        let field = if parts.digest.is_some() { "digest" } else { "signed_headers" };
        say(field, "a token covers nothing: this would only look as if it were signed");
    }
}

fn misplaced_sources(parts: &Parts, say: &mut impl FnMut(&str, &str)) {
    let mut sources = carriers(parts);
    sources.extend(parts.digest.as_ref().map(|field| &field.source));
    let templates = side_templates(parts).into_iter().chain(&parts.messages);
    sources.extend(templates.flat_map(Template::values).filter_map(|value| match &value.input {
        Input::Source(source) => Some(source),
        _ => None,
    }));
    if parts.params.is_none() && sources.iter().any(|source| matches!(source, Source::Param(_))) {
        say("params", "`param` needs `params`");
    }
    if matches!(parts.params.as_ref().map(|list| &list.source), Some(Source::Param(_))) {
        say("params", "a parameter list cannot sit in a parameter");
    }
    if parts.digest.as_ref().is_some_and(|field| field.source.in_body()) {
        say("digest", "a digest of the body cannot sit in the body");
    }
    if let Some(Shape::Split(names)) = parts.params.as_ref().map(|list| &list.shape) {
        let unknown = |source: &&&Source| matches!(source, Source::Param(name) if !names.contains(name));
        if sources.iter().any(|source| unknown(&source)) {
            say("params", "a `param` is not among the `names` that the token is split into");
        }
    }
}

/// Lines of the signed headers: their own values only there, and never the block that they are a part of.
fn misplaced_lines(parts: &Parts, say: &mut impl FnMut(&str, &str)) {
    let mut elsewhere: Vec<&Template> = parts.messages.iter().chain(&parts.lets).collect();
    for requirement in &parts.require {
        let (super::parts::Test::Equals(other) | super::parts::Test::Not(other)) = &requirement.test;
        elsewhere.extend([&requirement.value, other]);
    }
    let mut lines: Vec<&Template> = Vec::new();
    if let Some(signed) = &parts.signed_headers {
        elsewhere.extend(signed.special.iter().map(|(_, special)| special));
        lines.push(&signed.line);
        if let Absent::Line(line) = &signed.absent {
            lines.push(line);
        }
        lines.extend(signed.special.iter().map(|(_, special)| special));
    }
    let own = [Input::FieldName, Input::ListedName, Input::FieldValue];
    let of_line = |template: &&Template| own.iter().any(|input| template.uses(input));
    if elsewhere.iter().any(of_line) {
        say("signed_headers", "`{name}`, `{listed}` and `{value}` are for `line` and `absent` of `signed_headers`");
    }
    if lines.iter().any(|line| reaches_block(parts, line)) {
        say("signed_headers", "a line of the signed headers cannot hold `{signed_headers}`");
    }
}

fn reaches_block(parts: &Parts, template: &Template) -> bool {
    template.values().any(|value| match value.input {
        Input::SignedHeaders => true,
        Input::Let(place) => parts.lets.get(place).is_some_and(|named| reaches_block(parts, named)),
        _ => false,
    })
}

/// The body as it is, a digest of it, or all of it in one spelling.
fn is_all_of_body(value: &Value) -> bool {
    let canonical = value.input == Input::Body && matches!(value.filters.first(), Some(Filter::Canonical(_)));
    canonical || value.is_raw_body() || value.body_digest().is_some()
}

/// A signature that is a part of what it signs can never hold.
fn circular(parts: &Parts, say: &mut impl FnMut(&str, &str)) {
    let values = || parts.messages.iter().flat_map(Template::values);
    for field in &parts.signatures {
        let source = match (&field.source, &parts.params) {
            (Source::Param(_), Some(list)) => &list.source,
            (source, _) => source,
        };
        let around = |value: &&Value| match source {
            Source::Query(name) => {
                let without =
                    |filter: &Filter| matches!(filter, Filter::Without(names) if names.contains(&name.to_vec()));
                match value.input {
                    Input::Target | Input::Url => true,
                    Input::Query | Input::MarkedQuery => !value.filters.iter().any(without),
                    _ => false,
                }
            }
            Source::Json(inner) => match &value.input {
                Input::Source(Source::Json(outer)) => is_within(inner, outer),
                _ => is_all_of_body(value),
            },
            Source::Form(_) => is_all_of_body(value),
            Source::Header(_) | Source::Cookie(_) | Source::Param(_) => value.input == Input::Source(source.clone()),
        };
        if values().any(|value| around(&value)) {
            say("message", "the signature is a part of what it signs: leave it out, as in `{query|without(sig)}`");
        }
    }
}
