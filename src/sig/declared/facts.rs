//! What a scheme proves and what it leaves open: facts for the linter, the gate and the status page.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::analysis::carriers;
use super::envelope::is_within;
use super::parts::{Declared, Parts};
use crate::sig::Need;
use crate::sig::message::Head;
use crate::sig::ring::{KeyUse, Primitive};
use crate::sig::scheme::{Covers, Facts};
use crate::sig::stamp::Bounds;
use crate::sig::template::{Input, Source, Template};

impl Declared {
    /// What it proves and what it leaves open.
    pub(in crate::sig) fn facts(&self) -> Facts {
        let parts = &self.parts;
        let templates = super::analysis::side_templates(parts).into_iter().chain(&parts.messages);
        Facts {
            name: Arc::clone(&parts.name),
            need: self.need,
            signing_need: self.signing_need(),
            key_use: parts.key_use(),
            has_key_id: parts.key_id.is_some(),
            key_named: parts.key_id.as_ref().is_some_and(|field| !field.optional),
            has_timestamp: parts.timestamp.is_some(),
            has_nonce: parts.nonce.is_some(),
            messages: self.contents.len(),
            needs_public_url: templates
                .into_iter()
                .any(|template| template.uses(&Input::Url) || template.uses(&Input::PublicUrl)),
            carries_list: self.carries_list(),
            window: self.window(),
            covers: Covers {
                body: self.covers_body(),
                timestamp: self.covers_timestamp(),
                nonce: self.covers_nonce(),
                key_id: self.covers_key_id(),
                method: self.covers_method(),
                path: self.covers_path(),
                query: self.covers_query(),
            },
            carrier_headers: super::analysis::carrier_headers(parts),
            known_headers: super::analysis::known_headers(parts),
            announced: self.announced(),
            can_sign: self.can_sign(),
            sets: Vec::new(),
        }
    }

    /// What signing needs of the body.
    pub(in crate::sig) fn signing_need(&self) -> Need {
        if self.need == Need::Head && !self.digests.is_empty() { Need::Feed } else { self.need }
    }

    /// Whether nothing but the signature itself waits for the body, and the body is fed once, raw.
    pub(in crate::sig) fn signs_behind(&self) -> bool {
        self.need == Need::Feed && self.digests.is_empty() && self.parts.params.is_none()
    }

    fn carries_list(&self) -> bool {
        self.parts.signatures.first().is_some_and(|field| field.list.is_some() || self.is_repeated(&field.source))
    }

    pub(in crate::sig) fn is_repeated(&self, source: &Source) -> bool {
        match (source, self.parts.params.as_ref().map(|list| &list.shape)) {
            (Source::Param(name), Some(crate::sig::params::Shape::Pairs { repeat, .. })) => repeat.contains(name),
            _ => false,
        }
    }

    /// How far a stamp may lie from now: past and future.
    fn window(&self) -> Option<(Duration, Duration)> {
        self.parts.timestamp.as_ref().map(|field| match field.bounds {
            Bounds { expiry: true, future, .. } => (Duration::ZERO, future),
            Bounds { past, future, .. } => (past, future),
        })
    }

    /// Whether every message covers the body, raw or by a digest.
    fn covers_body(&self) -> bool {
        let by_digest = self
            .parts
            .digest
            .as_ref()
            .is_some_and(|field| field.when != super::parts::Demand::Present || self.covers_source(&field.source));
        by_digest || self.covers(&|input| *input == Input::Body)
    }

    /// Whether every message covers the timestamp.
    pub(in crate::sig) fn covers_timestamp(&self) -> bool {
        self.parts.timestamp.as_ref().is_some_and(|field| self.covers_field(&Input::Timestamp, &field.source))
    }

    /// Whether every message covers the nonce.
    pub(in crate::sig) fn covers_nonce(&self) -> bool {
        self.parts.nonce.as_ref().is_some_and(|field| self.covers_field(&Input::Nonce, &field.source))
    }

    /// Whether every message covers the key id.
    fn covers_key_id(&self) -> bool {
        self.parts.key_id.as_ref().is_some_and(|field| self.covers_field(&Input::KeyId, &field.source))
    }

    /// Whether every message covers the method.
    fn covers_method(&self) -> bool {
        self.covers(&|input| *input == Input::Method)
    }

