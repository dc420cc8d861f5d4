//! `explain` names the mistake that a sender made, and none where it made no known one.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod coded;
mod mistakes;
mod sender;
mod signer;
mod slips;

use std::fmt::Write as _;
use std::sync::Arc;

use countersign::clock::Clock;
use countersign::explain::request::{self, Captured};
use countersign::explain::{Explanation, Question, Verdict, explain};
use countersign::sig::mac::Algorithm;
use countersign::sig::time::Moment;
use mistakes::{COMMON, DATED, HEADS, Mistake};
use sender::{SEED, Scheme, Sender, fresh};

fn now() -> Moment {
    Clock::system().now()
}

/// What the configuration says of a sender.
pub(crate) struct Rules<'a> {
    pub(crate) secret: &'a [u8],
    /// What else stands beside the key.
    pub(crate) lifetime: &'a str,
    pub(crate) path: &'a str,
    pub(crate) scheme: &'a str,
    /// The secret of another keyring.
    pub(crate) other: &'a str,
}

/// The configuration that a sender is judged by.
fn policy(rules: &Rules<'_>) -> countersign::policy::Policy {
    let Rules { secret, lifetime, path, scheme, other } = rules;
    let quoted = serde_json::Value::from(String::from_utf8(secret.to_vec()).unwrap()).to_string();
    let spare = fresh();
    let text = format!(
        "version: 1\nlisteners: {{public: {{address: \"127.0.0.1:0\", public_url: \"https://hooks.example.com\"}}}}\n\
         upstreams: {{app: {{url: \"http://127.0.0.1:1\"}}}}\n\
         keyrings:\n  partners: {{keys: [{{id: spare, secret: {spare}}}, {{id: current, secret: {quoted}{lifetime}}}]}}\n  \
         others: {{keys: [{{id: other, secret: {other}}}]}}\n\
         schemes:\n  head:\n    algorithm: sha256\n    signature: {{header: X-HMAC-Signature, encoding: hex}}\n    \
         timestamp: {{header: X-HMAC-Timestamp, format: unix, past: 60s, future: 60s}}\n    \
         message: \"{{method}}\\n{{target}}\\n{{host}}\\n{{timestamp}}\\n{{body}}\"\n  \
         inside:\n    algorithm: sha256\n    mac: hash\n    signature: {{header: X-HMAC-Signature, encoding: hex}}\n    \
         message: \"{{key}}|{{body}}\"\n\
         routes:\n  - {{path: /{path}/**, verify: {{scheme: {scheme}, keys: partners}}, upstream: app}}\n",
    );
    load(&text)
}

fn load(text: &str) -> countersign::policy::Policy {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    std::fs::write(&path, text).unwrap();
    countersign::config::load(&path).unwrap_or_else(|problems| panic!("{problems:?}")).policy
}

fn captured(request: &[u8]) -> Captured {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(request::read(request, 0, None)).unwrap()
}

fn explained(rules: &Rules<'_>, request: &[u8], at: Option<Moment>) -> Explanation {
    let Captured { head, body, .. } = captured(request);
    explain(Question { policy: &policy(rules), listener: None, head, body, now: at, clock: now(), expected: false })
}

/// The right signatures.
fn told(rules: &Rules<'_>, request: &[u8]) -> Vec<(Arc<str>, String)> {
    let Captured { head, body, .. } = captured(request);
    explain(Question { policy: &policy(rules), listener: None, head, body, now: None, clock: now(), expected: true })
        .expected
}

fn rules<'a>(sender: &'a Sender, other: &'a str) -> Rules<'a> {
    let (path, scheme) = (sender.scheme.path(), sender.scheme.name());
    Rules { secret: &sender.configured, lifetime: sender.lifetime, path, scheme, other }
}

fn asked(sender: &Sender, other: &str, at: Option<Moment>) -> Explanation {
    explained(&rules(sender, other), &sender.request(), at)
}

/// What is named, where it is not what it should be.
fn judged(scheme: Scheme, (wanted, mistake): &Mistake) -> Result<(), String> {
    let other = fresh();
    let mut sender = Sender::new(scheme, now().secs());
    mistake(&mut sender);
    if *wanted == "key-of-another-ring" {
        sender.key = other.clone().into_bytes();
    }
    let explanation = asked(&sender, &other, None);
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
    assert!(wrong.is_empty(), "seed {}\n{wrong}", *SEED);
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
            let explanation = asked(&sender, &fresh(), None);
            assert!(explanation.cause.is_none(), "seed {}\n{}", *SEED, explanation.text(&[]));
            assert!(explanation.text(&[]).contains("cause unknown"));
        }
    }
}

