//! A refused request that nobody captured is explained by its id, and shows no credential.

use std::process::Command;

use serde_json::{Value, json};

use crate::world::{Config, NOW, OTHER, Request, Response, SECRET, Signing, World, get, post, request};

const VERIFY: &str = "path: /a/**, verify: {scheme: timestamp-body, keys: partners}, upstream: app";

fn capturing(settings: &str) -> World {
    World::with(|config| {
        let other = VERIFY.replace("/a/", "/b/");
        config.route(VERIFY).route(&other).section(&format!("capture: {{{settings}}}"))
    })
}

/// The id that the client is told.
fn id(response: &Response) -> String {
    let id = response.json()["request_id"].as_str().expect("an id").to_owned();
    assert_eq!(response.header("x-request-id").as_deref(), Some(&*id));
    id
}

fn asked(world: &World, id: &str) -> Response {
    world.ask("admin", request("POST", "/explain", json!({"request_id": id}).to_string()))
}

fn listed(world: &World) -> Vec<Value> {
    world.ask("admin", get("/status")).json()["captured"].as_array().unwrap().clone()
}

/// Signed over another body than the one that is sent.
fn altered(target: &str) -> Request {
    post(target, "{}\n").signed().tampered("{}")
}

#[test]
fn a_refused_request_is_explained_by_the_id_in_its_answer() {
    let world = capturing("refused: 5");
    let refused = world.send(altered("/a/x"));
    let id = id(&refused);
    let told = asked(&world, &id).json();
    assert_eq!((&told["verdict"], &told["code"]), (&"refused".into(), &"signature_invalid".into()));
    assert_eq!((&told["cause"]["id"], &told["request_id"]), (&"body-newline".into(), &id.as_str().into()));
    assert!(told["text"].as_str().unwrap().contains("cause      body-newline"), "{told}");

    let rows = listed(&world);
    assert_eq!(rows.len(), 1);
    let row = [("request_id", &*id), ("code", "signature_invalid"), ("route", "/a/**")];
    assert!(row.iter().all(|(name, value)| rows[0][name] == *value), "{rows:?}");
    assert_eq!(rows[0]["time"], "2025-10-09T08:53:20.000Z");
}

#[test]
fn what_is_refused_before_its_body_was_read_is_explained_too() {
    let world = capturing("refused: 5");
    let late = world.send(post("/a/x", "{}").signed_with(SECRET, &(NOW * 1000).to_string()));
    assert_eq!(asked(&world, &id(&late)).json()["cause"]["id"], "milliseconds");
    let chunked = world.send(post("/a/x", "a longer body").signed_at(-3600).chunked());
    assert_eq!(asked(&world, &id(&chunked)).json()["cause"]["id"], "stale");
}

#[test]
fn it_is_judged_at_the_time_when_it_came() {
    let world = capturing("keep: 1h");
    let refused = world.send(post("/a/x", "{}").signed_at(-61));
    world.at(1800);
    let told = asked(&world, &id(&refused)).json();
    assert_eq!((&told["time"], &told["cause"]["id"]), (&NOW.into(), &"stale".into()));
}

#[test]
fn nothing_is_kept_unless_it_is_asked_for() {
    let world = World::verifying();
    let refused = world.send(altered("/a/x"));
    assert_eq!((asked(&world, &id(&refused)).status, listed(&world).len()), (404, 0));

    let world = capturing("routes: [\"/a/**\"]");
    world.send(altered("/b/x"));
    world.send(post("/a/x", "{}").signed());
    assert_eq!(listed(&world).len(), 0);
    assert_eq!(asked(&world, "nobody").status, 400);
    world.send(altered("/a/x"));
    assert_eq!(listed(&world).len(), 1);
}

#[test]
fn what_is_kept_ends_with_its_time_and_with_the_setting() {
    let mut world = capturing("keep: 10m");
    let first = id(&world.send(altered("/a/x")));
    world.at(599);
    assert_eq!(asked(&world, &first).status, 200);
    world.at(600);
    assert_eq!((asked(&world, &first).status, listed(&world).len()), (400, 0));

    world.at(601).send(post("/a/x", "{}").signed_with(OTHER, &NOW.to_string()));
    assert_eq!(listed(&world).len(), 1);
    world.rewrite(Config::no_sections);
    assert!(world.reload());
    assert_eq!(listed(&world).len(), 0);
}

#[test]
fn of_a_longer_body_nothing_is_kept_and_that_is_said() {
    let world = capturing("body: 10B");
    let refused = world.send(post("/a/x", "12345678901").signed_with(OTHER, &NOW.to_string()));
    let told = asked(&world, &id(&refused)).json();
    assert!(told["notes"].to_string().contains("its body was not kept"), "{told}");
    let short = world.send(post("/a/x", "1234567890\n").signed().tampered("1234567890"));
    assert_eq!(asked(&world, &id(&short)).json()["cause"]["id"], "body-newline");
}

#[test]
fn credentials_are_not_kept_and_those_that_are_covered_are_never_shown() {
    let secret = "session=s3cr3t-of-the-browser-0123456789";
    let covering =
        "covering: {algorithm: sha256, signature: {header: S, encoding: hex}, message: '{header:cookie}|{body}'}";
    let world = World::with(|config| {
        config
            .scheme(covering)
            .route(VERIFY)
            .route("path: /c/**, verify: {scheme: covering, keys: partners}, replay: {by: signature, keep: 1h}, upstream: app")
            .section("capture: {refused: 9}")
    });
    for request in [
        altered("/a/x").header("Cookie", secret).header("Authorization", "Bearer s3cr3t-of-the-browser"),
        post("/c/x", "{}").header("S", "0".repeat(64)).header("Cookie", secret),
    ] {
        let refused = world.send(request);
        assert_eq!(refused.status, 401);
        let told = String::from_utf8(asked(&world, &id(&refused)).body).unwrap();
        assert!(!told.contains("s3cr3t"), "{told}");
        let encoded = data_encoding::BASE64.encode(secret.as_bytes());
        assert!(!told.contains(&encoded), "{told}");
    }
    assert!(!world.ask("admin", get("/status")).json().to_string().contains("s3cr3t"));
}

#[test]
fn the_command_asks_the_gateway_for_an_id() {
    let world = capturing("refused: 5");
    let refused = id(&world.send(altered("/a/x")));
    let admin = format!("http://{}", world.address_of("admin"));
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        let output = command.arg("explain").args(["--admin", &admin]).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
    };
    let (code, text) = run(&[&refused]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("cause      body-newline") && text.starts_with("note "), "{text}");
    let (code, json) = run(&["--json", &refused]);
    assert_eq!(code, Some(1));
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["cause"]["id"], "body-newline");
    let (code, text) = run(&["nobody"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("no refused request with this id is kept"), "{text}");
}
