//! What an attacker without a key can do to a gate: nothing, with any head, any body and any change of a captured request.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use countersign::config::scheme::{Declaration, builtins, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::policy::seal::{Seal, With};
use countersign::reject::Rejection;
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::permit::Permit;
use countersign::sig::scheme::Scheme;
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;
use countersign::sig::{Need, Site};
use proptest::prelude::*;

const NOW: Moment = Moment::from_secs(1_760_000_000);
const SITE: Site<'static> = Site { public_url: Some("https://hooks.example.com"), captures: &[] };

/// What evidence is made of, right and wrong.
const PIECES: [&str; 40] = [
    "",
    " ",
    ",",
    ";",
    ":",
    "=",
    "\"",
    "\\",
    "%",
    "%2",
    "%00",
    "+",
    "&",
    "{",
    "}",
    "[",
    "0",
    "00",
    "-1",
    "1760000000",
    "1760000000000",
    "99999999999999999",
    "v1=",
    "v1,",
    "v0=",
    "sha256=",
    "sha1=",
    "t=1760000000",
    "ts=1760000000",
    "Signature ",
    "keyId=\"k1\"",
    "headers=\"(request-target) date\"",
    "signature=\"AAAA\"",
    "algorithm=\"hmac-sha256\"",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "k1",
    "whsec_",
    "Thu, 09 Oct 2025 08:53:20 GMT",
    "\u{fffd}",
];

static ALL: LazyLock<Vec<Arc<Scheme>>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/grammar");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let written = paths.map(|path| std::fs::read_to_string(path).unwrap());
    let texts = builtins().iter().map(|(_, yaml)| (*yaml).to_owned()).chain(written);
    texts.map(|yaml| scheme(&yaml)).collect()
});

fn scheme(yaml: &str) -> Arc<Scheme> {
    let declaration: Declaration = serde_yaml::from_str(yaml).unwrap();
    Arc::new(compile("test", &declaration).unwrap_or_else(|problems| panic!("{problems:?}")))
}

fn ring(ids: &[&str]) -> Arc<Keyring> {
    let key = |id: &&str| Key {
        id: Arc::from(*id),
        principal: Arc::from(*id),
        // Text, hex and base64 at once, so that it fits every scheme.
        secret: Secret::new("0123456789abcdef".repeat(4).into_bytes()),
        sign: Window::default(),
        verify: Window::default(),
        created: None,
        observe: false,
    };
    Arc::new(Keyring::new("ring", ids.iter().map(key).collect()).unwrap())
}

fn gate(scheme: &Arc<Scheme>) -> Gate {
    Gate::new(vec![Alternative { scheme: Arc::clone(scheme), keys: Keys::Ring(ring(&["k1"])) }])
}

fn judge(gate: &Gate, head: &Head, body: &[u8]) -> Result<Permit, Rejection> {
    let mut check = gate.open(head, SITE, NOW, 8)?;
    if check.need() == Need::Whole {
        return check.close(Some(body));
    }
    body.chunks(7).for_each(|chunk| check.feed(chunk));
    check.close(None)
}

