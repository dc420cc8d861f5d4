//! Another proxy asks whether it may forward: the verdict is the gateway's own, and nothing that a client sends chooses what is judged.

use crate::world::{Config, NOW, Request, Response, SECRET, Signing, World, get, mac, post, request};

const SCHEME: &str = r#"head: {algorithm: sha256, signature: {header: X-Sig, encoding: hex}, timestamp: {header: X-Ts, past: 5m, future: 5m}, message: "{timestamp}.{method}.{target}.{host}"}"#;
const ROUTE: &str =
    "path: /orders/**, listeners: [asked], verify: {scheme: head, keys: partners}, replay: {by: signature}";
const WHOLE: &str =
    "path: /**, listeners: [asked], verify: {scheme: timestamp-body, keys: partners}, replay: {by: signature}";

fn asked(config: Config, by: &str, route: &str) -> Config {
    let listener = format!("asked: {{address: \"127.0.0.1:0\", forward_auth: {by}}}");
    config
        .listener(&listener)
        .scheme(SCHEME)
        .route(route)
        .route("path: /, public: true, listeners: [public], upstream: app")
}

fn world(by: &str, route: &str) -> World {
    World::with(|config| asked(config, by, route))
}

/// What the proxy sends for `method target` on shop.example, signed by its client for `signed`.
fn question(names: [&str; 3], (method, target): (&str, &str), signed: &str) -> Request {
    let message = format!("{signed}.shop.example");
    get("/verify")
        .header(names[0], method)
        .header(names[1], target)
        .header(names[2], "shop.example")
        .header("X-Ts", NOW.to_string())
        .header("X-Sig", mac(SECRET, &NOW.to_string(), message.as_bytes()))
}

fn nginx(line: (&str, &str), signed: &str) -> Request {
    question(["X-Original-Method", "X-Original-URI", "X-Original-Host"], line, signed)
}

fn traefik(line: (&str, &str), signed: &str) -> Request {
    question(["X-Forwarded-Method", "X-Forwarded-Uri", "X-Forwarded-Host"], line, signed)
}

fn why(answer: &Response) -> (u16, String) {
    (answer.status, answer.header("x-countersign-code").unwrap_or_default())
}

#[test]
fn nginx_hears_who_asked_or_one_of_the_two_refusals_that_it_knows() {
    let mut world = world("nginx", ROUTE);
    let ask = |question: Request| world.ask("asked", question);
    let line = ("DELETE", "/orders/7?all=%2F");
    let good = || nginx(line, "DELETE./orders/7?all=%2F");

    let answer = ask(good().header("X-Countersign-Key", "root"));
    assert_eq!((answer.status, answer.header("x-countersign-key").as_deref()), (202, Some("k1")));
    assert_eq!(answer.header("x-countersign-principal").as_deref(), Some("k1"));
    assert_eq!(answer.refusal().1, "");

    for (question, status, code) in [
        (good(), 403, "replayed"),
        (good().without("X-Sig"), 401, "signature_missing"),
        (nginx(("GET", line.1), "DELETE./orders/7?all=%2F"), 401, "signature_invalid"),
        (nginx((line.0, "/orders/8"), "DELETE./orders/7?all=%2F"), 401, "signature_invalid"),
        (nginx((line.0, "/other"), "DELETE./other"), 403, "route_not_found"),
        (nginx((line.0, "/orders/../x"), "DELETE./orders/../x"), 403, "target_invalid"),
        (nginx((line.0, "/orders/a b"), "DELETE./orders/a b"), 403, "target_invalid"),
        (good().towards("/elsewhere"), 403, "route_not_found"),
        (good().with("X-Original-Host", "a b"), 403, "host_invalid"),
    ] {
        assert_eq!(why(&ask(question)), (status, code.to_owned()));
    }

    world.stop();
    let audit = world.audit();
    assert_eq!((&audit[0]["method"], &audit[0]["target"]), (&"DELETE".into(), &"/orders/7?all=***".into()));
    assert_eq!((&audit[0]["listener"], &audit[0]["verdict"]), (&"asked".into(), &"verified".into()));
}

#[test]
fn a_body_that_a_proxy_sends_along_is_never_read_as_the_next_question() {
    let world = world("nginx", ROUTE);
    let good = nginx(("DELETE", "/orders/7"), "DELETE./orders/7");
    let unsigned = nginx(("GET", "/orders/7"), "").without("X-Sig");
    for (hidden, chunked) in [(good.clone(), false), (good, true)] {
        let mut outer = unsigned.clone();
        outer.body = hidden.bytes();
        let outer = if chunked { outer.chunked() } else { outer };
        let mut connection = world.connect_to("asked");
        let last = unsigned.clone().header("Connection", "close");
        connection.write(&[outer.bytes(), last.bytes()].concat());
        assert_eq!(why(&connection.answer()), (401, "signature_missing".to_owned()));
        assert_eq!(why(&connection.answer()), (401, "signature_missing".to_owned()));
        assert_eq!(connection.rest().unwrap(), b"", "nothing else was asked");
    }
}

