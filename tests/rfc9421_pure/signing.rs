//! What we sign we accept, written as the RFC writes it.

use super::*;

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
