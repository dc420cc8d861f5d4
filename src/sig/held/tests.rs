//! What is made with a key that somebody else holds is what would have been made with its bytes, or nothing.

use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::fake::Fake;
use super::*;
use crate::config::named::built_in;
use crate::policy::gate::{Alternative, Gate, Keys};
use crate::policy::seal::{Seal, With};
use crate::sig::Site;
use crate::sig::key::{Key, Window};
use crate::sig::message::{Fields, Head, Method};
use crate::sig::permit::Permit;
use crate::sig::secret::Secret;
use crate::sig::time::Moment;

const NOW: Moment = Moment::from_secs(1_760_000_000);
const SITE: Site<'static> = Site { public_url: Some("https://hooks.example.com"), captures: &[] };
const SECRET: &[u8] = b"a secret that only its holder knows, or so they say";

fn ring(secret: Secret) -> Arc<Keyring> {
    let id: Arc<str> = "k1".into();
    let (sign, verify) = (Window::default(), Window::default());
    let key = Key { principal: Arc::clone(&id), id, secret, sign, verify, created: None, observe: false };
    Arc::new(Keyring::new("ring", vec![key]).unwrap())
}

fn gate(scheme: &str, ring: &Arc<Keyring>) -> Gate {
    Gate::new(vec![Alternative { scheme: built_in(scheme).unwrap(), keys: Keys::Ring(Arc::clone(ring)) }])
}

fn request() -> Head {
    let mut fields = Fields::default();
    fields.append("content-type", "application/json");
    let (target, authority) = (Bytes::from("/orders?x=1"), Bytes::from("api.example.com"));
    Head { method: Method::POST, target, authority, secure: true, fields }
}

fn signed(scheme: &str, ring: &Arc<Keyring>, body: &[u8]) -> Result<Head, Rejection> {
    let seal = Seal::new(built_in(scheme).unwrap(), Arc::clone(ring), With::Newest);
    let mut head = request();
    let mut signing = seal.start(&mut head, SITE, NOW, [3; 16])?;
    let whole = signing.need() == Need::Whole;
    if !whole {
        signing.feed(body);
    }
    signing.finish(&mut head, whole.then_some(body))?;
    Ok(head)
}

fn judged(gate: &Gate, head: &Head, body: &[u8]) -> Result<Permit, Rejection> {
    let mut check = gate.open(head, SITE, NOW, 8)?;
    if check.need() == Need::Whole {
        return check.close(Some(body));
    }
    check.feed(body);
    check.close(None)
}

/// Those that a key in a token can be used with: a MAC over bytes, and over the body itself, its digest, or neither.
const SCHEMES: [&str; 6] = ["timestamp-body", "github", "stripe", "slack", "rfc9421", "standard-webhooks"];

#[test]
fn both_ways_it_is_as_if_we_had_the_bytes() {
    for scheme in SCHEMES {
        let fake = Fake::new(SECRET);
        // As bytes: the scheme may want them spelled.
        let spelled = match scheme {
            "standard-webhooks" => {
                format!("whsec_{}", crate::sig::encoding::Encoding::Base64.encode(SECRET)).into_bytes()
            }
            _ => SECRET.to_vec(),
        };
        let (kept, ours) = (ring(fake.secret()), ring(Secret::new(spelled)));
        let (theirs, known) = (gate(scheme, &kept), gate(scheme, &ours));
        assert_eq!((theirs.misfits(), known.misfits()), (vec![], vec![]), "{scheme}");
        let (by_holder, by_us) = (signed(scheme, &kept, b"{}").unwrap(), signed(scheme, &ours, b"{}").unwrap());
        assert!(by_holder.fields == by_us.fields, "{scheme}");
        let permit = judged(&theirs, &by_us, b"{}").unwrap();
        assert_eq!(&*permit.key().id, "k1", "{scheme}");
        assert_eq!(permit.macs(), judged(&known, &by_us, b"{}").unwrap().macs(), "{scheme}: a replay is known by them");
        let before = fake.asked.load(Ordering::SeqCst);
        let refused = judged(&theirs, &by_us, b"{} ").err().map(|refused| refused.code());
        let expected = if scheme == "rfc9421" { Code::DigestInvalid } else { Code::SignatureInvalid };
        assert_eq!(refused, Some(expected), "{scheme}");
        assert!(fake.asked.load(Ordering::SeqCst) > before, "{scheme}");
    }
}

