//! Evidence: what counts, what is refused, and why.

use super::*;

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
        (input.clone(), mac.replace("=:", "=\"").replace(':', "\""), Some(Code::SignatureMalformed)),
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
