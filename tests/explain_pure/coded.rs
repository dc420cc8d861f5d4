//! The same for the schemes that are code: RFC 9421, AWS Signature Version 4, JWT, OAuth 1.0a.

use std::fmt::Write as _;

use countersign::explain::{Explanation, Question, Verdict, explain};
use countersign::sig::mac::Algorithm;
use countersign::sig::time::Moment;

use crate::sender::{SEED, fresh, hmac};
use crate::signer::{Kind, Signer};
use crate::slips::{BODIES, COMMON, DATED, HOSTS, JWT, OAUTH1, RFC9421, SIGV4, Slip};
use crate::{Rules, captured, explained, load, now};

fn asked(signer: &Signer, other: &str, at: Option<Moment>) -> Explanation {
    let (path, scheme) = (signer.kind.path(), signer.kind.name());
    let rules = Rules { secret: &signer.configured, lifetime: signer.lifetime, path, scheme, other };
    explained(&rules, &signer.request(), at)
}

fn tell(explanation: &Explanation) -> String {
    explanation.text(&[]) + &explanation.json(&[]).to_string()
}

/// What is named, where it is not what it should be.
fn judged(kind: Kind, (wanted, slip): &Slip) -> Result<(), String> {
    let other = fresh();
    let mut signer = Signer::new(kind, now().secs());
    slip(&mut signer);
    if *wanted == "key-of-another-ring" {
        signer.key = other.clone().into_bytes();
    }
    let explanation = asked(&signer, &other, None);
    let found = explanation.cause.as_ref().map(|found| found.cause.id());
    let told = tell(&explanation);
    let secrets = [&signer.configured, &signer.key].map(|secret| String::from_utf8_lossy(secret).trim().to_owned());
    if secrets.iter().any(|secret| told.contains(secret.as_str())) || told.contains("expected\":{") {
        return Err(format!("{kind:?} {wanted}: a secret or a right signature is printed"));
    }
    let detail = explanation.text(&[]);
    if found == Some(wanted) { Ok(()) } else { Err(format!("{kind:?} {wanted}: found {found:?}\n{detail}")) }
}

fn all() -> impl Iterator<Item = (Kind, &'static Slip)> {
    let of = |kinds: &'static [Kind], slips: &'static [Slip]| {
        kinds.iter().flat_map(move |kind| slips.iter().map(move |slip| (*kind, slip)))
    };
    of(&Kind::ALL, COMMON)
        .chain(of(&[Kind::Rfc9421, Kind::SigV4, Kind::Oauth1], BODIES))
        .chain(of(&[Kind::Rfc9421, Kind::SigV4], HOSTS))
        .chain(of(&[Kind::Rfc9421, Kind::Jwt, Kind::Oauth1], DATED))
        .chain(of(&[Kind::Rfc9421], RFC9421))
        .chain(of(&[Kind::SigV4], SIGV4))
        .chain(of(&[Kind::Jwt], JWT))
        .chain(of(&[Kind::Oauth1], OAUTH1))
}

#[test]
fn every_known_mistake_is_named_in_every_scheme_that_is_code() {
    let mut wrong = String::new();
    for (kind, slip) in all() {
        if let Err(why) = judged(kind, slip) {
            let _infallible = writeln!(wrong, "{why}");
        }
    }
    assert!(wrong.is_empty(), "seed {}\n{wrong}", *SEED);
    assert!(COMMON.len() >= 15 && all().count() >= 100);
}

#[test]
fn what_is_no_known_mistake_is_not_explained_away() {
    let strangers: [fn(&mut Signer); 3] = [
        |signer| signer.key = fresh().into_bytes(),
        |signer| signer.message = |_| fresh().into_bytes(),
        |signer| signer.mac = Some(|key, message| hmac(&hmac(b"derived", key), message)[..].repeat(2)[..32].to_vec()),
    ];
    for kind in Kind::ALL {
        for stranger in strangers {
            let mut signer = Signer::new(kind, now().secs());
            stranger(&mut signer);
            if kind == Kind::Oauth1 && signer.mac.is_some() {
                signer.mac = Some(|key, message| hmac(&hmac(b"derived", key), message)[..20].to_vec());
            }
            let explanation = asked(&signer, &fresh(), None);
            let text = explanation.text(&[]);
            assert!(explanation.cause.is_none(), "seed {}\n{text}", *SEED);
            assert!(text.contains("cause unknown") && text.contains("the secret is another one"), "{text}");
        }
    }
}

#[test]
fn a_request_without_a_mistake_is_verified_and_shown_part_by_part() {
    for (kind, parts) in [
        (
            Kind::Rfc9421,
            &["@method            \"\\\"@method\\\": POST\\n\"", "content-digest", "@signature-params"][..],
        ),
        (Kind::SigV4, &["scope ", "canonical request", "path               \"/a/a%2520b/c\\n\"", "signed headers"]),
        (Kind::Jwt, &["header ", "decoded            \"{\\\"alg\\\":\\\"HS256\\\"", "payload "]),
        (Kind::Oauth1, &["{method}           \"POST\"", "decoded            \"https://hooks", "oauth_timestamp"]),
    ] {
        let signer = Signer::new(kind, now().secs());
        let explanation = asked(&signer, &fresh(), None);
        let text = explanation.text(&[]);
        assert!(matches!(&explanation.verdict, Verdict::Verified(key) if key.as_ref() == "current"), "{text}");
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        assert!(text.contains("key        `current` (active) made this signature"), "{text}");
        assert!(!text.contains("cause") && explanation.stale.is_none(), "{text}");
    }
}

