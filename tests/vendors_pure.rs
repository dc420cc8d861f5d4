//! One request of every vendor whose scheme is built in, signed by somebody else: `openssl dgst -mac HMAC`, or the vendor's own documentation.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, builtin, builtins, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::reject::Code;
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::permit::Permit;
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;
use countersign::sig::{Need, Site};

const NOW: Moment = Moment::from_secs(1_760_000_000);

type Case = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Scheme, secret, body, headers; to `https://hooks.example.com/in?a=%3A1`, at 1760000000.
const CASES: &[Case] = &[
    (
        "svix",
        "whsec_YSBzZWNyZXQgdGhhdCBvbmx5IHRoZSB0d28gb2YgdXMga25vdw==",
        "{\"event\":\"ping\"}",
        &[
            ("svix-id", "msg_1"),
            ("svix-timestamp", "1760000000"),
            ("svix-signature", "v1,9ahiApcHPBvtLh8mEVqwyrlWnQQ2cWKtCfBrGOUD+ls="),
        ],
    ),
    (
        "svix",
        "whsec_YSBzZWNyZXQgdGhhdCBvbmx5IHRoZSB0d28gb2YgdXMga25vdw==",
        "{\"event\":\"ping\"}",
        &[
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", "1760000000"),
            ("webhook-signature", "v1a,x v1,9ahiApcHPBvtLh8mEVqwyrlWnQQ2cWKtCfBrGOUD+ls="),
        ],
    ),
    (
        "standard-webhooks",
        "whsec_YSBzZWNyZXQgdGhhdCBvbmx5IHRoZSB0d28gb2YgdXMga25vdw==",
        "{\"event\":\"ping\"}",
        &[
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", "1760000000"),
            ("webhook-signature", "v1,9ahiApcHPBvtLh8mEVqwyrlWnQQ2cWKtCfBrGOUD+ls="),
        ],
    ),
    (
        "shopify",
        "a secret that only the two of us know",
        "{\"event\":\"ping\"}",
        &[("x-shopify-hmac-sha256", "dfKfOpnmdhLnicdSLtHOwwQxQHgW1DzV0us797nXlhM=")],
    ),
    (
        "paddle",
        "a secret that only the two of us know",
        "{\"event\":\"ping\"}",
        &[("paddle-signature", "ts=1760000000;h1=ba74576f53147424cbf38b1ca8cd595c30fdd82ab825c1a414064209d2ea9a93")],
    ),
    (
        "zoom",
        "a secret that only the two of us know",
        "{\"event\":\"ping\"}",
        &[
            ("x-zm-request-timestamp", "1760000000"),
            ("x-zm-signature", "v0=9342226a894cd982d7f35d94f916ae7c4666ab36a45d6e12d42a384323fc8cbc"),
        ],
    ),
    (
        "calendly",
        "a secret that only the two of us know",
        "{\"event\":\"ping\"}",
        &[(
            "calendly-webhook-signature",
            "t=1760000000,v1=9c388fd7f809a581eec45ecde377cd5ca4316dff3670dc5f28a893eb2baafe84",
        )],
    ),
    (
        "line",
        "a secret that only the two of us know",
        "{\"event\":\"ping\"}",
        &[("x-line-signature", "dfKfOpnmdhLnicdSLtHOwwQxQHgW1DzV0us797nXlhM=")],
    ),
    (
        "razorpay",
        "a secret that only the two of us know",
        "{\"event\":\"ping\"}",
        &[("x-razorpay-signature", "75f29f3a99e67612e789c7522ed1cec30431407816d43cd5d2eb3bf7b9d79613")],
    ),
    (
        "coinbase-commerce",
        "a secret that only the two of us know",
        "{\"event\":\"ping\"}",
        &[("x-cc-webhook-signature", "75f29f3a99e67612e789c7522ed1cec30431407816d43cd5d2eb3bf7b9d79613")],
    ),
    (
        "sentry",
        "a secret that only the two of us know",
        "{\"event\":\"ping\"}",
        &[
            ("sentry-hook-timestamp", "1"),
            ("sentry-hook-signature", "75f29f3a99e67612e789c7522ed1cec30431407816d43cd5d2eb3bf7b9d79613"),
        ],
    ),
    (
        "typeform",
        "a secret that only the two of us know",
        "{\"event\":\"ping\"}",
        &[("typeform-signature", "sha256=dfKfOpnmdhLnicdSLtHOwwQxQHgW1DzV0us797nXlhM=")],
    ),
    (
        "woocommerce",
        "a secret that only the two of us know",
        "{\"event\":\"ping\"}",
        &[("x-wc-webhook-signature", "dfKfOpnmdhLnicdSLtHOwwQxQHgW1DzV0us797nXlhM=")],
    ),
    (
        "meta",
        "a secret that only the two of us know",
        "{\"event\":\"ping\"}",
        &[("x-hub-signature-256", "sha256=75f29f3a99e67612e789c7522ed1cec30431407816d43cd5d2eb3bf7b9d79613")],
    ),
    (
        "dropbox",
        "a secret that only the two of us know",
        "{\"event\":\"ping\"}",
        &[("x-dropbox-signature", "75f29f3a99e67612e789c7522ed1cec30431407816d43cd5d2eb3bf7b9d79613")],
    ),
    (
        "intercom",
        "a secret that only the two of us know",
        "{\"event\":\"ping\"}",
        &[("x-hub-signature", "sha1=9b2617e3c9fddd556ee5fc16bb51601e02da5f33")],
    ),
    (
        "square",
        "a secret that only the two of us know",
        "{\"event\":\"ping\"}",
        &[("x-square-hmacsha256-signature", "dq0/oA+oGfJj7WMrbBsNlD6iJ9KBeIaem/CL/ukH/04=")],
    ),
    (
        "pagerduty",
        "a secret that only the two of us know",
        "{\"event\":\"ping\"}",
        &[("x-pagerduty-signature", "v1=00,v1=75F29F3A99E67612E789C7522ED1CEC30431407816D43CD5D2EB3BF7B9D79613")],
    ),
    (
        "linear",
        "a secret that only the two of us know",
        "{\"webhookTimestamp\":1760000000000}",
        &[("linear-signature", "625abd70f7287979fd1c7758125e201bc95474afb743cb35c8edbc59cbe6745d")],
    ),
    (
        "hubspot-v3",
        "a secret that only the two of us know",
        "{\"event\":\"ping\"}",
        &[
            ("x-hubspot-request-timestamp", "1760000000000"),
            ("x-hubspot-signature-v3", "jQU86hPqk9oMvL0vanXNg2I+9hVoBa3PbmLaGbut6Zk="),
        ],
    ),
    (
        "hubspot-v3",
        "a secret that only the two of us know",
        "{\"event\":\"ping\"}",
        &[
            ("x-hubspot-request-timestamp", "1760000000000"),
            ("x-hubspot-signature-v3", "Bc29iFtB6ZQeFBHjj5Jkk1ZLah9Wjn9YPSu8a7Zvg/E="),
        ],
    ),
    (
        "mailgun",
        "a secret that only the two of us know",
        "{\"signature\":{\"timestamp\":\"1760000000\",\"token\":\"tok\",\"signature\":\"42f7033bf092171f1f447b7ad25b0192044ab420607e62667f616b9d31d7d2d2\"},\"event\":{}}",
        &[],
    ),
];

