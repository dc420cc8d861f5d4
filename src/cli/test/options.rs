//! What the `config` of a vector says, as the text of a declaration. **A scheme with options of its own gets a row in [`WRITERS`].**

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::config::named;
use crate::config::scheme::{Declaration, Overrides, builtin};

/// Names that vectors use for schemes that we call otherwise.
const ALIASES: &[(&str, &str)] = &[
    ("plain-timestamp-body", "timestamp-body"),
    ("aws-sigv4-chunked", "aws-sigv4"),
    ("django-timestampsigner", "django-timestamp-signer"),
    ("jwt-hs", "jwt"),
];

/// Vendors whose own libraries bound the past only: a `tolerance` says nothing about the future.
const PAST_ONLY: &[&str] = &["stripe", "calendly", "hubspot-v3"];

/// Options to the YAML of a declaration; `{name}` of the template is replaced.
type Writer = fn(&mut Options<'_>) -> Result<String, String>;

/// Schemes whose vectors carry options. All others are the built-in as it stands.
const WRITERS: &[(&str, Writer)] = &[
    ("aws-sigv4", aws_sigv4),
    ("cavage", cavage),
    ("django-dumps", django_dumps),
    ("django-timestamp-signer", |options| token("django-timestamp-signer", options)),
    ("github-legacy-sha1", github_legacy_sha1),
    ("itsdangerous", |options| token("itsdangerous", options)),
    ("json-envelope", |options| json_envelope(options, "pyjson")),
    ("json-envelope-jcs", |options| json_envelope(options, "jcs")),
    ("jwt", jwt),
    ("nirah-multisig", nirah_multisig),
    ("oauth1", oauth1),
    ("rfc9421", rfc9421),
];

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
    if options.left.contains_key("legacy") || !options.left.contains_key("require") {
        return general("cavage", options);
    }
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

const SIGV4: &str =
    "aws_sigv4: {region: {region}, service: {service}, past: {skew}s, future: {skew}s, unsigned_payload: allow}";

fn aws_sigv4(options: &mut Options<'_>) -> Result<String, String> {
    let region = quoted(&options.text("region", "us-east-1")?);
    let service = quoted(&options.text("service", "execute-api")?);
    let skew = options.number("skew", 300)?.to_string();
    Ok(fill(SIGV4, &[("region", &region), ("service", &service), ("skew", &skew)]))
}

const RFC9421: &str =
    "rfc9421: {require: {require}, body: {body}, authority: {authority}, past: {past}s, future: {future}s{tag}}";

fn rfc9421(options: &mut Options<'_>) -> Result<String, String> {
    let require = options.list("require", &["@method", "@authority", "@path", "@query"])?;
    let body = if require.contains("\"content-digest\"") { "required" } else { "optional" };
    let authority = match options.text("authority_from", "public_url")?.as_str() {
        "host" => "host",
        "public_url" | "base_url" => "public_url",
        _ => return Err("`config.authority_from` is neither host nor base_url".to_owned()),
    };
    let (past, future) = (options.number("max_age", 300)?.to_string(), options.number("clock_skew", 5)?.to_string());
    let values = [("require", require.as_str()), ("body", body), ("authority", authority)];
    let tag = Some(options.text("tag", "")?).filter(|tag| !tag.is_empty());
    let tag = tag.map(|tag| format!(", tag: {}", quoted(&tag))).unwrap_or_default();
    Ok(fill(&fill(RFC9421, &values), &[("past", &past), ("future", &future), ("tag", &tag)]))
}

fn jwt(options: &mut Options<'_>) -> Result<String, String> {
    let algorithms = options.list("algorithms", &["HS256"])?;
    let one = algorithms.strip_prefix("[\"").and_then(|rest| rest.strip_suffix("\"]"));
    let algorithm = one.filter(|name| !name.contains('"')).ok_or("`config.algorithms` is not one: a scheme has one")?;
    let leeway = options.number("leeway", 0)?.to_string();
    let template = "jwt: {algorithm: {algorithm}, expires: optional, leeway: {leeway}s}";
    Ok(fill(template, &[("algorithm", algorithm), ("leeway", &leeway)]))
}

fn oauth1(options: &mut Options<'_>) -> Result<String, String> {
    let algorithm = options.text("algorithm", "HMAC-SHA1")?;
    let carrier = options.text("carrier", "header")?;
    let token_secret = options.text("token_secret", "none")?;
    let template = "oauth1: {algorithm: {algorithm}, carrier: {carrier}, token_secret: {token_secret}}";
    Ok(fill(template, &[("algorithm", &algorithm), ("carrier", &carrier), ("token_secret", &token_secret)]))
}

/// A scheme whose built-in has settings for all of it.
fn token(name: &str, options: &mut Options<'_>) -> Result<String, String> {
    let text = built_in(name)?;
    let line = text.lines().find(|line| line.starts_with("settings: ")).ok_or("the scheme has no settings")?;
    let own: Map<String, Value> =
        named::settings(&text).into_iter().map(|(name, value)| (name, value.into())).collect();
    let mut settings = own.clone();
    for (option, setting) in [("where", "where"), ("salt", "salt"), ("sep", "separator"), ("algorithm", "algorithm")] {
        let otherwise = own.get(setting).and_then(Value::as_str).unwrap_or_default();
        settings.insert(setting.to_owned(), options.text(option, otherwise)?.into());
    }
    options.past = Some(options.number("max_age", 60)?);
    Ok(text.replace(line, &format!("settings: {}", Value::Object(settings))))
}

fn django_dumps(options: &mut Options<'_>) -> Result<String, String> {
    if options.text("payload", "json+base64url")?.starts_with("json+base64url") {
        return token("django-dumps", options);
    }
    Err("`config.payload` is not json+base64url".to_owned())
}

const ENVELOPE: &str = r"
algorithm: sha256
signature: {json: {signature}, encoding: hex}
message: {message}
";

fn json_envelope(options: &mut Options<'_>, usual: &str) -> Result<String, String> {
    let filter = match options.text("canonical", usual)?.as_str() {
        "rfc8785" | "jcs" => "jcs",
        "pyjson" | "python json.dumps(payload, sort_keys=True)" => "pyjson",
        _ => return Err("`config.canonical` is neither rfc8785 nor Python's json.dumps".to_owned()),
    };
    let message = quoted(&format!("{{json:{}|{filter}}}", options.text("payload", "/payload")?));
    let signature = quoted(&options.text("signature", "/signature")?);
    Ok(fill(ENVELOPE, &[("signature", &signature), ("message", &message)]))
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
    let text = match writer {
        Some((_, write)) => write(&mut options)?,
        None => general(name, &mut options)?,
    };
    let mut overrides = window(tolerance, PAST_ONLY.contains(&name));
    overrides.past = overrides.past.or(options.past.map(Duration::from_secs));
    overrides.algorithm = options.algorithm.take();
    overrides.legacy = std::mem::take(&mut options.legacy);
    options.finish()?;
    let declaration = named::declaration(&text).map_err(|problems| {
        let told: Vec<String> = problems.iter().map(|problem| problem.message.clone()).collect();
        format!("scheme `{name}`: {}", told.join("; "))
    })?;
    Ok(declaration.with(overrides))
}

/// A tolerance as the window of a scheme.
pub(super) fn window(tolerance: Option<u64>, past_only: bool) -> Overrides {
    let tolerance = tolerance.map(Duration::from_secs);
    Overrides { past: tolerance, future: tolerance.filter(|_| !past_only), ..Overrides::default() }
}

/// The built-in, with what a route may change of any scheme.
fn general(name: &str, options: &mut Options<'_>) -> Result<String, String> {
    options.algorithm = Some(options.text("algorithm", "")?).filter(|algorithm| !algorithm.is_empty());
    let legacy: Vec<String> = serde_json::from_str(&options.list("legacy", &[])?).unwrap_or_default();
    options.legacy = legacy;
    built_in(name)
}

fn built_in(name: &str) -> Result<String, String> {
    builtin(name).map(str::to_owned).ok_or_else(|| format!("unknown scheme `{name}`"))
}

/// The options of one line; each must be asked for.
struct Options<'a> {
    left: BTreeMap<&'a str, &'a Value>,
    /// The window that one of them was.
    past: Option<u64>,
    /// The hash function that a route would choose.
    algorithm: Option<String>,
    /// The doors that a route would open.
    legacy: Vec<String>,
}

