//! A key as written in YAML, and what it means.

use std::sync::Arc;

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::date;
use super::findings::{Findings, Place};
use super::lint;
use super::node::{Node, Value};
use crate::sig::key::{Key, Window};
use crate::sig::secret::Secret;
use crate::sig::time::Moment;

/// A key as declared in YAML, in the configuration or in a key file. Checked when it is loaded, so that every mistake is told at once.
#[derive(Clone)]
pub struct Declared(pub(super) Node);

impl<'de> Deserialize<'de> for Declared {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Node::deserialize(deserializer).map(Self)
    }
}

/// Its settings.
pub(crate) const FIELDS: [&str; 11] = [
    "id",
    "principal",
    "secret",
    "secret_base64",
    "secret_hex",
    "not_before",
    "not_after",
    "created",
    "mode",
    "sign",
    "verify",
];
/// Whether a key is judged, or only told of.
pub(crate) const MODES: [&str; 2] = ["observe", "enforce"];
/// The settings of a window of its own.
pub(crate) const EDGES: [&str; 2] = ["from", "until"];
const DATE: &str = "write a date or a time with zone: 2026-11-22 or 2026-11-22T10:00:00Z";

/// The key that `declared` means, or `None` after saying why there is none.
pub(super) fn key(declared: &Node, place: &Place, findings: &mut Findings) -> Option<Key> {
    let before = findings.mistakes();

    let fields = Fields::of(declared, place, &FIELDS, findings)?;
    let id = fields.id(findings);
    let secret = fields.secret(id.as_deref().unwrap_or("?"), findings);
    let principal = fields.principal(findings);
    let outer = Window { from: fields.date("not_before", findings), until: fields.date("not_after", findings) };
    fields.ordered(outer, findings);
    let sign = fields.window("sign", outer, findings);
    let verify = fields.window("verify", outer, findings);
    let created = fields.date("created", findings);
    let observe = fields.observe(findings);
    if findings.mistakes() > before {
        return None;
    }
    let id = id?;
    Some(Key {
        principal: principal.unwrap_or_else(|| Arc::clone(&id)),
        id,
        secret: secret?,
        sign,
        verify,
        created,
        observe,
    })
}

/// Whether `principal` can be the value of a header: 1 to 256 printable ASCII characters without outer spaces.
pub(crate) fn principal_is_plain(principal: &str) -> bool {
    let printable = principal.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    (1..=256).contains(&principal.len()) && printable && principal.trim() == principal
}

/// Whether `id` can be a key id: 1 to 128 visible ASCII characters.
pub(crate) fn id_is_plain(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The fields of a mapping, each known and there once.
pub(super) struct Fields<'a> {
    fields: &'a [(String, Node)],
    pub(super) place: Place,
}

