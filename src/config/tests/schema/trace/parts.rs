//! What a type reads from while it is traced: lists, mappings and variants that hold one of everything.

use std::cell::RefCell;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde_json::{Error, json};

use super::{Schemas, Tracer};

/// As `Spanned` marks that its place comes with it.
const PLACED: &str = "__serde_saphyr_private_spanned";

/// The steps of a [`Field`]: two numbers for its place, its value. From the third on: a list with one item.
pub(super) struct Parts<'a> {
    pub(super) tracer: Tracer<'a>,
    pub(super) step: u8,
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.step = self.step.saturating_add(1);
        match self.step {
            1 | 2 => seed.deserialize(json!(0)).map(Some),
            3 => seed.deserialize(self.tracer).map(Some),
            4 => {
                let (value, items) = self.tracer.within(seed)?;
                self.tracer.slot.borrow_mut()["items"] = items;
                Ok(Some(value))
            }
            _ => Ok(None),
        }
    }
}

/// A value between the two halves of its place.
pub(super) struct Placed<'a> {
    pub(super) tracer: Tracer<'a>,
    pub(super) step: usize,
}

impl<'de> MapAccess<'de> for Placed<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let key = [PLACED, "value", "referenced", "defined"].get(self.step);
        self.step = self.step.saturating_add(1);
        key.map(|key| seed.deserialize(json!(key))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        if self.step == 2 { seed.deserialize(self.tracer) } else { seed.deserialize(json!({"line": 1, "column": 1})) }
    }
}

/// The entries of a mapping, and the schema of each.
pub(super) struct Entries<'a> {
    tracer: Tracer<'a>,
    rest: std::vec::IntoIter<String>,
    key: String,
    found: &'a RefCell<Schemas>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(tracer: Tracer<'a>, keys: Vec<String>, found: &'a RefCell<Schemas>) -> Self {
        Self { tracer, rest: keys.into_iter(), key: String::new(), found }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(key) = self.rest.next() else { return Ok(None) };
        self.key.clone_from(&key);
        seed.deserialize(json!(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (value, schema) = self.tracer.within(seed)?;
        self.found.borrow_mut().insert(self.key.clone(), schema);
        Ok(value)
    }
}

/// One variant of an enum.
pub(super) struct Variant<'a> {
    pub(super) tracer: Tracer<'a>,
    pub(super) name: &'static str,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let name: StrDeserializer<'_, Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        self.tracer.says(json!(self.name));
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        let (value, schema) = self.tracer.within(seed)?;
        self.tracer.says(json!({"type": "object", "properties": {self.name: schema}, "additionalProperties": false}));
        Ok(value)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        unreachable!("no setting has such a form")
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Error> {
        unreachable!("no setting has such a form")
    }
}