    /// Whether every message covers the path.
    fn covers_path(&self) -> bool {
        self.covers(&|input| matches!(input, Input::Target | Input::Path | Input::Url))
    }

    /// Whether every message covers the query.
    fn covers_query(&self) -> bool {
        self.covers(&|input| matches!(input, Input::Target | Input::Url | Input::Query | Input::MarkedQuery))
    }

    fn covers_field(&self, input: &Input, source: &Source) -> bool {
        self.covers(&|found| found == input) || self.covers_source(source)
    }

    /// Whether the bytes at `source` are under the MAC, by name or as a part of something that is.
    pub(in crate::sig) fn covers_source(&self, source: &Source) -> bool {
        let by_name = |input: &Input| matches!(input, Input::Source(found) if found == source);
        let around = |input: &Input| match source {
            Source::Form(_) => *input == Input::Body,
            // Of an object only a canonical form can be a value, and that holds all of it.
            Source::Json(inner) => match input {
                Input::Body => true,
                Input::Source(Source::Json(outer)) => is_within(inner, outer),
                _ => false,
            },
            Source::Query(_) => matches!(input, Input::Target | Input::Url | Input::Query | Input::MarkedQuery),
            Source::Header(_) | Source::Cookie(_) | Source::Param(_) => false,
        };
        self.covers(&|input| by_name(input) || around(input)) || self.lists(source.headers())
    }

    /// Whether the signed headers always have one of `names`.
    fn lists(&self, names: &[Bytes]) -> bool {
        let Some(signed) = &self.parts.signed_headers else { return false };
        let alone = |name: &Bytes| signed.require.iter().any(|entry| entry.as_slice() == std::slice::from_ref(name));
        // Both look for the first name that is there, so it is the same one.
        let demanded = names.iter().all(alone) || signed.require.iter().any(|entry| entry == names);
        !names.is_empty() && demanded && self.covers(&|input| *input == Input::SignedHeaders)
    }

    /// Whether every message has an input for which `wanted` says so, through named templates and required special lines.
    fn covers(&self, wanted: &dyn Fn(&Input) -> bool) -> bool {
        !self.parts.messages.is_empty()
            && self.parts.messages.iter().all(|message| self.template_covers(message, wanted))
    }

    fn template_covers(&self, template: &Template, wanted: &dyn Fn(&Input) -> bool) -> bool {
        template.values().any(|value| {
            wanted(&value.input)
                || match &value.input {
                    Input::Let(place) => {
                        self.parts.lets.get(*place).is_some_and(|named| self.template_covers(named, wanted))
                    }
                    Input::SignedHeaders => self.parts.signed_headers.as_ref().is_some_and(|signed| {
                        let line = |name| signed.special.iter().find(|(special, _)| special == name);
                        let covers = |name| line(name).is_some_and(|(_, line)| self.template_covers(line, wanted));
                        signed.require.iter().any(|entry| entry.iter().all(covers))
                    }),
                    _ => false,
                }
        })
    }

    /// Whether the stamp is the end of validity.
    pub(in crate::sig) fn expires(&self) -> bool {
        self.parts.timestamp.as_ref().is_some_and(|field| field.bounds.expiry)
    }

    /// Whether the declaration can be run backwards at any time, or why not.
    fn can_sign(&self) -> Result<(), String> {
        let why = "its timestamp is an expiry that only the application knows";
        if self.expires() { Err(why.to_owned()) } else { self.can_write() }
    }

