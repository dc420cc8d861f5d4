//! Signatures that others made: RFC 8032, RFC 9421, the tests of sendgrid-python, and Python's `cryptography` 48.

use crate::{built_in, gate, judge, scheme};

pub(crate) const SENDGRID_KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
pub(crate) const SENDGRID_SIGNATURE: &str =
    "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=";
pub(crate) const SENDGRID_BODY: &str = concat!(
    r#"[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address","#,
    r#""sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA","#,
    r#""sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0","#,
    r#""smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]"#,
    "\r\n"
);
pub(crate) const SENDGRID_NOW: i64 = 1_600_112_502;

// Keys and signatures from here on, in Python:
//   P, Q = (Ed25519PrivateKey.from_private_bytes(sha256(b"countersign test key %d" % n).digest()) for n in (1, 2))
//   P.sign(b"1760000000" + body).hex(), b64encode(P.sign(b"1760000000|" + body)), b64encode(P.sign(b"msg_1.1760000000." + body))
pub(crate) const P_HEX: &str = "832ae624fb4e3ddbb61b82d813b6ba96a360fd44751e99445172755da16f0f11";
pub(crate) const P_BASE64: &str = "gyrmJPtOPdu2G4LYE7a6lqNg/UR1HplEUXJ1XaFvDxE=";
pub(crate) const P_SPKI: &str = "MCowBQYDK2VwAyEAgyrmJPtOPdu2G4LYE7a6lqNg/UR1HplEUXJ1XaFvDxE=";
pub(crate) const Q_WHPK: &str = "whpk_zJ6jT2+R2UfK/zsFPPOwxGPggdk8P5asM7Ej9zm+wXw=";
pub(crate) const DISCORD_BODY: &str = r#"{"type":1}"#;
pub(crate) const DISCORD_P: &str = "84d12086615d1bcfa0e372f4f1efb2c2967ef409bdd9ec22bd9d34342200788efa4f885088bfddfbe080170644c5520847c3cea3bf8f7f3362fca7e8cc3f050f";
pub(crate) const DISCORD_Q: &str = "c5c379934bd7a7f4d6cc1e9685438c2c540901b60b199fdbe54822bd0547f73c25770ee98b5270d954b29268d1e67be74b50b52d8b65b16c8bfb8f9d636e1d05";
pub(crate) const V1A_BODY: &str = r#"{"type":"ping"}"#;
pub(crate) const V1A_P: &str =
    "SCE/ABllZ+bMUiQKG3TMBoera1/8m6tH6bioMRr9ili2dgub+ZxQ65QxX98grOwAcrokuniPzgU4gKp56vQUDg==";
pub(crate) const V1A_Q: &str =
    "saH1+uBsWiAm8FMUw3n6RleIrWEur8Pt9/bCVs3KOgXSIFJiWjhITvDVypiI3TW3DjmY5KkAy+S5SyFOxdMJBw==";

/// RFC 9421 §B.1.2.
pub(crate) const RSA: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2
+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+
oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq
gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W
Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4
aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI
2wIDAQAB
-----END PUBLIC KEY-----
";
/// RFC 9421 §B.2.1: what is signed, and the signature.
pub(crate) const RSA_BASE: &str =
    r#""@signature-params": ();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd""#;
pub(crate) const RSA_SIGNATURE: &str = "d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==";

/// RFC 9421 §B.1.4 and §B.2.6.
const ED25519: &str = "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=";
const ED25519_BASE: &str = concat!(
    "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\"@authority\": example.com\n",
    "\"content-type\": application/json\n\"content-length\": 18\n",
    r#""@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length")"#,
    r#";created=1618884473;keyid="test-key-ed25519""#
);
const ED25519_SIGNATURE: &str =
    "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==";

/// RFC 8032 §7.1, tests 1 to 3: key, message, signature.
const RFC8032: [(&str, &[u8], &str); 3] = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        b"",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        b"\x72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        b"\xaf\x82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
];

pub(crate) fn body_only(algorithm: &str, encoding: &str) -> String {
    format!(
        "algorithm: {algorithm}\nkey: {{encoding: {encoding}}}\nsignature: {{header: X-Sig, encoding: {encoding}}}\nmessage: \"{{body}}\"\n"
    )
}

#[test]
fn the_examples_of_rfc_8032_hold() {
    let scheme = scheme(&body_only("ed25519", "hex"));
    for (key, message, signature) in RFC8032 {
        let gate = gate(&scheme, &[("k", key)]);
        assert_eq!(judge(&gate, &[("x-sig", signature)], message, 0).err(), None, "{key}");
        assert!(judge(&gate, &[("x-sig", signature)], b"other", 0).is_err(), "{key}");
    }
}

#[test]
fn the_examples_of_rfc_9421_hold() {
    let ed25519 = gate(&scheme(&body_only("ed25519", "base64")), &[("k", ED25519)]);
    assert_eq!(judge(&ed25519, &[("x-sig", ED25519_SIGNATURE)], ED25519_BASE.as_bytes(), 0).err(), None);
    let rsa = gate(&scheme(&body_only("rsa-pss-sha512", "base64")), &[("k", RSA)]);
    assert_eq!(judge(&rsa, &[("x-sig", RSA_SIGNATURE)], RSA_BASE.as_bytes(), 0).err(), None);
    assert!(judge(&rsa, &[("x-sig", RSA_SIGNATURE)], b"other", 0).is_err());
}

/// `test_eventwebhook` of sendgrid-python and its siblings in every language. What is signed ends with a line ending.
#[test]
fn the_request_of_sendgrids_own_tests_holds() {
    let gate = gate(&built_in("sendgrid"), &[("k", SENDGRID_KEY)]);
    let headers = [
        ("x-twilio-email-event-webhook-signature", SENDGRID_SIGNATURE),
        ("x-twilio-email-event-webhook-timestamp", "1600112502"),
    ];
    assert_eq!(judge(&gate, &headers, SENDGRID_BODY.as_bytes(), SENDGRID_NOW).err(), None);
    assert!(judge(&gate, &headers, SENDGRID_BODY.trim_end().as_bytes(), SENDGRID_NOW).is_err());
}
