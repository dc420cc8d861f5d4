//! Doors that a route opens for senders that cannot change: told by `check`, unknown ones refused.

use super::problems::{HEAD, told};
use super::*;

fn route(verify: &str) -> String {
    format!("{HEAD}  - {{path: /, verify: {verify}, keys: partners, upstream: app, replay: off}}\n")
}

#[test]
fn every_door_that_is_open_is_a_warning() {
    let place = Place::new();
    let shut = place.warnings(&route("kong"));
    assert!(!shut.contains("legacy"), "{shut}");
    let open = place.warnings(&route("{scheme: kong, legacy: [unsigned-date, any-algorithm]}"));
    for door in ["unsigned-date", "any-algorithm"] {
        let said = format!("routes[0]: scheme `kong` runs with the legacy switch `{door}`");
        assert_eq!(open.matches(&said).count(), 1, "{open}");
    }
    let one = place.warnings(&route("{scheme: tyk, legacy: unsigned-query}"));
    assert_eq!(one.matches("`unsigned-query`").count(), 1, "{one}");
}

#[test]
fn a_door_that_the_scheme_has_not_is_a_mistake() {
    told(
        &route("{scheme: kong, legacy: [unsigned-dates]}"),
        6,
        "routes[0].verify.legacy",
        "no legacy switch `unsigned-dates`",
    );
    let twice = bad(Place::new().load(&route("{scheme: tyk, legacy: [unsigned-dates]}")));
    assert_eq!(twice.len(), 1, "{}", shown(&twice));
    told(&route("{scheme: github, legacy: [unsigned-date]}"), 6, "routes[0].verify.legacy", "no legacy switch");
}

#[test]
fn an_algorithm_that_is_not_known_is_a_mistake() {
    let text = route("{scheme: kong, override: {algorithm: md5}}");
    told(&text, 6, "routes[0].verify.override.algorithm", "`md5` is not known here");
}
