//! What the `config` of a vector says, as the text of a declaration. **A scheme with options of its own gets a row in [`WRITERS`].**

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::config::named;
use crate::config::scheme::{Declaration, Overrides, builtin};

/// Names that vectors use for schemes that we call otherwise.
const ALIASES: &[(&str, &str)] = &[("plain-timestamp-body", "timestamp-body")];

/// Vendors whose own libraries bound the past only: a `tolerance` says nothing about the future.
const PAST_ONLY: &[&str] = &["stripe", "calendly", "hubspot-v3"];

/// Options to the YAML of a declaration; `{name}` of the template is replaced.
type Writer = fn(&mut Options<'_>) -> Result<String, String>;

/// Schemes whose vectors carry options. All others are the built-in as it stands.
const WRITERS: &[(&str, Writer)] =
    &[("cavage", cavage), ("github-legacy-sha1", github_legacy_sha1), ("nirah-multisig", nirah_multisig)];

const CAVAGE: &str = r#"
algorithm: {hash}
params: {header: Authorization, scheme: Signature, separator: ",", quoted: true, fixed: {algorithm: {algorithm}}, order: [keyId, algorithm, headers, signature]}
signature: {param: signature, encoding: base64}
key_id: {param: keyId}
timestamp: {header: Date, format: http-date, past: {skew}s, future: {skew}s}
{digest}
signed_headers:
  param: headers
  separator: " "
  default: [date]
  sign: ["(request-target)", host, date]
  require: {require}
  line: "{name}: {value}"
  join: "\n"
  special: {"(request-target)": "(request-target): {method|lower} {target}"}
message: "{signed_headers}"
"#;

const CAVAGE_DIGEST: &str =
    r#"digest: {header: Digest, prefix: "SHA-256=", algorithm: sha256, encoding: base64, when: body}"#;

fn cavage(options: &mut Options<'_>) -> Result<String, String> {
    let algorithm = options.text("algorithm", "hmac-sha256")?;
    let hash = algorithm.strip_prefix("hmac-").ok_or("`config.algorithm` is not hmac-…")?;
    let digest = if options.flag("verify_digest", true)? { CAVAGE_DIGEST } else { "" };
    let require = options.list("require", &["(request-target)", "date"])?;
    let skew = options.number("date_skew", 300)?.to_string();
    Ok(fill(
        CAVAGE,
        &[("hash", hash), ("algorithm", &algorithm), ("skew", &skew), ("digest", digest), ("require", &require)],
    ))
}

fn github_legacy_sha1(options: &mut Options<'_>) -> Result<String, String> {
    if options.flag("allow_sha1", false)? {
        return built_in("github-legacy-sha1");
    }
    Err("`config.allow_sha1` is not true: there is no such scheme without SHA-1".to_owned())
}

const NIRAH: &str = r#"
algorithm: sha512
signature: {header: {header}, list: {separator}, trim: true, encoding: hex}
message: "{body}"
"#;

fn nirah_multisig(options: &mut Options<'_>) -> Result<String, String> {
    let header = quoted(&options.text("header", "X-Nirah-Signature")?);
    let separator = quoted(&options.text("separator", ",")?);
    Ok(fill(NIRAH, &[("header", &header), ("separator", &separator)]))
}

/// The declaration of a built-in scheme with a line's options, or what is wrong with them.
pub(super) fn declaration(
    scheme: &str,
    config: Option<&Map<String, Value>>,
    tolerance: Option<u64>,
) -> Result<Declaration, String> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == scheme).map_or(scheme, |(_, name)| name);
    let mut options = Options::new(config);
    let writer = WRITERS.iter().find(|(known, _)| *known == name);
    let text = writer.map_or_else(|| built_in(name), |(_, write)| write(&mut options))?;
    options.finish()?;
    let declaration = named::declaration(&text).map_err(|problems| {
        let told: Vec<String> = problems.iter().map(|problem| problem.message.clone()).collect();
        format!("scheme `{name}`: {}", told.join("; "))
    })?;
    Ok(declaration.with(window(tolerance, PAST_ONLY.contains(&name))))
}

/// A tolerance as the window of a scheme.
pub(super) fn window(tolerance: Option<u64>, past_only: bool) -> Overrides {
    let tolerance = tolerance.map(Duration::from_secs);
    Overrides { past: tolerance, future: tolerance.filter(|_| !past_only), ..Overrides::default() }
}

fn built_in(name: &str) -> Result<String, String> {
    builtin(name).map(str::to_owned).ok_or_else(|| format!("unknown scheme `{name}`"))
}

/// The options of one line; each must be asked for.
struct Options<'a>(BTreeMap<&'a str, &'a Value>);

impl<'a> Options<'a> {
    fn new(config: Option<&'a Map<String, Value>>) -> Self {
        Self(config.into_iter().flatten().map(|(name, value)| (name.as_str(), value)).collect())
    }

    fn text(&mut self, name: &str, otherwise: &str) -> Result<String, String> {
        match self.0.remove(name) {
            None => Ok(otherwise.to_owned()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(format!("`config.{name}` is not text")),
        }
    }

    fn flag(&mut self, name: &str, otherwise: bool) -> Result<bool, String> {
        match self.0.remove(name) {
            None => Ok(otherwise),
            Some(value) => value.as_bool().ok_or_else(|| format!("`config.{name}` is not true or false")),
        }
    }

    fn number(&mut self, name: &str, otherwise: u64) -> Result<u64, String> {
        match self.0.remove(name) {
            None => Ok(otherwise),
            Some(value) => value.as_u64().ok_or_else(|| format!("`config.{name}` is not a whole number")),
        }
    }

    /// A list of texts, as YAML.
    fn list(&mut self, name: &str, otherwise: &[&str]) -> Result<String, String> {
        match self.0.remove(name) {
            None => Ok(Value::from(otherwise.to_vec()).to_string()),
            Some(list @ Value::Array(items)) if items.iter().all(Value::is_string) => Ok(list.to_string()),
            Some(_) => Err(format!("`config.{name}` is not a list of texts")),
        }
    }

    fn finish(self) -> Result<(), String> {
        let left: Vec<String> = self.0.keys().map(|name| format!("`config.{name}`")).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("unknown option {}", left.join(", "))) }
    }
}

/// Text as YAML takes it whatever is in it: JSON is YAML.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Puts values in; `{name}` that is not among them stays, for it belongs to the language.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_option_that_nobody_knows_is_a_mistake() {
        for (scheme, text) in [("stripe", r#"{"x": 1}"#), ("cavage", r#"{"algorithm": "hmac-sha256", "skew": 1}"#)] {
            let error = declaration(scheme, Some(&config(text)), None).err().unwrap();
            assert!(error.starts_with("unknown option"), "{error}");
        }
        for (scheme, text) in [
            ("cavage", r#"{"algorithm": 1}"#),
            ("cavage", r#"{"require": "date"}"#),
            ("cavage", r#"{"verify_digest": "yes"}"#),
            ("nirah-multisig", r#"{"header": null}"#),
            ("github-legacy-sha1", "{}"),
            ("nobody", "{}"),
        ] {
            assert!(declaration(scheme, Some(&config(text)), None).is_err(), "{scheme} {text}");
        }
    }

    #[test]
    fn every_writer_makes_a_scheme_without_options() {
        for (name, _) in WRITERS.iter().filter(|(name, _)| *name != "github-legacy-sha1") {
            let declaration = declaration(name, None, None).unwrap();
            assert!(crate::config::scheme::compile(name, &declaration).is_ok(), "{name}");
        }
    }
}
