//! From the tree to typed values without stopping at the first mistake: what is wrong is reported with its place, the rest is read on.

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};

use super::field;
use super::mistake::Mistake;
use super::report::Report;
use super::suggest;
use super::tree::{Entry, Node, Value};

/// Reads one node.
#[derive(Clone, Copy)]
pub(crate) struct De<'a> {
    pub(crate) node: &'a Node,
    pub(crate) report: &'a Report,
}

impl De<'_> {
    fn settle<T>(self, result: Result<T, Mistake>) -> Result<T, Mistake> {
        result.map_err(|mistake| {
            if let Mistake::Fresh { message, fix } = mistake {
                self.report.error(self.node.spot, &message, fix.as_deref());
            }
            Mistake::Reported
        })
    }

    fn any<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Unsigned(value) => visitor.visit_u64(*value),
            Value::Signed(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_str(text),
            Value::List(items) => visitor.visit_seq(Items { rest: items.iter(), report: self.report }),
            Value::Map(entries) => visitor.visit_map(Entries::new(entries, None, self.report)),
        }
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Text(text) if self.node.resolved => match text.parse::<u64>() {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => Err(de::Error::invalid_type(Unexpected::Other("text"), &visitor)),
            },
            _ => self.any(visitor),
        }
    }

    fn boolean<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Text(text) if self.node.resolved && text == "true" => visitor.visit_bool(true),
            Value::Text(text) if self.node.resolved && text == "false" => visitor.visit_bool(false),
            Value::Text(text)
                if matches!(text.to_ascii_lowercase().as_str(), "yes" | "no" | "on" | "off" | "true" | "false") =>
            {
                Err(de::Error::custom("expected `true` or `false`, unquoted"))
            }
            _ => self.any(visitor),
        }
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Unsigned(_) | Value::Signed(_) | Value::Float(_) | Value::Bool(_) => Err(Mistake::Fresh {
                message: "expected text, but YAML reads this as a number or a boolean".to_owned(),
                fix: Some("put it in quotes".to_owned()),
            }),
            _ => self.any(visitor),
        }
    }

    fn wrapped<'de, V: Visitor<'de>>(self, name: &str, visitor: V) -> Result<V::Value, Mistake> {
        if name == field::FIELD {
            return visitor.visit_seq(field::Access::new(self));
        }
        let wrap = |value| Node { spot: self.node.spot, value, resolved: self.node.resolved };
        let inner = || self.node.clone();
        let node = match (&self.node.value, name.strip_prefix(field::SHORT)) {
            (Value::Text(_) | Value::Bool(_), Some(key)) => {
                wrap(Value::Map(vec![Entry { key: key.to_owned(), node: inner() }]))
            }
            (Value::List(_) | Value::Null, None) if name == field::MANY => return visitor.visit_newtype_struct(self),
            (_, None) if name == field::MANY => wrap(Value::List(vec![inner()])),
            _ => return visitor.visit_newtype_struct(self),
        };
        visitor.visit_newtype_struct(De { node: &node, report: self.report })
    }
}

macro_rules! through {
    ($($method:ident => $how:ident),+ $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
            self.settle(self.$how(visitor))
        }
    )+};
}

impl<'de> Deserializer<'de> for De<'_> {
    type Error = Mistake;

    through! {
        deserialize_any => any, deserialize_bool => boolean,
        deserialize_u8 => number, deserialize_u16 => number, deserialize_u32 => number, deserialize_u64 => number,
        deserialize_u128 => number, deserialize_i8 => number, deserialize_i16 => number, deserialize_i32 => number,
        deserialize_i64 => number, deserialize_i128 => number, deserialize_f32 => number, deserialize_f64 => number,
        deserialize_char => text, deserialize_str => text, deserialize_string => text, deserialize_identifier => text,
        deserialize_bytes => text, deserialize_byte_buf => text, deserialize_unit => any, deserialize_seq => any,
        deserialize_map => any,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let result =
            if matches!(self.node.value, Value::Null) { visitor.visit_none() } else { visitor.visit_some(self) };
        self.settle(result)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Mistake> {
        self.settle(self.any(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Mistake> {
        self.settle(self.wrapped(name, visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mistake> {
        self.settle(self.any(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        self.settle(self.any(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let result = match &self.node.value {
            Value::Map(entries) => visitor.visit_map(Entries::new(entries, Some(fields), self.report)),
            Value::List(_) => Err(de::Error::invalid_type(Unexpected::Seq, &"a mapping")),
            _ => self.any(visitor),
        };
        self.settle(result)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let result = match &self.node.value {
            Value::Text(name) => visitor.visit_enum(name.as_str().into_deserializer()),
            Value::Map(entries) => match entries.as_slice() {
                [one] => visitor.visit_enum(One { entry: one, report: self.report }),
                _ => Err(de::Error::custom(format!("expected one of: {}", variants.join(", ")))),
            },
            Value::Bool(false) if variants.contains(&"off") => Err(de::Error::custom("write `off`, not `false`")),
            _ => Err(de::Error::custom(format!("expected one of: {}", variants.join(", ")))),
        };
        self.settle(result)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_unit()
    }
}

struct Items<'a> {
    rest: std::slice::Iter<'a, Node>,
    report: &'a Report,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mistake> {
        let report = self.report;
        self.rest.next().map(|node| seed.deserialize(De { node, report })).transpose()
    }
}

/// The entries of a mapping; with `fields`, others are reported and passed over.
struct Entries<'a> {
    rest: std::slice::Iter<'a, Entry>,
    fields: Option<&'static [&'static str]>,
    value: Option<&'a Node>,
    report: &'a Report,
}

impl<'a> Entries<'a> {
    fn new(entries: &'a [Entry], fields: Option<&'static [&'static str]>, report: &'a Report) -> Self {
        Self { rest: entries.iter(), fields, value: None, report }
    }

    fn next_known(&mut self) -> Option<&'a Entry> {
        loop {
            let entry = self.rest.next()?;
            match self.fields {
                Some(fields) if !fields.contains(&entry.key.as_str()) => {
                    let fix = suggest::fix(&entry.key, fields.iter().copied());
                    self.report.error_at_key(
                        entry.node.spot,
                        &format!("unknown field {}", suggest::quoted(&entry.key)),
                        fix.as_deref(),
                    );
                }
                _ => return Some(entry),
            }
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mistake> {
        let Some(entry) = self.next_known() else { return Ok(None) };
        self.value = Some(&entry.node);
        let key: StrDeserializer<'_, Mistake> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        let node = self.value.take().ok_or_else(|| <Mistake as de::Error>::custom("a value without a key"))?;
        seed.deserialize(De { node, report: self.report })
    }
}

/// `{variant: content}`.
struct One<'a> {
    entry: &'a Entry,
    report: &'a Report,
}

impl<'de, 'a> EnumAccess<'de> for One<'a> {
    type Error = Mistake;
    type Variant = De<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, De<'a>), Mistake> {
        let key: StrDeserializer<'_, Mistake> = self.entry.key.as_str().into_deserializer();
        Ok((seed.deserialize(key)?, De { node: &self.entry.node, report: self.report }))
    }
}

impl<'de> VariantAccess<'de> for De<'_> {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        self.settle(Err(de::Error::custom("this takes no settings")))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Mistake> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mistake> {
        self.settle(self.any(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_struct("", fields, visitor)
    }
}
