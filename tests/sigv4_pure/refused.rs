//! Every way to say no, with its code.

use bytes::Bytes;
use countersign::reject::Code;
use countersign::sig::encoding::Encoding;
use countersign::sig::mac::{Algorithm, Mac};
use countersign::sig::message::Head;
use countersign::sig::time::Moment;

use proptest::prelude::*;

use super::{API, KEY, NOW, S3, SECRET, head, post, refused, sign, value, verify, with};

const SCOPE: &str = "20251009/us-east-1/execute-api/aws4_request";

/// The rule as it is documented, on a canonical request that a test writes down.
fn signature(canonical: &str) -> String {
    let mac = |key: &[u8], text: &str| {
        let mut mac = Mac::keyed(Algorithm::Sha256, key);
        mac.update(text.as_bytes());
        mac.finish()
    };
    let first = format!("AWS4{SECRET}").into_bytes();
    let key = SCOPE.split('/').fold(first, |key, step| mac(&key, step));
    let hash = Encoding::Hex.encode(&Algorithm::Sha256.digest(canonical.as_bytes()));
    Encoding::Hex.encode(&mac(&key, &format!("AWS4-HMAC-SHA256\n20251009T085320Z\n{SCOPE}\n{hash}")))
}

fn authorization(signed: &str, signature: &str) -> String {
    format!("AWS4-HMAC-SHA256 Credential={}/{SCOPE},SignedHeaders={signed},Signature={signature}", KEY.0)
}

fn hash(body: &[u8]) -> String {
    Encoding::Hex.encode(&Algorithm::Sha256.digest(body))
}

#[test]
fn an_authorization_has_one_form() {
    let signed = sign(API, KEY, (post(), b"x"), NOW).unwrap();
    let good = value(&signed, "authorization");
    for (from, to, code) in [
        ("", "", None),
        (", ", ",", None),
        ("AWS4-HMAC-SHA256 ", "aws4-hmac-sha256 ", Some(Code::SignatureMissing)),
        ("AWS4-HMAC-SHA256 ", "Bearer ", Some(Code::SignatureMissing)),
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512", Some(Code::SignatureMissing)),
        ("Signature=", "signature=", Some(Code::SignatureMissing)),
        ("Credential=", "Credential=x, Credential=", Some(Code::SignatureRepeated)),
        ("Signature=", "Extra=x, Signature=", Some(Code::SignatureMalformed)),
        ("/aws4_request", "/aws4", Some(Code::SignatureMalformed)),
        ("/us-east-1/", "/", Some(Code::SignatureMalformed)),
        ("AKIAIOSFODNN7EXAMPLE/", "/", Some(Code::SignatureMalformed)),
        ("AKIAIOSFODNN7EXAMPLE/", "AKIANOBODY/", Some(Code::SignatureInvalid)),
        ("us-east-1", "us-east-2", Some(Code::RequirementUnmet)),
        ("execute-api", "s3", Some(Code::RequirementUnmet)),
        ("20251009/", "20251008/", Some(Code::RequirementUnmet)),
        ("content-type;host", "host;content-type", Some(Code::SignatureMalformed)),
        ("content-type;host", "content-type;content-type;host", Some(Code::SignatureMalformed)),
        ("content-type;host", "Content-Type;host", Some(Code::SignatureMalformed)),
        ("content-type;host", "content-type;;host", Some(Code::SignatureMalformed)),
        ("content-type;host;", "content-type;", Some(Code::RequirementUnmet)),
        (";x-amz-meta-a", "", Some(Code::RequirementUnmet)),
        ("content-type;host", "content-type;cookie;host", Some(Code::CoveredFieldMissing)),
        ("content-type;host", "host", Some(Code::SignatureInvalid)),
    ] {
        let changed = with(&signed, "authorization", &good.replacen(from, to, 1));
        assert_eq!(refused(API, &changed, b"x"), code, "{from} -> {to}");
    }
    let at = good.len() - 64;
    for signature in [&good[at..good.len() - 1], &good[at..].to_uppercase(), &format!("{}0", &good[at..]), "0x"] {
        let changed = with(&signed, "authorization", &format!("{}{signature}", &good[..at]));
        assert_eq!(refused(API, &changed, b"x"), Some(Code::SignatureMalformed), "{signature}");
    }
}

