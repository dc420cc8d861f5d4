//! Every signature of a request that the policy lets count, read but not yet believed.

use bytes::Bytes;

use super::base;
use super::claims::Claims;
use super::components::Component;
use super::structured::{self, Bare, Dictionary, InnerList, Item, Member};
use super::{Options, Rfc9421, digest};
use crate::reject::{Code, Rejection};
use crate::sig::message::Head;
use crate::sig::native::{MOST, Piece, Reading, Request};
use crate::sig::time::Moment;

/// Longest carrier of signatures, in bytes.
const LONGEST: usize = 8 * 1024;

/// More labels than this are no signature.
const LABELS: usize = 16;

/// More covered components than this, over all signatures, are a way to burn CPU.
const COMPONENTS: usize = 64;

/// One label: what it covers, and the claimed MAC.
pub(super) struct Signed {
    label: String,
    input: InnerList,
    pub(super) mac: Vec<u8>,
}

impl Rfc9421 {
    /// At least one reading, or why the first signature is none.
    pub(super) fn readings(&self, request: Request<'_>) -> Result<Vec<Reading>, Rejection> {
        let (mut readings, mut refused) = (Vec::new(), None);
        let all = self.signatures(request.head)?;
        let components: usize = all.iter().map(|signed| signed.input.items.len()).sum();
        // What is not read is not claimed either, and could be sent again alone.
        if all.len() > MOST || components > COMPONENTS {
            return Err(malformed("too many signatures or components"));
        }
        for signed in all {
            refuse_ahead(&Claims::read(&signed.input.params, self.made), &self.options, request.now)?;
            match self.reading(signed, request) {
                Ok(reading) => readings.push(reading),
                Err(rejection) => refused = refused.or(Some(rejection)),
            }
        }
        if readings.is_empty() { Err(refused.unwrap_or_else(|| missing("no such label"))) } else { Ok(readings) }
    }

    /// The key id of the first signature that the policy looks at.
    pub(super) fn first_key_id(&self, head: &Head) -> Option<Bytes> {
        let all = self.signatures(head).ok()?;
        let mut claims = all.iter().filter_map(|signed| Claims::read(&signed.input.params, self.made).ok());
        claims.find(|claims| self.options.tag.is_none() || claims.tag == self.options.tag)?.key_id
    }

    fn reading(&self, signed: Signed, request: Request<'_>) -> Result<Reading, Rejection> {
        let claims = Claims::read(&signed.input.params, self.made)?;
        claims.judge(&self.options, request.now)?;
        if signed.mac.len() != self.made.algorithm.size() {
            return Err(malformed("not the size of an hmac-sha256"));
        }
        let components = components(&signed.input)?;
        let lacks = |wanted: &&Component| !components.iter().any(|component| component.covers(wanted));
        if let Some(wanted) = self.options.cover(request.answering).require.iter().find(lacks) {
            let note = format!("`{}` is not covered", wanted.text());
            return Err(Rejection::from(Code::RequirementUnmet).because(note));
        }
        let message = self.options.message(request.head, request.site, request.answering);
        let lines = base::base(&components, message)?;
        Ok(Reading {
            stamp: claims.created,
            fresh_until: claims.fresh_until(&self.options),
            body: digest::rule(&components, &request.head.fields, self.options.body)?,
            key_id: claims.key_id,
            nonce: claims.nonce,
            mac: signed.mac,
            message: vec![Piece::Bytes(lines.into()), Piece::Bytes(base::last_line(&signed.input.to_string()).into())],
            derivation: None,
            sets: Vec::new(),
        })
    }

    /// The signatures with a label that counts.
    pub(super) fn signatures(&self, head: &Head) -> Result<Vec<Signed>, Rejection> {
        let inputs = carrier(head, "signature-input")?;
        let mut macs = carrier(head, "signature")?;
        if inputs.len() > LABELS {
            return Err(malformed("too many labels"));
        }
        let mut all = Vec::new();
        for (label, input) in inputs {
            let place = macs.iter().position(|(other, _)| *other == label);
            let (_, mac) = macs.swap_remove(place.ok_or_else(|| missing("a label has no signature"))?);
            match (input, mac) {
                (Member::List(input), Member::Item(Item { bare: Bare::Bytes(mac), .. })) => {
                    all.push(Signed { label, input, mac });
                }
                _ => return Err(malformed("not a list of components and a byte sequence")),
            }
        }
        if !macs.is_empty() {
            return Err(malformed("a signature has no list of components"));
        }
        all.retain(|signed| self.options.counts(&signed.label));
        Ok(all)
    }
}

/// **Threat:** a label that does not count yet is not claimed, and would carry the same request once more when its time has come.
fn refuse_ahead(claims: &Result<Claims, Rejection>, options: &Options, now: Moment) -> Result<(), Rejection> {
    let ahead = || Rejection::from(Code::TimestampOutsideWindow).because("a label is dated further ahead than allowed");
    let is_ahead = claims.as_ref().is_ok_and(|claims| claims.is_ahead(options, now));
    if is_ahead { Err(ahead()) } else { Ok(()) }
}

/// The lines of a carrier as one dictionary.
pub(super) fn carrier(head: &Head, name: &str) -> Result<Dictionary, Rejection> {
    let lines: Vec<&[u8]> = head.fields.all(name).map(AsRef::as_ref).collect();
    if lines.iter().all(|line| line.is_empty()) {
        return Err(Code::SignatureMissing.into());
    }
    let joined = lines.join(&b", "[..]);
    if joined.len() > LONGEST {
        return Err(malformed("longer than 8 KiB"));
    }
    Ok(structured::dictionary(&joined)?)
}

pub(super) fn components(input: &InnerList) -> Result<Vec<Component>, Rejection> {
    let mut all: Vec<Component> = Vec::with_capacity(input.items.len());
    for item in &input.items {
        let component = Component::read(item).map_err(malformed)?;
        if all.contains(&component) {
            return Err(Rejection::from(Code::SignatureRepeated).because("a component is covered twice"));
        }
        all.push(component);
    }
    Ok(all)
}

fn missing(note: &'static str) -> Rejection {
    Rejection::from(Code::SignatureMissing).because(note)
}

fn malformed(note: &'static str) -> Rejection {
    Rejection::from(Code::SignatureMalformed).because(note)
}