/// Have vectors in `tests/public_pure`.
const PUBLIC: [&str; 5] = ["discord", "gitlab", "sendgrid", "standard-webhooks-v1a", "telnyx"];
/// Vectors that their makers signed.
const CATALOGUE: &str = include_str!("vectors/catalogue.jsonl");

/// Have vectors of their own in `tests/vectors`.
const ELSEWHERE: &[&str] = &[
    "aws-sigv4",
    "cavage",
    "django-dumps",
    "django-timestamp-signer",
    "github",
    "github-legacy-sha1",
    "itsdangerous",
    "json-envelope",
    "json-envelope-jcs",
    "jwt",
    "nirah-multisig",
    "oauth1",
    "rfc9421",
    "signed-link",
    "slack",
    "stripe",
    "timestamp-body",
    "twilio",
];

fn judge((scheme, secret, body, headers): Case, (url, target): (&str, &str), now: Moment) -> Result<Permit, Code> {
    let declaration: Declaration = serde_yaml::from_str(builtin(scheme).unwrap()).unwrap();
    let key = Key {
        id: "k".into(),
        principal: "k".into(),
        secret: Secret::new(secret.as_bytes().to_vec()),
        sign: Window::default(),
        verify: Window::default(),
        created: None,
        observe: false,
    };
    let scheme = Arc::new(compile(scheme, &declaration).ok().unwrap());
    let gate =
        Gate::new(vec![Alternative { scheme, keys: Keys::Ring(Arc::new(Keyring::new("ring", vec![key]).unwrap())) }]);
    let mut fields = Fields::default();
    for (name, value) in headers {
        fields.append(*name, *value);
    }
    let target = Bytes::from(target.to_owned());
    let head = Head { method: Method::POST, target, authority: Bytes::from("10.0.0.1"), secure: false, fields };
    let site = Site { public_url: Some(url), captures: &[] };
    let mut check = gate.open(&head, site, now, 8).map_err(|rejection| rejection.code())?;
    let whole = (check.need() == Need::Whole).then_some(body.as_bytes());
    if whole.is_none() {
        check.feed(body.as_bytes());
    }
    check.close(whole).map_err(|rejection| rejection.code())
}

