//! What a scheme's words amount to: which part of the body it needs, what is known when, and what cannot work.

use bytes::Bytes;

use super::parts::{Absent, Declared, Fault, Parts, Step, Test};
use crate::sig::Need;
use crate::sig::mac::Algorithm;
use crate::sig::ring::Primitive;
use crate::sig::template::{Input, Part, Source, Template, Value};

/// How much of the body a value needs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Use {
    /// Nothing of it.
    Nothing,
    /// Digests that can be computed while it streams.
    Digest,
    /// All of it, contiguous.
    Whole,
}

impl Declared {
    /// Checks that the parts make sense together and plans the order in which the MAC is fed.
    pub(in crate::sig) fn new(parts: Parts) -> Result<Self, Vec<Fault>> {
        let faults = super::faults::faults(&parts);
        if !faults.is_empty() {
            return Err(faults);
        }
        let contents: Vec<Vec<Step>> = match parts.primitive {
            Primitive::Token => vec![vec![Step::Key]],
            Primitive::Hmac(_) | Primitive::Hash(_) | Primitive::Derived(_) | Primitive::Public(_) => {
                parts.messages.iter().map(|message| plan(&parts, message)).collect()
            }
        };
        let need = need(&parts, &contents);
        let digests = digests(&parts);
        let keeps_head = need == Need::Whole || !late_free(&parts, &contents);
        let uses_json = sources(&parts).iter().any(|source| matches!(source, Source::Json(_)));
        let (stamp_covered, nonce_covered) = (false, false);
        let mut scheme = Self { parts, contents, need, digests, keeps_head, uses_json, stamp_covered, nonce_covered };
        scheme.stamp_covered = scheme.covers_timestamp();
        scheme.nonce_covered = scheme.covers_nonce();
        let digest = scheme.parts.digest.as_ref().filter(|_| scheme.parts.signed_headers.is_none());
        if digest.is_some_and(|field| !scheme.covers_source(&field.source)) {
            let message = "nothing signs the digest: put its source into `message`".to_owned();
            return Err(vec![Fault { path: "digest".to_owned(), message }]);
        }
        Ok(scheme)
    }
}

/// Every template beside messages: those may hold the raw body only by way of `Whole`.
pub(in crate::sig) fn side_templates(parts: &Parts) -> Vec<&Template> {
    let mut all: Vec<&Template> = parts.lets.iter().collect();
    for requirement in &parts.require {
        all.push(&requirement.value);
        let (Test::Equals(other) | Test::Not(other)) = &requirement.test;
        all.push(other);
    }
    if let Some(signed) = &parts.signed_headers {
        all.extend(signed.special.iter().map(|(_, template)| template));
        all.push(&signed.line);
        if let Absent::Line(line) = &signed.absent {
            all.push(line);
        }
    }
    all
}

/// Where every field and template looks.
pub(in crate::sig) fn sources(parts: &Parts) -> Vec<&Source> {
    let mut all: Vec<&Source> = carriers(parts);
    let templates = side_templates(parts).into_iter().chain(&parts.messages);
    for value in templates.flat_map(Template::values) {
        if let Input::Source(source) = &value.input {
            all.push(source);
        }
    }
    all.extend(&parts.when);
    all
}

/// Where the evidence sits, with parameter lists resolved to their carrier.
pub(in crate::sig) fn carriers(parts: &Parts) -> Vec<&Source> {
    let mut all: Vec<&Source> = parts.signatures.iter().map(|field| &field.source).collect();
    all.extend(parts.timestamp.as_ref().map(|field| &field.source));
    all.extend(parts.nonce.as_ref().map(|field| &field.source));
    all.extend(parts.key_id.as_ref().map(|field| &field.source));
    all.extend(parts.params.as_ref().map(|list| &list.source));
    all.extend(parts.signed_headers.as_ref().map(|signed| &signed.source));
    all
}

fn use_of(parts: &Parts, value: &Value) -> Use {
    let of_field = |source: Option<&Source>| match source {
        Some(source) if carrier_in_body(parts, source) => Use::Whole,
        _ => Use::Nothing,
    };
    match &value.input {
        Input::Body if value.body_digest().is_some() => Use::Digest,
        Input::Body => Use::Whole,
        Input::Source(source) => of_field(Some(source)),
        Input::Timestamp => of_field(parts.timestamp.as_ref().map(|field| &field.source)),
        Input::Nonce => of_field(parts.nonce.as_ref().map(|field| &field.source)),
        Input::KeyId => of_field(parts.key_id.as_ref().map(|field| &field.source)),
        Input::Let(place) => parts.lets.get(*place).map_or(Use::Nothing, |template| use_of_all(parts, template)),
        Input::SignedHeaders => match &parts.signed_headers {
            Some(signed) => signed.special.iter().map(|(_, template)| use_of_all(parts, template)).max(),
            None => None,
        }
        .unwrap_or(Use::Nothing),
        Input::Method
        | Input::Target
        | Input::Path
        | Input::Query
        | Input::MarkedQuery
        | Input::Host
        | Input::PublicUrl
        | Input::Url
        | Input::Key
        | Input::FieldName
        | Input::ListedName
        | Input::FieldValue => Use::Nothing,
    }
}

