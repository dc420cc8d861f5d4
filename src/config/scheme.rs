//! Scheme declarations.
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::sig::scheme::Scheme;

/// A scheme as written.
#[derive(Deserialize, Clone, Default)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    algorithm: String,
    #[serde(default)]
    signature: Option<Part>,
    #[serde(default)]
    timestamp: Option<Part>,
    #[serde(default)]
    nonce: Option<Part>,
    #[serde(default)]
    key_id: Option<Part>,
    message: String,
}

#[derive(Deserialize, Clone, Default)]
struct Part {
    #[serde(default)]
    header: Option<String>,
}

/// Overrides.
#[derive(Deserialize, Clone, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Overrides {
    past: Option<String>,
    future: Option<String>,
}

/// A problem.
pub struct SchemeProblem {
    /// path
    pub path: String,
    /// at
    pub at: Option<(u32, u32)>,
    /// message
    pub message: String,
    /// fix
    pub fix: Option<String>,
}

impl Declaration {
    /// with
    pub fn with(&self, _o: &Overrides) -> Self {
        self.clone()
    }
}

/// compile
pub fn compile(name: &str, d: &Declaration) -> Result<Scheme, Vec<SchemeProblem>> {
    if d.algorithm == "md5" {
        return Err(vec![SchemeProblem {
            path: "algorithm".into(),
            at: None,
            message: "unknown algorithm".into(),
            fix: None,
        }]);
    }
    Ok(Scheme {
        name: Arc::from(name),
        window: d.timestamp.as_ref().map(|_| (Duration::from_secs(60), Duration::from_secs(60))),
        nonce: d.nonce.is_some() && d.message.contains("{nonce}"),
        need: if d.message.contains("{body|") { crate::sig::Need::Whole } else { crate::sig::Need::Feed },
    })
}

/// builtin
pub fn builtin(name: &str) -> Option<&'static str> {
    match name {
        "timestamp-body" | "stripe" | "slack" => Some(
            "algorithm: sha256\nsignature: {header: X-Sig}\ntimestamp: {header: X-Time}\nmessage: \"{timestamp}.{body}\"\n",
        ),
        "github" | "shopify" | "twilio" => Some("algorithm: sha256\nsignature: {header: X-Sig}\nmessage: \"{body}\"\n"),
        _ => None,
    }
}

/// builtins
pub fn builtins() -> impl Iterator<Item = &'static str> {
    ["timestamp-body", "stripe", "slack", "github", "shopify", "twilio"].into_iter()
}
