//! RFC 9421 through the pure core: published verdicts, what we sign we accept, and what the options change.

#![expect(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::policy::seal::{Seal, With};
use countersign::reject::{Code, Rejection};
use countersign::sig::encoding::Encoding;
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::mac::{Algorithm, Mac};
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::native::rfc9421::base::{Asked, Authority, Message, base, last_line};
use countersign::sig::native::rfc9421::components::Component;
use countersign::sig::permit::Permit;
use countersign::sig::scheme::Scheme;
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;
use countersign::sig::{Need, Site};
use proptest::prelude::*;
use serde_json::Value;

const NOW: Moment = Moment::from_secs(1_760_000_000);
const BODY: &[u8] = b"{\"hello\": \"world\"}";
const LABEL: &str = "sig1";

fn scheme(options: &str) -> Arc<Scheme> {
    let yaml = format!("rfc9421: {{{options}}}");
    let declaration: Declaration = serde_yaml::from_str(&yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
    Arc::new(compile("rfc9421", &declaration).unwrap_or_else(|problems| panic!("{yaml}: {problems:?}")))
}

fn mistakes(options: &str) -> Vec<String> {
    let declaration: Declaration = serde_yaml::from_str(options).unwrap_or_else(|error| panic!("{options}: {error}"));
    let problems = compile("rfc9421", &declaration).err().unwrap_or_default();
    problems.into_iter().map(|problem| problem.path).collect()
}

fn ring(keys: &[(&str, Vec<u8>)]) -> Arc<Keyring> {
    let key = |(id, secret): &(&str, Vec<u8>)| Key {
        id: Arc::from(*id),
        principal: Arc::from(*id),
        secret: Secret::new(secret.clone()),
        sign: Window::default(),
        verify: Window::default(),
        created: None,
        observe: false,
    };
    Arc::new(Keyring::new("ring", keys.iter().map(key).collect()).unwrap())
}

fn named(ids: &[&str]) -> Arc<Keyring> {
    ring(&ids.iter().map(|id| (*id, format!("the secret of {id}").into_bytes())).collect::<Vec<_>>())
}

fn judge(
    (scheme, ring): (&Arc<Scheme>, Arc<Keyring>),
    head: &Head,
    body: &[u8],
    (public_url, now): (Option<&str>, Moment),
) -> Result<Permit, Rejection> {
    let gate = Gate::new(vec![Alternative { scheme: Arc::clone(scheme), keys: Keys::Ring(ring) }]);
    assert_eq!(gate.misfits(), []);
    let mut check = gate.open(head, Site { public_url, captures: &[] }, now, 8)?;
    assert_eq!(check.need(), Need::Head);
    body.chunks(7).for_each(|chunk| check.feed(chunk));
    check.close(None)
}

fn verify(scheme: &Arc<Scheme>, head: &Head, body: &[u8]) -> Result<Permit, Rejection> {
    judge((scheme, named(&["k1"])), head, body, (None, NOW))
}

fn code(result: Result<Permit, Rejection>) -> Option<Code> {
    result.err().map(|rejection| rejection.code())
}

fn head() -> Head {
    let mut fields = Fields::default();
    fields.append("content-type", "application/json");
    fields.append("x-dict", "a=1,   b=(x   y);z");
    fields.append("x-list", "one, two");
    fields.append("x-list", "three");
    Head {
        method: Method::POST,
        target: Bytes::from("/v1/things?b=2&a=%201"),
        authority: Bytes::from("API.example.com"),
        secure: true,
        fields,
    }
}

fn sign(scheme: &Arc<Scheme>, ids: &[&str], body: &[u8]) -> Head {
    let seal = Seal::new(Arc::clone(scheme), named(ids), With::All);
    let mut head = head();
    let mut signing = seal.start(&mut head, Site::default(), NOW, [7; 16]).unwrap();
    body.chunks(3).for_each(|chunk| signing.feed(chunk));
    signing.finish(&mut head, None).unwrap();
    head
}

fn text(head: &Head, name: &str) -> String {
    String::from_utf8(head.fields.one(name).unwrap().unwrap().to_vec()).unwrap()
}

/// A head with a signature over `lines` made here, not by the scheme.
fn forge(lines: &str, input: &str) -> Head {
    let mut mac = Mac::keyed(Algorithm::Sha256, b"the secret of k1");
    mac.update(lines.as_bytes());
    mac.update(format!("\"@signature-params\": {input}").as_bytes());
    let mut head = head();
    head.fields.append("signature-input", format!("{LABEL}={input}"));
    head.fields.append("signature", format!("{LABEL}=:{}:", Encoding::Base64.encode(&mac.finish())));
    head
}

mod vectors {
    use super::*;

    fn base64(text: &Value) -> Vec<u8> {
        Encoding::Base64.decode(text.as_str().unwrap().as_bytes(), false).unwrap()
    }

    /// What a case configures, as options.
    fn options(case: &Value) -> String {
        let config = &case["config"];
        let require: Vec<&str> =
            config["require"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let body = if require.contains(&"content-digest") { "required" } else { "optional" };
        let authority = if config["authority_from"] == "host" { "host" } else { "public_url" };
        let (past, future) = (&config["max_age"], &config["clock_skew"]);
        let tag = config["tag"].as_str().map(|tag| format!(", tag: {tag}")).unwrap_or_default();
        format!("require: {require:?}, body: {body}, authority: {authority}, past: {past}s, future: {future}s{tag}")
    }

    fn received(case: &Value) -> Head {
        let target = Bytes::from(case["target"].as_str().unwrap().to_owned());
        let method = Method::new(case["method"].as_str().unwrap());
        let (authority, fields) = (Bytes::new(), Fields::default());
        let mut head = Head { method, target, authority, secure: true, fields };
        for line in case["headers"].as_array().unwrap() {
            let name = line[0].as_str().unwrap().to_ascii_lowercase();
            let value = Bytes::from(line[1].as_str().unwrap().trim_matches([' ', '\t']).to_owned());
            if name == "host" { head.authority = value } else { head.fields.append(name, value) }
        }
        head
    }

    fn verdict(case: &Value) -> Result<Permit, Rejection> {
        let keys = case["keys"].as_array().unwrap().iter();
        let keys: Vec<_> = keys.map(|key| (key["id"].as_str().unwrap(), base64(&key["secret_b64"]))).collect();
        let body = match case.get("body_repeat") {
            Some(repeat) => base64(&repeat["b64"]).repeat(repeat["times"].as_u64().unwrap().try_into().unwrap()),
            None => base64(&case["body_b64"]),
        };
        let now = Moment::from_secs(case["now"].as_i64().unwrap());
        judge((&scheme(&options(case)), ring(&keys)), &received(case), &body, (case["base_url"].as_str(), now))
    }

    fn run(file: &str, least: usize) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file);
        let lines = std::fs::read_to_string(path).unwrap();
        let cases = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let cases: Vec<_> = cases.filter(|case| case["level"] == "must").collect();
        let differs = |case: &&Value| verdict(case).is_ok() != case["valid"].as_bool().unwrap();
        let wrong: Vec<_> = cases.iter().filter(differs).map(|case| (&case["case"], verdict(case).err())).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        assert!(cases.len() >= least, "{file} has only {} cases", cases.len());
    }

    /// B.2.5 of the RFC among them.
    #[test]
    fn every_case_is_judged_as_published() {
        run("rfc9421.jsonl", 48);
    }

    /// Parameters of components, several lines, edges of URLs, other spellings: signed, changed and judged by http-message-signatures 3.0.0.
    #[test]
    fn every_further_case_is_judged_as_by_another_library() {
        run("rfc9421-more.jsonl", 52);
    }
}

