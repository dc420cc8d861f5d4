//! What we sign, we accept; and nothing but that.

use bytes::Bytes;
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::reject::Code;
use countersign::sig::message::{Head, Method};
use countersign::sig::time::Moment;
use countersign::sig::{Need, Site};

use super::{API, KEY, NOW, S3, head, post, refused, ring, scheme, sign, value, verify, with};

const BODY: &[u8] = b"{\"a\": 1}";

#[test]
fn what_we_sign_we_accept() {
    for options in [
        API,
        S3,
        "region: eu-1, service: x, uri: raw",
        "region: eu-1, service: x, payload: unsigned, unsigned_payload: allow",
    ] {
        for body in [&b""[..], BODY, b"\0\xff"] {
            let signed = sign(options, KEY, (post(), body), NOW).unwrap();
            let permit =
                verify(options, &[KEY], (&signed, body), NOW).unwrap_or_else(|why| panic!("{options}: {why:?}"));
            assert_eq!((permit.stamp(), permit.fresh_until()), (Some(NOW), Some(Moment::from_secs(1_760_000_301))));
            let other = verify(options, &[(KEY.0, "another secret")], (&signed, body), NOW);
            assert_eq!(other.err().map(|why| why.code()), Some(Code::SignatureInvalid), "{options}");
        }
    }
}

#[test]
fn every_flipped_bit_of_what_is_covered_is_refused() {
    let signed = sign(API, KEY, (post(), BODY), NOW).unwrap();
    let flipped = |bytes: &[u8]| -> Vec<Bytes> {
        let flip = |at: usize| {
            let mut changed = bytes.to_vec();
            changed[at / 8] ^= 1 << (at % 8);
            Bytes::from(changed)
        };
        (0..bytes.len() * 8).map(flip).collect()
    };
    let method = flipped(signed.method.as_str().as_bytes()).into_iter().filter_map(|bytes| {
        let method = Method::new(std::str::from_utf8(&bytes).ok()?);
        Some(Head { method, ..signed.clone() })
    });
    let target = flipped(&signed.target).into_iter().map(|target| Head { target, ..signed.clone() });
    let host = flipped(&signed.authority).into_iter().map(|authority| Head { authority, ..signed.clone() });
    let fields = signed.fields.iter().flat_map(|field| {
        let changed = |value: Bytes| {
            let mut head = signed.clone();
            head.fields.set(field.name.clone(), value);
            head
        };
        flipped(&field.value).into_iter().map(changed)
    });
    let heads: Vec<Head> = method.chain(target).chain(host).chain(fields).collect();
    assert!(heads.len() > 2000, "{}", heads.len());
    for changed in heads {
        assert!(refused(API, &changed, BODY).is_some(), "{changed:?}");
    }
    for body in flipped(BODY) {
        assert_eq!(refused(API, &signed, &body), Some(Code::DigestInvalid));
    }
}

#[test]
fn the_head_is_judged_before_the_body_unless_it_waits_for_its_hash() {
    let signed = sign(API, KEY, (post(), BODY), NOW).unwrap();
    let authorization = value(&signed, "authorization");
    let wrong = with(&signed, "authorization", &format!("{}0", &authorization[..authorization.len() - 1]));
    let mut waiting = wrong.clone();
    waiting.fields.remove("x-amz-content-sha256");
    let waits = authorization.replace("x-amz-content-sha256;", "");
    let waiting = with(&waiting, "authorization", &waits);
    for (head, opens) in [(&signed, true), (&wrong, false), (&waiting, true)] {
        let gate = Gate::new(vec![Alternative { scheme: scheme(API), keys: Keys::Ring(ring(&[KEY])) }]);
        assert_eq!(gate.open(head, Site::default(), NOW, 8).is_ok(), opens, "{head:?}");
    }
    assert_eq!(refused(API, &waiting, BODY), Some(Code::SignatureInvalid));
}

#[test]
fn what_the_client_signed_itself_is_replaced() {
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&a=1&X-Amz-Credential=x&X-Amz-Date=x&X-Amz-Expires=1&X-Amz-SignedHeaders=host&X-Amz-Signature=00";
    let fields = [
        ("Authorization", "AWS4-HMAC-SHA256 forged"),
        ("Authorization", "Bearer twice"),
        ("X-Amz-Date", "20200101T000000Z"),
        ("X-Amz-Security-Token", "theirs"),
        ("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"),
    ];
    let signed = sign(API, KEY, (head("GET", &format!("/x?{query}"), "h", &fields), b""), NOW).unwrap();
    assert_eq!(refused(API, &signed, b""), None);
    assert_eq!(signed.target, "/x?a=1");
    assert_eq!(value(&signed, "x-amz-date"), "20251009T085320Z");
    assert!(!signed.fields.contains("x-amz-security-token"));
}

#[test]
fn the_target_is_signed_and_sent_in_one_spelling() {
    for (target, wanted) in [("/k(1)?prefix=a/b", "/k%281%29?prefix=a%2Fb"), ("/%7e?q=%c3%a9", "/~?q=%C3%A9")] {
        for options in [API, S3] {
            let signed = sign(options, KEY, (head("GET", target, "h", &[]), b""), NOW).unwrap();
            assert_eq!(signed.target, wanted);
            assert_eq!(refused(options, &signed, b""), None, "{target}");
        }
    }
    for target in ["/x?q=1+2", "/a/%2e%2e/b"] {
        let refusal = sign(API, KEY, (head("GET", target, "h", &[]), b""), NOW).unwrap_err();
        assert_eq!(refusal.code(), Code::TargetInvalid, "{target}");
    }
}

#[test]
fn a_key_id_that_cannot_be_written_does_not_sign() {
    let refusal = sign(API, ("a,b", super::SECRET), (post(), b""), NOW).unwrap_err();
    assert_eq!(refusal.code(), Code::SigningFailed);
    let slash = ("team/key", super::SECRET);
    let signed = sign(API, slash, (post(), b""), NOW).unwrap();
    assert!(verify(API, &[slash], (&signed, b""), NOW).is_ok());
}

#[test]
fn the_body_is_fed_where_it_is_hashed_and_not_needed_where_it_is_not() {
    for (payload, need) in [("signed", Need::Feed), ("unsigned", Need::Head)] {
        let scheme = scheme(&format!("{API}, payload: {payload}"));
        assert_eq!(scheme.facts().signing_need, need);
    }
}
