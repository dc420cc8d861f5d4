//! Finds out which settings a type reads: it is deserialised from nothing, and everything that it asks for is written down as JSON Schema.

mod parts;

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Expected, Visitor};
use serde_json::{Error, Value, json};

use super::words;
use crate::config::field::{FIELD, MANY, SHORT};
use parts::{Entries, Parts, Placed, Variant};

/// Stands for every key that a mapping from names may have.
const ANY_NAME: &str = "any name";

/// Schemas by name.
type Schemas = serde_json::Map<String, Value>;

/// What was found out so far.
#[derive(Default)]
pub(super) struct Found {
    /// The schema of every mapping with fields.
    pub(super) definitions: RefCell<BTreeMap<String, Value>>,
    /// Which fields a definition of this name has.
    fields: RefCell<BTreeMap<String, &'static [&'static str]>>,
    /// Mappings that are being read, outermost first.
    open: RefCell<Vec<String>>,
    /// What each variant of an enum takes. One is found out in each turn.
    variants: RefCell<BTreeMap<Vec<&'static str>, Vec<Option<Value>>>>,
}

/// The schema of `T`; the mappings within are definitions.
pub(super) fn trace<T: for<'de> Deserialize<'de>>() -> (Value, BTreeMap<String, Value>) {
    let found = Found::default();
    loop {
        let slot = RefCell::default();
        T::deserialize(Tracer { slot: &slot, found: &found }).map(drop).unwrap();
        if found.variants.borrow().values().flatten().all(Option::is_some) {
            return (slot.into_inner(), found.definitions.into_inner());
        }
    }
}

/// Writes into its slot what it is asked for.
#[derive(Clone, Copy)]
pub(super) struct Tracer<'a> {
    pub(super) slot: &'a RefCell<Value>,
    pub(super) found: &'a Found,
}

impl Tracer<'_> {
    fn says(self, schema: Value) {
        *self.slot.borrow_mut() = schema;
    }

    /// Reads a value, and returns its schema with it.
    fn within<'de, S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Value), Error> {
        let slot = RefCell::default();
        let value = seed.deserialize(Tracer { slot: &slot, found: self.found })?;
        Ok((value, slot.into_inner()))
    }

    /// The name under which a mapping with these fields is defined. Of several types of one name, each is called after where it stands.
    fn name(self, name: &str, fields: &'static [&'static str]) -> String {
        let mut known = self.found.fields.borrow_mut();
        let mut name = name.trim_start_matches("Raw").to_lowercase();
        let mut open = self.found.open.borrow().clone();
        while known.get(&name).is_some_and(|others| *others != fields) {
            name = format!("{}_{name}", open.pop().unwrap_or_else(|| "other".to_owned()));
        }
        known.insert(name.clone(), fields);
        name
    }

    /// Reads a mapping with these keys, and returns the schema of each value with it.
    fn entries<'de, V: Visitor<'de>>(self, visitor: V, keys: Vec<String>) -> Result<(V::Value, Schemas), Error> {
        let found = RefCell::default();
        let value = visitor.visit_map(Entries::new(self, keys, &found))?;
        Ok((value, found.into_inner()))
    }

    fn words<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.says(json!({"type": "string"}));
        visitor.visit_str("")
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.says(words::named("number"));
        visitor.visit_u64(0)
    }
}

/// What a reader says that it expects.
fn asked(expected: &dyn Expected) -> String {
    expected.to_string()
}

macro_rules! as_well {
    ($($method:ident => $how:ident),+ $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.$how(visitor)
        }
    )+};
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Error;

    as_well! {
        deserialize_u8 => number, deserialize_u16 => number, deserialize_u32 => number, deserialize_u64 => number,
        deserialize_str => words, deserialize_string => words, deserialize_identifier => words, deserialize_char => words,
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u128 f32 f64 bytes byte_buf unit unit_struct tuple tuple_struct ignored_any
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.says(words::named("switch"));
        visitor.visit_bool(false)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let expected = asked(&visitor);
        if expected.contains("span-aware") {
            return visitor.visit_map(Placed { tracer: self, step: 0 });
        }
        let (schema, example) = words::known(&expected);
        self.says(schema);
        example.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        if name == FIELD {
            return visitor.visit_seq(Parts { tracer: self, step: 0 });
        }
        let value = visitor.visit_newtype_struct(self)?;
        let schema = self.slot.take();
        self.says(match name.strip_prefix(SHORT) {
            Some(key) => {
                let mapping = schema["$ref"].as_str().unwrap();
                let short = json!({"$ref": format!("{mapping}/properties/{key}")});
                words::any([schema, short])
            }
            None if name == MANY => words::any([schema["items"].clone(), schema]),
            None => schema,
        });
        Ok(value)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.says(json!({"type": "array", "items": {}}));
        visitor.visit_seq(Parts { tracer: self, step: 3 })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let expected = asked(&visitor);
        let quoted = expected.split('`').skip(1).step_by(2);
        let own = quoted.filter_map(|name| name.strip_suffix(':')).map(str::to_owned);
        let (value, mut properties) = self.entries(visitor, own.chain([ANY_NAME.to_owned()]).collect())?;
        let others = properties.remove(ANY_NAME);
        self.says(json!({"type": "object", "properties": properties, "additionalProperties": others}));
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let name = self.name(name, fields);
        self.says(words::named(&name));
        let around = self.found.open.borrow().contains(&name);
        let keys: Vec<String> = fields.iter().filter(|_| !around).map(|field| (*field).to_owned()).collect();
        self.found.open.borrow_mut().push(name.clone());
        let (value, properties) = self.entries(visitor, keys)?;
        self.found.open.borrow_mut().pop();
        if !around {
            let schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
            self.found.definitions.borrow_mut().insert(name, schema);
        }
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let found =
            || self.found.variants.borrow().get(variants).cloned().unwrap_or_else(|| vec![None; variants.len()]);
        let next = found().iter().position(Option::is_none).unwrap_or_default();
        let value = visitor.visit_enum(Variant { tracer: self, name: variants[next] })?;
        let mut all = found();
        all[next] = Some(self.slot.take());
        self.says(words::one_of(all.iter().flatten()));
        self.found.variants.borrow_mut().insert(variants.to_vec(), all);
        Ok(value)
    }
}