#[test]
fn what_we_sign_we_accept() {
    for options in [
        "",
        "label: gw, tag: inner, expires: 60s, nonce: required",
        "components: [\"@method\", \"@target-uri\", content-digest]",
        "components: [\"@method\", \"@request-target\", \"@scheme\", \"@authority\", host]",
        "components: ['\"x-dict\";sf', '\"x-dict\";key=\"b\"', '\"x-list\";bs', x-list, '\"@query-param\";name=\"a\"']",
        "components: [], body: optional",
        "require: [\"@path\"], components: [\"@method\", \"@request-target\"], created: optional, key_id: optional",
    ] {
        let scheme = scheme(options);
        for body in [BODY, b"", b"\0\xff"] {
            let head = sign(&scheme, &["k1"], body);
            assert_eq!(code(verify(&scheme, &head, body)), None, "{options} {head:?}");
            let other = judge((&scheme, named(&["other"])), &head, body, (None, NOW));
            assert_eq!(code(other), Some(Code::SignatureInvalid), "{options}");
        }
    }
}

#[test]
fn a_signature_is_written_as_the_rfc_writes_it() {
    let scheme = scheme("label: gw, tag: inner, expires: 60s, nonce: required");
    let head = sign(&scheme, &["k1"], BODY);
    let nonce = "07".repeat(16);
    let input = format!(
        "gw=(\"@method\" \"@authority\" \"@path\" \"@query\" \"content-digest\");created=1760000000;keyid=\"k1\";\
         alg=\"hmac-sha256\";expires=1760000060;nonce=\"{nonce}\";tag=\"inner\""
    );
    assert_eq!(text(&head, "signature-input"), input);
    assert_eq!(text(&head, "content-digest"), "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
    let permit = verify(&scheme, &head, BODY).unwrap();
    assert_eq!(permit.nonce(), Some(&Bytes::from(nonce)));
    assert_eq!((permit.stamp(), permit.fresh_until()), (Some(NOW), Some(Moment::from_secs(1_760_000_060))));
}

#[test]
fn without_a_body_there_is_no_digest_to_write() {
    let head = sign(&scheme(""), &["k1"], b"");
    assert!(!head.fields.contains("content-digest"));
    assert!(!text(&head, "signature-input").contains("content-digest"));
    assert_eq!(scheme("").facts().signing_need, Need::Feed);
    assert_eq!(scheme("body: optional").facts().signing_need, Need::Head);
    assert_eq!(scheme("body: optional, components: [content-digest]").facts().signing_need, Need::Feed);
}

#[test]
fn every_signing_key_has_a_label_and_each_is_enough() {
    for (options, labels) in [("", ["sig1=", "sig2="]), ("label: gw", ["gw=", "gw-2="])] {
        let scheme = scheme(options);
        let head = sign(&scheme, &["k1", "k2"], BODY);
        assert!(labels.iter().all(|label| text(&head, "signature").contains(label)), "{head:?}");
        for id in ["k1", "k2"] {
            assert_eq!(code(judge((&scheme, named(&[id])), &head, BODY, (None, NOW))), None, "{options} {id}");
        }
        let third = judge((&scheme, named(&["k3"])), &head, BODY, (None, NOW));
        assert_eq!(code(third), Some(Code::SignatureInvalid));
    }
}

#[test]
fn a_dropped_label_leaves_the_same_macs() {
    let scheme = scheme("");
    let both = sign(&scheme, &["k1", "k2"], BODY);
    let mut single = both.clone();
    for name in ["signature", "signature-input"] {
        let text = text(&both, name);
        single.fields.set(name, text.split_once(", sig2").unwrap().0.to_owned());
    }
    let macs = |head: &Head| judge((&scheme, named(&["k1", "k2"])), head, BODY, (None, NOW)).unwrap().macs().to_vec();
    assert!(macs(&single).iter().any(|mac| macs(&both).contains(mac)));
}

#[test]
fn what_the_client_signed_is_overwritten() {
    let scheme = scheme("");
    let seal = Seal::new(Arc::clone(&scheme), named(&["k1"]), With::Newest);
    let mut head = sign(&scheme, &["other"], b"else");
    head.fields.append("signature", "more=:AAAA:");
    let mut signing = seal.start(&mut head, Site::default(), NOW, [0; 16]).unwrap();
    signing.feed(BODY);
    signing.finish(&mut head, None).unwrap();
    assert_eq!(code(verify(&scheme, &head, BODY)), None);
    assert_eq!(head.fields.all("signature").count(), 1);
}

#[test]
fn what_is_to_be_signed_has_to_be_there() {
    let scheme = scheme("components: [x-absent]");
    let seal = Seal::new(scheme, named(&["k1"]), With::Newest);
    let mut head = head();
    let signing = seal.start(&mut head, Site::default(), NOW, [0; 16]).unwrap();
    assert_eq!(signing.finish(&mut head, None).map_err(|rejection| rejection.code()), Err(Code::SigningFailed));
}

#[test]
fn time_is_judged_on_both_sides_of_each_edge() {
    let refused = Some(Code::TimestampOutsideWindow);
    let dated = sign(&scheme(""), &["k1"], b"");
    let ending = sign(&scheme("expires: 60s"), &["k1"], b"");
    for (head, seconds, expected) in [
        (&dated, -6, refused),
        (&dated, -5, None),
        (&dated, 300, None),
        (&dated, 301, refused),
        (&ending, 59, None),
        (&ending, 60, refused),
    ] {
        let now = Moment::from_secs(NOW.secs() + seconds);
        let verdict = judge((&scheme(""), named(&["k1"])), head, b"", (None, now));
        assert_eq!(code(verdict), expected, "at {seconds}");
    }
}

#[test]
fn a_body_needs_a_digest_that_is_covered_and_right() {
    let lines = "\"@method\": POST\n\"@authority\": api.example.com\n\"@path\": /v1/things\n\"@query\": ?b=2&a=%201\n";
    let names = "\"@method\" \"@authority\" \"@path\" \"@query\"";
    let params = "created=1760000000;keyid=\"k1\"";
    let forged = |digest: Option<&str>, component: &str, value: Option<&str>| {
        let (lines, names) = match (component, value.or(digest)) {
            ("", _) | (_, None) => (lines.to_owned(), names.to_owned()),
            (_, Some(value)) => (format!("{lines}{component}: {value}\n"), format!("{names} {component}")),
        };
        let mut head = forge(&lines, &format!("({names});{params}"));
        if let Some(digest) = digest {
            head.fields.append("content-digest", digest.to_owned());
        }
        head
    };
    let sha = |algorithm: Algorithm| Encoding::Base64.encode(&algorithm.digest(BODY));
    let (short, long) = (sha(Algorithm::Sha256), sha(Algorithm::Sha512));
    let (right, wrong) = (format!("sha-256=:{short}:"), format!("sha-256=:{}:", Encoding::Base64.encode(&[0; 32])));
    let whole = "\"content-digest\"";
    let wrong_value = wrong.strip_prefix("sha-256=").unwrap();
    for (digest, component, value, expected) in [
        (Some(right.clone()), whole, None, None),
        (Some(format!("sha-512=:{long}:")), whole, None, None),
        (Some(format!("{right}, sha-512=:{long}:")), whole, None, None),
        (Some(format!("md5=:AAAA:, {right}")), whole, None, None),
        (Some(format!("{right}, {}", wrong.replace("256", "512"))), whole, None, Some(Code::DigestInvalid)),
        (Some(format!("sha-512=:{long}:, {wrong}")), whole, None, Some(Code::DigestInvalid)),
        (Some("md5=:AAAA:".to_owned()), whole, None, Some(Code::DigestInvalid)),
        (Some("sha-256=abc".to_owned()), whole, None, Some(Code::DigestInvalid)),
        (Some(format!("{right}, {right}")), whole, None, Some(Code::DigestInvalid)),
        (Some(wrong.clone()), whole, None, Some(Code::DigestInvalid)),
        (Some(right.clone()), "", None, Some(Code::DigestInvalid)),
        (None, "", None, Some(Code::DigestInvalid)),
        (Some(right.clone()), "\"content-digest\";sf", None, None),
        (Some(format!("{right}, sha-512=:AAAA:")), "\"content-digest\";key=\"sha-256\"", Some(&right[8..]), None),
        (Some(wrong.clone()), "\"content-digest\";key=\"sha-256\"", Some(wrong_value), Some(Code::DigestInvalid)),
    ] {
        let head = forged(digest.as_deref(), component, value);
        assert_eq!(code(verify(&scheme(""), &head, BODY)), expected, "{digest:?} {component}");
    }
    let bare = forged(None, "", None);
    assert_eq!(code(verify(&scheme(""), &bare, b"")), None);
    assert_eq!(code(verify(&scheme("body: optional"), &bare, BODY)), None);
}

#[test]
fn evidence_is_read_in_one_way_or_not_at_all() {
    let loose = scheme("require: [], body: optional");
    let line = "\"@method\": POST\n";
    for (input, expected) in [
        ("(\"@method\");created=1760000000;keyid=\"k1\"", None),
        ("(\"@method\");keyid=\"k1\";alg=\"hmac-sha256\";created=1760000000", None),
        ("(\"@method\");keyid=\"k1\"", Some(Code::SignatureMissing)),
        ("(\"@method\");created=1760000000", Some(Code::SignatureMissing)),
        ("(\"@method\");created=\"1760000000\";keyid=\"k1\"", Some(Code::TimestampInvalid)),
        ("(\"@method\");created=1760000000.0;keyid=\"k1\"", Some(Code::TimestampInvalid)),
        ("(\"@method\");created=-1;keyid=\"k1\"", Some(Code::TimestampInvalid)),
        ("(\"@method\");created=1760000000;expires=x;keyid=\"k1\"", Some(Code::TimestampInvalid)),
        ("(\"@method\");created=1760000000;keyid=k1", Some(Code::SignatureMalformed)),
        ("(\"@method\");created=1760000000;keyid=\"k1\";nonce=\"\"", Some(Code::NonceInvalid)),
        ("(\"@method\");created=1760000000;keyid=\"k1\";nonce=\"a b\"", Some(Code::NonceInvalid)),
        ("(\"@method\");created=1760000000;keyid=\"k1\";alg=\"hmac-sha512\"", Some(Code::RequirementUnmet)),
        ("(\"@method\");created=1760000000;keyid=\"k1\";other", Some(Code::SignatureMalformed)),
        ("(\"@method\");created=1760000000;created=1;keyid=\"k1\"", Some(Code::SignatureRepeated)),
        ("(\"@method\" \"@method\");created=1760000000;keyid=\"k1\"", Some(Code::SignatureRepeated)),
        ("(\"@method\";req);created=1760000000;keyid=\"k1\"", Some(Code::SignatureMalformed)),
        ("(\"@status\");created=1760000000;keyid=\"k1\"", Some(Code::SignatureMalformed)),
        ("(\"x\";tr);created=1760000000;keyid=\"k1\"", Some(Code::SignatureMalformed)),
        ("(@method);created=1760000000;keyid=\"k1\"", Some(Code::SignatureMalformed)),
        ("\"@method\";created=1760000000;keyid=\"k1\"", Some(Code::SignatureMalformed)),
    ] {
        assert_eq!(code(verify(&loose, &forge(line, input), b"")), expected, "{input}");
    }
}

#[test]
fn labels_belong_together_and_occur_once() {
    let scheme = scheme("");
    let signed = sign(&scheme, &["k1"], b"");
    let (input, mac) = (text(&signed, "signature-input"), text(&signed, "signature"));
    for (input, mac, expected) in [
        (format!("{input}, b=()"), mac.clone(), Some(Code::SignatureMissing)),
        (input.clone(), format!("{mac}, b=:AAAA:"), Some(Code::SignatureMalformed)),
        (format!("b=(), {input}"), format!("b=:AAAA:, {mac}"), None),
        (format!("{input}, {input}"), mac.clone(), Some(Code::SignatureRepeated)),
        (input.clone(), format!("{mac}, {mac}"), Some(Code::SignatureRepeated)),
        (input.replace("sig1", "any"), mac.replace("sig1", "any"), None),
        (input.replace("sig1", "Any"), mac.replace("sig1", "Any"), Some(Code::SignatureMalformed)),
        (input.replace(' ', "   "), format!("{mac} "), None),
        (input.clone(), mac.replace("=:", "=\"").replace(":", "\""), Some(Code::SignatureMalformed)),
        (input.clone(), "sig1=:AAAA:".to_owned(), Some(Code::SignatureMalformed)),
        (input.clone(), String::new(), Some(Code::SignatureMissing)),
        (format!("{input};{}", "x".repeat(9000)), mac.clone(), Some(Code::SignatureMalformed)),
    ] {
        let mut head = signed.clone();
        head.fields.set("signature-input", input.clone());
        head.fields.set("signature", mac);
        assert_eq!(code(verify(&scheme, &head, b"")), expected, "{input}");
    }
}

#[test]
fn label_and_tag_choose_among_signatures() {
    let tagged = sign(&scheme("tag: a"), &["k1"], b"");
    let labelled = sign(&scheme("label: gw"), &["k1"], b"");
    for (head, options, expected) in [
        (&tagged, "tag: a", None),
        (&tagged, "tag: b", Some(Code::RequirementUnmet)),
        (&labelled, "tag: a", Some(Code::RequirementUnmet)),
        (&tagged, "label: sig1", None),
        (&tagged, "label: gw", Some(Code::SignatureMissing)),
        (&labelled, "label: gw", None),
        (&labelled, "nonce: required", Some(Code::NonceInvalid)),
        (&labelled, "require: [content-type]", Some(Code::RequirementUnmet)),
    ] {
        assert_eq!(code(verify(&scheme(options), head, b"")), expected, "{options}");
    }
}

#[test]
fn options_that_cannot_work_are_refused_at_load() {
    for (yaml, path) in [
        ("rfc9421: {require: [\"@status\"]}", "rfc9421.require[0]"),
        ("rfc9421: {require: [\"@path\", \"@path\"]}", "rfc9421.require[1]"),
        ("rfc9421: {components: ['\"@method\";req']}", "rfc9421.components[0]"),
        ("rfc9421: {components: [Content-Type]}", "rfc9421.components[0]"),
        ("rfc9421: {require: [\"@method\"], components: [\"@path\"]}", "rfc9421.components"),
        ("rfc9421: {label: \"a b\"}", "rfc9421.label"),
        ("rfc9421: {label: Sig}", "rfc9421.label"),
        ("rfc9421: {tag: \"é\"}", "rfc9421.tag"),
        ("rfc9421: {body: maybe}", "rfc9421.body"),
        ("rfc9421: {past: 400d}", "rfc9421.past"),
        ("rfc9421: {expires: soon}", "rfc9421.expires"),
        ("rfc9421: {authority: forwarded}", "rfc9421.authority"),
        ("{algorithm: sha256, rfc9421: {}}", "algorithm"),
        ("{message: \"{body}\", rfc9421: {}}", "message"),
        ("{rfc9421: {}, any_of: [{rfc9421: {}}]}", "any_of"),
    ] {
        assert_eq!(mistakes(yaml), [path], "{yaml}");
    }
    assert_eq!(mistakes("{key: {encoding: base64}, rfc9421: {}}"), Vec::<String>::new());
    assert_eq!(mistakes("{any_of: [{rfc9421: {}}, {rfc9421: {label: b}}]}"), Vec::<String>::new());
}

#[test]
fn every_option_is_in_the_manual() {
    let manual = include_str!("../docs/rfc9421.md");
    for option in [
        "label",
        "tag",
        "require",
        "components",
        "body",
        "created",
        "past",
        "future",
        "expires",
        "key_id",
        "nonce",
        "authority",
    ] {
        assert!(manual.contains(&format!("| `{option}` |")), "{option}");
    }
    let blocks = manual.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    for block in blocks.filter(|block| block.starts_with("schemes:")) {
        let file: std::collections::BTreeMap<String, std::collections::BTreeMap<String, Declaration>> =
            serde_yaml::from_str(block).unwrap_or_else(|error| panic!("{block}: {error}"));
        for (name, declaration) in &file["schemes"] {
            assert!(compile(name, declaration).is_ok(), "{name}");
        }
    }
}

/// Signed by http-message-signatures 3.0.0.
#[test]
fn the_base_of_a_response_is_that_of_another_library() {
    let digest = "sha-256=:K/0U9D0X/HzqJOCReoh5tLL4gLi67sG52Q+6rWVecb0=:";
    let params = "(\"@status\" \"content-type\" \"priority\";sf \"@method\";req \"@authority\";req \"@path\";req \
                  \"@query-param\";req;name=\"Pet\" \"content-digest\";req);created=1770000000;keyid=\"k-1\";alg=\"hmac-sha256\"";
    let mut asked = Head { target: "/foo?param=Value&Pet=dog".into(), authority: "example.com".into(), ..head() };
    asked.fields.append("content-digest", digest);
    let mut fields = Fields::default();
    fields.append("content-type", "application/json");
    fields.append("priority", "u=1,   i");
    let names = params.strip_prefix('(').unwrap().split_once(')').unwrap().0.split_whitespace();
    let components: Vec<_> = names.map(|name| Component::parse(name).unwrap()).collect();
    let request = Asked { head: &asked, public_url: None, authority: Authority::Host };
    let lines = base(&components, Message::Response { status: 503, fields: &fields, request }).unwrap();
    let mut mac = Mac::keyed(Algorithm::Sha256, &Algorithm::Sha256.digest(b"countersign rfc9421 more"));
    mac.update(&lines);
    mac.update(last_line(params).as_bytes());
    assert_eq!(Encoding::Base64.encode(&mac.finish()), "/4p0IOYDKCI34hqTSEeYza6Ed+AjQyot3zokJgcn+qU=");
}

proptest! {
    #[test]
    fn a_flipped_bit_of_anything_covered_is_refused(place in any::<proptest::sample::Index>(), bit in 0_u8..7, what in 0..5) {
        let scheme = scheme("components: [\"@method\", \"@authority\", \"@path\", \"@query\", content-type, content-digest]");
        let signed = sign(&scheme, &["k1"], BODY);
        let mut body = BODY.to_vec();
        let mut head = signed.clone();
        let flip = |bytes: &[u8]| {
            let mut changed = bytes.to_vec();
            let place = place.index(changed.len());
            changed[place] ^= 1 << bit;
            changed
        };
        match what {
            0 => body = flip(&body),
            1 => head.target = flip(&head.target).into(),
            2 => head.authority = flip(&head.authority).into(),
            3 => head.fields.set("content-type", flip(b"application/json")),
            _ => head.fields.set("content-digest", flip(&head.fields.one("content-digest").unwrap().unwrap().clone())),
        }
        let same_authority = head.authority.eq_ignore_ascii_case(&signed.authority);
        prop_assert!(what == 2 && same_authority || verify(&scheme, &head, &body).is_err(), "{:?}", head);
        let mac = signed.fields.one("signature").unwrap().unwrap().clone();
        head = signed.clone();
        head.fields.set("signature", flip(&mac));
        prop_assert!(verify(&scheme, &head, BODY).is_err());
    }

    #[test]
    fn no_text_makes_the_reader_panic_or_permit(input in "[ -~]{0,60}", mac in "[ -~]{0,40}") {
        let mut head = head();
        head.fields.append("signature-input", format!("a=({input}"));
        head.fields.append("signature", format!("a={mac}"));
        prop_assert!(verify(&scheme("require: []"), &head, b"").is_err());
    }
}
