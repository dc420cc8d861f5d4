//! JSON Web Tokens: judged as four libraries judge them, written as `PyJWT` writes them, and refused wherever they could be read in two ways.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod pure;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, Overrides, SchemeProblem, compile};
use countersign::policy::seal::{Seal, With};
use countersign::reject::Code;
use countersign::sig::Site;
use countersign::sig::encoding::Encoding;
use countersign::sig::keyring::Keyring;
use countersign::sig::mac::{Algorithm, Mac};
use countersign::sig::message::Head;
use countersign::sig::permit::Permit;
use countersign::sig::scheme::Scheme;
use countersign::sig::time::Moment;
use proptest::prelude::*;
use pure::ring;
use serde_json::Value;

const NOW: i64 = 1_760_000_000;
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const HEADER: &str = r#"{"alg":"HS256"}"#;
const HELD: &str = r#"{"exp":1760000060}"#;

/// What `PyJWT` 2.15.1 makes of the same claims.
const PYJWT: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwic3ViIjoiazEiLCJhdWQiOlsiYSIsImIiXSwiaWF0IjoxNzYwMDAwMDAwLCJleHAiOjE3NjAwMDAwOTAsImp0aSI6IjA3MDcwNzA3MDcwNzA3MDcwNzA3MDcwNzA3MDcwNzA3In0.UqYNvVNkYrdhWOshbEkK93_uNmXQwmcKbu__HtVyOqw";
const PYJWT_512: &str = "eyJhbGciOiJIUzUxMiIsInR5cCI6ImF0K2p3dCJ9.eyJpYXQiOjE3NjAwMDAwMDAsImV4cCI6MTc2MDAwMDA2MH0.9y2mi8E0MnjJmmoxdcfkujb7quuAUZ3qdpdUJfi2-7DvPOLUfXnbF36iqfd1NIGtJ1PJwKxch7ssGaV1L_zAOg";

fn load(yaml: &str) -> Result<Arc<Scheme>, Vec<SchemeProblem>> {
    pure::load("jwt", yaml)
}

fn scheme(options: &str) -> Arc<Scheme> {
    load(&format!("jwt: {{algorithm: HS256{options}}}")).unwrap_or_else(|problems| panic!("{options}: {problems:?}"))
}

fn head(target: &str, headers: &[(&str, &str)]) -> Head {
    pure::head("GET", ("api.example.com", target), headers)
}

fn judge(scheme: &Arc<Scheme>, ring: Arc<Keyring>, head: &Head, now: Moment) -> Result<Permit, Code> {
    let gate = pure::gate(scheme, ring);
    assert_eq!(gate.misfits(), []);
    pure::judge(&gate, head, b"", (Site::default(), now)).map_err(|rejection| rejection.code())
}

fn token(header: &str, payload: &str) -> String {
    let part = |text: &str| Encoding::Base64Url.encode(text.as_bytes());
    let signed = format!("{}.{}", part(header), part(payload));
    let mut mac = Mac::keyed(Algorithm::Sha256, SECRET.as_bytes());
    mac.update(signed.as_bytes());
    format!("{signed}.{}", Encoding::Base64Url.encode(&mac.finish()))
}

/// The verdict on a token in its usual place, at [`NOW`], with the key `k1`.
fn say(options: &str, header: &str, payload: &str) -> Result<Permit, Code> {
    let head = head("/", &[("authorization", &format!("Bearer {}", token(header, payload)))]);
    judge(&scheme(options), ring(&[("k1", SECRET.as_bytes())]), &head, Moment::from_secs(NOW))
}

fn code(options: &str, header: &str, payload: &str) -> Option<Code> {
    say(options, header, payload).err()
}