fn signed(scheme: &Arc<Scheme>, body: &[u8]) -> Head {
    // A scheme that covers no query may refuse one, as `tyk` does.
    let target = if scheme.facts().covers.query { "/v1/things?b=2&a=%201" } else { "/v1/things" };
    let mut head = Head {
        method: Method::POST,
        target: Bytes::from(target),
        authority: Bytes::from("api.example.com"),
        secure: true,
        fields: Fields::default(),
    };
    // Bybit signs it, and it is the sender's to choose.
    head.fields.append("x-bapi-recv-window", "5000");
    let seal = Seal::new(Arc::clone(scheme), ring(&["k1"]), With::Newest);
    let mut signing = seal.start(&mut head, SITE, NOW, [7; 16]).unwrap();
    let whole = (signing.need() == Need::Whole).then_some(body);
    if whole.is_none() {
        signing.feed(body);
    }
    signing.finish(&mut head, whole).unwrap();
    head
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => proptest::sample::select(PIECES.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

fn names() -> Vec<Bytes> {
    let mut names: Vec<Bytes> = ALL.iter().flat_map(|scheme| scheme.facts().known_headers.iter().cloned()).collect();
    names.extend(["cookie", "host", "content-type", "x"].map(Bytes::from));
    names.sort();
    names.dedup();
    names
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let json = proptest::sample::select(vec![
        "{\"webhookTimestamp\":1760000000000}",
        "{\"webhookTimestamp\":1760000000000,\"webhookTimestamp\":1}",
        "{\"webhookTimestamp\":1e999999999}",
        "{\"webhookTimestamp\":[[[[",
        "{\"signature\":{\"timestamp\":\"1760000000\",\"token\":\"t\",\"signature\":\"00\"}}",
        "{\"signature\":{\"timestamp\":\"1760000000\",\"token\":\"\\ud800\",\"signature\":\"00\"}}",
        "a=1&a=2&%61=3&=&&b",
    ]);
    prop_oneof![json.prop_map(|text| text.as_bytes().to_vec()), proptest::collection::vec(any::<u8>(), 0..64), value()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_head_and_no_body_makes_a_gate_panic_or_permit(
        picks in proptest::collection::vec((proptest::sample::select(names()), value()), 0..12),
        target in value(),
        authority in value(),
        body in body(),
    ) {
        let mut fields = Fields::default();
        for (name, value) in picks {
            fields.append(name, value);
        }
        let target = [b"/", target.as_slice()].concat();
        let head = Head { method: Method::POST, target: target.into(), authority: authority.into(), secure: true, fields };
        for scheme in ALL.iter() {
            let gate = gate(scheme);
            prop_assert!(judge(&gate, &head, &body).is_err(), "{:?}", head);
            let _ = gate.observes(&head, SITE, NOW);
        }
    }

    /// Changed in any place, a captured request is refused or has the MAC of the one that was captured: a replay is always seen.
    #[test]
    fn a_changed_capture_is_refused_or_has_the_same_macs(place in any::<proptest::sample::Index>(), with in value(), kind in 0..6) {
        // Of an envelope the body is what can be changed: tests/envelope_pure.rs.
        for scheme in ALL.iter().filter(|scheme| scheme.facts().can_sign.is_ok() && !scheme.wraps_body()) {
            let body = b"{\"a\":1}";
            let captured = signed(scheme, body);
            let gate = gate(scheme);
            let before = judge(&gate, &captured, body).unwrap();
            let mut head = captured.clone();
            let mut lines: Vec<_> = head.fields.iter().cloned().collect();
            let spot = place.index(lines.len());
            match kind {
                0 => lines[spot].value = with.clone().into(),
                1 => lines[spot].value = [lines[spot].value.as_ref(), &with].concat().into(),
                2 => lines[spot].value = [with.as_slice(), &lines[spot].value].concat().into(),
                3 => lines.push(lines[spot].clone()),
                4 => head.target = [captured.target.as_ref(), b"&", &with].concat().into(),
                _ => head.method = Method::new("DELETE"),
            }
            head.fields = Fields::default();
            for line in lines {
                head.fields.append(line.name, line.value);
            }
            if let Ok(after) = judge(&gate, &head, body) {
                prop_assert!(after.macs().iter().any(|mac| before.macs().contains(mac)), "{:?}", head);
                prop_assert_eq!(after.stamp(), before.stamp());
                prop_assert_eq!(after.nonce(), before.nonce());
            }
        }
    }
}

#[test]
fn a_deeply_nested_body_is_refused_and_not_followed() {
    let linear = builtins().iter().find(|(name, _)| *name == "linear").unwrap().1;
    let gate = gate(&scheme(linear));
    let mut fields = Fields::default();
    fields.append("linear-signature", "0".repeat(64));
    let (target, authority) = (Bytes::from("/"), Bytes::from("h"));
    let head = Head { method: Method::POST, target, authority, secure: true, fields };
    for nested in ["[".repeat(1 << 20), "{\"a\":".repeat(1 << 18), format!("\"{}", "\\u0000".repeat(1 << 17))] {
        assert!(judge(&gate, &head, nested.as_bytes()).is_err());
    }
}
