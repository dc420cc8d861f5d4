//! Tokens: equal or not, and nothing covered.

use countersign::reject::Code;
use countersign::sig::Need;
use countersign::sig::scheme::Covers;

use crate::{built_in, gate, judge, scheme};

#[test]
fn a_token_is_right_or_wrong_as_a_whole() {
    let own = gate(&built_in("gitlab"), &[("old", "s3cret token"), ("new", "other token")]);
    let verdict = |token| judge(&own, &[("x-gitlab-token", token)], b"{}", 0);
    assert_eq!(&*verdict("s3cret token").unwrap().key().id, "old");
    assert_eq!(&*verdict("other token").unwrap().key().id, "new");
    for token in ["s3cret toke", "s3cret token ", "s3cret tokem", "S3cret token", "s", "s3cret tokens3cret token"] {
        assert_eq!(verdict(token).err(), Some(Code::SignatureInvalid), "{token}");
    }
    assert_eq!(verdict("").err(), Some(Code::SignatureMissing));
    assert_eq!(judge(&own, &[], b"{}", 0).err(), Some(Code::SignatureMissing));
    let twice = [("x-gitlab-token", "s3cret token"), ("x-gitlab-token", "s3cret token")];
    assert_eq!(judge(&own, &twice, b"{}", 0).err(), Some(Code::SignatureRepeated));
}

#[test]
fn a_token_covers_nothing_and_names_no_request() {
    let scheme = built_in("gitlab");
    assert_eq!((scheme.need(), scheme.facts().covers), (Need::Head, Covers::default()));
    assert!(scheme.is_token() && scheme.facts().window.is_none());
    let own = gate(&scheme, &[("k", "s3cret token")]);
    for body in [&b"{}"[..], b"anything else"] {
        let permit = judge(&own, &[("x-gitlab-token", "s3cret token")], body, 0).unwrap();
        assert!(permit.macs().is_empty() && permit.nonce().is_none() && permit.stamp().is_none());
    }
}

#[test]
fn a_token_can_stand_behind_a_prefix_and_beside_a_key_id() {
    let yaml = "algorithm: token\nkey_id: {header: X-User}\nsignature: {header: Authorization, prefix: \"Bearer \"}\n";
    let own = gate(&scheme(yaml), &[("anna", "one"), ("bert", "two")]);
    for (user, value, code) in [
        ("anna", "Bearer one", None),
        ("bert", "Bearer two", None),
        ("anna", "Bearer two", Some(Code::SignatureInvalid)),
        ("nobody", "Bearer one", Some(Code::SignatureInvalid)),
        ("anna", "Bearer ", Some(Code::SignatureInvalid)),
        ("anna", "bearer one", Some(Code::SignatureMalformed)),
        ("anna", "one", Some(Code::SignatureMalformed)),
    ] {
        assert_eq!(judge(&own, &[("x-user", user), ("authorization", value)], b"", 0).err(), code, "{user} {value}");
    }
}
