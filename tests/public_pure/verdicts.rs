//! What is accepted and what is not, under each of the algorithms.

use countersign::reject::Code;
use countersign::sig::Need;
use countersign::sig::encoding::Encoding;

use crate::vectors::*;
use crate::{Headers, NOW, Ring, built_in, gate, judge, scheme};

type Case = (&'static str, &'static str, &'static str, Headers<'static>);

/// Scheme, key, body, headers, all at `NOW`.
const CASES: [Case; 4] = [
    ("discord", P_HEX, DISCORD_BODY, &[("x-signature-timestamp", "1760000000"), ("x-signature-ed25519", DISCORD_P)]),
    (
        "telnyx",
        P_BASE64,
        r#"{"data":{"event_type":"message.received"}}"#,
        &[
            ("telnyx-timestamp", "1760000000"),
            (
                "telnyx-signature-ed25519",
                "yl3sYjYIsoYi4uj5MhnKRFnCPIuGXyccKoL7RNnwsWQHu6++M9XwPSKWu5tTF26Lq3tN+k5DKhMjXhh6P58KDw==",
            ),
        ],
    ),
    (
        "standard-webhooks-v1a",
        Q_WHPK,
        V1A_BODY,
        &[
            ("webhook-timestamp", "1760000000"),
            ("webhook-id", "msg_1"),
            (
                "webhook-signature",
                "v1,AAAA v1a,saH1+uBsWiAm8FMUw3n6RleIrWEur8Pt9/bCVs3KOgXSIFJiWjhITvDVypiI3TW3DjmY5KkAy+S5SyFOxdMJBw==",
            ),
        ],
    ),
    (
        "standard-webhooks-v1a",
        P_BASE64,
        V1A_BODY,
        &[
            ("webhook-timestamp", "1760000000"),
            ("webhook-id", "msg_1"),
            (
                "webhook-signature",
                "v1a,SCE/ABllZ+bMUiQKG3TMBoera1/8m6tH6bioMRr9ili2dgub+ZxQ65QxX98grOwAcrokuniPzgU4gKp56vQUDg==",
            ),
        ],
    ),
];

const DATED: [(&str, &str); 2] = [("x-signature-timestamp", "1760000000"), ("x-signature-ed25519", DISCORD_P)];

#[test]
fn what_vendors_sign_is_accepted_until_it_is_changed_or_old() {
    for (name, key, body, headers) in CASES {
        let (scheme, mut longer) = (built_in(name), body.to_owned());
        longer.push(' ');
        assert_eq!(scheme.need(), Need::Whole, "{name}");
        assert!(scheme.facts().covers.body && scheme.facts().covers.timestamp, "{name}");
        let own = gate(&scheme, &[("k", key)]);
        assert_eq!(own.misfits(), [], "{name}");
        assert_eq!(judge(&own, headers, body.as_bytes(), NOW).err(), None, "{name}");
        assert_eq!(judge(&own, headers, longer.as_bytes(), NOW).err(), Some(Code::SignatureInvalid), "{name}");
        let late = judge(&own, headers, body.as_bytes(), NOW + 301).err();
        assert_eq!(late, Some(Code::TimestampOutsideWindow), "{name}");
        let mut again: Vec<_> = headers.to_vec();
        again[0].1 = "1760000001";
        assert_eq!(judge(&own, &again, body.as_bytes(), NOW).err(), Some(Code::SignatureInvalid), "{name}");
    }
}