fn vectors() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/jwt-hs.jsonl");
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn published(case: &Value) -> Result<Permit, Code> {
    let algorithm = case["config"]["algorithms"][0].as_str().unwrap();
    let scheme = load(&format!("jwt: {{algorithm: {algorithm}, expires: optional}}")).unwrap();
    let key = &case["keys"][0];
    let secret = match key.get("secret") {
        Some(text) => text.as_str().unwrap().as_bytes().to_vec(),
        None => Encoding::Base64.decode(key["secret_b64"].as_str().unwrap().as_bytes(), false).unwrap(),
    };
    let lines = case["headers"].as_array().unwrap().iter();
    let lines: Vec<_> =
        lines.map(|line| (line[0].as_str().unwrap().to_ascii_lowercase(), line[1].as_str().unwrap())).collect();
    let lines: Vec<_> =
        lines.iter().filter(|(name, _)| name != "host").map(|(name, value)| (name.as_str(), *value)).collect();
    let head = head(case["target"].as_str().unwrap(), &lines);
    let ring = ring(&[(key["id"].as_str().unwrap(), &secret)]);
    judge(&scheme, ring, &head, Moment::from_secs(case["now"].as_i64().unwrap()))
}

#[test]
fn tokens_are_judged_as_four_libraries_judge_them() {
    let cases = vectors();
    for case in &cases {
        let verdict = published(case).err();
        assert_eq!(verdict.is_none(), case["valid"].as_bool().unwrap(), "{}: {verdict:?}", case["case"]);
    }
    assert!(cases.len() > 70, "{}", cases.len());
}

#[test]
fn a_flipped_bit_anywhere_in_a_published_token_is_refused() {
    for case in vectors().iter().filter(|case| case["valid"] == true && case["level"] == "must") {
        let line = case["headers"].as_array().unwrap().iter().position(|line| line[0] == "Authorization").unwrap();
        let text = case["headers"][line][1].as_str().unwrap().to_owned();
        for place in "Bearer ".len()..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1;
            let mut changed = case.clone();
            changed["headers"][line][1] = Value::from(String::from_utf8(bytes).unwrap());
            assert!(published(&changed).is_err(), "{} at {place}", case["case"]);
        }
    }
}

#[test]
fn we_write_what_pyjwt_writes() {
    let options =
        ", issuer: \"https://id.example.com\", audience: [a, b], subject: principal, jti: required, lifetime: 90s";
    let key = ring(&[("k1", SECRET.as_bytes())]);
    assert_eq!(minted(&scheme(options), key), ("authorization".to_owned(), format!("Bearer {PYJWT}")));
    let longer = load("jwt: {algorithm: HS512, typ: at+jwt, kid: ignored, carrier: {header: X-Token}}").unwrap();
    let key = ring(&[("k1", "0123456789abcdef".repeat(4).as_bytes())]);
    assert_eq!(minted(&longer, key), ("x-token".to_owned(), PYJWT_512.to_owned()));
}

fn minted(scheme: &Arc<Scheme>, keys: Arc<Keyring>) -> (String, String) {
    let head = signed(scheme, keys, head("/", &[]));
    let line = head.fields.iter().next().unwrap().clone();
    assert_eq!(head.fields.len(), 1);
    (String::from_utf8(line.name.to_vec()).unwrap(), String::from_utf8(line.value.to_vec()).unwrap())
}

fn signed(scheme: &Arc<Scheme>, keys: Arc<Keyring>, mut head: Head) -> Head {
    let seal = Seal::new(Arc::clone(scheme), keys, With::Newest);
    let signing = seal.start(&mut head, Site::default(), Moment::from_secs(NOW), [7; 16]).unwrap();
    signing.finish(&mut head, None).unwrap();
    head
}

