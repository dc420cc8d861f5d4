//! What the head decides alone is refused before the body is asked for.

use super::*;

/// A form, signed at [`NOW`] with its fields: the rest of the evidence is in the body.
fn form() -> Head {
    sign(&scheme(""), KEY, head("POST", "/a?b=1", &[FORM]), b"c=2").unwrap()
}

/// Why the head is refused before anybody asks for the body.
fn at_once(head: &Head, now: i64) -> Option<Code> {
    let site = Site { public_url: Some(BASE), captures: &[] };
    gate(&scheme(""), KEY).open(head, site, Moment::from_secs(now), 8).err().map(|rejection| rejection.code())
}

fn with_own(change: impl FnOnce(String) -> String) -> Head {
    let mut head = form();
    let own = String::from_utf8(head.fields.one("authorization").unwrap().unwrap().to_vec()).unwrap();
    head.fields.set("authorization", change(own));
    head
}

#[test]
fn a_stale_form_is_refused_on_its_head() {
    let stale = Some(Code::TimestampOutsideWindow);
    for (seconds, code) in [(-61, stale), (-60, None), (0, None), (300, None), (301, stale)] {
        assert_eq!(at_once(&form(), NOW + seconds), code, "{seconds}");
    }
}

#[test]
fn evidence_that_is_missing_or_misspelled_in_the_head_is_refused_on_the_head() {
    let without = |name: &str| {
        let kept = |own: String| {
            let list = own.strip_prefix("OAuth ").unwrap();
            let kept: Vec<_> = list.split(", ").filter(|entry| !entry.starts_with(&format!("{name}="))).collect();
            format!("OAuth {}", kept.join(", "))
        };
        with_own(kept)
    };
    let (missing, malformed) = (Some(Code::SignatureMissing), Some(Code::SignatureMalformed));
    for (name, code) in [
        ("oauth_signature", missing),
        ("oauth_consumer_key", missing),
        ("oauth_timestamp", missing),
        ("oauth_signature_method", missing),
        ("oauth_nonce", Some(Code::NonceInvalid)),
        ("oauth_version", None),
        ("nothing", None),
    ] {
        assert_eq!(at_once(&without(name), NOW), code, "{name}");
    }
    for (from, to, code) in [
        ("HMAC-SHA1", "HMAC-SHA256", malformed),
        ("oauth_version=\"1.0\"", "oauth_version=\"2.0\"", Some(Code::RequirementUnmet)),
        ("oauth_nonce=\"", "oauth_nonce=\"%20", Some(Code::NonceInvalid)),
        ("oauth_timestamp=\"", "oauth_timestamp=\"0", Some(Code::TimestampInvalid)),
        ("oauth_signature=\"", "oauth_signature=\"AA", malformed),
        ("oauth_nonce=\"", "oauth_nonce=\"%zz", malformed),
        ("oauth_nonce=\"", "oauth_nonce=\"x\", oauth_nonce=\"", Some(Code::SignatureRepeated)),
        ("oauth_nonce=\"", "oauth_body_hash=\"!\", oauth_nonce=\"", Some(Code::DigestInvalid)),
    ] {
        assert_eq!(at_once(&with_own(|own| own.replacen(from, to, 1)), NOW), code, "{from} -> {to}");
    }
}

#[test]
fn a_parameter_in_a_second_place_of_the_head_is_refused_on_the_head() {
    let mut twice = form();
    twice.target = Bytes::from("/a?b=1&oauth_token=x");
    assert_eq!(at_once(&twice, NOW), Some(Code::SignatureRepeated));
    let mut typed = form();
    typed.fields.append("content-type", "text/plain");
    assert_eq!(at_once(&typed, NOW), Some(Code::CoveredFieldMissing));
}

/// **Threat:** who is answered before the body would learn which keys there are.
#[test]
fn whether_the_key_is_known_and_the_signature_right_is_said_after_the_body() {
    let mut moved = form();
    moved.target = Bytes::from("/a?b=2");
    let unknown = with_own(|own| own.replace("dpf43f3p2l4k3l03", "nobody"));
    assert_eq!((at_once(&moved, NOW), at_once(&unknown, NOW)), (None, None));
    let verdict = |head: &Head| judge(&gate(&scheme(""), KEY), BASE, head, b"c=2", NOW).err();
    assert_eq!((verdict(&unknown), verdict(&moved)), (Some(Code::SignatureInvalid), Some(Code::SignatureInvalid)));
}

#[test]
fn what_stands_in_the_form_is_still_judged_with_it() {
    let verdict = |body: &[u8]| judge(&gate(&scheme(""), KEY), BASE, &form(), body, NOW).err();
    assert_eq!(verdict(b"c=2"), None);
    assert_eq!(verdict(b"c=3"), Some(Code::SignatureInvalid));
    assert_eq!(verdict(b"c=2&oauth_token=x"), Some(Code::SignatureRepeated));
}
