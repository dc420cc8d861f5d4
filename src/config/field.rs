//! The shapes that the raw structs are made of: a value with its place, one or many, a short form.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::UsizeDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::de::De;
use super::mistake::Mistake;
use super::report::Spot;

/// Asks [`De`] for a value together with its place.
pub(super) const FIELD: &str = "countersign::Field";
/// Asks [`De`] to take a single value for a list of one.
pub(super) const MANY: &str = "countersign::Many";
/// Asks [`De`] to take text for a mapping with this field.
pub(super) const SHORT: &str = "countersign::Short:";

/// A value of the file that may be absent or wrong. Wrong is reported, and reading goes on.
#[derive(Clone, Debug)]
pub(crate) struct Field<T> {
    /// The value, if it was there and right.
    pub(crate) value: Option<T>,
    /// Where it stands, if it was there.
    pub(crate) spot: Option<Spot>,
}

impl<T> Default for Field<T> {
    fn default() -> Self {
        Self { value: None, spot: None }
    }
}

impl<T> Field<T> {
    /// Whether it was written, right or wrong.
    pub(crate) fn is_written(&self) -> bool {
        self.spot.is_some()
    }

    /// The value, if it was there and right.
    pub(crate) fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// The value and its place, if it was there and right.
    pub(crate) fn found(&self) -> Option<(&T, Spot)> {
        Some((self.value.as_ref()?, self.spot?))
    }

    /// Its place, or `otherwise`.
    pub(crate) fn spot_or(&self, otherwise: Spot) -> Spot {
        self.spot.unwrap_or(otherwise)
    }
}

impl<T> Field<Many<T>> {
    /// The values that are right, each with its place.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&T, Spot)> {
        self.value.iter().flat_map(Many::iter)
    }
}

impl<T: Clone> Field<T> {
    /// The value, or `otherwise`.
    pub(crate) fn or(&self, otherwise: T) -> T {
        self.value.clone().unwrap_or(otherwise)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = Field<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field<T>, A::Error> {
                let spot = match (seq.next_element()?, seq.next_element()?) {
                    (Some(file), Some(place)) => Some(Spot::unpack(file, place)),
                    _ => None,
                };
                Ok(Field { value: seq.next_element().ok().flatten(), spot })
            }
        }

        deserializer.deserialize_newtype_struct(FIELD, Reader(PhantomData))
    }
}

/// Hands a [`Field`] its place in two numbers, then its value.
pub(super) struct Access<'a> {
    de: De<'a>,
    step: u8,
}

impl<'a> Access<'a> {
    pub(super) fn new(de: De<'a>) -> Self {
        Self { de, step: 0 }
    }
}

impl<'de> SeqAccess<'de> for Access<'_> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mistake> {
        let (file, place) = self.de.node.spot.pack();
        let number = |number: usize| -> UsizeDeserializer<Mistake> { number.into_deserializer() };
        self.step = self.step.saturating_add(1);
        match self.step {
            1 => seed.deserialize(number(file)).map(Some),
            2 => seed.deserialize(number(place)).map(Some),
            3 => seed.deserialize(self.de).map(Some),
            _ => Ok(None),
        }
    }
}

/// A list whose wrong items are reported one by one.
pub(crate) type List<T> = Vec<Field<T>>;

/// A mapping from names to values, in the order of the file.
#[derive(Clone, Debug)]
pub(crate) struct Named<T>(pub(crate) Vec<(String, Field<T>)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping from names to settings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Named(entries))
            }
        }

        deserializer.deserialize_map(Reader(PhantomData))
    }
}

/// One value, or a list of them.
#[derive(Clone, Debug)]
pub(crate) struct Many<T>(pub(crate) List<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Many<T> {
    /// The values that are right.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&T, Spot)> {
        self.0.iter().filter_map(Field::found)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(MANY, Inner(PhantomData)).map(Self)
    }
}

/// What may be written as plain text instead of a mapping.
pub(crate) trait HasShort {
    /// [`SHORT`] and the field that the text stands for.
    const FORM: &'static str;
}

/// A mapping, or text that is short for one of its fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Short<T>(pub(crate) T);

impl<'de, T: Deserialize<'de> + HasShort> Deserialize<'de> for Short<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(T::FORM, Inner(PhantomData)).map(Self)
    }
}

struct Inner<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Inner<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::deserialize(deserializer)
    }
}
