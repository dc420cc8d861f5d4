//! The published vectors of every built-in scheme, through the pure core.

#![expect(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, Overrides, builtin, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::reject::Rejection;
use countersign::sig::encoding::Encoding;
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::mac::{Algorithm, Mac};
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;
use countersign::sig::{Need, Site};
use serde_json::Value;

fn lines(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn base64(text: &str) -> Vec<u8> {
    Encoding::Base64.decode(text.as_bytes(), false).unwrap()
}

fn body(case: &Value) -> Vec<u8> {
    match case.get("body_repeat") {
        Some(repeat) => {
            let times = usize::try_from(repeat["times"].as_u64().unwrap()).unwrap();
            base64(repeat["b64"].as_str().unwrap()).repeat(times)
        }
        None => base64(case["body_b64"].as_str().unwrap()),
    }
}

fn head(case: &Value) -> Head {
    let mut head = Head {
        method: Method::new(case["method"].as_str().unwrap()),
        target: Bytes::from(case["target"].as_str().unwrap().to_owned()),
        authority: Bytes::new(),
        secure: true,
        fields: Fields::default(),
    };
    for line in case["headers"].as_array().unwrap() {
        let name = line[0].as_str().unwrap().to_ascii_lowercase();
        let value = Bytes::from(line[1].as_str().unwrap().trim_matches([' ', '\t']).to_owned());
        if name == "host" { head.authority = value } else { head.fields.append(name, value) }
    }
    head
}

fn ring(case: &Value) -> Arc<Keyring> {
    let key = |declared: &Value| {
        let secret = match declared.get("secret") {
            Some(text) => text.as_str().unwrap().as_bytes().to_vec(),
            None => base64(declared["secret_b64"].as_str().unwrap()),
        };
        let id: Arc<str> = declared["id"].as_str().unwrap().into();
        let (sign, verify) = (Window::default(), Window::default());
        Key { principal: Arc::clone(&id), id, secret: Secret::new(secret), sign, verify, created: None, observe: false }
    };
    let keys = case["keys"].as_array().unwrap().iter().map(key).collect();
    Arc::new(Keyring::new("vectors", keys).unwrap())
}

/// What the case configures otherwise.
fn overrides(config: &Value) -> Overrides {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut legacy = texts(&config["legacy"]);
    if texts(&config["require"]) == ["date"] {
        legacy.push("unsigned-target".to_owned());
    }
    if config["verify_digest"] == false {
        legacy.push("unsigned-digest".to_owned());
    }
    let algorithm = config["algorithm"].as_str().map(|name| name.trim_start_matches("hmac-").to_owned());
    let headers = config["header"].as_str().map(|header| ("X-Nirah-Signature".to_owned(), header.to_owned()));
    Overrides { legacy, algorithm, headers: headers.into_iter().collect(), ..Overrides::default() }
}

/// What tokens of Django and itsdangerous are told by settings.
fn django(config: &Value, overrides: &mut Overrides) {
    for (name, setting) in [("where", "where"), ("salt", "salt"), ("sep", "separator"), ("algorithm", "algorithm")] {
        let value = config[name].as_str();
        overrides.settings.extend(value.map(|value| (setting.to_owned(), value.to_owned())));
    }
    overrides.algorithm = None;
    overrides.past = config["max_age"].as_u64().map(std::time::Duration::from_secs);
}

/// The built-in, as the case wants it.
fn gate(name: &str, case: &Value) -> Gate {
    let yaml = builtin(name).unwrap_or_else(|| panic!("{name}"));
    let declaration: Declaration = serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut overrides = overrides(&case["config"]);
    if yaml.contains("settings:") {
        django(&case["config"], &mut overrides);
    }
    let scheme = compile(name, &declaration.with(overrides)).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
    Gate::new(vec![Alternative { scheme: Arc::new(scheme), keys: Keys::Ring(ring(case)) }])
}

fn verify(name: &str, case: &Value) -> Result<(), Rejection> {
    let gate = gate(name, case);
    assert_eq!(gate.misfits(), []);
    let now = Moment::from_secs(case["now"].as_i64().unwrap());
    let site = Site { public_url: case.get("base_url").and_then(Value::as_str), captures: &[] };
    let mut check = gate.open(&head(case), site, now, 8)?;
    let body = body(case);
    if check.need() == Need::Whole {
        return check.close(Some(&body)).map(drop);
    }
    for chunk in body.chunks(1000) {
        check.feed(chunk);
    }
    check.close(None).map(drop)
}

/// Runs every `must` case of a file with one scheme, or each with its own; says all that differ at once.
fn run(file: &str, name: &str) {
    let (mut wrong, mut passed) = (String::new(), 0);
    for case in lines(file).iter().filter(|case| case["level"] == "must") {
        let verdict = verify(if name.is_empty() { case["scheme"].as_str().unwrap() } else { name }, case);
        if verdict.is_ok() == case["valid"].as_bool().unwrap() {
            passed += 1;
        } else {
            let _ = writeln!(wrong, "{}: {verdict:?} ({})", case["case"], case["reason"]);
        }
    }
    assert!(wrong.is_empty(), "{file}: {passed} passed, but\n{wrong}");
    assert!(passed >= 7, "{file} has only {passed} cases");
}

macro_rules! vectors {
    ($($test:ident: $file:literal with $name:literal;)+) => {
        $(#[test]
        fn $test() {
            run($file, $name);
        })+
    };
}

vectors! {
    timestamp_body_judges_as_published: "plain-timestamp-body.jsonl" with "timestamp-body";
    github_judges_as_published: "github.jsonl" with "github";
    github_sha1_judges_as_published: "github-legacy-sha1.jsonl" with "github-legacy-sha1";
    stripe_judges_as_published: "stripe.jsonl" with "stripe";
    slack_judges_as_published: "slack.jsonl" with "slack";
    standard_webhooks_judges_as_published: "standard-webhooks.jsonl" with "standard-webhooks";
    multiple_sha512_signatures_judge_as_published: "nirah-multisig.jsonl" with "nirah-multisig";
    cavage_judges_as_published: "cavage.jsonl" with "cavage";
    json_envelopes_judge_as_published: "json-envelope.jsonl" with "json-envelope";
    rfc_8785_envelopes_judge_as_published: "json-envelope-jcs.jsonl" with "json-envelope-jcs";
    django_timestamp_signer_judges_as_published: "django-timestampsigner.jsonl" with "django-timestamp-signer";
    django_dumps_judges_as_published: "django-dumps.jsonl" with "django-dumps";
    signed_links_judge_as_openssl_signs: "signed-link.jsonl" with "signed-link";
    itsdangerous_judges_as_published: "itsdangerous.jsonl" with "itsdangerous";
    vendors_and_gateways_judge_as_their_makers_do: "catalogue.jsonl" with "";
}

#[test]
fn the_primitive_is_rfc_4231() {
    for case in lines("hmac-primitive-rfc4231.jsonl") {
        for name in ["sha1", "sha256", "sha384", "sha512"] {
            let mut mac = Mac::keyed(Algorithm::by_name(name).unwrap(), &base64(case["key_b64"].as_str().unwrap()));
            mac.update(&base64(case["data_b64"].as_str().unwrap()));
            let made = Encoding::Hex.encode(&mac.finish());
            let published = case[name].as_str().unwrap();
            let truncated = case["truncated_to_128"] == true;
            assert!(made.starts_with(published) && (truncated || made == published), "{} {name}", case["case"]);
        }
    }
}