#[test]
fn what_occurs_twice_is_refused() {
    let signed = sign(API, KEY, (post(), b"x"), NOW).unwrap();
    for (name, code) in [
        ("authorization", Code::SignatureRepeated),
        ("x-amz-date", Code::TimestampInvalid),
        ("x-amz-content-sha256", Code::CoveredFieldMissing),
        ("x-amz-meta-a", Code::SignatureInvalid),
    ] {
        let mut twice = signed.clone();
        twice.fields.append(name, value(&signed, name));
        assert_eq!(refused(API, &twice, b"x"), Some(code), "{name}");
    }
    let both = Head { target: "/?X-Amz-Signature=00".into(), ..signed };
    assert_eq!(refused(API, &both, b"x"), Some(Code::SignatureRepeated));
}

#[test]
fn the_window_is_inclusive_on_both_sides() {
    let signed = sign(&format!("{API}, past: 60s, future: 30s"), KEY, (post(), b"x"), NOW).unwrap();
    for (at, fresh) in [(-31, false), (-30, true), (60, true), (61, false)] {
        let now = Moment::from_secs(NOW.secs() + at);
        let verdict = verify(&format!("{API}, past: 60s, future: 30s"), &[KEY], (&signed, b"x"), now);
        let code = verdict.err().map(|why| why.code());
        assert_eq!(code, (!fresh).then_some(Code::TimestampOutsideWindow), "{at}");
    }
}

#[test]
fn a_stamp_is_there_and_in_one_spelling() {
    let signed = sign(API, KEY, (post(), b"x"), NOW).unwrap();
    for text in ["1760000000", "2025-10-09T08:53:20Z", "20251009T085320z", "Thu, 09 Oct 2025 08:53:20 GMT", ""] {
        assert_eq!(refused(API, &with(&signed, "x-amz-date", text), b"x"), Some(Code::TimestampInvalid), "{text}");
    }
    let mut without = signed;
    without.fields.remove("x-amz-date");
    assert_eq!(refused(API, &without, b"x"), Some(Code::SignatureMissing));
}

#[test]
fn date_is_the_stamp_where_it_is_signed() {
    for date in ["Thu, 09 Oct 2025 08:53:20 GMT", "20251009T085320Z"] {
        let canonical = format!("POST\n/p\n\ndate:{date}\nhost:h\n\ndate;host\n{}", hash(b"x"));
        let mut head = head("POST", "/p", "h", &[("Date", date)]);
        head.fields.set("authorization", authorization("date;host", &signature(&canonical)));
        assert_eq!(refused(API, &head, b"x"), None, "{date}");
        assert_eq!(refused(API, &head, b"y"), Some(Code::SignatureInvalid), "{date}");
        head.fields.set("authorization", authorization("host", &signature(&canonical)));
        assert_eq!(refused(API, &head, b"x"), Some(Code::RequirementUnmet), "{date}");
    }
}

#[test]
fn a_session_token_passes_if_it_is_signed() {
    let mut signed = post();
    signed.fields.append("x-amz-meta-token", "t");
    let signed = sign(API, KEY, (signed, b"x"), NOW).unwrap();
    assert_eq!(refused(API, &signed, b"x"), None);
    let smuggled = with(&signed, "x-amz-security-token", "theirs");
    assert_eq!(refused(API, &smuggled, b"x"), Some(Code::RequirementUnmet));
    assert_eq!(refused(API, &with(&signed, "x-amzn-trace-id", "Root=1"), b"x"), None, "not an X-Amz-* header");
}

#[test]
fn two_paths_never_share_a_signature() {
    let signed = sign(API, KEY, (head("GET", "/a/b", "h", &[]), b""), NOW).unwrap();
    for target in ["//a/b", "/a//b", "/a/b//"] {
        let changed = Head { target: target.into(), ..signed.clone() };
        assert_eq!(refused(API, &changed, b""), Some(Code::TargetInvalid), "{target}");
    }
    let raw = Head { target: "//a/b".into(), ..sign(S3, KEY, (head("GET", "/a/b", "h", &[]), b""), NOW).unwrap() };
    assert_eq!(refused(S3, &raw, b""), Some(Code::SignatureInvalid));
}

