//! What a verdict costs, counted in MACs: it must not tell which tenants there are, nor how many keys they have.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::config::scheme::{Declaration, compile};
use crate::policy::gate::{Alternative, Gate, Keys, NamePart};
use crate::reject::Code;
use crate::sig::Site;
use crate::sig::check::Check;
use crate::sig::encoding::Encoding;
use crate::sig::key::{Key, Window};
use crate::sig::keyring::Keyring;
use crate::sig::mac::{Algorithm, Mac};
use crate::sig::message::{Fields, Head, Method};
use crate::sig::secret::Secret;
use crate::sig::time::Moment;

const SIGNED: &str = "algorithm: sha256\nsignature: {header: X-Sig, encoding: hex}\nmessage: \"{body}\"\n";
const NAMED: &str =
    "algorithm: sha256\nkey_id: {header: X-Key}\nsignature: {header: X-Sig, encoding: hex}\nmessage: \"{body}\"\n";

fn ring(name: &str, keys: u8) -> Arc<Keyring> {
    let key = |number: u8| Key {
        id: format!("k{number}").into(),
        principal: name.into(),
        secret: Secret::new([name.as_bytes(), &[number; 32]].concat()),
        sign: Window::default(),
        verify: Window { from: None, until: (name == "expired").then(|| Moment::from_secs(1)) },
        created: None,
        observe: false,
    };
    Arc::new(Keyring::new(name, (0..keys).map(key).collect()).unwrap())
}

/// Tenants with one key and with three, and one whose keys have expired.
fn gate(yaml: &str) -> Gate {
    let rings = [("one", 1), ("three", 3), ("expired", 2)].map(|(name, keys)| (name.to_owned(), ring(name, keys)));
    let declaration: Declaration = serde_yaml::from_str(yaml).unwrap();
    let scheme = Arc::new(compile("test", &declaration).ok().unwrap());
    let pattern = vec![NamePart::Capture("shop".into())];
    Gate::new(vec![Alternative { scheme, keys: Keys::Captured { pattern, rings: HashMap::from(rings) } }])
}

fn open(gate: &Gate, shop: &str, signature: &str, macs: usize) -> Check {
    let mut fields = Fields::default();
    fields.append("x-sig", signature.to_owned());
    fields.append("x-key", "k0");
    let head =
        Head { method: Method::POST, target: Bytes::from("/"), authority: Bytes::from("h"), secure: true, fields };
    let captures = [(Arc::from("shop"), Bytes::from(shop.to_owned()))];
    gate.open(&head, Site { public_url: None, captures: &captures }, Moment::from_secs(9), macs).unwrap()
}

fn signed_by(shop: &str, body: &[u8]) -> String {
    let mut mac = Mac::keyed(Algorithm::Sha256, &[shop.as_bytes(), &[0; 32]].concat());
    mac.update(body);
    Encoding::Hex.encode(&mac.finish())
}

#[test]
fn every_name_costs_what_the_tenant_with_the_most_keys_costs() {
    for (yaml, macs, cost) in [(SIGNED, 8, 3), (SIGNED, 3, 3), (SIGNED, 2, 2), (SIGNED, 1, 1), (NAMED, 8, 1)] {
        let gate = gate(yaml);
        for shop in ["one", "three", "expired", "nobody"] {
            assert_eq!(open(&gate, shop, &"0".repeat(64), macs).cost(), cost, "{shop} of {macs}");
        }
    }
}

/// **Threat:** a stand-in makes the same of the same message for every tenant: claimed, one tenant's request would be another's replay.
#[test]
fn what_stands_in_for_keys_is_in_no_claim_and_wins_nothing() {
    let gate = gate(SIGNED);
    let judged = |shop: &str, signer: &str| {
        let mut check = open(&gate, shop, &signed_by(signer, b"{}"), 8);
        check.feed(b"{}");
        check.close(None).map(|permit| permit.macs().len())
    };
    assert_eq!((judged("one", "one"), judged("three", "three")), (Ok(1), Ok(3)));
    for shop in ["one", "three", "expired", "nobody"] {
        let mut check = open(&gate, shop, &stand_in(b"{}"), 8);
        check.feed(b"{}");
        assert_eq!(check.close(None).err(), Some(Code::SignatureInvalid.into()), "{shop}");
    }
}

/// What the stand-in itself would make: its secret is none.
fn stand_in(body: &[u8]) -> String {
    let mut mac = Mac::keyed(Algorithm::Sha256, b"no key has this id, yet it takes as long");
    mac.update(body);
    Encoding::Hex.encode(&mac.finish())
}
