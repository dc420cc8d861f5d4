//! How a declaration is asked for, how long its signatures say they hold, and which bodies it is made for.

use std::time::Duration;

use super::analysis::{side_templates, sources};
use super::parts::Declared;
use crate::sig::filter::Filter;
use crate::sig::ring::Primitive;
use crate::sig::scheme::Stated;
use crate::sig::stamp::Bounds;
use crate::sig::template::{Input, Source, Template, Value};

impl Declared {
    /// An expiry says itself when the signature ends; every other stamp says when it was made.
    pub(in crate::sig) fn stated(&self) -> Stated {
        match self.parts.timestamp.as_ref().map(|field| field.bounds) {
            Some(Bounds { expiry: true, future: life, .. }) => {
                Stated::Within { life, option: "future", window: (Duration::ZERO, Duration::ZERO) }
            }
            Some(_) | None => Stated::Never,
        }
    }

    /// The authentication scheme by which a refusal asks for it.
    pub(in crate::sig) fn asked_as(&self) -> &'static str {
        match self.parts.primitive {
            Primitive::Hmac(_) | Primitive::Hash(_) | Primitive::Derived(_) => "HMAC",
            Primitive::Public(_) => "Signature",
            Primitive::Token if self.bears() => "Bearer",
            Primitive::Token => "Token",
        }
    }

    /// Whether the token stands where RFC 6750 puts it.
    fn bears(&self) -> bool {
        self.parts.signatures.iter().any(|field| {
            field.source.headers().iter().any(|name| name == "authorization")
                && field.prefix.eq_ignore_ascii_case(b"bearer ")
        })
    }

    /// Whether the fields of a form are signed, and not the body as it is.
    pub(in crate::sig) fn signs_forms(&self) -> bool {
        let templates = side_templates(&self.parts).into_iter().chain(&self.parts.messages);
        let by_filter = templates.flat_map(Template::values).any(takes_fields);
        by_filter || sources(&self.parts).iter().any(|source| matches!(source, Source::Form(_)))
    }
}

fn takes_fields(value: &Value) -> bool {
    let of_fields = |filter: &Filter| {
        matches!(
            filter,
            Filter::Without(_) | Filter::Sorted | Filter::SortedEncoded | Filter::SortedConcat | Filter::SortedConcatEq
        )
    };
    value.input == Input::Body && value.filters.iter().any(of_fields)
}