#[test]
fn one_flipped_bit_anywhere_is_refused() {
    let own = gate(&built_in("discord"), &[("k", P_HEX)]);
    let flipped = |bytes: &[u8], bit: usize| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    };
    let invalid = Some(Code::SignatureInvalid);
    for bit in 0..DISCORD_BODY.len() * 8 {
        assert_eq!(judge(&own, &DATED, &flipped(DISCORD_BODY.as_bytes(), bit), NOW).err(), invalid, "body {bit}");
    }
    let signature = Encoding::Hex.decode(DISCORD_P.as_bytes(), false).unwrap();
    for bit in 0..signature.len() * 8 {
        let changed = Encoding::Hex.encode(&flipped(&signature, bit));
        let headers = [DATED[0], ("x-signature-ed25519", changed.as_str())];
        assert_eq!(judge(&own, &headers, DISCORD_BODY.as_bytes(), NOW).err(), invalid, "signature {bit}");
    }
    let key = Encoding::Hex.decode(P_HEX.as_bytes(), false).unwrap();
    for bit in 0..key.len() * 8 {
        let other = Encoding::Hex.encode(&flipped(&key, bit));
        let other = gate(&built_in("discord"), &[("k", other.as_str())]);
        assert_eq!(judge(&other, &DATED, DISCORD_BODY.as_bytes(), NOW).err(), invalid, "key {bit}");
    }
}

#[test]
fn a_signature_has_one_spelling_and_one_length() {
    let own = gate(&built_in("discord"), &[("k", P_HEX)]);
    let upper = DISCORD_P.to_ascii_uppercase();
    let (longer, padded) = (format!("{DISCORD_P}00"), format!(" {DISCORD_P}"));
    for (signature, code) in [
        (&DISCORD_P[2..], Code::SignatureMalformed),
        (&DISCORD_P[..126], Code::SignatureMalformed),
        (&DISCORD_P[1..], Code::SignatureMalformed),
        (longer.as_str(), Code::SignatureMalformed),
        (upper.as_str(), Code::SignatureMalformed),
        (padded.as_str(), Code::SignatureMalformed),
        ("", Code::SignatureMissing),
        (DISCORD_Q, Code::SignatureInvalid),
    ] {
        let headers = [DATED[0], ("x-signature-ed25519", signature)];
        assert_eq!(judge(&own, &headers, DISCORD_BODY.as_bytes(), NOW).err(), Some(code), "{signature}");
    }
    let twice = [DATED[0], DATED[1], DATED[1]];
    assert_eq!(judge(&own, &twice, DISCORD_BODY.as_bytes(), NOW).err(), Some(Code::SignatureRepeated));
}

fn sendgrid(signature: &str) -> Result<Vec<bytes::Bytes>, Code> {
    let own = gate(&built_in("sendgrid"), &[("k", SENDGRID_KEY)]);
    let headers = [
        ("x-twilio-email-event-webhook-timestamp", "1600112502"),
        ("x-twilio-email-event-webhook-signature", signature),
    ];
    judge(&own, &headers, SENDGRID_BODY.as_bytes(), SENDGRID_NOW).map(|permit| permit.macs().to_vec())
}

/// (r, n − s), which anybody can compute of (r, s), holds as well: `encode_dss_signature(r, n - s)` of `cryptography`.
#[test]
fn a_signature_that_anybody_can_change_names_the_request_as_before() {
    let mirrored = "MEQCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiA352jxkzMFHWEakvZHkFpGvMu+Ix+PzzgcJOUKQR6+fg==";
    let (first, second) = (sendgrid(SENDGRID_SIGNATURE).unwrap(), sendgrid(mirrored).unwrap());
    assert_eq!((first.len(), &first), (1, &second));
}

#[test]
fn an_ecdsa_signature_is_der_and_nothing_like_it() {
    for (signature, code) in [
        // r with a needless zero in front: BER, not DER.
        (
            "MEYCIQBh0FbRo/mNy5BvXy3MX96nyNdEMrIA1pjDlZsRtLumVAIhAMgYlw1szPrjnuVtCbhvpbkAGzyKh4fPTNeU5bi7RGbT",
            Code::SignatureInvalid,
        ),
        // r and s side by side.
        (
            "YdBW0aP5jcuQb18tzF/ep8jXRDKyANaYw5WbEbS7plTIGJcNbMz6457lbQm4b6W5ABs8ioeHz0zXlOW4u0Rm0w==",
            Code::SignatureInvalid,
        ),
        // (0, 0).
        ("MAYCAQACAQA=", Code::SignatureInvalid),
        ("MAA=", Code::SignatureMalformed),
        // Shorter by a byte, and longer by one.
        (
            "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZg==",
            Code::SignatureInvalid,
        ),
        (
            "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtMA",
            Code::SignatureInvalid,
        ),
    ] {
        assert_eq!(sendgrid(signature).err(), Some(code), "{signature}");
    }
}

