//! Headers that have to be signed where they are sent: none beside AWS's own, unless the configuration says so.

use countersign::reject::Code;
use countersign::sig::message::Head;

use super::{API, KEY, NOW, post, refused, sign, value};

const TYPED: &str = "region: us-east-1, service: execute-api, require: [Content-Type, content-encoding]";

/// Signed without its type, as `curl --aws-sigv4 -d` does; then a type was added, and perhaps an encoding.
fn untyped(later: &[(&'static str, &'static str)]) -> Head {
    let mut bare = post();
    bare.fields.remove("content-type");
    let mut signed = sign(API, KEY, (bare, b"x"), NOW).unwrap();
    for (name, value) in later {
        signed.fields.append(*name, *value);
    }
    signed
}

#[test]
fn a_type_that_was_not_signed_is_refused_where_it_is_required() {
    let (form, packed) = (("content-type", "application/x-www-form-urlencoded"), ("content-encoding", "gzip"));
    for (later, code) in [
        (&[][..], None),
        (&[form], Some(Code::RequirementUnmet)),
        (&[packed], Some(Code::RequirementUnmet)),
        (&[("accept", "*/*")], None),
    ] {
        assert_eq!(refused(TYPED, &untyped(later), b"x"), code, "{later:?}");
        assert_eq!(refused(API, &untyped(later), b"x"), None, "{later:?}");
    }
}

#[test]
fn what_is_required_is_signed_by_us() {
    let mut packed = post();
    packed.fields.append("content-encoding", "gzip");
    let signed = sign(TYPED, KEY, (packed.clone(), b"x"), NOW).unwrap();
    assert!(value(&signed, "authorization").contains("SignedHeaders=content-encoding;content-type;host;"));
    assert_eq!(refused(TYPED, &signed, b"x"), None);
    let signed = sign(API, KEY, (packed, b"x"), NOW).unwrap();
    assert!(value(&signed, "authorization").contains("SignedHeaders=content-type;host;"));
    assert_eq!(refused(TYPED, &signed, b"x"), Some(Code::RequirementUnmet));
}