#[test]
fn a_request_without_a_mistake_is_verified_and_shown_part_by_part() {
    for scheme in Scheme::ALL {
        let sender = Sender::new(scheme, now().secs());
        let explanation = asked(&sender, &fresh(), None);
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
    let explanation = asked(&sender, &fresh(), None);
    assert!(matches!(explanation.verdict, Verdict::Verified(_)));
    assert!(explanation.text(&[]).contains("timestamp_outside_window"), "{}", explanation.text(&[]));
    let explanation = asked(&sender, &fresh(), Some(Moment::from_secs(then + 301)));
    assert_eq!(explanation.cause.map(|found| found.cause.id()), Some("stale"));
    assert!(matches!(explanation.verdict, Verdict::Refused(_)));
}

#[test]
fn the_right_signature_is_told_only_to_who_asks() {
    let mut sender = Sender::new(Scheme::GitHub, now().secs());
    let right = format!("sha256={}", sender::hex(&sender::hmac(&sender.key, &sender.body)));
    sender.key = fresh().into_bytes();
    let other = fresh();
    let policy = policy(&rules(&sender, &other));
    for expected in [false, true] {
        let Captured { head, body, .. } = captured(&sender.request());
        let explanation =
            explain(Question { policy: &policy, listener: None, head, body, now: None, clock: now(), expected });
        assert_eq!(explanation.text(&[]).contains(&right), expected);
        assert_eq!(explanation.json(&[]).to_string().contains(&right), expected);
    }
}

#[test]
fn a_key_inside_the_hash_is_told_as_a_secret_and_nothing_more() {
    let (secret, other, body) = (fresh(), fresh(), fresh());
    let rules = Rules { secret: secret.as_bytes(), lifetime: "", path: "k", scheme: "inside", other: &other };
    let mac = sender::hex(&Algorithm::Sha256.digest(format!("{secret}|{body}").as_bytes()));
    for (signature, verified) in [(mac.as_str(), true), (&other, false)] {
        let head = format!("POST /k/ HTTP/1.1\r\nHost: h\r\nX-HMAC-Signature: {signature}\r\n");
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        let explanation = explained(&rules, request.as_bytes(), None);
        let text = explanation.text(&[]);
        assert_eq!(matches!(explanation.verdict, Verdict::Verified(_)), verified, "{text}");
        assert!(text.contains("{key}              (the secret)") && text.contains(&body), "{text}");
        let told = text + &explanation.json(&[]).to_string();
        assert!(!told.contains(&secret) && (verified || !told.contains(&mac)), "{told}");
    }
}

#[test]
fn what_is_missing_or_misspelt_is_told_with_its_place_and_no_secret_is_blamed() {
    let (dated, git) = (Scheme::TimestampBody, Scheme::GitHub);
    let table: [(Scheme, Mistake, &str); 6] = [
        (git, ("signature-missing", |sender| sender.header = Some("")), "no signature in header `X-Hub-Signature-256`"),
        (dated, ("signature-missing", |sender| sender.stamp.clear()), "no timestamp in header `X-HMAC-Timestamp`"),
        (
            git,
            ("signature-repeated", |sender| sender.twice = true),
            "2 times: signature in header `X-Hub-Signature-256`",
        ),
        (git, ("signature-malformed", |sender| sender.prefix = Some("v9=")), "it does not begin with `sha256=`"),
        (git, ("signature-malformed", |sender| sender.spelled = |_| "zz".to_owned()), "it is not hex"),
        (
            dated,
            ("timestamp-malformed", |sender| sender.stamp = "soon".to_owned()),
            "timestamp in header `X-HMAC-Timestamp`",
        ),
    ];
    for (scheme, (wanted, mistake), place) in table {
        let mut sender = Sender::new(scheme, now().secs());
        mistake(&mut sender);
        let text = asked(&sender, &fresh(), None).text(&[]);
        assert!(text.contains(&format!("cause      {wanted}: ")) && text.contains(place), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}
