//! A vendor's handshake as a scheme declares it.

use bytes::Bytes;
use serde_yaml::Spanned;

use super::SchemeProblem;
use super::compile::Compiler;
use super::raw::{Declaration, RawChallenge, Text};
use crate::sig::challenge::{Challenge, NAMES};
use crate::sig::message::Method;
use crate::sig::ring::Primitive;
use crate::sig::scheme::Scheme;
use crate::sig::template::{Input, Names, Source, Template};

/// The scheme with the handshake that its declaration has.
pub(super) fn attach(scheme: Scheme, declaration: &Declaration) -> Result<Scheme, Vec<SchemeProblem>> {
    let Some(raw) = &declaration.challenge else { return Ok(scheme) };
    let mut compiler = Compiler::new(declaration);
    let challenge = compiler.challenge(raw);
    if let Some(challenge) = challenge.as_ref().filter(|challenge| challenge.signs()) {
        if challenge.unsigned.is_some() {
            let message = "`{mac}` would sign whatever a stranger sends: only a signed challenge is answered with it";
            compiler.say("challenge.answer", &raw.referenced, message);
        }
        if challenge.unsigned.is_none() && !scheme.covers(&challenge.value) {
            let message =
                "`{mac}` would sign what the signature does not cover: a captured request could ask for anything";
            compiler.say("challenge.answer", &raw.referenced, message);
        }
        if !matches!(scheme.facts().key_use.primitive, Primitive::Hmac(_)) {
            compiler.say("challenge.answer", &raw.referenced, "`{mac}` is an HMAC, and this scheme has none");
        }
    }
    match challenge {
        Some(challenge) if compiler.problems.is_empty() => Ok(scheme.with_challenge(challenge)),
        _ => Err(compiler.problems),
    }
}

impl Compiler<'_> {
    fn challenge(&mut self, raw: &Spanned<RawChallenge>) -> Option<Challenge> {
        let one = &raw.value;
        let methods = [("GET", "GET"), ("POST", "POST")];
        let unsigned = match &one.unsigned {
            Some(text) => Some(Method::new(self.word("challenge.unsigned", text, &methods)?)),
            None => None,
        };
        let head_only = one.unsigned.is_some();
        let mut when = Vec::new();
        for (source, value) in &one.when.0 {
            let place = Spanned::new(source.clone(), value.referenced, value.defined);
            when.push((self.challenge_source(&place, head_only)?, Bytes::copy_from_slice(value.value.as_bytes())));
        }
        let token = match &one.token {
            Some(text) => Some(self.challenge_source(text, head_only)?),
            None => None,
        };
        let kinds = [("text/plain", "text/plain"), ("application/json", "application/json")];
        let media_type = match &one.media_type {
            Some(text) => self.word("challenge.type", text, &kinds)?,
            None => "text/plain",
        };
        Some(Challenge {
            unsigned,
            when,
            token,
            value: self.challenge_source(&one.value, head_only)?,
            answer: self.challenge_answer(one.answer.as_ref())?,
            media_type,
        })
    }

    /// A place of the head, and of a signed body.
    fn challenge_source(&mut self, text: &Text, head_only: bool) -> Option<Source> {
        let (kind, place) = text.value.split_once(':').unwrap_or((&text.value, ""));
        match Source::new(kind, place) {
            Ok(source @ (Source::Header(_) | Source::Query(_))) => Some(self.rename(source)),
            Ok(source @ Source::Json(_)) if !head_only => Some(source),
            Ok(_) if head_only => {
                self.refuse("challenge", text, "an unsigned challenge sits in the query or in a header")
            }
            Ok(_) => self.refuse("challenge", text, "a challenge sits in the query, in a header or in the JSON body"),
            Err(why) => self.refuse("challenge", text, &why),
        }
    }

    fn challenge_answer(&mut self, text: Option<&Text>) -> Option<Template> {
        let lets = NAMES.map(str::to_owned);
        let names = Names { lets: &lets, settings: &self.settings };
        let template = Template::parse(text.map_or("{challenge}", |text| &text.value), names);
        match (template, text) {
            (Ok(template), Some(text)) if !template.values().all(|value| matches!(value.input, Input::Let(_))) => {
                self.refuse("challenge.answer", text, "an answer is made of `{challenge}` and `{mac}`")
            }
            (Ok(template), _) => Some(template),
            (Err(why), Some(text)) => self.refuse("challenge.answer", text, &why),
            (Err(_), None) => None,
        }
    }
}
