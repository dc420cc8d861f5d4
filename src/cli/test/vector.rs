//! A line of a vector file, read strictly: a field that is not known is a mistake, not something to pass over.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::sig::encoding::Encoding;

/// The scheme of lines that hold no request, but the MAC primitive alone.
const PRIMITIVE: &str = "hmac-primitive";

/// Longest repeated body.
const LONGEST: usize = 64 << 20;

/// What a line holds.
pub(super) enum Line {
    /// A request and its verdict.
    Request(Box<Vector>),
    /// A key, data and their MACs.
    Primitive(Box<Primitive>),
}

/// A request and its verdict.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Vector {
    #[serde(default)]
    pub(super) scheme: Option<String>,
    #[serde(default)]
    pub(super) case: String,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    body_b64: Option<String>,
    body_repeat: Option<Repeat>,
    pub(super) keys: Vec<KeyLine>,
    pub(super) now: i64,
    pub(super) valid: bool,
    pub(super) reason: Option<String>,
    #[serde(default)]
    pub(super) level: Level,
    pub(super) base_url: Option<String>,
    #[serde(default)]
    pub(super) config: Option<Map<String, Value>>,
    pub(super) tolerance: Option<u64>,
    #[serde(default, rename = "made_by")]
    _made_by: Option<IgnoredAny>,
    #[serde(default, rename = "set")]
    _set: Option<IgnoredAny>,
}

/// A body too long to be written out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeat {
    b64: String,
    times: usize,
}

/// A key that is active.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyLine {
    pub(super) id: String,
    /// As an operator would configure it.
    pub(super) secret: Option<String>,
    /// The key bytes themselves.
    pub(super) secret_b64: Option<String>,
}

/// Whether the verdict is the only right one.
#[derive(Clone, Copy, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// Security or interoperability.
    #[default]
    Must,
    /// A verifier can choose differently.
    May,
}

/// A key, data and their MACs in hex. SHA-224 is no algorithm of ours and is not looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Primitive {
    #[serde(rename = "scheme")]
    _scheme: String,
    pub(super) case: String,
    pub(super) key_b64: String,
    pub(super) data_b64: String,
    pub(super) sha1: String,
    #[serde(default, rename = "sha224")]
    _sha224: Option<IgnoredAny>,
    pub(super) sha256: String,
    pub(super) sha384: String,
    pub(super) sha512: String,
    #[serde(default)]
    pub(super) truncated_to_128: bool,
    #[serde(default, rename = "made_by")]
    _made_by: Option<IgnoredAny>,
}

impl Line {
    /// The line, or what is wrong with it.
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Kind {
            scheme: Option<String>,
        }
        let kind: Kind = serde_json::from_str(line).map_err(unread)?;
        if kind.scheme.as_deref() == Some(PRIMITIVE) {
            return serde_json::from_str(line).map(Self::Primitive).map_err(unread);
        }
        serde_json::from_str(line).map(Self::Request).map_err(unread)
    }
}

impl Vector {
    /// Scheme and case, as they are told.
    pub(super) fn named(&self) -> String {
        format!("{}/{}", self.scheme.as_deref().unwrap_or("-"), self.case)
    }

    /// The body, from the one of its two forms that is there.
    pub(super) fn body(&self) -> Result<Vec<u8>, String> {
        match (&self.body_b64, &self.body_repeat) {
            (Some(text), None) => bytes("body_b64", text),
            (None, Some(repeat)) => {
                let piece = bytes("body_repeat", &repeat.b64)?;
                if piece.len().saturating_mul(repeat.times) > LONGEST {
                    return Err("`body_repeat` is longer than 64 MiB".to_owned());
                }
                Ok(piece.repeat(repeat.times))
            }
            _ => Err("one of `body_b64` and `body_repeat` is needed".to_owned()),
        }
    }
}

/// The bytes behind base64; `name` is the field they stand in.
pub(super) fn bytes(name: &str, text: &str) -> Result<Vec<u8>, String> {
    Encoding::Base64.decode(text.as_bytes(), false).ok_or_else(|| format!("`{name}` is not base64"))
}

fn unread(error: impl std::fmt::Display) -> String {
    format!("cannot be read: {error}")
}
