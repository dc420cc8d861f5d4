//! The same scheme with one thing changed: what a sender may have done instead. To explain a refusal, never to judge by.

use std::sync::Arc;

use bytes::Bytes;

use super::parts::{KeyForm, Parts};
use super::trace::{ANY_TIME, origin};
use crate::sig::encoding::Encoding;
use crate::sig::mac::Algorithm;
use crate::sig::ring::Primitive;
use crate::sig::scheme::{Kind, Scheme};
use crate::sig::stamp::Format;
use crate::sig::template::{Input, Part, Source, Template, Value};

/// What is changed.
#[derive(Clone, Debug)]
pub enum Change {
    /// Another hash function.
    Algorithm(Algorithm),
    /// A plain digest over key and message instead of HMAC: the key first, or last.
    PlainDigest(bool),
    /// The secret is the key bytes.
    RawKey,
    /// The signature is spelled otherwise.
    Encoding(Encoding),
    /// Another text before the signature.
    Prefix(Bytes),
    /// Hex digits in either case.
    AnyCase,
    /// The stamp is written otherwise.
    Stamp(Format),
    /// Another text wherever punctuation separates parts.
    Separator(Bytes),
    /// Without the value at this place among a message's values, and without what separates it.
    Without(usize),
    /// The parts in reverse.
    Reversed,
    /// The messages of another scheme.
    SignedAs(Arc<Scheme>),
    /// The stamp in whole seconds within the message, whatever its format is.
    StampText(Bytes),
    /// Whatever key the request names.
    AnyKey,
    /// The signature is in this header.
    SignatureIn(Bytes),
}

impl Scheme {
    /// Whether [`Scheme::varied`] can do anything.
    pub const fn can_vary(&self) -> bool {
        matches!(self.kind, Kind::Declared(_))
    }

    /// The scheme with these changes and without a window; `None` where nothing changes, or nothing sensible comes out.
    pub fn varied(&self, changes: &[Change]) -> Option<Self> {
        let Kind::Declared(own) = &self.kind else { return None };
        let mut parts = own.parts.clone();
        if !changes.iter().all(|change| apply(&mut parts, change)) || (parts == own.parts && !changes.is_empty()) {
            return None;
        }
        if let Some(stamp) = &mut parts.timestamp {
            stamp.bounds = ANY_TIME;
        }
        Self::new(parts).ok()
    }

    /// What a message is made of besides literal text, of the first message.
    pub fn origins(&self) -> Vec<String> {
        let Kind::Declared(own) = &self.kind else { return Vec::new() };
        own.parts.messages.first().into_iter().flat_map(Template::values).map(origin).collect()
    }

    /// How the stamp is written.
    pub fn stamp_format(&self) -> Option<Format> {
        let Kind::Declared(own) = &self.kind else { return None };
        own.parts.timestamp.as_ref().map(|field| field.format)
    }

    /// How the first signature is spelled: its prefix and encoding.
    pub fn spelling(&self) -> Option<(Bytes, Encoding)> {
        let Kind::Declared(own) = &self.kind else { return None };
        own.parts.signatures.first().and_then(|field| Some((field.prefix.clone(), field.encoding?)))
    }
}

/// Whether the change means anything here.
fn apply(parts: &mut Parts, change: &Change) -> bool {
    match change {
        Change::Algorithm(algorithm) => match &mut parts.primitive {
            Primitive::Hmac(known) | Primitive::Hash(known) | Primitive::Derived(known) => *known = *algorithm,
            Primitive::Public(_) | Primitive::Token => return false,
        },
        Change::PlainDigest(first) => return plain_digest(parts, *first),
        Change::RawKey => parts.key = KeyForm { derive: parts.key.derive.take(), ..KeyForm::default() },
        Change::Encoding(encoding) => parts.signatures.iter_mut().for_each(|field| field.encoding = Some(*encoding)),
        Change::Prefix(prefix) => parts.signatures.iter_mut().for_each(|field| field.prefix = prefix.clone()),
        Change::AnyCase => parts.signatures.iter_mut().for_each(|field| field.any_case = true),
        Change::Stamp(format) => match &mut parts.timestamp {
            Some(field) => field.format = *format,
            None => return false,
        },
        Change::Separator(text) => parts.messages.iter_mut().for_each(|message| separate(message, text)),
        Change::Without(place) => parts.messages.iter_mut().for_each(|message| remove(message, *place)),
        Change::Reversed => parts.messages.iter_mut().for_each(|message| message.0.reverse()),
        Change::SignedAs(other) => return signed_as(parts, other),
        Change::StampText(text) => parts.messages.iter_mut().for_each(|message| replace_stamp(message, text)),
        Change::AnyKey => parts.key_id = None,
        Change::SignatureIn(header) => match parts.signatures.first_mut() {
            Some(field) if matches!(field.source, Source::Header(_)) => {
                field.source = Source::Header(vec![header.clone()]);
            }
            Some(_) | None => return false,
        },
    }
    true
}

fn plain_digest(parts: &mut Parts, first: bool) -> bool {
    let Primitive::Hmac(algorithm) = parts.primitive else { return false };
    parts.primitive = Primitive::Hash(algorithm);
    for message in &mut parts.messages {
        let key = Part::Value(Value { input: Input::Key, optional: false, filters: Vec::new() });
        message.0.insert(if first { 0 } else { message.0.len() }, key);
    }
    true
}

fn signed_as(parts: &mut Parts, other: &Scheme) -> bool {
    let Kind::Declared(other) = &other.kind else { return false };
    if parts.signed_headers.is_some() || other.parts.signed_headers.is_some() {
        return false;
    }
    parts.lets.clone_from(&other.parts.lets);
    parts.messages.clone_from(&other.parts.messages);
    true
}

/// Everything in literal text that is neither letter nor digit separates.
fn separate(message: &mut Template, separator: &[u8]) {
    for part in &mut message.0 {
        if let Part::Literal(text) = part {
            let spelled = text
                .iter()
                .flat_map(|byte| if byte.is_ascii_alphanumeric() { std::slice::from_ref(byte) } else { separator });
            *part = Part::Literal(spelled.copied().collect());
        }
    }
}

fn remove(message: &mut Template, place: usize) {
    let values = message.0.iter().enumerate().filter(|(_, part)| matches!(part, Part::Value(_)));
    let Some((at, _)) = values.clone().nth(place) else { return };
    let is_literal = |at: usize| matches!(message.0.get(at), Some(Part::Literal(_)));
    let (before, after) = (at.wrapping_sub(1), at.saturating_add(1));
    let beside = [after, before].into_iter().find(|at| is_literal(*at));
    let kept = message.0.iter().enumerate().filter(|(here, _)| *here != at && Some(*here) != beside);
    *message = Template(kept.map(|(_, part)| part.clone()).collect());
}

fn replace_stamp(message: &mut Template, text: &Bytes) {
    for part in &mut message.0 {
        if matches!(part, Part::Value(value) if value.input == Input::Timestamp) {
            *part = Part::Literal(text.clone());
        }
    }
}