#[test]
fn only_known_kinds_of_bodies_are_taken() {
    let stream = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    for (options, said, code) in [
        ("", stream, Code::CoveredFieldMissing),
        (", streaming: refuse", stream, Code::RequirementUnmet),
        ("", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", Code::RequirementUnmet),
        (", unsigned_payload: allow", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", Code::RequirementUnmet),
        ("", "unsigned-payload", Code::DigestInvalid),
        ("", "", Code::DigestInvalid),
        ("", "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", Code::DigestInvalid),
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", Code::SignatureInvalid),
    ] {
        let options = format!("{API}{options}");
        let signed = sign(&options, KEY, (post(), b"x"), NOW).unwrap();
        assert_eq!(refused(&options, &with(&signed, "x-amz-content-sha256", said), b"x"), Some(code), "{said}");
    }
}

#[test]
fn a_presigned_url_says_everything_once() {
    let names = "&X-Amz-Date=20251009T085320Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host";
    let credential = format!("X-Amz-Credential={}%2F{}", KEY.0, SCOPE.replace('/', "%2F"));
    let query = format!("X-Amz-Algorithm=AWS4-HMAC-SHA256&{credential}{names}");
    let canonical = format!("GET\n/p\n{query}\nhost:h\n\nhost\n{}", hash(b""));
    let query = format!("{query}&X-Amz-Signature={}", signature(&canonical));
    for (from, to, code) in [
        ("", "", None),
        ("%2F", "/", Some(Code::SignatureInvalid)),
        ("%2F", "%2f", Some(Code::SignatureInvalid)),
        ("&X-Amz-Expires=60", "", Some(Code::SignatureMissing)),
        ("&X-Amz-Date=20251009T085320Z", "", Some(Code::SignatureMissing)),
        ("X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=AWS4-HMAC-SHA1", Some(Code::SignatureMalformed)),
        ("&X-Amz-Date", "&X-Amz-Expires=60&X-Amz-Date", Some(Code::SignatureRepeated)),
        ("X-Amz-Signature=", "X-Amz-Signature=00&X-Amz-Signature=", Some(Code::SignatureRepeated)),
        ("Expires=60", "Expires=0", Some(Code::TimestampInvalid)),
        ("Expires=60", "Expires=060", Some(Code::TimestampInvalid)),
        ("Expires=60", "Expires=-60", Some(Code::TimestampInvalid)),
        ("Expires=60", "Expires=604800", Some(Code::SignatureInvalid)),
        ("Expires=60", "Expires=604801", Some(Code::RequirementUnmet)),
        ("SignedHeaders=host", "SignedHeaders=date", Some(Code::RequirementUnmet)),
        ("X-Amz-Signature", "x-amz-signature", Some(Code::SignatureMissing)),
        ("X-Amz-Algorithm", "a=1&X-Amz-Algorithm", Some(Code::SignatureInvalid)),
    ] {
        let target = format!("/p?{}", query.replacen(from, to, 1));
        assert_eq!(refused(API, &head("GET", &target, "h", &[]), b""), code, "{from} -> {to}");
    }
    let target = format!("/p?{query}");
    assert_eq!(refused(API, &head("GET", &target, "h", &[]), b"x"), Some(Code::SignatureInvalid));
    let smuggled = head("GET", &target, "h", &[("X-Amz-Meta-A", "1")]);
    assert_eq!(refused(API, &smuggled, b""), Some(Code::RequirementUnmet));
}

/// Pieces of which evidence is made, in any order.
fn evidence() -> impl Strategy<Value = String> {
    let known = [
        "AWS4-HMAC-SHA256 ",
        "Credential=",
        "SignedHeaders=",
        "Signature=",
        "AKIAIOSFODNN7EXAMPLE/",
        SCOPE,
        "host;x-amz-date",
        "date",
        "host",
        ",",
        ", ",
        ";",
        "=",
        "/",
        "&",
        "?",
        "%",
        "%2F",
        "%zz",
        "X-Amz-Signature=",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "X-Amz-Credential=",
        "X-Amz-Date=",
        "X-Amz-Expires=",
        "X-Amz-SignedHeaders=",
        "20251009T085320Z",
        "604800",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "\u{fffd}",
        "",
    ];
    let piece = prop_oneof![proptest::sample::select(known.to_vec()).prop_map(str::to_owned), "[ -~]{0,8}"];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn nothing_made_up_holds_or_breaks_the_reader(texts in proptest::array::uniform4(evidence())) {
        let [target, authorization, stamp, said] = texts;
        for options in [API, S3] {
            let mut request = head("GET", "/", "h", &[("Authorization", &format!("AWS4-HMAC-SHA256 {authorization}"))]);
            request.fields.append("x-amz-content-sha256", said.clone());
            prop_assert!(refused(options, &request, b"x").is_some());
            request.fields.append("x-amz-date", stamp.clone());
            prop_assert!(refused(options, &request, b"x").is_some());
            request.fields.remove("authorization");
            request.target = Bytes::from(format!("/?X-Amz-Signature=0&{target}"));
            prop_assert!(refused(options, &request, b"x").is_some());
            drop(sign(options, KEY, (request, b"x"), NOW));
        }
    }
}
