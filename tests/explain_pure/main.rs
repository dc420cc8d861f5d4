//! `explain` names the mistake that a sender made, and none where it made no known one.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod mistakes;
mod sender;

use std::fmt::Write as _;

use countersign::clock::Clock;
use countersign::explain::request::{self, Captured};
use countersign::explain::{Explanation, Question, Verdict, explain};
use countersign::sig::time::Moment;
use mistakes::{COMMON, DATED, HEADS, Mistake};
use sender::{Scheme, Sender, fresh};

fn now() -> Moment {
    Clock::system().now()
}

/// The configuration that this sender is judged by.
fn policy(sender: &Sender, other: &str) -> countersign::policy::Policy {
    let directory = tempfile::tempdir().unwrap();
    let quoted = |secret: &[u8]| serde_json::Value::from(String::from_utf8(secret.to_vec()).unwrap()).to_string();
    let text = format!(
        "version: 1\nlisteners: {{public: {{address: \"127.0.0.1:0\"}}}}\nupstreams: {{app: {{url: \"http://127.0.0.1:1\"}}}}\n\
         keyrings:\n  partners: {{keys: [{{id: current, secret: {}{}}}]}}\n  others: {{keys: [{{id: other, secret: {other}}}]}}\n\
         schemes:\n  head:\n    algorithm: sha256\n    signature: {{header: X-HMAC-Signature, encoding: hex}}\n    \
         timestamp: {{header: X-HMAC-Timestamp, format: unix, past: 60s, future: 60s}}\n    \
         message: \"{{method}}\\n{{target}}\\n{{host}}\\n{{timestamp}}\\n{{body}}\"\n\
         routes:\n  - {{path: /{}/**, verify: {{scheme: {}, keys: partners}}, upstream: app}}\n",
        quoted(&sender.configured),
        sender.lifetime,
        sender.scheme.path(),
        sender.scheme.name(),
    );
    let path = directory.path().join("config.yaml");
    std::fs::write(&path, text).unwrap();
    countersign::config::load(&path).unwrap_or_else(|problems| panic!("{problems:?}")).policy
}

fn explained(sender: &Sender, other: &str, at: Option<Moment>) -> Explanation {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let Captured { head, body, .. } = runtime.block_on(request::read(&sender.request(), 0, None)).ok().unwrap();
    explain(Question { policy: &policy(sender, other), head, body, now: at, clock: now(), expected: false })
}

/// What is named, where it is not what it should be.
fn judged(scheme: Scheme, (wanted, mistake): &Mistake) -> Result<(), String> {
    let other = fresh();
    let mut sender = Sender::new(scheme, now().secs());
    mistake(&mut sender);
    if *wanted == "key-of-another-ring" {
        sender.key = other.clone().into_bytes();
    }
    let explanation = explained(&sender, &other, None);
    let found = explanation.cause.as_ref().map(|found| found.cause.id());
    let text = explanation.text(&[]) + &explanation.json(&[]).to_string();
    let told = [&sender.configured, &sender.key].map(|secret| String::from_utf8_lossy(secret).trim().to_owned());
    if told.iter().any(|secret| !secret.is_empty() && text.contains(secret.as_str())) {
        return Err(format!("{scheme:?} {wanted}: a secret is printed"));
    }
    if found == Some(wanted) {
        Ok(())
    } else {
        Err(format!("{scheme:?} {wanted}: found {found:?}\n{}", explanation.text(&[])))
    }
}

#[test]
fn every_known_mistake_is_named_in_every_scheme() {
    let mut wrong = String::new();
    let mut tried = 0;
    let mut run = |scheme, mistakes: &[Mistake]| {
        for mistake in mistakes {
            tried += 1;
            if let Err(why) = judged(scheme, mistake) {
                let _infallible = writeln!(wrong, "{why}");
            }
        }
    };
    for scheme in Scheme::ALL {
        run(scheme, COMMON);
    }
    run(Scheme::TimestampBody, DATED);
    run(Scheme::Stripe, DATED);
    run(Scheme::Head, HEADS);
    assert!(wrong.is_empty(), "{wrong}");
    assert!(COMMON.len() >= 15 && tried >= 60, "{tried}");
}

#[test]
fn what_is_no_known_mistake_is_not_explained_away() {
    for scheme in Scheme::ALL {
        let strangers: [fn(&mut Sender); 4] = [
            |sender| sender.key = fresh().into_bytes(),
            |sender| sender.signed_body = Some(fresh().into_bytes()),
            |sender| sender.message = Some(|_, _| fresh().into_bytes()),
            |sender| sender.mac = |key, message| sender::hmac(&sender::hmac(b"derived", key), message),
        ];
        for stranger in strangers {
            let mut sender = Sender::new(scheme, now().secs());
            stranger(&mut sender);
            let explanation = explained(&sender, &fresh(), None);
            assert!(explanation.cause.is_none(), "{}", explanation.text(&[]));
            assert!(explanation.text(&[]).contains("cause unknown"));
        }
    }
}

#[test]
fn a_request_without_a_mistake_is_verified_and_shown_part_by_part() {
    for scheme in Scheme::ALL {
        let sender = Sender::new(scheme, now().secs());
        let explanation = explained(&sender, &fresh(), None);
        let text = explanation.text(&[]);
        assert!(matches!(&explanation.verdict, Verdict::Verified(key) if key.as_ref() == "current"), "{text}");
        assert!(text.contains("{body}             \"{\\\"zeta\\\""), "{text}");
        assert!(text.contains("key        `current` (active) made this signature"), "{text}");
        assert!(!text.contains("cause") && explanation.stale.is_none(), "{text}");
    }
}

#[test]
fn an_old_request_is_judged_at_its_own_time_and_its_age_is_told() {
    let then = now().secs() - 5000;
    let sender = Sender::new(Scheme::Stripe, then);
    let explanation = explained(&sender, &fresh(), None);
    assert!(matches!(explanation.verdict, Verdict::Verified(_)));
    assert!(explanation.text(&[]).contains("timestamp_outside_window"), "{}", explanation.text(&[]));
    let explanation = explained(&sender, &fresh(), Some(Moment::from_secs(then + 301)));
    assert_eq!(explanation.cause.map(|found| found.cause.id()), Some("stale"));
    assert!(matches!(explanation.verdict, Verdict::Refused(_)));
}

#[test]
fn the_right_signature_is_told_only_to_who_asks() {
    let mut sender = Sender::new(Scheme::GitHub, now().secs());
    let right = format!("sha256={}", sender::hex(&sender::hmac(&sender.key, &sender.body)));
    sender.key = fresh().into_bytes();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let policy = policy(&sender, &fresh());
    for expected in [false, true] {
        let Captured { head, body, .. } = runtime.block_on(request::read(&sender.request(), 0, None)).ok().unwrap();
        let explanation = explain(Question { policy: &policy, head, body, now: None, clock: now(), expected });
        assert_eq!(explanation.text(&[]).contains(&right), expected);
        assert_eq!(explanation.json(&[]).to_string().contains(&right), expected);
    }
}
