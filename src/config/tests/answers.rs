//! `response` in a configuration: what can be verified or signed as it streams.

use super::problems::{HEAD, told};
use super::*;
use crate::policy::route::BodyMode;

fn route(response: &str) -> String {
    format!("{HEAD}  - {{path: /, public: true, response: {{{response}, body: stream}}, upstream: app}}\n")
}

const FED: &str = "{scheme: timestamp-body, keys: partners}";
const DIGESTED: &str = "{scheme: rfc9421, keys: partners}";
const WHOLE: &str = "{scheme: json-envelope, keys: partners}";

#[test]
fn an_answer_streams_where_neither_verifying_nor_signing_needs_it_whole() {
    for (response, trailers) in [
        (format!("verify: {FED}"), true),
        (format!("verify: {DIGESTED}"), false),
        (format!("sign: {FED}"), false),
        (format!("verify: {FED}, sign: {FED}"), true),
    ] {
        let loaded = good(Place::new().load(&route(&response)));
        let answers = &loaded.policy.routes.all()[0].answers;
        assert_eq!((answers.body, answers.takes_trailers()), (BodyMode::Stream, trailers), "{response}");
    }
}

#[test]
fn what_needs_an_answer_whole_says_so() {
    let (verifies, signs) =
        ("the scheme that verifies needs the answer whole", "no signature of this scheme can follow");
    for (response, part) in [
        (format!("verify: {WHOLE}"), verifies),
        (format!("verify: {WHOLE}, sign: {FED}"), verifies),
        (format!("sign: {WHOLE}"), signs),
        (format!("sign: {DIGESTED}"), signs),
        (format!("verify: {FED}, sign: {DIGESTED}"), signs),
        ("remove: [Server]".to_owned(), signs),
    ] {
        told(&route(&response), 6, "routes[0].response.body", part);
    }
}