#[test]
fn what_we_write_we_accept_wherever_it_stands_and_nothing_that_the_client_put_there() {
    for (options, forged) in [
        ("", ("/a?b=1", "authorization", "Basic Zm9yZ2Vk")),
        (", carrier: {header: X-Token}, kid: required", ("/a?b=1", "x-token", "forged")),
        (", carrier: {header: Authorization, scheme: JWT}", ("/a?b=1", "authorization", "JWT forged")),
        (", carrier: {query: access_token}", ("/a?access_token=forged&b=1&%61ccess_token=x", "x", "y")),
        (", carrier: {query: access_token}", ("/a", "x", "y")),
        (
            ", audience: [us], issuer: [me, them], jti: required, max_age: 1m, typ: at+jwt, kid: ignored",
            ("/", "x", "y"),
        ),
    ] {
        let (target, name, value) = forged;
        let (scheme, keys) = (scheme(options), ring(&[("k1", SECRET.as_bytes())]));
        let head = signed(&scheme, Arc::clone(&keys), head(target, &[(name, value), (name, value)]));
        let verdict = |seconds| judge(&scheme, Arc::clone(&keys), &head, Moment::from_secs(NOW + seconds)).err();
        assert_eq!(verdict(0), None, "{options} {head:?}");
        assert_eq!((verdict(59), verdict(60)), (None, Some(Code::TimestampOutsideWindow)), "{options}");
        assert_eq!(verdict(-1), Some(Code::TimestampOutsideWindow), "{options}");
        assert!(!head.target.windows(6).any(|window| window == b"forged"), "{head:?}");
    }
}

#[test]
fn the_algorithm_is_never_the_tokens_choice() {
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":null}"#,
        r#"{"typ":"JWT"}"#,
        r#"{"alg":"HS256","alg":"none"}"#,
    ] {
        assert_eq!(code("", header, HELD), Some(Code::SignatureMalformed), "{header}");
    }
    assert_eq!(code("", HEADER, HELD), None);
}

#[test]
fn what_is_critical_and_unknown_is_refused() {
    for header in [
        r#"{"alg":"HS256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
        r#"{"alg":"HS256","b64":false}"#,
    ] {
        assert_eq!(code("", header, HELD), Some(Code::RequirementUnmet), "{header}");
    }
    for header in [r#"{"alg":"HS256","jku":"https://evil.example/keys"}"#, r#"{"alg":"HS256","jwk":{"k":"AAAA"}}"#] {
        assert_eq!(code("", header, HELD), None, "never looked at: {header}");
    }
}

