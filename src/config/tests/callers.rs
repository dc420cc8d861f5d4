//! Rates, access rules and the PROXY protocol: what they mean, and how mistakes in them are told.

use super::problems::{HEAD, told};
use super::*;
use crate::policy::rate::{Limit, Per, Rates};

const SIGNED: &str = "verify: timestamp-body, keys: partners, upstream: app";

fn route(fields: &str) -> String {
    format!("{HEAD}  - {{path: /, {fields}}}\n")
}

#[test]
fn mistakes_in_rates_and_rules_are_told_with_their_place() {
    let public = "public: true, upstream: app";
    for (fields, path, part) in [
        (format!("{public}, rate: {{source: 0/s}}"), "rate.source", "a rate such as `20/s`"),
        (format!("{public}, rate: {{source: 20}}"), "rate.source", "expected a mapping, found a number"),
        (format!("{public}, rate: {{source: {{burst: 5}}}}"), "rate.source.limit", "`limit` is missing"),
        (format!("{public}, rate: {{source: {{limit: 1/s, burst: 0}}}}"), "rate.source.burst", "refuse everything"),
        (format!("{public}, rate: {{source: {{limit: 1/s, pool: /a}}}}"), "rate.source.pool", "name of a pool"),
        (format!("{public}, rate: {{key: 1/s}}"), "rate.key", "no key to count"),
        (format!("{public}, rate: {{principal: 1/s}}"), "rate.principal", "no key to count"),
        (format!("{public}, rate: {{sources: 1/s}}"), "rate.sources", "did you mean `source`?"),
        (format!("{public}, allow: {{keys: one}}"), "allow", "no key to allow"),
        (format!("{SIGNED}, allow: []"), "allow", "lets nobody in"),
        (format!("{SIGNED}, allow: [{{}}]"), "allow[0]", "lets every key in"),
        (format!("{SIGNED}, allow: [{{keys: []}}]"), "allow[0].keys", "an empty list matches nothing"),
        (format!("{SIGNED}, allow: {{sources: 10.0.0.0/33}}"), "allow.sources", "an address or network"),
        (format!("{SIGNED}, methods: [GET], allow: {{methods: [PUT]}}"), "allow.methods[0]", "does not take PUT"),
        (format!("{SIGNED}, allow: {{key: one, methods: [GET]}}"), "allow.key", "did you mean `keys`?"),
    ] {
        told(&route(&fields), 6, &format!("routes[0].{path}"), part);
    }
    let two = "\n  - {path: /b, public: true, upstream: app, rate: {route: {limit: 2/s, pool: p}}}";
    let text = route(&format!("{public}, rate: {{route: {{limit: 1/s, pool: p}}}}"));
    told(&format!("{}{two}\n", text.trim_end()), 7, "routes[1].rate.route", "another limit at");
    let text = route(&format!("{public}, rate: {{route: {{limit: 2/s, pool: p, shared: true}}}}"));
    told(&text, 6, "routes[0].rate.route.shared", "no store that gateways share");
    let redis = "\nreplay: {store: redis, redis: {urls: \"redis://a\"}}";
    told(&format!("{}{two}{redis}\n", text.trim_end()), 7, "routes[1].rate.route", "counted elsewhere at");
}

#[test]
fn mistakes_about_the_proxy_protocol_are_told_with_their_place() {
    for (listener, path, part) in [
        ("address: \"127.0.0.1:0\", proxy_protocol: {}", "proxy_protocol.from", "`from` is missing"),
        ("address: \"127.0.0.1:0\", proxy_protocol: {from: []}", "proxy_protocol.from", "lets nobody in"),
        ("address: \"127.0.0.1:0\", proxy_protocol: {from: 0.0.0.0/0}", "proxy_protocol.from", "everybody could say"),
        ("address: \"127.0.0.1:0\", proxy_protocol: {from: [x]}", "proxy_protocol.from[0]", "an address or network"),
        ("address: \"unix:/run/x\", proxy_protocol: {from: [10.0.0.1]}", "proxy_protocol.from", "knows no addresses"),
        ("address: \"127.0.0.1:0\", limits: {connections_per_source: 0}", "limits.connections_per_source", "refuse"),
    ] {
        let text =
            route("public: true, upstream: app").replace("{address: \"127.0.0.1:0\"}", &format!("{{{listener}}}"));
        told(&text, 2, &format!("listeners.main.{path}"), part);
    }
    let unix = "{address: \"unix:/run/x\", proxy_protocol: {}}";
    let text = route("public: true, upstream: app").replace("{address: \"127.0.0.1:0\"}", unix);
    assert_eq!(good(Place::new().load(&text)).policy.listeners[0].proxied, Some(Vec::new()));
}