impl<'a> Fields<'a> {
    /// The fields of `node`, after saying which of them are unknown or repeated.
    pub(super) fn of(node: &'a Node, place: &Place, known: &[&str], findings: &mut Findings) -> Option<Self> {
        let Value::Map(fields) = &node.value else {
            let message = format!("expected a mapping, found {}", node.value.kind());
            findings.problem(place, message, &format!("write `name: value` lines; fields: {}", known.join(", ")));
            return None;
        };
        for (index, (name, node)) in fields.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let here = Place { at: node.at.or(place.at), ..place.clone() };
                findings.problem(&here, unknown(name), &format!("fields: {}", known.join(", ")));
            } else if fields.iter().take(index).any(|(earlier, _)| earlier == name) {
                findings.problem(&place.field(name, Some(node)), format!("`{name}` occurs twice"), "keep one of them");
            }
        }
        Some(Self { fields, place: place.clone() })
    }

    /// The value of `name`.
    pub(super) fn node(&self, name: &str) -> Option<&'a Node> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, node)| node)
    }

    /// Where `name` stands, or would stand.
    pub(super) fn at(&self, name: &str) -> Place {
        self.place.field(name, self.node(name))
    }

    fn text(&self, name: &str, findings: &mut Findings) -> Option<&'a Zeroizing<String>> {
        match &self.node(name)?.value {
            Value::Text(text) => Some(text),
            other => {
                findings.problem(&self.at(name), format!("expected text, found {}", other.kind()), "put it in quotes");
                None
            }
        }
    }

    fn id(&self, findings: &mut Findings) -> Option<Arc<str>> {
        if self.node("id").is_none() {
            findings.problem(&self.place, "a key has no `id`", "add `id:`, unique within the ring");
        }
        let id = self.text("id", findings)?;
        if !id_is_plain(id) {
            findings.problem(&self.at("id"), "not a key id", "use 1 to 128 visible ASCII characters");
            return None;
        }
        Some(id.as_str().into())
    }

    fn principal(&self, findings: &mut Findings) -> Option<Arc<str>> {
        let principal = self.text("principal", findings)?;
        if !principal_is_plain(principal) {
            let fix = "use 1 to 256 printable ASCII characters: it becomes a header value";
            findings.problem(&self.at("principal"), "not a principal", fix);
            return None;
        }
        Some(principal.as_str().into())
    }

    fn secret(&self, id: &str, findings: &mut Findings) -> Option<Secret> {
        let spellings = ["secret", "secret_base64", "secret_hex"];
        let mut given = spellings.into_iter().filter(|name| self.node(name).is_some());
        let Some(name) = given.next() else {
            let fix = "add one of secret, secret_base64, secret_hex";
            findings.problem(&self.place, format!("key `{id}` has no secret"), fix);
            return None;
        };
        if given.next().is_some() {
            findings.problem(&self.place, format!("key `{id}` has more than one secret"), "keep one spelling");
            return None;
        }
        let text = self.text(name, findings)?;
        let Some(bytes) = decode(name, text) else {
            let fix = "hex digits in pairs, or base64 with or without the URL alphabet; no spaces or line breaks";
            findings.problem(&self.at(name), format!("`{name}` is not in its encoding"), fix);
            return None;
        };
        lint::secret(&bytes, id, &self.at(name), findings);
        Some(Secret::new(bytes))
    }

    fn date(&self, name: &str, findings: &mut Findings) -> Option<Moment> {
        let moment = date::parse(self.text(name, findings)?);
        if moment.is_none() {
            findings.problem(&self.at(name), "not a date", DATE);
        }
        moment
    }

    /// A window of its own; an edge that is not given is the key's own.
    fn window(&self, name: &str, outer: Window, findings: &mut Findings) -> Window {
        let Some(node) = self.node(name) else { return outer };
        let Some(edges) = Fields::of(node, &self.at(name), &EDGES, findings) else { return outer };
        let from = edges.date("from", findings).or(outer.from);
        let until = edges.date("until", findings).or(outer.until);
        let window = Window { from, until };
        edges.ordered(window, findings);
        window
    }

    fn ordered(&self, window: Window, findings: &mut Findings) {
        if window.from.zip(window.until).is_some_and(|(from, until)| from >= until) {
            findings.problem(&self.place, "ends before it begins", "the end must be later than the beginning");
        }
    }

    fn observe(&self, findings: &mut Findings) -> bool {
        let Some(mode) = self.text("mode", findings) else { return false };
        if !MODES.contains(&mode.as_str()) {
            findings.problem(&self.at("mode"), "not a mode", "write enforce or observe");
        }
        mode.as_str() == "observe"
    }
}

/// A name that could be a misplaced secret is not repeated.
fn unknown(name: &str) -> String {
    let harmless = name.len() <= 24 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if harmless { format!("unknown field `{name}`") } else { "unknown field".to_owned() }
}

fn decode(name: &str, text: &str) -> Option<Vec<u8>> {
    match name {
        "secret_hex" => HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok(),
        "secret_base64" => {
            let bare = text.trim_end_matches('=').as_bytes();
            BASE64.decode(text.as_bytes()).or_else(|_| BASE64URL_NOPAD.decode(bare)).ok()
        }
        _ => Some(text.as_bytes().to_vec()),
    }
}