#[test]
fn an_old_request_is_judged_at_its_own_time_and_its_age_is_told() {
    for kind in Kind::ALL {
        let then = now().secs() - 5000;
        let signer = Signer::new(kind, then);
        let explanation = asked(&signer, &fresh(), None);
        let text = explanation.text(&[]);
        assert!(matches!(explanation.verdict, Verdict::Verified(_)) && explanation.time.1, "{text}");
        assert!(text.contains("by this machine's clock it would be refused: timestamp_outside_window"), "{text}");
        let explanation = asked(&signer, &fresh(), Some(Moment::from_secs(then + 301)));
        assert_eq!(explanation.cause.map(|found| found.cause.id()), Some("stale"), "{kind:?}");
        assert!(matches!(explanation.verdict, Verdict::Refused(_)));
    }
}

#[test]
fn the_right_signature_of_a_scheme_that_is_code_is_told_only_to_who_asks() {
    for kind in Kind::ALL {
        let signer = Signer::new(kind, now().secs());
        let request = signer.request();
        let (path, scheme) = (kind.path(), kind.name());
        let other = fresh();
        let rules = Rules { secret: &signer.configured, lifetime: "", path, scheme, other: &other };
        let told = crate::told(&rules, &request);
        let (_, right) = told.iter().find(|(key, _)| key.as_ref() == "current").unwrap();
        let sent = String::from_utf8(request).unwrap();
        assert!(right.len() > 20 && sent.contains(right.as_str()), "{kind:?} {right}\n{sent}");
        let stranger = Signer { configured: fresh().into_bytes(), ..signer };
        let request = stranger.request();
        let rules = Rules { secret: &stranger.configured, lifetime: "", path, scheme, other: &other };
        let silent = tell(&explained(&rules, &request, None));
        let told = crate::told(&rules, &request);
        let (_, right) = told.iter().find(|(key, _)| key.as_ref() == "current").unwrap();
        assert!(silent.contains("cause unknown") && !silent.contains(right.as_str()), "{kind:?} {silent}");
    }
}

#[test]
fn a_form_that_is_wrong_is_blamed_with_its_place_and_no_secret_is() {
    for (kind, wanted, place) in [
        (Kind::Rfc9421, "signature-missing", "no signature in header `signature`"),
        (Kind::SigV4, "signature-repeated", "2 times: signature in header `authorization`"),
        (Kind::Jwt, "signature-malformed", "token in header `authorization`"),
        (Kind::Oauth1, "signature-length", "it has 16 bytes, and 20 are wanted"),
    ] {
        let mut signer = Signer::new(kind, now().secs());
        let (_, slip) = COMMON.iter().find(|(name, _)| *name == wanted).unwrap();
        slip(&mut signer);
        let text = asked(&signer, &fresh(), None).text(&[]);
        assert!(text.contains(wanted) && text.contains(place), "{text}");
        assert!(!text.contains("the secret is another one"), "{text}");
    }
}

#[test]
fn what_the_gateway_knows_of_a_form_is_told_beside_the_length() {
    let mut signer = Signer::new(Kind::Jwt, now().secs());
    (signer.algorithm, signer.key) = (Algorithm::Sha512, fresh().into_bytes());
    let text = asked(&signer, &fresh(), None).text(&[]);
    assert!(text.contains("it has 64 bytes, and 32 are wanted; `alg` is not the configured algorithm"), "{text}");
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
#[test]
fn the_presigned_example_of_aws_is_explained_long_after_it_was_made() {
    let policy = load(
        "version: 1\nlisteners: {public: {address: \"127.0.0.1:0\"}}\nupstreams: {app: {url: \"http://127.0.0.1:1\"}}\n\
         keyrings: {s3: {keys: [{id: AKIAIOSFODNN7EXAMPLE, secret: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY}]}}\n\
         routes:\n  - {path: \"/**\", verify: {scheme: aws-sigv4, keys: s3, override: {settings: {service: s3}}}, upstream: app}\n",
    );
    let request = "GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z\
        &X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404 HTTP/1.1\r\n\
        Host: examplebucket.s3.amazonaws.com\r\n\r\n";
    let (made, day) = (1_369_353_600, 86_400);
    let ask = |request: &str, clock, at: Option<i64>| {
        let countersign::explain::request::Captured { head, body, .. } = captured(request.as_bytes());
        let (clock, now) = (Moment::from_secs(clock), at.map(Moment::from_secs));
        explain(Question { policy: &policy, listener: None, head, body, now, clock, expected: false }).text(&[])
    };
    let text = ask(request, made + day, None);
    assert!(text.contains("3bfa292879f6447bbcda7001decf97f4a54dc650c8942174ae0a9121cf58ad04"), "{text}");
    assert!(
        text.contains("UNSIGNED-PAYLOAD") && text.contains("verdict    verified") && !text.contains("clock"),
        "{text}"
    );
    let text = ask(request, made + day + 1, None);
    assert!(
        text.contains("verdict    verified") && text.contains("by this machine's clock it would be refused"),
        "{text}"
    );
    let text = ask(request, made + day, Some(made + day + 1));
    assert!(
        text.contains("verdict    refused: timestamp_outside_window") && text.contains("cause      stale"),
        "{text}"
    );
    let text = ask(&request.replace("us-east-1", "eu-west-1"), made, None);
    assert!(
        text.contains("cause      credential-scope") && text.contains("`eu-west-1/s3`, here is `us-east-1/s3`"),
        "{text}"
    );
}