#[test]
fn a_rate_means_a_bucket_and_its_pool() {
    let rate = "rate: {source: 20/s, key: {limit: 90/m, burst: 5, pool: all}, route: {limit: 1/h, burst: 3}}";
    let text = route(&format!("{SIGNED}, {rate}"))
        + "  - {path: /b, verify: timestamp-body, keys: partners, upstream: app, rate: {key: {limit: 90/m, burst: 5, pool: all}}}\n";
    let policy = good(Place::new().load(&text)).policy;
    let pools: Vec<_> = policy.pools.iter().map(|pool| (pool.per, &*pool.name, pool.limit)).collect();
    assert_eq!(
        pools,
        [
            (Per::Source, "/", Limit { every: 50_000_000, burst: 20 }),
            (Per::Key, "all", Limit { every: 666_666_667, burst: 5 }),
            (Per::Route, "/", Limit { every: 3_600_000_000_000, burst: 3 }),
        ]
    );
    let rates: Vec<_> = policy.routes.all().iter().map(|route| route.callers.rates).collect();
    let first = Rates { source: Some(0), key: Some(1), principal: None, route: Some(2) };
    assert_eq!(rates, [first, Rates { key: Some(1), ..Rates::default() }]);
}

#[test]
fn routes_of_one_path_on_two_listeners_count_for_themselves() {
    let listeners = "{main: {address: \"127.0.0.1:0\"}, other: {address: \"127.0.0.1:0\"}}";
    let text = route("listeners: [main], public: true, upstream: app, rate: {route: 1/s}")
        .replace("{main: {address: \"127.0.0.1:0\"}}", listeners)
        + "  - {path: /, listeners: [other], public: true, upstream: app, rate: {route: 2/s}}\n";
    let policy = good(Place::new().load(&text)).policy;
    let names: Vec<_> = policy.pools.iter().map(|pool| &*pool.name).collect();
    assert_eq!(names, ["/ on main", "/ on other"]);
}

#[test]
fn buckets_are_shared_where_it_is_written() {
    let redis = "replay: {store: redis, redis: {urls: \"redis://a\"}}\n";
    let text = route(&format!("{SIGNED}, rate: {{source: {{limit: 20/s, shared: true}}, key: 5/s}}")) + redis;
    let policy = good(Place::new().load(&text)).policy;
    let shared: Vec<_> = policy.pools.iter().map(|pool| (pool.per, pool.shared)).collect();
    assert_eq!(shared, [(Per::Source, true), (Per::Key, false)]);
}

#[test]
fn a_public_route_takes_no_rule_about_keys_from_the_defaults() {
    let defaults = "defaults: {allow: {methods: [GET]}, rate: {source: 5/s, key: 1/s, principal: 1/s}}\n";
    let text = route(SIGNED) + "  - {path: /open, public: true, upstream: app}\n" + defaults;
    let policy = good(Place::new().load(&text)).policy;
    let [signed, open] = policy.routes.all() else { panic!() };
    assert_eq!((signed.callers.allow.len(), open.callers.allow.len()), (1, 0));
    assert!(signed.callers.rates.ask_who() && !open.callers.rates.ask_who());
    assert!(signed.callers.rates.source.is_some() && open.callers.rates.source.is_some());
}

#[test]
fn a_default_rule_is_dropped_by_a_public_route_only_and_never_mixed_with_another() {
    let rules = |own: &str| {
        let defaults = "defaults: {allow: {principals: [ops]}, rate: {key: 1/s}}\n";
        let policy = good(Place::new().load(&(route(own) + defaults))).policy;
        let callers = policy.routes.all()[0].callers.clone();
        let sizes: Vec<_> = callers.allow.iter().map(|rule| (rule.keys.len(), rule.principals.len())).collect();
        (sizes, callers.rates.ask_who())
    };
    assert_eq!(rules(&format!("{SIGNED}, public: false")), (vec![(0, 1)], true));
    assert_eq!(rules(&format!("{SIGNED}, mode: observe, public: true")), (vec![(0, 1)], true));
    assert_eq!(rules(&format!("{SIGNED}, allow: {{keys: [one]}}")), (vec![(1, 0)], true));
    assert_eq!(rules("public: true, upstream: app"), (vec![], false));
}

#[test]
fn a_rule_for_a_name_that_nobody_has_is_a_warning() {
    let rules = "allow: [{keys: [one, tow]}, {principals: [shop, one]}]";
    let warnings = Place::new().warnings(&route(&format!("{SIGNED}, {rules}")));
    for (name, said) in [("`tow`", true), ("`shop`", true), ("`one`", false)] {
        assert_eq!(warnings.contains(name), said, "{warnings}");
    }
}