fn use_of_all(parts: &Parts, template: &Template) -> Use {
    template.values().map(|value| use_of(parts, value)).max().unwrap_or(Use::Nothing)
}

fn carrier_in_body(parts: &Parts, source: &Source) -> bool {
    match (source, &parts.params) {
        (Source::Param(_), Some(list)) => list.source.in_body(),
        _ => source.in_body(),
    }
}

fn plan(parts: &Parts, message: &Template) -> Vec<Step> {
    let step = |part: &Part| match part {
        Part::Literal(text) => Step::Literal(text.clone()),
        Part::Value(value) if value.is_raw_body() => Step::Body,
        Part::Value(value) if value.input == Input::Key && value.filters.is_empty() => Step::Key,
        Part::Value(value) if use_of(parts, value) == Use::Digest => Step::Late(value.clone()),
        Part::Value(value) => Step::Value(value.clone()),
    };
    message.0.iter().map(step).collect()
}

fn need(parts: &Parts, contents: &[Vec<Step>]) -> Need {
    let sides = side_templates(parts).into_iter().any(|template| use_of_all(parts, template) == Use::Whole);
    let carried = carriers(parts).into_iter().any(|source| carrier_in_body(parts, source));
    let needs = contents.iter().map(|steps| need_of_content(parts, steps));
    let most = needs.max().unwrap_or(Need::Head);
    let verified = matches!(parts.primitive, Primitive::Public(_));
    if sides || carried || verified { Need::Whole } else { most }
}

fn need_of_content(parts: &Parts, steps: &[Step]) -> Need {
    let touches = |step: &&Step| matches!(step, Step::Body | Step::Late(_));
    let whole = steps.iter().any(|step| matches!(step, Step::Value(value) if use_of(parts, value) == Use::Whole));
    let raw = steps.iter().filter(|step| **step == Step::Body).count();
    let first = steps.iter().find(touches);
    match (whole, raw, first) {
        (true, _, _) | (_, 2.., _) | (_, 1, Some(Step::Late(_))) => Need::Whole,
        (false, _, Some(_)) => Need::Feed,
        (false, _, None) => Need::Head,
    }
}

fn late_free(parts: &Parts, contents: &[Vec<Step>]) -> bool {
    let quiet = !contents.iter().flatten().any(|step| matches!(step, Step::Late(_)));
    quiet && parts.require.iter().all(|requirement| !is_late(parts, requirement))
}

/// Whether a requirement can only be judged when the body is there.
pub(in crate::sig) fn is_late(parts: &Parts, requirement: &super::parts::Requirement) -> bool {
    let (Test::Equals(other) | Test::Not(other)) = &requirement.test;
    use_of_all(parts, &requirement.value).max(use_of_all(parts, other)) > Use::Nothing
}

fn digests(parts: &Parts) -> Vec<Algorithm> {
    let templates = side_templates(parts).into_iter().chain(&parts.messages);
    let mut all: Vec<Algorithm> = templates.flat_map(Template::values).filter_map(Value::body_digest).collect();
    all.extend(parts.digest.as_ref().map(|field| field.algorithm));
    all.sort_by_key(|algorithm| algorithm.size());
    all.dedup();
    all
}

/// Lower-case names of the headers that only carry evidence. `Date` means something without a signature too.
pub(in crate::sig) fn carrier_headers(parts: &Parts) -> Vec<Bytes> {
    let names = carriers(parts).into_iter().flat_map(Source::headers);
    names.filter(|name| !matches!(name.as_ref(), b"date" | b"host")).cloned().collect()
}

/// Lower-case names of every header that the scheme looks at or always covers.
pub(in crate::sig) fn known_headers(parts: &Parts) -> Vec<Bytes> {
    let mut all: Vec<Bytes> = sources(parts).into_iter().flat_map(Source::headers).cloned().collect();
    all.extend(parts.digest.iter().flat_map(|field| field.source.headers()).cloned());
    if let Some(signed) = &parts.signed_headers {
        let listed = signed.require.iter().flatten().chain(&signed.sign).chain(&signed.default);
        all.extend(listed.filter(|name| !signed.special.iter().any(|(special, _)| special == *name)).cloned());
    }
    all.sort_unstable();
    all.dedup();
    all
}
