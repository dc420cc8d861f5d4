//! The fields that say what is covered and what must hold: signed headers, requirements, conditions.

use bytes::Bytes;
use serde_yaml::Spanned;

use super::compile::Compiler;
use super::raw::{RawAbsent, RawRequire, RawSignedHeaders, Text};
use crate::sig::declared::parts::{Absent, Requirement, SignedHeaders, Test};
use crate::sig::template::{Names, Source, Template};

/// The names of an entry such as `x-date/date`.
fn names_of(entry: &str) -> Vec<Bytes> {
    let entry = Bytes::from(entry.to_ascii_lowercase());
    entry.split(|byte| *byte == b'/').map(|name| entry.slice_ref(name)).collect()
}

impl Compiler<'_> {
    pub(super) fn signed_headers(&mut self, raw: &Spanned<RawSignedHeaders>) -> Option<SignedHeaders> {
        let source = self.source("signed_headers", raw)?;
        let one = &raw.value;
        let lower =
            |names: &[String]| names.iter().map(|name| Bytes::from(name.to_ascii_lowercase())).collect::<Vec<_>>();
        let line = match &one.line {
            Some(text) => self.template("signed_headers.line", text)?,
            None => Template::parse("{name}: {value}", Names::default()).ok()?,
        };
        let special = one.special.0.iter().filter_map(|(name, text)| {
            let template = self.template(&format!("signed_headers.special.{name}"), text)?;
            Some((Bytes::from(name.to_ascii_lowercase()), template))
        });
        let special = special.collect();
        let absent = match &one.absent {
            None | Some(RawAbsent::Refuse) => Absent::Refuse,
            Some(RawAbsent::Skip) => Absent::Skip,
            Some(RawAbsent::Line(text)) => Absent::Line(self.template("signed_headers.absent", text)?),
        };
        Some(SignedHeaders {
            source,
            separator: self.separator("signed_headers.separator", raw, one.separator.as_deref().unwrap_or(" "))?,
            default: lower(&one.default),
            sign: lower(&one.sign),
            require: one.require.iter().map(|entry| names_of(entry)).collect(),
            line,
            join: Bytes::from(one.join.clone().unwrap_or_else(|| "\n".to_owned())),
            end: Bytes::from(one.end.clone().unwrap_or_default()),
            special,
            absent,
        })
    }

    pub(super) fn requirement(&mut self, place: usize, raw: &Spanned<RawRequire>) -> Option<Requirement> {
        let path = format!("require[{place}]");
        let value = self.template(&format!("{path}.value"), &raw.value.value);
        let test = match (&raw.value.equals, &raw.value.not) {
            (Some(text), None) => Test::Equals(self.template(&format!("{path}.equals"), text)?),
            (None, Some(text)) => Test::Not(self.template(&format!("{path}.not"), text)?),
            (Some(_), Some(_)) | (None, None) => {
                self.say(&path, &raw.referenced, "a requirement says either `equals` or `not`");
                return None;
            }
        };
        Some(Requirement { value: value?, test, if_present: raw.value.if_present })
    }

    pub(super) fn when(&mut self, text: &Text) -> Option<Source> {
        let (kind, place) = text.value.split_once(':').unwrap_or((&text.value, ""));
        match Source::new(kind, place) {
            Ok(source) if !source.in_body() => Some(self.rename(source)),
            Ok(_) => self.refuse("when", text, "an alternative is chosen by the head: the body is not there yet"),
            Err(why) => self.refuse("when", text, &why),
        }
    }
}
