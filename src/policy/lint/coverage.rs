//! What a scheme leaves open on a route: everything that a signature does not cover can be changed on the way.

use std::sync::Arc;

use super::Said;
use super::reach::Reach;
use super::table::Code;
use crate::policy::route::{Replay, ReplayBy};
use crate::sig::mac::Algorithm;
use crate::sig::scheme::{Covers, Doubt, Scheme};

/// Findings about one scheme of a route's gate.
pub(super) fn of(scheme: &Scheme, replay: &Replay, reach: &Reach) -> Vec<Said> {
    let facts = scheme.facts();
    let mut said: Vec<Said> = scheme.doubts().iter().map(|doubt| doubted(scheme, doubt)).collect();
    said.extend(
        scheme
            .legacy()
            .iter()
            .map(|door| say(scheme, Code::LegacySwitch, &format!("runs with the legacy switch `{door}`"))),
    );
    if facts.key_use.primitive.algorithm() == Algorithm::Sha1 {
        said.push(say(scheme, Code::WeakHash, "uses SHA-1, which is kept for old senders"));
    }
    let nothing = (Covers { key_id: false, ..facts.covers }) == Covers::default() && !scheme.has_payload();
    if nothing || scheme.is_ticket() {
        said.push(say(scheme, Code::TokenCoversNothing, "covers nothing of the request"));
        return said;
    }
    let remembered = replay.by != ReplayBy::Off;
    said.extend(evidence(scheme, remembered, reach));
    said.extend(line(scheme, remembered, reach));
    said
}

/// Body, timestamp, nonce.
fn evidence(scheme: &Scheme, remembered: bool, reach: &Reach) -> impl Iterator<Item = Said> {
    let (facts, covers) = (scheme.facts(), scheme.facts().covers);
    let dated = facts.has_timestamp;
    let body = say(scheme, Code::BodyNotCovered, "does not cover the body: anybody on the way can change it");
    let absent = say(scheme, Code::TimestampAbsent, "has no timestamp: a captured request stays good for ever");
    let bare = "does not cover its timestamp: a captured request can be given a new one";
    let nonce = "does not cover its nonce: a captured request can be given a new one";
    let found = [
        (!covers.body).then(|| body.noted_if(reach.is_bodiless())),
        (!dated && !covers.timestamp).then(|| absent.noted_if(remembered)),
        (dated && !covers.timestamp).then(|| say(scheme, Code::TimestampNotCovered, bare)),
        (facts.has_nonce && !covers.nonce).then(|| say(scheme, Code::NonceNotCovered, nonce)),
    ];
    found.into_iter().flatten()
}

/// Method, path and query. Where the path is open, so are the others, and the path says it for all of them.
fn line(scheme: &Scheme, remembered: bool, reach: &Reach) -> impl Iterator<Item = Said> {
    let covers = scheme.facts().covers;
    let mild = remembered || reach.one_path || !covers.path;
    let path =
        say(scheme, Code::PathNotCovered, "does not cover the path: a request can be sent to any path of this route");
    let query = say(scheme, Code::QueryNotCovered, "does not cover the query: its parameters can be changed");
    let method = say(scheme, Code::MethodNotCovered, "does not cover the method: it can be changed");
    let found = [
        (!covers.path && !reach.one_path).then(|| path.noted_if(remembered)),
        (!covers.query).then(|| query.noted_if(mild)),
        (!covers.method && !reach.has_one_method()).then(|| method.noted_if(mild)),
    ];
    found.into_iter().flatten()
}

fn doubted(scheme: &Scheme, doubt: &Doubt) -> Said {
    match doubt {
        Doubt::Adjacent(left, right) => {
            let what =
                format!("signs `{{{left}}}` and `{{{right}}}` side by side: bytes can be moved from one to the other");
            say(scheme, Code::AmbiguousConcatenation, &what)
        }
        Doubt::Joined(value) => {
            let what =
                format!("signs the names and values of `{{{value}}}` side by side: bytes can be moved between them");
            say(scheme, Code::AmbiguousConcatenation, &what)
        }
        Doubt::LooseDigest => say(scheme, Code::DigestNotCovered, "checks a digest that is not always signed"),
    }
}

fn say(scheme: &Scheme, code: Code, what: &str) -> Said {
    let said = Said::new(code, format!("scheme `{}` {what}", scheme.name()));
    Said { scheme: Some(Arc::clone(scheme.name())), ..said }
}
