//! The serde side of a scheme: mirrors docs/schemes.md field by field.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;

use super::super::raw::mapping::read;
use super::{Overrides, natives};

/// Text with its place in the file.
pub(super) type Text = Spanned<String>;

/// The value under `schemes.<name>`.
#[derive(Clone, Default)]
pub struct Declaration {
    pub(super) algorithm: Option<Text>,
    pub(super) mac: Option<Text>,
    pub(super) key: Option<RawKey>,
    pub(super) settings: Ordered<String>,
    pub(super) params: Option<Spanned<RawParams>>,
    pub(super) signature: Option<Spanned<RawSignature>>,
    pub(super) signatures: Vec<Spanned<RawSignature>>,
    pub(super) timestamp: Option<Spanned<RawTimestamp>>,
    pub(super) nonce: Option<Spanned<RawNonce>>,
    pub(super) key_id: Option<Spanned<RawKeyId>>,
    pub(super) digest: Option<Spanned<RawDigest>>,
    pub(super) signed_headers: Option<Spanned<RawSignedHeaders>>,
    pub(super) lets: Ordered<Text>,
    pub(super) require: Vec<Spanned<RawRequire>>,
    pub(super) when: Vec<Text>,
    pub(super) message: Option<Spanned<OneOrMany>>,
    pub(super) jwt: Option<natives::RawJwt>,
    pub(super) oauth1: Option<natives::RawOauth1>,
    pub(super) challenge: Option<Spanned<RawChallenge>>,
    pub(super) any_of: Vec<Declaration>,
    pub(super) rfc9421: Option<natives::rfc9421::RawRfc9421>,
    pub(super) aws_sigv4: Option<natives::aws_sigv4::RawAwsSigV4>,
    pub(super) legacy: Ordered<RawLegacy>,
    pub(super) overrides: Overrides,
    /// The doors of `legacy` that are open in this copy.
    pub(super) opened: Vec<String>,
}

read! {
    Declaration {
        "algorithm" => algorithm, "mac" => mac, "key" => key, "settings" => settings, "params" => params,
        "signature" => signature, "signatures" => signatures, "timestamp" => timestamp, "nonce" => nonce,
        "key_id" => key_id, "digest" => digest, "signed_headers" => signed_headers, "let" => lets,
        "require" => require, "when" => when, "message" => message, "jwt" => jwt, "oauth1" => oauth1,
        "challenge" => challenge, "any_of" => any_of, "rfc9421" => rfc9421, "aws_sigv4" => aws_sigv4,
        "legacy" => legacy,
    }
}

impl Declaration {
    /// A copy with a route's changes.
    #[must_use]
    pub fn with(&self, overrides: Overrides) -> Self {
        let any_of = self.any_of.iter().map(|member| member.with(overrides.clone())).collect();
        Self { any_of, overrides, ..self.clone() }
    }

    /// Its settings, in order.
    pub(in crate::config) fn settings(self) -> Vec<(String, String)> {
        self.settings.0
    }

    /// The messages, each with its place.
    pub(super) fn messages(&self) -> Vec<Text> {
        let Some(message) = &self.message else { return Vec::new() };
        let placed = |text: &Text| match text.referenced.line() {
            0 => Spanned::new(text.value.clone(), message.referenced, message.defined),
            _ => text.clone(),
        };
        message.value.0.iter().map(placed).collect()
    }
}

#[derive(Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKey {
    pub(super) encoding: Option<Text>,
    pub(super) strip_prefix: Option<String>,
    pub(super) derive: Option<RawDerive>,
}

#[derive(Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDerive {
    pub(super) algorithm: Text,
    pub(super) message: Text,
}

/// The places of docs/schemes.md; exactly one is set.
pub(super) trait Placed {
    fn places(&self) -> [(&'static str, Option<&str>); 7];
}

macro_rules! placed {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Default)]
        pub(super) struct $name {
            header: Option<String>,
            query: Option<String>,
            cookie: Option<String>,
            param: Option<String>,
            form: Option<String>,
            json: Option<String>,
            from: Option<String>,
            $(pub(super) $field: $type,)*
        }