#[test]
fn what_a_client_says_of_its_request_beside_the_proxy_is_refused() {
    for by in ["nginx", "traefik", "caddy"] {
        let world = world(by, ROUTE);
        let ask = |question: Request| why(&world.ask("asked", question));
        let good = || {
            if by == "nginx" {
                nginx(("GET", "/orders/1"), "GET./orders/1")
            } else {
                traefik(("GET", "/orders/1"), "GET./orders/1")
            }
        };
        for place in 1..=3 {
            let (name, value) = good().fields[place].clone();
            assert_eq!(ask(good().header(&name, &value)).1, "original_untold", "{by}: {name} twice");
            assert_eq!(ask(good().without(&name)).1, "original_untold", "{by}: no {name}");
            assert_eq!(ask(good().with(&name, "")).1, "original_untold", "{by}: empty {name}");
            let twin = name.replace('-', "_");
            assert_eq!(ask(good().header(&twin, &value)).1, "field_forbidden", "{by}: {twin}");
        }
        // The other family is an ordinary header.
        assert_eq!(ask(good().header("X-Rewrite-Url", "/orders/2")).0, 202);
    }
}

#[test]
fn a_refusal_goes_through_traefik_and_caddy_as_it_is() {
    for by in ["traefik", "caddy"] {
        let world = world(by, ROUTE);
        let good = || traefik(("GET", "/orders/1"), "GET./orders/1");
        assert_eq!(world.ask("asked", good()).status, 202);
        assert_eq!(world.ask("asked", good()).refusal(), (409, "replayed".to_owned()));
        let unsigned = world.ask("asked", good().without("X-Sig"));
        assert_eq!(unsigned.refusal(), (401, "signature_missing".to_owned()));
        assert!(unsigned.header("www-authenticate").is_some());
    }
}

#[test]
fn traefik_may_send_the_body_along() {
    let world = world("{from: traefik, body: true}", WHOLE);
    let named = |request: Request| {
        request.header("X-Forwarded-Method", "POST").header("X-Forwarded-Uri", "/").header("X-Forwarded-Host", "a")
    };
    let good = || named(post("/verify", "paid").signed());
    assert_eq!(world.ask("asked", good()).status, 202);
    assert_eq!(world.ask("asked", good()).refusal(), (409, "replayed".to_owned()));
    assert_eq!(world.ask("asked", named(post("/verify", "x").signed()).tampered("y")).refusal().1, "signature_invalid");
}

#[test]
fn a_signed_digest_of_nothing_does_not_vouch_for_a_body_that_nobody_saw() {
    let scheme = "aws: {aws_sigv4: {region: us-east-1, service: execute-api, unsigned_payload: allow}}";
    let route = "path: /**, listeners: [asked], verify: {scheme: aws, keys: partners}, replay: off";
    let world = World::with(|config| asked(config.scheme(scheme), "caddy", route));
    let signing = World::with(|config| {
        config.scheme(scheme).route("path: /**, sign: {scheme: aws, keys: partners}, upstream: app")
    });
    assert_eq!(signing.send(get("/x")).status, 200);
    let seen = signing.upstream.next();
    let names = ["authorization", "x-amz-date", "x-amz-content-sha256"];
    let question = ["X-Forwarded-Method", "X-Forwarded-Uri"].into_iter().zip(["GET", "/x"]);
    let question = question.fold(get("/verify"), |question, (name, value)| question.header(name, value));
    let question = question.header("X-Forwarded-Host", seen.header("host").unwrap());
    let question = names.iter().fold(question, |question, name| question.header(name, seen.header(name).unwrap()));
    assert_eq!(world.ask("asked", question).refusal(), (400, "body_unseen".to_owned()));
}

#[test]
fn envoy_asks_over_http_with_the_path_behind_ours_and_the_whole_body() {
    let world = world("{from: envoy, body: true}", WHOLE);
    let ask = |question: Request| world.ask("asked", question);
    let good = |target: &str, body: &str| post(target, body).signed().header("x-envoy-auth-partial-body", "false");
    let answer = ask(good("/verify/orders?a", "paid").header("X-Countersign-Verdict", "verified"));
    assert_eq!((answer.status, answer.header("x-countersign-key").as_deref()), (200, Some("k1")));
    assert_eq!(answer.header("x-envoy-auth-headers-to-remove").as_deref(), Some("x-countersign-verdict"));
    assert_eq!(ask(good("/verify/orders?a", "paid")).refusal(), (409, "replayed".to_owned()));
    assert_eq!(ask(good("/verify/", "x").tampered("y")).refusal().1, "signature_invalid");
    let partial = good("/verify/", "z").with("x-envoy-auth-partial-body", "true");
    assert_eq!(ask(partial).refusal(), (413, "body_partial".to_owned()));
    assert_eq!(ask(good("/verify/", "z").header("x-envoy-auth-partial-body", "false")).refusal().1, "original_untold");
    for elsewhere in ["/verify", "/verifyx", "/"] {
        assert_eq!(ask(good(elsewhere, "w")).refusal(), (404, "route_not_found".to_owned()));
    }
    assert_eq!(ask(request("DELETE", "/verify/empty", "").signed()).status, 200);
}
