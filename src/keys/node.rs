//! A small tree of YAML with places, read leniently so that every mistake in it can be told at once.

use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;
use zeroize::Zeroizing;

/// A value and where it stands: line and column from 1, where known.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) at: Option<(u32, u32)>,
    pub(super) value: Value,
}

/// What stands there. Text may be a secret: it has no `Debug` and is wiped on drop.
#[derive(Clone)]
pub(super) enum Value {
    Text(Zeroizing<String>),
    Number(i64),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    /// Something that no field of ours takes.
    Other(&'static str),
}

impl Value {
    /// What it is, for a message. Never the value itself.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Number(_) => "a number",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
            Self::Other(kind) => kind,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        let place = |number: u64| u32::try_from(number).ok().filter(|number| *number > 0);
        let at = place(spanned.referenced.line()).zip(place(spanned.referenced.column()));
        Ok(Self { at, value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree(PhantomData::<Node>))
    }
}

/// A value of a format that does not say where it stands.
pub(super) struct Unplaced(pub(super) Node);

impl<'de> Deserialize<'de> for Unplaced {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(Tree(PhantomData::<Self>))?;
        Ok(Self(Node { at: None, value }))
    }
}

impl From<Unplaced> for Node {
    fn from(Unplaced(node): Unplaced) -> Self {
        node
    }
}

/// As what `serde_json` passes on a number whose digits it keeps.
const JSON_NUMBER: &str = "$serde_json::private::Number";

/// A tree whose values are read as `N`.
struct Tree<N>(PhantomData<N>);

impl<'de, N: Deserialize<'de> + Into<Node>> Visitor<'de> for Tree<N> {
    type Value = Value;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a YAML value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(Zeroizing::new(text)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Other("a large number"), Value::Number))
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<Value, E> {
        Ok(Value::Other("a large number"))
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<Value, E> {
        Ok(Value::Other("a large number"))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other("a number with a fraction"))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other("a truth value"))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Other("nothing"))
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Other("nothing"))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Value, E> {
        Ok(Value::Other("binary data"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<N>()? {
            list.push(item.into());
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(name) = fields.next_key::<String>()? {
            let value = fields.next_value::<N>()?.into();
            if name == JSON_NUMBER {
                return Ok(Value::Other("a number"));
            }
            map.push((name, value));
        }
        Ok(Value::Map(map))
    }
}