        read! { $name {
            "header" => header, "query" => query, "cookie" => cookie, "param" => param, "form" => form, "json" => json,
            "from" => from, $(stringify!($field) => $field,)*
        } }

        impl Placed for $name {
            fn places(&self) -> [(&'static str, Option<&str>); 7] {
                [
                    ("header", self.header.as_deref()),
                    ("query", self.query.as_deref()),
                    ("cookie", self.cookie.as_deref()),
                    ("param", self.param.as_deref()),
                    ("form", self.form.as_deref()),
                    ("json", self.json.as_deref()),
                    ("from", self.from.as_deref()),
                ]
            }
        }
    };
}

placed! { RawParams {
    scheme: Option<String>,
    separator: Option<String>,
    quoted: bool,
    trim: bool,
    repeat: Vec<String>,
    names: Vec<String>,
    order: Vec<String>,
    fixed: Ordered<String>,
} }

placed! { RawSignature {
    list: Option<String>,
    trim: bool,
    prefix: Option<String>,
    encoding: Option<Text>,
    any_case: bool,
    key: Option<String>,
} }

placed! { RawTimestamp {
    format: Option<Text>,
    past: Option<Text>,
    future: Option<Text>,
    expiry: bool,
} }

placed! { RawNonce {
    format: Option<Text>,
    prefix: Option<String>,
} }

placed! { RawKeyId {
    optional: bool,
} }

placed! { RawDigest {
    prefix: Option<String>,
    algorithm: Option<Text>,
    encoding: Option<Text>,
    when: Option<Text>,
} }

placed! { RawSignedHeaders {
    separator: Option<String>,
    default: Vec<String>,
    sign: Vec<String>,
    require: Vec<String>,
    line: Option<Text>,
    join: Option<String>,
    end: Option<String>,
    special: Ordered<Text>,
    absent: Option<RawAbsent>,
} }

#[derive(Clone, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawAbsent {
    Refuse,
    Skip,
    Line(Text),
}

#[derive(Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRequire {
    pub(super) value: Text,
    pub(super) equals: Option<Text>,
    pub(super) not: Option<Text>,
    #[serde(default)]
    pub(super) if_present: bool,
}

#[derive(Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChallenge {
    pub(super) unsigned: Option<Text>,
    #[serde(default)]
    pub(super) when: Ordered<Text>,
    pub(super) token: Option<Text>,
    pub(super) value: Text,
    pub(super) answer: Option<Text>,
    #[serde(rename = "type")]
    pub(super) media_type: Option<Text>,
}

/// What changes when a route opens this door.
#[derive(Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLegacy {
    #[serde(default)]
    pub(super) unsigned: Vec<String>,
    #[serde(default)]
    pub(super) special: Ordered<Text>,
    pub(super) digest: Option<Text>,
    pub(super) require: Option<Vec<Spanned<RawRequire>>>,
    #[serde(default)]
    pub(super) algorithms: Vec<Text>,
}

/// One template, or several of which any may match.
#[derive(Clone)]
pub(super) struct OneOrMany(pub(super) Vec<Text>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = OneOrMany;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a template or a list of templates")
            }
            fn visit_str<E>(self, text: &str) -> Result<OneOrMany, E> {
                let nowhere = serde_yaml::Location::UNKNOWN;
                Ok(OneOrMany(vec![Spanned::new(text.to_owned(), nowhere, nowhere)]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany, A::Error> {
                let mut all = Vec::new();
                while let Some(text) = seq.next_element()? {
                    all.push(text);
                }
                Ok(OneOrMany(all))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A mapping in the order of the file.
#[derive(Clone)]
pub(super) struct Ordered<V>(pub(super) Vec<(String, V)>);

impl<V> Default for Ordered<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Ordered<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Entries<V> {
            type Value = Ordered<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<V>, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    all.push(entry);
                }
                Ok(Ordered(all))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}