#[test]
fn another_algorithm_accepts_none_of_them() {
    let signed = [("x-sig", RSA_SIGNATURE)];
    let rsa = scheme(&body_only("rsa-pss-sha512", "base64"));
    assert_eq!(judge(&gate(&rsa, &[("k", RSA)]), &signed, RSA_BASE.as_bytes(), 0).err(), None);
    for (algorithm, key) in [("ed25519", P_BASE64), ("ecdsa-p256-sha256", SENDGRID_KEY)] {
        let other = gate(&scheme(&body_only(algorithm, "base64")), &[("k", key)]);
        assert_eq!(judge(&other, &signed, RSA_BASE.as_bytes(), 0).err(), Some(Code::SignatureMalformed), "{algorithm}");
    }
    // The public key as an HMAC secret.
    let mac = scheme(&body_only("sha512", "base64").replace("key: {encoding: base64}\n", ""));
    let verdict = judge(&gate(&mac, &[("k", RSA)]), &signed, RSA_BASE.as_bytes(), 0);
    assert_eq!(verdict.err(), Some(Code::SignatureMalformed));
}

#[test]
fn every_key_is_tried_and_every_signature_of_a_list() {
    let both: Ring<'_> = &[("p", P_BASE64), ("q", Q_WHPK)];
    let own = gate(&built_in("standard-webhooks-v1a"), both);
    let (one, two) = (format!("v1a,{V1A_P}"), format!("v1a,{V1A_Q}"));
    let verdict = |signature: &str| {
        let headers = [("webhook-id", "msg_1"), ("webhook-timestamp", "1760000000"), ("webhook-signature", signature)];
        let permit = judge(&own, &headers, V1A_BODY.as_bytes(), NOW)?;
        Ok::<_, Code>((permit.key().id.to_string(), permit.macs().to_vec()))
    };
    let (by_both, names) = verdict(&format!("{one} {two}")).unwrap();
    assert_eq!(by_both, "q", "the newest first");
    // Dropping one of two signatures leaves the same request.
    assert_eq!(verdict(&one), Ok(("p".to_owned(), names.clone())));
    assert_eq!(verdict(&two), Ok(("q".to_owned(), names)));
    // Eight verifications: keys × signatures, in the order of the list.
    let wrong = format!("v1a,{}", V1A_P.replace('A', "B"));
    let after = |wrongs: usize| verdict(&format!("{}{two}", format!("{wrong} ").repeat(wrongs))).err();
    assert_eq!((after(7), after(8)), (None, Some(Code::SignatureInvalid)));
}

#[test]
fn an_unknown_key_id_answers_like_a_wrong_signature() {
    let yaml = "algorithm: ALGORITHM\nkey: {encoding: base64}\nkey_id: {header: X-Key}\nsignature: {header: X-Sig, encoding: base64}\nmessage: \"{key_id}{body}\"\n";
    for (algorithm, key, signature) in [
        ("ed25519", P_BASE64, V1A_P),
        ("ecdsa-p256-sha256", SENDGRID_KEY, SENDGRID_SIGNATURE),
        ("rsa-pss-sha512", RSA, RSA_SIGNATURE),
    ] {
        let own = gate(&scheme(&yaml.replace("ALGORITHM", algorithm)), &[("known", key)]);
        let verdict = |id| judge(&own, &[("x-key", id), ("x-sig", signature)], b"{}", 0).err();
        assert_eq!(
            (verdict("known"), verdict("unknown")),
            (Some(Code::SignatureInvalid), Some(Code::SignatureInvalid))
        );
    }
}
