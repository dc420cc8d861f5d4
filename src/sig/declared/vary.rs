//! The same scheme with one thing changed: what a sender may have done instead. To explain a refusal, never to judge by.

use std::sync::Arc;

use bytes::Bytes;

use super::parts::{Demand, KeyForm, Parts};
use super::trace::{ANY_TIME, origin};
use crate::sig::encoding::Encoding;
use crate::sig::mac::Algorithm;
use crate::sig::message::Head;
use crate::sig::native::Native;
use crate::sig::native::explained::Twisted;
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
    /// Nothing is demanded beside a signature that holds; of a scheme in code, whatever this request says it is for.
    Undemanding(Head),
    /// Another authentication scheme before the evidence, or none.
    Word(Option<String>),
    /// The key of OAuth 1.0a without the `&` behind the consumer's secret.
    BareKey,
    /// The path is escaped as for S3 instead of as for other services, or the other way round.
    PathEscapes,
    /// The signed bytes end in a line feed.
    FinalNewline,
    /// The signing key is derived without the text before the secret, or (set) not at all.
    Underived(bool),
    /// The last piece of the signed bytes is left out.
    WithoutLast,
}

impl Scheme {
    /// The scheme with these changes and without a window; `None` where nothing changes, or nothing sensible comes out.
    pub fn varied(&self, changes: &[Change]) -> Option<Self> {
        let own = match &self.kind {
            Kind::Declared(own) => own,
            Kind::Native(native) => return varied_code(native, changes),
        };
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
        match &self.kind {
            Kind::Declared(own) => own.parts.timestamp.as_ref().map(|field| field.format),
            Kind::Native(native) => native.stamp_format(),
        }
    }

    /// How the first signature is spelled: its prefix and encoding.
    pub fn spelling(&self) -> Option<(Bytes, Encoding)> {
        match &self.kind {
            Kind::Declared(own) => {
                own.parts.signatures.first().and_then(|field| Some((field.prefix.clone(), field.encoding?)))
            }
            Kind::Native(native) => Some((Bytes::new(), native.encoding())),
        }
    }

    /// Whether it is code.
    pub const fn is_code(&self) -> bool {
        matches!(self.kind, Kind::Native(_))
    }

    /// What the request says it is for, where that is not what the scheme is for.
    pub fn other_scope(&self, head: &Head) -> Option<String> {
        match &self.kind {
            Kind::Declared(_) => None,
            Kind::Native(native) => native.other_scope(head),
        }
    }
}

/// A scheme in code; what is changed of the key is the same for all of them.
fn varied_code(native: &Arc<dyn Native>, changes: &[Change]) -> Option<Scheme> {
    let is_twist = |change: &&Change| {
        matches!(change, Change::AnyKey | Change::FinalNewline | Change::WithoutLast | Change::Underived(_))
    };
    let is_of_key = |change: &&Change| matches!(change, Change::RawKey | Change::BareKey);
    let own = changes.iter().filter(|change| !is_twist(change) && !is_of_key(change));
    let own: Vec<_> = own.cloned().collect();
    let varied = changes.iter().filter(is_twist).try_fold(native.varied(&own)?, Twisted::of)?;
    let mut facts = varied.facts();
    let form = &mut facts.key_use.form;
    for change in changes.iter().filter(is_of_key) {
        match change {
            Change::BareKey => _ = form.pair.take()?,
            _ => *form = KeyForm { pair: form.pair, ..KeyForm::default() },
        }
    }
    Some(Scheme::of(facts, Kind::Native(varied)))
}

/// Whether the change means anything here.
fn apply(parts: &mut Parts, change: &Change) -> bool {
    match change {
        Change::Algorithm(algorithm) => match &mut parts.primitive {
            Primitive::Hmac(known) | Primitive::Hash(known) | Primitive::Derived(known) => *known = *algorithm,
            Primitive::Public(_) | Primitive::Token => return false,
        },
        Change::PlainDigest(first) => return plain_digest(parts, *first),
        Change::RawKey => {
            parts.key = KeyForm { derive: parts.key.derive.take(), pair: parts.key.pair, ..KeyForm::default() };
        }
        Change::BareKey => return parts.key.pair.take().is_some(),
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
        Change::SignatureIn(header) => return signature_in(parts, header),
        Change::Word(word) => match &mut parts.params {
            Some(list) => list.auth_scheme.clone_from(word),
            None => return false,
        },
        Change::Undemanding(_) => demand_nothing(parts),
        Change::FinalNewline => {
            parts.messages.iter_mut().for_each(|message| message.0.push(Part::Literal(Bytes::from_static(b"\n"))));
        }
        Change::PathEscapes | Change::WithoutLast | Change::Underived(_) => return false,
    }
    true
}

/// In this header instead; of a list of values the list as a whole.
fn signature_in(parts: &mut Parts, header: &Bytes) -> bool {
    let source = match (parts.signatures.first_mut().map(|field| &mut field.source), &mut parts.params) {
        (Some(Source::Param(_)), Some(list)) => &mut list.source,
        (Some(source), _) => source,
        (None, _) => return false,
    };
    let in_head = !source.in_body() && !matches!(source, Source::Param(_));
    if in_head {
        *source = Source::Header(vec![header.clone()]);
    }
    in_head
}

fn demand_nothing(parts: &mut Parts) {
    parts.require.clear();
    parts.when.clear();
    parts.signed_headers.iter_mut().for_each(|signed| signed.require.clear());
    parts.params.iter_mut().for_each(|list| list.fixed.clear());
    parts.digest.iter_mut().for_each(|digest| digest.when = Demand::Present);
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
