//! Which alternative and which ring a request is judged by.

use super::*;

#[test]
fn a_good_sha1_never_rescues_a_bad_sha256() {
    let alternatives =
        ["github", "github-legacy-sha1"].map(|name| load(name, builtin(name).unwrap(), Overrides::default()).unwrap());
    let gate = Gate::new(alternatives.into());
    let mut sha1 = Mac::keyed(Algorithm::Sha1, b"secret of k1");
    sha1.update(b"b");
    let legacy = format!("sha1={}", Encoding::Hex.encode(&sha1.finish()));
    let (good, bad) = (format!("sha256={}", mac("k1", "b")), format!("sha256={}", mac("k1", "c")));
    let (new, old) = ("x-hub-signature-256", "x-hub-signature");
    let table: [(&[(&str, &str)], bool); 4] = [
        (&[(old, &legacy)], true),
        (&[(new, &bad), (old, &legacy)], false),
        (&[(new, &good), (old, "x")], true),
        (&[], false),
    ];
    for (headers, passes) in table {
        assert_eq!(judge(&gate, &request(headers), b"b", Moment::from_secs(NOW), 8).is_ok(), passes, "{headers:?}");
    }
}

#[test]
fn a_path_capture_picks_the_ring_and_an_unknown_one_answers_like_an_unknown_key() {
    let rings = HashMap::from([("shop/a".to_owned(), ring(&["a"])), ("shop/b".to_owned(), ring(&["b"]))]);
    let pattern = vec![NamePart::Literal("shop/".to_owned()), NamePart::Capture("shop".into())];
    let gate = gate(builtin("github").unwrap(), Keys::Captured { pattern, rings });
    let head = request(&[("x-hub-signature-256", &format!("sha256={}", mac("a", "")))]);
    for (shop, expected) in [("a", None), ("b", Some(Code::SignatureInvalid)), ("c", Some(Code::SignatureInvalid))] {
        let captures = [(Arc::from("shop"), Bytes::from(shop))];
        let site = Site { public_url: None, captures: &captures };
        let check = gate.open(&head, site, Moment::from_secs(NOW), 8).ok().unwrap();
        assert_eq!(code(check.close(None)), expected, "{shop}");
    }
}

#[test]
fn a_key_that_does_not_fit_its_scheme_is_named_and_never_used() {
    let gate = gate(builtin("standard-webhooks").unwrap(), Keys::Ring(ring(&["k1"])));
    let misfits: Vec<String> = gate.misfits().iter().map(ToString::to_string).collect();
    let said = "key `k1` of keyring `ring` does not fit scheme `test`: its secret is not in the scheme's encoding";
    assert_eq!(misfits, [said]);
    let stamp = NOW.to_string();
    let signature = format!("v1,{}", Encoding::Base64.encode(&[0; 32]));
    let head = request(&[("webhook-signature", &signature), ("webhook-timestamp", &stamp), ("webhook-id", "m")]);
    let verdict = judge(&gate, &head, b"", Moment::from_secs(NOW), 8);
    assert_eq!(code(verdict), Some(Code::SignatureInvalid));
}
