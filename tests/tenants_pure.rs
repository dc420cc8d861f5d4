//! A hundred thousand tenants on one route: each passes with a key of their own, nobody tells who is one, and all of them fit in memory.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use countersign::config::scheme::{Declaration, builtin, compile};
use countersign::policy::gate::{Alternative, Gate, Keys, NamePart};
use countersign::reject::{Code, Rejection};
use countersign::sig::Site;
use countersign::sig::encoding::Encoding;
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::mac::{Algorithm, Mac};
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::permit::Permit;
use countersign::sig::scheme::Scheme;
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;

const TENANTS: usize = 100_000;
const BODY: &[u8] = b"{\"order\":1}";

fn scheme(yaml: &str) -> Arc<Scheme> {
    let declaration: Declaration = serde_yaml::from_str(yaml).unwrap();
    Arc::new(compile("shopify", &declaration).ok().unwrap())
}

fn secret(tenant: &str) -> Vec<u8> {
    format!("the secret that only {tenant} knows").into_bytes()
}

fn ring(name: &str, tenant: &str) -> Arc<Keyring> {
    let id: Arc<str> = "k1".into();
    let key = Key {
        principal: Arc::clone(&id),
        id,
        secret: Secret::new(secret(tenant)),
        sign: Window::default(),
        verify: Window::default(),
        created: None,
        observe: false,
    };
    Arc::new(Keyring::new(name, vec![key]).unwrap())
}

/// `keys: "shopify/{shop}"` with rings `shopify/shop0` and so on.
fn gate(yaml: &str, tenants: usize) -> Gate {
    let tenant = |number| format!("shop{number}");
    let named = |number: usize| {
        let name = format!("shopify/{}", tenant(number));
        (name.clone(), ring(&name, &tenant(number)))
    };
    let pattern = vec![NamePart::Literal("shopify/".to_owned()), NamePart::Capture("shop".into())];
    let rings: HashMap<_, _> = (0..tenants).map(named).collect();
    Gate::new(vec![Alternative { scheme: scheme(yaml), keys: Keys::Captured { pattern, rings } }])
}

/// The gate, and how many bytes of memory each tenant costs in it.
static MANY: LazyLock<(Gate, usize)> = LazyLock::new(|| {
    let before = resident();
    let gate = gate(builtin("shopify").unwrap(), TENANTS);
    let grown = resident().saturating_sub(before);
    (gate, grown / TENANTS)
});

/// Bytes of memory that this process has.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap().saturating_mul(4096)
}

fn signed_by(tenant: &str) -> String {
    let mut mac = Mac::keyed(Algorithm::Sha256, &secret(tenant));
    mac.update(BODY);
    Encoding::Base64.encode(&mac.finish())
}

/// The verdict on a request to the path of `shop`.
fn judge(gate: &Gate, shop: &[u8], signature: &str) -> Result<Permit, Rejection> {
    let captures = [(Arc::from("shop"), Bytes::copy_from_slice(shop))];
    let site = Site { public_url: None, captures: &captures };
    let mut fields = Fields::default();
    fields.append("x-shopify-hmac-sha256", signature.to_owned());
    fields.append("x-key", "k1");
    let (target, authority) = (Bytes::from("/hook"), Bytes::from("h"));
    let head = Head { method: Method::POST, target, authority, secure: true, fields };
    let mut check = gate.open(&head, site, Moment::from_secs(0), 8)?;
    check.feed(BODY);
    check.close(None)
}

/// A thousand million comparisons, if a tenant were looked for and not looked up.
#[test]
fn a_tenant_among_a_hundred_thousand_is_found_by_name() {
    let (gate, _) = &*MANY;
    for number in (0..TENANTS).step_by(10) {
        let shop = format!("shop{number}");
        assert!(judge(gate, shop.as_bytes(), &signed_by(&shop)).is_ok(), "{shop}");
    }
}

#[test]
fn a_tenant_signs_for_nobody_else() {
    let (gate, _) = &*MANY;
    for (shop, signer) in [("shop1", "shop2"), ("shop1", "shop10"), ("shop99999", "shop0")] {
        assert_eq!(judge(gate, shop.as_bytes(), &signed_by(signer)).err().unwrap().code(), Code::SignatureInvalid);
    }
}

#[test]
fn a_name_that_nobody_has_answers_like_a_wrong_signature() {
    let (gate, _) = &*MANY;
    let wrong = judge(gate, b"shop1", &signed_by("a stranger")).err();
    assert_eq!(wrong, Some(Code::SignatureInvalid.into()));
    for shop in [
        &b"shop100000"[..],
        b"nobody",
        b"",
        b"SHOP1",
        b"shop1 ",
        b"shop%31",
        b"shop1/",
        b"../shopify/shop1",
        b"shop1\0",
        b"\xff\xfe",
    ] {
        // Signed rightly by somebody else, or wrongly: the same, and the same as for a tenant.
        for signer in ["shop1", "a stranger"] {
            assert_eq!(judge(gate, shop, &signed_by(signer)).err(), wrong, "{}", shop.escape_ascii());
        }
    }
}

#[test]
fn a_tenant_whose_keys_are_not_good_now_answers_like_nobody() {
    let name = "shopify/late";
    let mut key = Key::clone(&ring(name, "late").at(0).unwrap());
    key.verify = Window { from: Some(Moment::from_secs(100)), until: None };
    let rings = HashMap::from([(name.to_owned(), Arc::new(Keyring::new(name, vec![key]).unwrap()))]);
    let pattern = vec![NamePart::Literal("shopify/".to_owned()), NamePart::Capture("shop".into())];
    let scheme = scheme(builtin("shopify").unwrap());
    let gate = Gate::new(vec![Alternative { scheme, keys: Keys::Captured { pattern, rings } }]);
    let verdict = judge(&gate, b"late", &signed_by("late")).err();
    assert_eq!(verdict, judge(&gate, b"nobody", &signed_by("late")).err());
}

/// A key id, a public key: whatever the scheme, who is a tenant does not show.
#[test]
fn under_every_kind_of_scheme_a_stranger_is_answered_alike() {
    for yaml in [
        "algorithm: sha256\nkey_id: {header: X-Key}\nsignature: {header: X-Shopify-Hmac-Sha256, encoding: base64}\nmessage: \"{body}\"\n",
        "algorithm: sha256\nmac: hash\nsignature: {header: X-Shopify-Hmac-Sha256, encoding: base64}\nmessage: \"{key}{body}\"\n",
        "algorithm: token\nsignature: {header: X-Shopify-Hmac-Sha256}\n",
    ] {
        let gate = gate(yaml, 3);
        let wrong = judge(&gate, b"shop1", &signed_by("a stranger")).err();
        assert_eq!(wrong, Some(Code::SignatureInvalid.into()), "{yaml}");
        assert_eq!(judge(&gate, b"nobody", &signed_by("shop1")).err(), wrong, "{yaml}");
    }
}

#[test]
fn a_tenant_costs_less_than_a_kibibyte() {
    let (_, each) = &*MANY;
    assert!(*each < 1024, "{each} bytes for each tenant");
}
