//! Structured fields and component identifiers: one canonical form, and what has none.

use crate::sig::native::rfc9421::components::Component;
use crate::sig::native::rfc9421::structured::{Fault, canonical, dictionary, print_dictionary};

#[test]
fn structured_fields_have_one_canonical_form() {
    for (text, form) in [
        ("a=1,    b=2;x=1;y=2,   c=(a   b   c)", Some("a=1, b=2;x=1;y=2, c=(a b c)")),
        ("a=?1, b;c=?1, d=?0", Some("a, b;c, d=?0")),
        ("sugar, tea, rum", Some("sugar, tea, rum")),
        ("rum, rum", Some("rum, rum")),
        ("(\"foo\"; a=1;b=2);lvl=5, (\"bar\" \"baz\");lvl=1", Some("(\"foo\";a=1;b=2);lvl=5, (\"bar\" \"baz\");lvl=1")),
        ("( ), ();a", Some("(), ();a")),
        ("0042, -7, 4.50, -0.5, 1.0", Some("42, -7, 4.5, -0.5, 1.0")),
        ("\"a\\\"b\\\\\"", Some("\"a\\\"b\\\\\"")),
        (":aGVsbG8=:", Some(":aGVsbG8=:")),
        ("text/html;q=1.0", Some("text/html;q=1.0")),
        ("", Some("")),
        ("a,", None),
        ("a b", None),
        ("(a", None),
        ("(\"a\"\"b\")", None),
        ("\"a", None),
        ("\"\\n\"", None),
        ("\"é\"", None),
        (":aGVsbG8:", None),
        (":aGVsbG8=", None),
        ("?2", None),
        ("1.", None),
        ("1.2345", None),
        ("1234567890123456", None),
        ("--1", None),
        ("A=1", None),
        ("a=", None),
        ("a;;b", None),
        ("a;x=1;x=2", None),
    ] {
        assert_eq!(canonical(text.as_bytes()).ok().as_deref(), form, "{text}");
    }
}

#[test]
fn a_dictionary_is_read_back_as_printed_and_has_no_name_twice() {
    let text = "sig1=(\"@method\" \"x\";sf);created=1;keyid=\"k\", sig2=(), sig3=:AA==:, sig4";
    assert_eq!(print_dictionary(&dictionary(text.as_bytes()).unwrap()), text);
    assert_eq!(dictionary(b"a=1, a=2"), Err(Fault::Repeated));
    assert_eq!(dictionary(b"a;b;b"), Err(Fault::Repeated));
    assert_eq!(dictionary(b"1=2"), Err(Fault::Malformed));
}

#[test]
fn what_is_no_component_is_refused() {
    for text in [
        "",
        "Content-Type",
        "content type",
        "@bogus",
        "@signature-params",
        "@query-params",
        "@query-param",
        "\"@method\";name=\"x\"",
        "\"@method\";sf",
        "\"@query-param\";name=x",
        "\"x\";sf=?0",
        "\"x\";sf;bs",
        "\"x\";bs;key=\"a\"",
        "\"x\";name=\"a\"",
        "\"x\";tr",
        "\"x\";other",
        "\"x\";key=a",
        "\"x",
        "x;sf",
    ] {
        assert!(Component::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn one_component_covers_another_only_if_that_cannot_change_below_it() {
    for (own, wanted, covers) in [
        ("@path", "@path", true),
        ("@target-uri", "@path", true),
        ("@target-uri", "@query", true),
        ("@target-uri", "@authority", true),
        ("@target-uri", "@scheme", true),
        ("@target-uri", "@method", false),
        ("@request-target", "@query", true),
        ("@request-target", "@authority", false),
        ("@path", "@request-target", false),
        ("@query", "@path", false),
        ("\"x\";sf", "x", true),
        ("\"x\";bs", "x", true),
        ("\"x\";key=\"a\"", "x", false),
        ("x", "\"x\";sf", false),
        ("x", "y", false),
        ("\"content-digest\";key=\"sha-256\"", "content-digest", true),
        ("\"@query-param\";name=\"a\"", "@query", false),
        ("\"@query-param\";name=\"%61\"", "\"@query-param\";name=\"a\"", true),
        ("\"@method\";req", "@method", false),
    ] {
        let (own, wanted) = (Component::parse(own).unwrap(), Component::parse(wanted).unwrap());
        assert_eq!(own.covers(&wanted), covers, "{} {}", own.text(), wanted.text());
    }
}
