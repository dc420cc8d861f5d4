//! Mappings of the configuration are read into what holds when nothing is written.
//!
//! serde's derive keeps every field of a mapping apart until the last was read, and on each way out drops those that it has: for what is read here that is a fifth
//! of a megabyte of code that a request never passes through.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// The name of a field, as written.
pub(crate) struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl Visitor<'_> for Reader {
            type Value = Name;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("field identifier")
            }

            fn visit_str<E>(self, name: &str) -> Result<Name, E> {
                Ok(Name(name.to_owned()))
            }
        }

        deserializer.deserialize_identifier(Reader)
    }
}

/// How a struct is read whose fields all have a default.
macro_rules! read {
    ($name:ident { $($key:expr => $field:ident,)* }) => {
        impl<'de> serde::de::Deserialize<'de> for $name {
            fn deserialize<D: serde::de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                const FIELDS: &[&str] = &[$($key),*];
                struct Reader;

                impl<'de> serde::de::Visitor<'de> for Reader {
                    type Value = $name;

                    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        out.write_str(concat!("struct ", stringify!($name)))
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        let (mut read, mut seen) = ($name::default(), Vec::new());
                        while let Some(name) = map.next_key()? {
                            let known = $crate::config::raw::mapping::known(name, FIELDS, &mut seen)?;
                            $(if known == $key {
                                read.$field = map.next_value()?;
                            })*
                        }
                        Ok(read)
                    }
                }

                deserializer.deserialize_struct(stringify!($name), FIELDS, Reader)
            }
        }
    };
}

/// Structs whose fields all have a default, and how they are read.
macro_rules! mapping {
    ($(
        $(#[doc = $doc:literal])*
        pub(crate) struct $name:ident {
            $($(#[serde(rename = $key:literal)])? pub(crate) $field:ident: $kind:ty,)*
        }
    )+) => {$(
        $(#[doc = $doc])*
        #[derive(Default)]
        pub(crate) struct $name {
            $(pub(crate) $field: $kind,)*
        }

        $crate::config::raw::mapping::read! {
            $name { $(mapping!(@name $field $($key)?) => $field,)* }
        }
    )+};
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $key:literal) => { $key };
}

pub(crate) use {mapping, read};

/// The field of this name, which has not come before.
pub(crate) fn known<E: de::Error>(
    Name(name): Name,
    fields: &'static [&'static str],
    seen: &mut Vec<&'static str>,
) -> Result<&'static str, E> {
    let known = fields.iter().copied().find(|known| *known == name);
    let known = known.ok_or_else(|| E::unknown_field(&name, fields))?;
    if seen.contains(&known) {
        return Err(E::duplicate_field(known));
    }
    seen.push(known);
    Ok(known)
}