    /// Whether the declaration can be run backwards, or why not.
    pub(in crate::sig) fn can_write(&self) -> Result<(), String> {
        let wraps = self.parts.envelope().is_some();
        match self.parts.primitive {
            Primitive::Hmac(_) | Primitive::Hash(_) | Primitive::Derived(_) => {}
            Primitive::Public(_) => {
                return Err(
                    "it is verify only: keyrings hold public keys, and signing takes the private one".to_owned()
                );
            }
            Primitive::Token => {
                return Err(
                    "it is verify only: a token is the secret itself, which never leaves this gateway".to_owned()
                );
            }
        }
        for source in carriers(&self.parts) {
            match source {
                Source::Header(_) | Source::Param(_) | Source::Query(_) => {}
                Source::Json(_) if wraps => {}
                Source::Cookie(_) | Source::Form(_) | Source::Json(_) => {
                    return Err(format!("its evidence sits in {source}, where this gateway does not write"));
                }
            }
        }
        if self.parts.params.as_ref().is_some_and(|list| matches!(list.shape, crate::sig::params::Shape::Split(_))) {
            return Err("its token holds a value that only the application knows".to_owned());
        }
        if self.parts.signatures.iter().any(|field| field.key.is_some()) {
            return Err("its signature headers belong to keys by name".to_owned());
        }
        if let Some(signed) = &self.parts.signed_headers {
            let names = if signed.sign.is_empty() { &signed.default } else { &signed.sign };
            let digest = self.parts.digest.iter().flat_map(|field| field.source.headers());
            let mut wanted = signed.require.iter().filter_map(|entry| entry.first()).chain(digest);
            if names.is_empty() || wanted.any(|name| !names.contains(name)) {
                return Err("`signed_headers.sign` lacks something that must be signed".to_owned());
            }
        }
        Ok(())
    }
}

impl Declared {
    /// Whether this alternative is the one to judge: its `when` is met and one of its signature carriers is there.
    pub(in crate::sig) fn is_chosen(&self, head: &Head) -> bool {
        let nothing = super::claims::Claims::default();
        let scope = super::scope::Scope {
            scheme: self,
            head,
            public_url: None,
            claims: &nothing,
            seen: super::scope::Seen::Nothing,
        };
        let there = |source: &Source| match (source, &self.parts.params) {
            (Source::Param(_), Some(list)) if list.source.in_body() => true,
            (Source::Param(_), Some(list)) => {
                scope.all(&list.source).iter().any(|raw| list.strip(&Bytes::copy_from_slice(raw)).is_some())
            }
            (Source::Header(names), _) => names.iter().any(|name| scope.has_header(name)),
            _ => source.in_body() || !scope.all(source).is_empty(),
        };
        self.parts.when.iter().all(there) && self.parts.signatures.iter().any(|field| there(&field.source))
    }

    /// Whether no parameter says that another alternative is meant.
    pub(in crate::sig) fn fits(&self, head: &Head) -> bool {
        let Some(list) = self.parts.params.as_ref().filter(|list| !list.fixed.is_empty()) else { return true };
        let nothing = super::claims::Claims::default();
        let seen = super::scope::Seen::Nothing;
        let scope = super::scope::Scope { scheme: self, head, public_url: None, claims: &nothing, seen };
        let raw = scope.one(&list.source).ok().flatten().map(|raw| Bytes::copy_from_slice(&raw));
        let read = raw.and_then(|raw| list.strip(&raw)).map(|text| list.parse(&text));
        !matches!(read, Some(Err(rejection)) if rejection.code() == crate::reject::Code::RequirementUnmet)
    }

    /// The claimed key id alone, where the head holds one in a readable form.
    pub(in crate::sig) fn claimed_key_id(&self, head: &Head) -> Option<Bytes> {
        let claims = super::claims::Claims::default();
        let seen = super::scope::Seen::Nothing;
        super::claims::key_id(super::scope::Scope { scheme: self, head, public_url: None, claims: &claims, seen })
    }

    /// The headers that a caller has to send, as they are usually written.
    fn announced(&self) -> Vec<String> {
        let parts = &self.parts;
        let fields = [
            parts.timestamp.as_ref().map(|field| &field.source),
            parts.nonce.as_ref().map(|field| &field.source),
            parts.key_id.as_ref().map(|field| &field.source),
            parts.params.as_ref().map(|list| &list.source),
        ];
        let mut sources: Vec<&Source> = fields.into_iter().flatten().collect();
        sources.extend(parts.signatures.first().map(|field| &field.source));
        sources.iter().filter_map(|source| source.headers().first()).map(|name| parts.spelling(name)).collect()
    }
}

impl Parts {
    /// What is made of a secret.
    pub(in crate::sig) fn key_use(&self) -> KeyUse {
        KeyUse { form: self.key.clone(), primitive: self.primitive }
    }

    /// A header's name as the declaration writes it, or each word with a capital.
    pub(super) fn spelling(&self, name: &Bytes) -> String {
        let written = self.spellings.iter().find(|known| known.as_bytes().eq_ignore_ascii_case(name));
        written.cloned().unwrap_or_else(|| String::from_utf8_lossy(name).into_owned())
    }
}
