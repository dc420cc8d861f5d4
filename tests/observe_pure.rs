//! What a key that only observes may do, and what an unknown key id must not tell.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::reject::Code;
use countersign::sig::Site;
use countersign::sig::check::Check;
use countersign::sig::encoding::Encoding;
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::mac::{Algorithm, Mac};
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;

const NOW: Moment = Moment::from_secs(1_760_000_000);
const SITE: Site<'static> = Site { public_url: None, captures: &[] };
const NAMED: &str =
    "{algorithm: sha256, signature: {header: S, encoding: hex}, key_id: {header: K}, message: '{body}'}";

fn key(id: &str, observe: bool, until: Option<Moment>) -> Key {
    let verify = Window { from: None, until };
    let secret = Secret::new(format!("secret of {id}").into_bytes());
    Key { id: id.into(), principal: id.into(), secret, sign: Window::default(), verify, created: None, observe }
}

fn gate(yaml: &str) -> Gate {
    let declaration: Declaration = serde_yaml::from_str(yaml).unwrap();
    let scheme = Arc::new(compile("test", &declaration).ok().unwrap());
    let keys = vec![key("strict", false, None), key("new", true, None), key("gone", true, Some(NOW))];
    Gate::new(vec![Alternative { scheme, keys: Keys::Ring(Arc::new(Keyring::new("ring", keys).unwrap())) }])
}

fn head(headers: &[(&str, &str)]) -> Head {
    let mut fields = Fields::default();
    for (name, value) in headers {
        fields.append((*name).to_owned(), (*value).to_owned());
    }
    Head { method: Method::POST, target: Bytes::from("/"), authority: Bytes::from("h"), secure: true, fields }
}

fn open(gate: &Gate, head: &Head) -> Check {
    gate.open(head, SITE, NOW, 8).ok().unwrap()
}

fn mac(id: &str, message: &[u8]) -> String {
    let mut mac = Mac::keyed(Algorithm::Sha256, format!("secret of {id}").as_bytes());
    mac.update(message);
    Encoding::Hex.encode(&mac.finish())
}

#[test]
fn only_a_usable_key_that_the_request_names_once_observes() {
    let gate = gate(NAMED);
    let wrong = "0".repeat(64);
    for (id, observes) in [("new", true), ("strict", false), ("gone", false), ("nobody", false)] {
        assert_eq!(open(&gate, &head(&[("s", &wrong), ("k", id)])).observes(), observes, "{id}");
        assert_eq!(gate.observes(&head(&[("s", "zz"), ("k", id)]), SITE, NOW), observes, "{id}");
    }
    for twice in [["new", "strict"], ["strict", "new"], ["new", "new"]] {
        let head = head(&[("s", &wrong), ("k", twice[0]), ("k", twice[1])]);
        assert!(gate.open(&head, SITE, NOW, 8).is_err() && !gate.observes(&head, SITE, NOW), "{twice:?}");
    }
}

#[test]
fn an_observing_key_never_makes_another_keys_signature_hold() {
    let gate = gate(NAMED);
    for (id, signer, holds) in [("new", "new", true), ("new", "strict", false), ("strict", "new", false)] {
        let mut check = open(&gate, &head(&[("s", &mac(signer, b"b")), ("k", id)]));
        check.feed(b"b");
        let verdict = check.close(None);
        assert_eq!(verdict.as_ref().map(|permit| &*permit.key().id).ok(), holds.then_some(id), "{id} by {signer}");
    }
}

#[test]
fn a_body_is_kept_where_the_verdict_needs_it_or_does_not_count() {
    let wrong = "0".repeat(64);
    for (id, hopeless) in [("strict", false), ("nobody", true), ("gone", true)] {
        let mut check = open(&gate(NAMED), &head(&[("s", &wrong), ("k", id)]));
        assert_eq!((check.is_hopeless(), check.names_known_key()), (hopeless, !hopeless), "{id}");
        check.keep_body();
        assert_eq!((check.is_hopeless(), check.names_known_key()), (false, !hopeless), "{id}");
    }
}

/// The code would tell which ids exist: the evidence in the body is read for every id alike.
#[test]
fn an_unknown_key_answers_like_a_wrong_signature_where_the_stamp_is_in_the_body() {
    let gate = gate(
        "{algorithm: sha256, signature: {header: S, encoding: hex}, key_id: {header: K}, \
         timestamp: {json: /t, format: unix}, message: '{body}'}",
    );
    let (wrong, fresh, stale) = ("0".repeat(64), br#"{"t":1760000000}"#, br#"{"t":1750000000}"#);
    for id in ["strict", "nobody", "gone"] {
        for (body, code) in [
            (&fresh[..], Code::SignatureInvalid),
            (&stale[..], Code::TimestampOutsideWindow),
            (b"{}", Code::SignatureMissing),
        ] {
            let check = open(&gate, &head(&[("s", &wrong), ("k", id)]));
            assert!(!check.is_hopeless(), "{id}: without its body it would answer otherwise");
            assert_eq!(check.close(Some(body)).err().map(|rejection| rejection.code()), Some(code), "{id}");
        }
    }
}