impl<'a> Options<'a> {
    fn new(config: Option<&'a Map<String, Value>>) -> Self {
        let left = config.into_iter().flatten().map(|(name, value)| (name.as_str(), value)).collect();
        Self { left, past: None, algorithm: None, legacy: Vec::new() }
    }

    fn text(&mut self, name: &str, otherwise: &str) -> Result<String, String> {
        match self.left.remove(name) {
            None => Ok(otherwise.to_owned()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(format!("`config.{name}` is not text")),
        }
    }

    fn flag(&mut self, name: &str, otherwise: bool) -> Result<bool, String> {
        match self.left.remove(name) {
            None => Ok(otherwise),
            Some(value) => value.as_bool().ok_or_else(|| format!("`config.{name}` is not true or false")),
        }
    }

    fn number(&mut self, name: &str, otherwise: u64) -> Result<u64, String> {
        match self.left.remove(name) {
            None => Ok(otherwise),
            Some(value) => value.as_u64().ok_or_else(|| format!("`config.{name}` is not a whole number")),
        }
    }

    /// A list of texts, as YAML.
    fn list(&mut self, name: &str, otherwise: &[&str]) -> Result<String, String> {
        match self.left.remove(name) {
            None => Ok(Value::from(otherwise.to_vec()).to_string()),
            Some(list @ Value::Array(items)) if items.iter().all(Value::is_string) => Ok(list.to_string()),
            Some(_) => Err(format!("`config.{name}` is not a list of texts")),
        }
    }

    fn finish(self) -> Result<(), String> {
        let left: Vec<String> = self.left.keys().map(|name| format!("`config.{name}`")).collect();
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
mod tests;