#[test]
fn the_type_is_checked_where_it_is_configured() {
    for (typ, refusal) in [
        (r#","typ":"at+jwt""#, None),
        (r#","typ":"AT+JWT""#, None),
        (r#","typ":"application/at+jwt""#, None),
        (r#","typ":"JWT""#, Some(Code::RequirementUnmet)),
        (r#","typ":1"#, Some(Code::RequirementUnmet)),
        ("", Some(Code::RequirementUnmet)),
    ] {
        let header = format!(r#"{{"alg":"HS256"{typ}}}"#);
        assert_eq!(code(", typ: at+jwt", &header, HELD), refusal, "{typ}");
        assert_eq!(code("", &header, HELD), None, "{typ}");
    }
}

#[test]
fn times_are_judged_on_both_sides_of_every_edge() {
    let over = Some(Code::TimestampOutsideWindow);
    for (options, payload, refusal) in [
        ("", r#"{"exp":1760000001}"#, None),
        ("", r#"{"exp":1760000000.001}"#, None),
        ("", r#"{"exp":1760000000}"#, over),
        (", leeway: 30s", r#"{"exp":1759999971}"#, None),
        (", leeway: 30s", r#"{"exp":1759999970}"#, over),
        ("", "{}", Some(Code::RequirementUnmet)),
        (", expires: optional", "{}", None),
        (", expires: optional", r#"{"exp":1760000000}"#, over),
        ("", r#"{"exp":1760000060,"nbf":1760000000}"#, None),
        ("", r#"{"exp":1760000060,"nbf":1760000000.5}"#, over),
        (", leeway: 30s", r#"{"exp":1760000060,"nbf":1760000030}"#, None),
        (", leeway: 30s", r#"{"exp":1760000060,"nbf":1760000031}"#, over),
        ("", r#"{"exp":1760000060,"iat":1760000000}"#, None),
        ("", r#"{"exp":1760000060,"iat":1760000001}"#, over),
        (", max_age: 1m", r#"{"exp":1760000060,"iat":1759999940}"#, None),
        (", max_age: 1m", r#"{"exp":1760000060,"iat":1759999939.9}"#, over),
        (", max_age: 1m, leeway: 5s", r#"{"exp":1760000060,"iat":1759999935}"#, None),
        (", max_age: 1m, leeway: 5s", r#"{"exp":1760000060,"iat":1759999934}"#, over),
        (", max_age: 1m", HELD, Some(Code::RequirementUnmet)),
        ("", r#"{"exp":"1760000060"}"#, Some(Code::TimestampInvalid)),
        ("", r#"{"exp":null}"#, Some(Code::TimestampInvalid)),
        ("", r#"{"exp":1760000060000}"#, Some(Code::TimestampInvalid)),
        ("", r#"{"exp":1.76e10}"#, Some(Code::TimestampInvalid)),
        ("", r#"{"exp":1760000060,"nbf":[]}"#, Some(Code::TimestampInvalid)),
        ("", r#"{"exp":1760000060,"exp":1}"#, Some(Code::SignatureMalformed)),
    ] {
        assert_eq!(code(options, HEADER, payload), refusal, "{options} {payload}");
    }
}

#[test]
fn a_permit_knows_for_how_long_the_token_is_fresh() {
    let permit = |options: &str| say(options, HEADER, r#"{"exp":1760000060,"iat":1759999990,"jti":"once"}"#).unwrap();
    let at = Moment::from_secs;
    assert_eq!((permit("").stamp(), permit("").fresh_until()), (None, Some(at(NOW + 60))));
    let aged = permit(", max_age: 30s, leeway: 5s, jti: required");
    assert_eq!(
        (aged.stamp(), aged.fresh_until()),
        (Some(at(NOW - 10)), Some(Moment::from_millis((NOW + 25) * 1000 + 1)))
    );
    assert_eq!(aged.nonce(), Some(&Bytes::from("once")));
    assert_eq!(permit("").nonce(), None);
}

#[test]
fn a_token_for_one_use_has_a_usable_id() {
    for (jti, refusal) in [
        (r#","jti":"a-1""#, None),
        ("", Some(Code::NonceInvalid)),
        (r#","jti":"""#, Some(Code::NonceInvalid)),
        (r#","jti":"a b""#, Some(Code::NonceInvalid)),
        (r#","jti":7"#, Some(Code::NonceInvalid)),
    ] {
        let payload = format!(r#"{{"exp":1760000060{jti}}}"#);
        assert_eq!(code(", jti: required", HEADER, &payload), refusal, "{jti}");
        assert_eq!(code("", HEADER, &payload), None, "{jti}");
    }
}

#[test]
fn a_token_for_somebody_else_or_by_somebody_else_is_refused() {
    let unmet = Some(Code::RequirementUnmet);
    for (options, claims, refusal) in [
        (", audience: us", r#","aud":"us""#, None),
        (", audience: [them, us]", r#","aud":["x","us"]"#, None),
        (", audience: us", r#","aud":"us2""#, unmet),
        (", audience: us", r#","aud":"US""#, unmet),
        (", audience: us", r#","aud":[]"#, unmet),
        (", audience: us", r#","aud":[["us"]]"#, unmet),
        (", audience: us", "", unmet),
        ("", r#","aud":"us""#, unmet),
        ("", r#","aud":null"#, unmet),
        (", issuer: me", r#","iss":"me""#, None),
        (", issuer: [you, me]", r#","iss":"me""#, None),
        (", issuer: me", r#","iss":["me"]"#, unmet),
        (", issuer: me", r#","iss":"Me""#, unmet),
        (", issuer: me", "", unmet),
        ("", r#","iss":"anybody""#, None),
    ] {
        let payload = format!(r#"{{"exp":1760000060{claims}}}"#);
        assert_eq!(code(options, HEADER, &payload), refusal, "{options} {claims}");
    }
}

#[test]
fn claims_become_headers_and_an_absent_claim_none() {
    let options = ", claims: {sub: X-User, admin: X-Admin, level: X-Level}";
    let permit = say(options, HEADER, r#"{"exp":1760000060,"sub":"ann","admin":true}"#).unwrap();
    let pair = |name: &'static str, value: &'static str| (Bytes::from(name), Bytes::from(value));
    assert_eq!(permit.sets(), [pair("x-user", "ann"), pair("x-admin", "true")]);
    assert_eq!(scheme(options).facts().sets, ["x-user", "x-admin", "x-level"].map(Bytes::from));
    for claim in [r#""sub":["ann"]"#, r#""sub":null"#, r#""sub":"a\r\nb""#, r#""sub":"Zo\u00eb""#, r#""sub":"""#] {
        let payload = format!(r#"{{"exp":1760000060,{claim}}}"#);
        assert_eq!(code(options, HEADER, &payload), Some(Code::RequirementUnmet), "{claim}");
    }
}

#[test]
fn a_key_is_named_by_kid_or_every_key_is_tried() {
    let keys = || ring(&[("k1", SECRET.as_bytes()), ("k2", b"another-secret-of-thirty-two-byte")]);
    for (kid, optional, required, ignored) in [
        (r#","kid":"k1""#, None, None, None),
        ("", None, Some(Code::SignatureMissing), None),
        (r#","kid":"k2""#, Some(Code::SignatureInvalid), Some(Code::SignatureInvalid), None),
        (r#","kid":"nobody""#, Some(Code::SignatureInvalid), Some(Code::SignatureInvalid), None),
        (r#","kid":7"#, Some(Code::SignatureMalformed), Some(Code::SignatureMalformed), Some(Code::SignatureMalformed)),
    ] {
        let token = token(&format!(r#"{{"alg":"HS256"{kid}}}"#), HELD);
        let head = head("/", &[("authorization", &format!("Bearer {token}"))]);
        let now = Moment::from_secs(NOW);
        let verdict = |options: &str| judge(&scheme(options), keys(), &head, now).err();
        assert_eq!(verdict(""), optional, "{kid}");
        assert_eq!(verdict(", kid: required"), required, "{kid}");
        assert_eq!(verdict(", kid: ignored"), ignored, "{kid}");
    }
}

#[test]
fn a_token_is_found_in_one_place_once() {
    let token = token(HEADER, HELD);
    let bearer = format!("Bearer {token}");
    let now = Moment::from_secs(NOW);
    let verdict = |options: &str, target: &str, headers: &[(&str, &str)]| {
        judge(&scheme(options), ring(&[("k1", SECRET.as_bytes())]), &head(target, headers), now).err()
    };
    let (missing, twice, malformed) =
        (Some(Code::SignatureMissing), Some(Code::SignatureRepeated), Some(Code::SignatureMalformed));
    let (query, cookie) = (format!("/?t={token}"), format!("a=1; t={token}"));
    for (options, target, headers, refusal) in [
        ("", "/", vec![("authorization", bearer.as_str())], None),
        ("", "/", vec![("authorization", token.as_str())], missing),
        ("", "/", vec![("authorization", "Bearer ")], missing),
        ("", "/", vec![("authorization", "Bearer x")], malformed),
        ("", "/", vec![("authorization", &bearer), ("authorization", &bearer)], twice),
        ("", "/", vec![("authorization", &bearer), ("authorization", "Basic eA==")], twice),
        ("", query.as_str(), vec![], missing),
        (", carrier: {query: t}", query.as_str(), vec![], None),
        (", carrier: {query: t}", &format!("{query}&%74=x"), vec![], twice),
        (", carrier: {cookie: t}", "/", vec![("cookie", cookie.as_str())], None),
        (", carrier: {cookie: t}", "/", vec![("cookie", &cookie), ("cookie", "t=x")], twice),
        (", carrier: {header: X-T}", "/", vec![("x-t", token.as_str())], None),
        (", carrier: {header: X-T, scheme: JWT}", "/", vec![("x-t", &format!("jwt {token}"))], None),
    ] {
        assert_eq!(verdict(options, target, &headers), refusal, "{options} {target} {headers:?}");
    }
}

#[test]
fn a_token_covers_nothing_of_the_request_and_says_so() {
    let facts = |options: &str| scheme(options).facts().clone();
    let covers = facts(", jti: required, max_age: 1m").covers;
    assert_eq!([covers.body, covers.method, covers.path, covers.query], [false; 4]);
    assert_eq!([covers.timestamp, covers.nonce, covers.key_id], [true; 3]);
    let covers = facts(", expires: optional, kid: ignored").covers;
    assert_eq!([covers.timestamp, covers.nonce, covers.key_id], [false; 3]);
    assert_eq!(facts("").window, None, "a stamp is judged by its age only under `max_age`");
    assert!(facts(", carrier: {cookie: t}").can_sign.is_err());
}

#[test]
fn what_cannot_work_is_said_with_its_place() {
    for (yaml, path) in [
        ("jwt: {}", "jwt.algorithm"),
        ("jwt: {algorithm: none}", "jwt.algorithm"),
        ("jwt: {algorithm: hs256}", "jwt.algorithm"),
        ("jwt: {algorithm: RS256}", "jwt.algorithm"),
        ("jwt: {algorithm: HS256, carrier: {}}", "jwt.carrier"),
        ("jwt: {algorithm: HS256, carrier: {header: A, query: b}}", "jwt.carrier"),
        ("jwt: {algorithm: HS256, carrier: {header: A/B}}", "jwt.carrier"),
        ("jwt: {algorithm: HS256, carrier: {query: t, scheme: Bearer}}", "jwt.carrier"),
        ("jwt: {algorithm: HS256, kid: maybe}", "jwt.kid"),
        ("jwt: {algorithm: HS256, lifetime: 0s}", "jwt.lifetime"),
        ("jwt: {algorithm: HS256, max_age: soon}", "jwt.max_age"),
        ("jwt: {algorithm: HS256, claims: {sub: \"X User\"}}", "jwt.claims.sub"),
        ("jwt: {algorithm: HS256, claims: {sub: Host}}", "jwt.claims.sub"),
        ("jwt: {algorithm: HS256, claims: {sub: Authorization}}", "jwt.claims.sub"),
        ("jwt: {algorithm: HS256, claims: {sub: X-A, name: x-a}}", "jwt.claims.name"),
        ("jwt: {algorithm: HS256}\nalgorithm: sha256", "algorithm"),
        ("jwt: {algorithm: HS256}\nsettings: {a: b}", "settings"),
        ("any_of: []\njwt: {algorithm: HS256}\nmessage: x", "message"),
        ("any_of: [{jwt: {algorithm: HS256}}]\njwt: {algorithm: HS256}", "any_of"),
    ] {
        let problems = load(yaml).expect_err(yaml);
        assert_eq!(problems[0].path, path, "{yaml}: {problems:?}");
    }
    assert!(serde_yaml::from_str::<Declaration>("jwt: {algorithm: HS256, verify: false}").is_err());
}

#[test]
fn a_secret_may_be_encoded_and_a_route_may_rename_the_header() {
    let encoded = Encoding::Base64Url.encode(SECRET.as_bytes());
    let declaration: Declaration =
        serde_yaml::from_str("{key: {encoding: base64url}, jwt: {algorithm: HS256}}").unwrap();
    let headers = [("Authorization".to_owned(), "X-Auth".to_owned())].into();
    let scheme = Arc::new(compile("jwt", &declaration.with(Overrides { headers, ..Overrides::default() })).unwrap());
    let head = head("/", &[("x-auth", &format!("Bearer {}", token(HEADER, HELD)))]);
    assert_eq!(judge(&scheme, ring(&[("k1", encoded.as_bytes())]), &head, Moment::from_secs(NOW)).err(), None);
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic_or_permit(header in "\\PC{0,40}", payload in "\\PC{0,40}", raw in proptest::collection::vec(any::<u8>(), 0..80)) {
        let scheme = scheme(", expires: optional");
        let part = |text: &str| Encoding::Base64Url.encode(text.as_bytes());
        let spliced = format!("Bearer {}.{}.{}", part(&header), part(&payload), Encoding::Base64Url.encode(&raw));
        for value in [Bytes::from(raw), Bytes::from(spliced)] {
            let mut head = head("/", &[]);
            head.fields.append("authorization", value);
            prop_assert!(judge(&scheme, ring(&[("k1", SECRET.as_bytes())]), &head, Moment::from_secs(NOW)).is_err());
        }
    }
}
