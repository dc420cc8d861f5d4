//! What a key file means before and after a change: the text is only trusted where both agree.

use zeroize::Zeroizing;

use super::Change;
use crate::keys::date;
use crate::keys::node::{Node, Value};

/// The keys of a key file.
pub(super) fn keys(root: &Node) -> &[Node] {
    match field(root, "keys").map(|node| &node.value) {
        Some(Value::List(keys)) => keys,
        _ => &[],
    }
}

/// The id of a key.
pub(super) fn id(key: &Node) -> Option<&str> {
    text(field(key, "id")?)
}

/// A field of a mapping.
pub(super) fn field<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    fields(node)?.iter().find(|(field, _)| field == name).map(|(_, node)| node)
}

/// The fields of a mapping.
pub(super) fn fields(node: &Node) -> Option<&[(String, Node)]> {
    match &node.value {
        Value::Map(fields) => Some(fields),
        Value::Text(_) | Value::Number(_) | Value::List(_) | Value::Other(_) => None,
    }
}

fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text(text) => Some(text),
        Value::Number(_) | Value::List(_) | Value::Map(_) | Value::Other(_) => None,
    }
}

/// What `root` means after `change`; of a key that is added only that there is one more, with this id.
pub(super) fn changed(root: &Node, change: &Change) -> Option<Node> {
    let mut root = root.clone();
    let Value::Map(fields) = &mut root.value else { return None };
    let list = fields.iter_mut().find(|(name, _)| name == "keys").map(|(_, node)| &mut node.value);
    let Some(Value::List(keys)) = list else { return None };
    match change {
        Change::Add(_) => {}
        Change::Remove { id: gone } => keys.retain(|key| id(key) != Some(gone)),
        Change::Until { id: named, sign, verify } => {
            let key = keys.iter_mut().find(|key| id(key) == Some(named))?;
            for (name, moment) in [("sign", sign), ("verify", verify)] {
                if let Some(moment) = moment {
                    let window = within(key, name, || Value::Map(Vec::new()))?;
                    within(window, "until", || Value::Other(""))?.value =
                        Value::Text(Zeroizing::new(date::written(*moment)));
                }
            }
        }
    }
    Some(root)
}

/// The field of a mapping, made where it is not there.
fn within<'a>(node: &'a mut Node, name: &str, make: impl FnOnce() -> Value) -> Option<&'a mut Node> {
    let Value::Map(fields) = &mut node.value else { return None };
    let place = fields.iter().position(|(field, _)| field == name);
    let place = place.unwrap_or_else(|| {
        fields.push((name.to_owned(), Node { at: None, value: make() }));
        fields.len().saturating_sub(1)
    });
    fields.get_mut(place).map(|(_, node)| node)
}

/// Whether `after` is `before` with the last key of it added, which is `added`.
pub(super) fn is_added(before: &Node, after: &Node, added: &str) -> bool {
    let mut without = after.clone();
    let Value::Map(fields) = &mut without.value else { return false };
    let list = fields.iter_mut().find(|(name, _)| name == "keys").map(|(_, node)| &mut node.value);
    let Some(Value::List(keys)) = list else { return false };
    let newest = keys.pop();
    newest.is_some_and(|key| id(&key) == Some(added)) && same(before, &without)
}

/// Whether both mean the same, wherever it stands and in whatever order the fields are.
pub(super) fn same(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Text(one), Value::Text(other)) => one == other,
        (Value::Number(one), Value::Number(other)) => one == other,
        (Value::Other(one), Value::Other(other)) => one == other,
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Map(one), Value::Map(other)) => {
            let known = |(name, node): &(String, Node)| {
                other.iter().find(|(known, _)| known == name).is_some_and(|(_, known)| same(node, known))
            };
            one.len() == other.len() && one.iter().all(known)
        }
        _ => false,
    }
}