const HERE: (&str, &str) = ("https://hooks.example.com", "/in?a=%3A1");

#[test]
fn what_others_signed_is_accepted_and_nothing_else() {
    for case in CASES {
        let (scheme, secret, body, headers) = *case;
        assert_eq!(judge(*case, HERE, NOW).err(), None, "{scheme}");
        assert_eq!(
            judge((scheme, "c3RyYW5nZXI=", body, headers), HERE, NOW).err(),
            Some(Code::SignatureInvalid),
            "{scheme}"
        );
        let later = body.replace('}', " }");
        let later: &'static str = later.leak();
        // Mailgun signs nothing of the event.
        let code = (scheme != "mailgun").then_some(Code::SignatureInvalid);
        assert_eq!(judge((scheme, secret, later, headers), HERE, NOW).err(), code, "{scheme}");
    }
}

#[test]
fn what_is_dated_grows_old() {
    for (scheme, past) in [
        ("svix", 300),
        ("paddle", 5),
        ("zoom", 300),
        ("calendly", 180),
        ("linear", 60),
        ("hubspot-v3", 300),
        ("mailgun", 900),
    ] {
        let case = *CASES.iter().find(|(name, ..)| *name == scheme).unwrap();
        let at = |age| judge(case, HERE, NOW.plus(std::time::Duration::from_secs(age))).err();
        assert_eq!((at(past), at(past + 1)), (None, Some(Code::TimestampOutsideWindow)), "{scheme}");
    }
}

/// <https://www.twilio.com/docs/usage/security>, checked with openssl; the body says nothing about the order of the form.
#[test]
fn the_request_of_twilios_manual_is_accepted_with_and_without_a_port() {
    let body = "Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE";
    let case = |signature| -> Case { ("twilio", "12345", body, signature) };
    let good = case(&[("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=")]);
    let target = "/myapp.php?foo=1&bar=2";
    for (url, code) in [
        ("https://mycompany.com", None),
        ("https://mycompany.com:443", None),
        ("https://mycompany.com:8443", None),
        ("http://mycompany.com", Some(Code::SignatureInvalid)),
    ] {
        assert_eq!(judge(good, (url, target), NOW).err(), code, "{url}");
    }
    assert_eq!(judge(good, ("https://mycompany.com", "/myapp.php?foo=1"), NOW).err(), Some(Code::SignatureInvalid));
}

#[test]
fn every_scheme_that_is_built_in_is_proved_by_somebody_else() {
    for (name, yaml) in builtins() {
        let listed = CATALOGUE.contains(&format!("{{\"scheme\": \"{name}\","));
        let elsewhere = [ELSEWHERE, &PUBLIC].concat().contains(name);
        let proved = listed || elsewhere || CASES.iter().any(|(scheme, ..)| scheme == name);
        assert!(proved, "{name} has no vector");
        assert!(yaml.starts_with("# "), "{name} does not say where it comes from");
    }
    assert!(builtins().is_sorted_by_key(|(name, _)| *name));
}