#[test]
fn a_holder_that_does_not_answer_lets_nothing_pass_and_signs_nothing() {
    for scheme in SCHEMES {
        let fake = Fake::new(SECRET);
        let kept = ring(fake.secret());
        let head = signed(scheme, &kept, b"{}").unwrap();
        fake.away.store(true, Ordering::SeqCst);
        let code = |refused: Option<Rejection>| refused.map(|refused| refused.code());
        assert_eq!(code(judged(&gate(scheme, &kept), &head, b"{}").err()), Some(Code::KeyStoreAway), "{scheme}");
        assert_eq!(code(signed(scheme, &kept, b"{}").err()), Some(Code::KeyStoreAway), "{scheme}");
    }
}

#[test]
fn what_stands_in_for_the_secret_signs_for_nobody() {
    let kept = ring(Fake::new(SECRET).secret());
    let forged = signed("timestamp-body", &ring(Secret::new(vec![7; 32])), b"{}").unwrap();
    let refused = judged(&gate("timestamp-body", &kept), &forged, b"{}").err().map(|refused| refused.code());
    assert_eq!(refused, Some(Code::SignatureInvalid));
}

#[test]
fn whoever_names_a_key_that_nobody_has_makes_the_holder_work_as_much() {
    let fake = Fake::new(SECRET);
    let kept = ring(fake.secret());
    let gate = gate("rfc9421", &kept);
    let head = signed("rfc9421", &kept, b"{}").unwrap();
    let mut cost = [0, 0];
    for (id, cost) in ["k1", "k9"].into_iter().zip(&mut cost) {
        let mut head = head.clone();
        let input = head.fields.one("signature-input").unwrap().unwrap();
        let input = String::from_utf8(input.to_vec()).unwrap().replace("\"k1\"", &format!("\"{id}\""));
        head.fields.set("signature-input", input);
        let before = fake.asked.load(Ordering::SeqCst);
        assert_eq!(judged(&gate, &head, b"{}").is_ok(), id == "k1");
        *cost = fake.asked.load(Ordering::SeqCst).saturating_sub(before);
    }
    assert_eq!(cost, [1, 1]);
}

#[test]
fn a_scheme_that_needs_the_secret_itself_says_so() {
    let kept = ring(Fake::new(SECRET).secret());
    for (scheme, why) in
        [("aws-sigv4", "the secret itself"), ("gitlab", "the secret itself"), ("twilio", "makes no HMAC with sha1")]
    {
        let misfits = gate(scheme, &kept).misfits();
        let all = misfits.iter().all(|misfit| misfit.why.contains(why));
        assert!(!misfits.is_empty() && all, "{scheme}: {misfits:?}");
    }
}

#[test]
fn a_body_is_there_whole_before_the_holder_is_asked() {
    let (kept, ours) = (ring(Fake::new(SECRET).secret()), ring(Secret::new(SECRET.to_vec())));
    assert_eq!((gate("github", &kept).need(), gate("github", &ours).need()), (Need::Whole, Need::Feed));
    assert_eq!(gate("rfc9421", &kept).need(), Need::Head, "its digest is checked on the way");
    let seal = |ring: &Arc<Keyring>| Seal::new(built_in("github").unwrap(), Arc::clone(ring), With::Newest);
    assert_eq!((seal(&kept).need(), seal(&ours).need()), (Need::Whole, Need::Feed));
    assert!(!seal(&kept).scheme().signs_behind() && !gate("github", &kept).verifies_behind());
}
