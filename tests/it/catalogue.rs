//! What vendors' libraries and clients of other gateways sign, over a socket, each at its own time.

use serde_json::Value;

use crate::world::{Config, NOW, Request, World, request};

const CASES: &str = include_str!("../vectors/catalogue.jsonl");

#[test]
fn every_case_of_the_catalogue_is_judged_over_a_socket_as_its_maker_does() {
    let mut world =
        World::with(|config| config.route("path: \"/**\", verify: github, keys: partners, replay: off, upstream: app"));
    let mut before = String::new();
    for case in CASES.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let key = &case["keys"][0];
        let wanted = format!("{}{key}{}", verify(&case), case["base_url"]);
        if wanted != before {
            world.keys.swap(&[(text(&key["id"]), text(&key["secret"]))]);
            world.rewrite(|config| route(config, &case));
            assert!(world.reload(), "{}", case["case"]);
            before = wanted;
        }
        let answer = world.at(case["now"].as_i64().unwrap() - NOW).send(message(&case));
        assert_eq!(answer.status == 200, case["valid"] == true, "{}: {}", case["case"], answer.status);
    }
}

#[test]
fn credentials_for_a_proxy_are_read_and_go_no_further() {
    let case = case("kong/Proxy-Authorization before Authorization");
    let world = World::with(|config| route(config, &case));
    world.keys.swap(&[("k1", text(&case["keys"][0]["secret"]))]);
    assert!(world.reload());
    assert_eq!(world.send(message(&case)).status, 200);
    let seen = world.upstream.next();
    assert_eq!(
        (seen.header("proxy-authorization"), seen.header("authorization")),
        (None, Some("Bearer of-the-application"))
    );
}

#[test]
fn what_we_sign_for_another_gateway_is_a_request_of_its_client() {
    for scheme in ["kong", "apisix", "azure-app-configuration", "cavage"] {
        let signing = format!("path: \"/**\", sign: {scheme}, keys: partners, upstream: app, sources: [127.0.0.0/8]");
        let world = World::with(|config| config.route(&signing).public("signing_hosts: [api.example.com]"));
        world.keys.swap(&[("k1", "c2l4dGVlbiBieXRlcyBhbmQgc2l4dGVlbiBtb3Jl")]);
        assert!(world.reload());
        let unsigned = request("POST", "/in?a=1", "{}").with("Host", "api.example.com");
        assert_eq!(world.send(unsigned.header("Proxy-Authorization", "forged")).status, 200, "{scheme}");
        let seen = world.upstream.next();
        let carrier = if scheme == "kong" { "proxy-authorization" } else { "authorization" };
        assert!(
            seen.all(carrier).len() == 1 && seen.header(carrier).unwrap().contains("k1"),
            "{scheme}: {}",
            seen.head
        );
    }
}

fn case(name: &str) -> Value {
    let mut all = CASES.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.find(|case| case["case"] == name).unwrap()
}

fn route(config: Config, case: &Value) -> Config {
    let site = case["base_url"].as_str().map(|url| format!(", public_url: \"{url}\"")).unwrap_or_default();
    let verify = verify(case);
    config
        .no_routes()
        .route(&format!("path: \"/**\", verify: {{{verify}}}, keys: partners, replay: off, upstream: app{site}"))
}

fn verify(case: &Value) -> String {
    let config = &case["config"];
    let legacy = config["legacy"].as_array().map(|_| format!(", legacy: {}", config["legacy"])).unwrap_or_default();
    let pinned =
        config["algorithm"].as_str().map(|name| format!(", override: {{algorithm: {name}}}")).unwrap_or_default();
    format!("scheme: {}{legacy}{pinned}", text(&case["scheme"]))
}

fn message(case: &Value) -> Request {
    let body = data_encoding::BASE64.decode(text(&case["body_b64"]).as_bytes()).unwrap();
    let lines = case["headers"].as_array().unwrap();
    let unsigned = request(text(&case["method"]), text(&case["target"]), body);
    lines.iter().fold(unsigned, |request, line| match text(&line[0]) {
        "Host" => request.with("Host", text(&line[1])),
        name => request.header(name, text(&line[1])),
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
