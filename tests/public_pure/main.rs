//! Signatures under public keys, and tokens: what others signed holds, and nothing else does.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod keys;
#[path = "../pure/mod.rs"]
mod pure;
mod tokens;
mod vectors;
mod verdicts;

use std::sync::Arc;

use countersign::config::scheme::{SchemeProblem, builtin};
use countersign::policy::gate::Gate;
use countersign::reject::Code;
use countersign::sig::Site;
use countersign::sig::message::Head;
use countersign::sig::permit::Permit;
use countersign::sig::scheme::Scheme;
use countersign::sig::time::Moment;

const NOW: i64 = 1_760_000_000;

/// Id and what the operator wrote.
type Ring<'a> = &'a [(&'a str, &'a str)];
type Headers<'a> = &'a [(&'a str, &'a str)];

fn declared(yaml: &str) -> Result<Arc<Scheme>, Vec<SchemeProblem>> {
    pure::load("test", yaml)
}

fn scheme(yaml: &str) -> Arc<Scheme> {
    declared(yaml).unwrap_or_else(|problems| panic!("{yaml}: {problems:?}"))
}

fn built_in(name: &str) -> Arc<Scheme> {
    scheme(builtin(name).unwrap_or_else(|| panic!("{name} is not built in")))
}

fn gate(scheme: &Arc<Scheme>, keys: Ring<'_>) -> Gate {
    pure::gate(scheme, pure::ring(keys))
}

fn head(headers: Headers<'_>) -> Head {
    pure::head("POST", ("hooks.example.com", "/in"), headers)
}

/// The verdict of at most eight verifications.
fn judge(gate: &Gate, headers: Headers<'_>, body: &[u8], now: i64) -> Result<Permit, Code> {
    let terms = (Site::default(), Moment::from_secs(now));
    pure::judge(gate, &head(headers), body, terms).map_err(|rejection| rejection.code())
}
