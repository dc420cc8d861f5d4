//! What operators ask and are told; how the gateway ends.

use crate::world::{SECRET, Signing, World, get, mac, post};

#[test]
fn the_health_listener_answers_three_questions_and_nothing_else() {
    let world = World::verifying();
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(world.ask("health", get(path)).status, 200, "{path}");
    }
    for other in [get("/status"), get("/keys"), post("/reload", ""), post("/drain", ""), get("/")] {
        assert!((400..500).contains(&world.ask("health", other.clone()).status), "{} {}", other.method, other.target);
    }
}

#[test]
fn the_admin_listener_is_not_for_web_pages() {
    let world = World::verifying();
    assert_eq!(world.ask("admin", get("/status")).status, 200);
    assert_eq!(world.ask("admin", get("/status").with("Host", "evil.example")).status, 403);
    assert_eq!(world.ask("admin", post("/reload", "").header("Origin", "http://localhost")).status, 403);
}

/// A question about a request whose body lost its final newline.
fn question() -> String {
    let signature = mac(SECRET, &crate::world::NOW.to_string(), b"{}\n");
    serde_json::json!({
        "method": "POST", "target": "/orders", "body_b64": "e30=", "now": crate::world::NOW,
        "headers": [["Host", "h"], ["X-HMAC-Timestamp", crate::world::NOW.to_string()], ["X-HMAC-Signature", signature]],
    })
    .to_string()
}

#[test]
fn a_refusal_is_explained_where_the_configuration_allows_it_and_nowhere_else() {
    let route = "path: /**, verify: {scheme: timestamp-body, keys: partners}, upstream: app";
    let world = World::with(|config| config.route(route).admin("explain: true"));
    let answer = world.ask("admin", post("/explain", question()));
    let text = String::from_utf8(answer.body).unwrap();
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (answer.status, &told["code"], &told["cause"]["id"]),
        (200, &"signature_invalid".into(), &"body-newline".into())
    );
    assert!(!text.contains(SECRET) && !text.contains(&mac(SECRET, &crate::world::NOW.to_string(), b"{}")), "{text}");
    assert_eq!(world.ask("admin", post("/explain", "{}")).status, 400);
    assert_eq!(world.ask("admin", get("/explain")).status, 405);
    assert_eq!(world.ask("health", post("/explain", question())).status, 404);
    assert_eq!(World::verifying().ask("admin", post("/explain", question())).status, 404);
}

#[test]
fn metrics_count_by_route_verdict_and_code_and_never_by_what_a_client_sent() {
    let world = World::verifying();
    world.send(post("/some-secret-path", "{}").signed());
    world.send(post("/some-secret-path", "{}"));
    let metrics = String::from_utf8(world.ask("health", get("/metrics")).body).unwrap();
    assert!(metrics.contains("signature_missing") && metrics.contains("verified"), "{metrics}");
    assert!(!metrics.contains("some-secret-path"));
    assert!(metrics.ends_with("# EOF\n"));
}

#[test]
fn metrics_are_told_in_the_form_that_is_accepted_and_name_the_trace_of_a_request() {
    let world = World::verifying();
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    world.send(post("/orders", "{}").signed().header("traceparent", traceparent));
    let told = |accept: &str| {
        let answer = world.ask("health", get("/metrics").header("Accept", accept));
        let exemplar = "# {trace_id=\"0af7651916cd43dd8448eb211c80319c\"}";
        let text = String::from_utf8(answer.body.clone()).unwrap();
        (answer.header("content-type").unwrap_or_default().clone(), text.matches(exemplar).count())
    };
    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8".to_owned();
    assert_eq!(told("application/openmetrics-text; version=1.0.0, text/plain; q=0.5"), (open.clone(), 1));
    assert_eq!(told("*/*"), (open, 1));
    assert_eq!(told("text/plain"), ("text/plain; version=0.0.4; charset=utf-8".to_owned(), 0));
}

#[test]
fn what_can_be_counted_is_at_zero_before_it_happens() {
    let world = World::verifying();
    let metrics = String::from_utf8(world.ask("health", get("/metrics")).body).unwrap();
    for name in [
        r#"connections_cut_off_total{listener="public",reason="resets"}"#,
        r#"connections_turned_away_total{listener="public",reason="source"}"#,
        r#"upstream_errors_total{upstream="app",code="upstream_timeout"}"#,
        r#"upstream_connect_failures_total{upstream="app"}"#,
    ] {
        assert!(metrics.contains(&format!("\ncountersign_{name} 0\n")), "{name}\n{metrics}");
    }
}

#[test]
fn metrics_tell_when_certificates_end_and_follow_a_reload() {
    let world = World::with(|config| config.over_tls().route("path: /**, public: true, upstream: app"));
    let end = |name: &str| {
        let metrics = String::from_utf8(world.ask("health", get("/metrics")).body).unwrap();
        let sample =
            format!("countersign_certificate_expiry_timestamp_seconds{{listener=\"public\",name=\"{name}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&sample)).map(str::to_owned);
        line.map(|seconds| seconds.parse::<i64>().unwrap())
    };
    let before = end("a.example");
    assert!(before.is_some() && before == end("") && end("c.example").is_none());
    let mut params = rcgen::CertificateParams::new(["c.example".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2030, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    std::fs::write(world.directory().join("tls.key"), key.serialize_pem()).unwrap();
    std::fs::write(world.directory().join("tls.crt"), params.self_signed(&key).unwrap().pem()).unwrap();
    assert_eq!(world.ask("admin", post("/reload", "")).status, 200);
    assert_eq!([end("a.example"), end(""), end("c.example")], [None, Some(1_893_456_000), Some(1_893_456_000)]);
}

#[test]
fn each_request_is_one_audit_line_without_secrets() {
    let mut world = World::verifying();
    world.send(post("/orders?token=hidden", "{}").signed());
    world.send(post("/\"a\\", "{}").header("User-Agent", b"a\tb\xff"));
    world.stop();
    let lines = world.audit();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["status"], &lines[0]["key"]), (&200.into(), &"k1".into()));
    let text = std::fs::read_to_string(world.directory().join("audit.log")).unwrap();
    let signature = mac(SECRET, &crate::world::NOW.to_string(), b"{}");
    for secret in [SECRET, "hidden", signature.as_str(), "\t"] {
        assert!(!text.contains(secret), "{secret:?} in {text}");
    }
}

#[test]
fn a_stop_waits_for_requests_in_flight() {
    let mut world = World::verifying();
    let release = world.upstream.holds();
    let mut connection = world.connect();
    connection.write(&post("/", "{}").signed().bytes());
    world.upstream.begun();
    let stopping = world.begin_to_stop();
    release.one();
    assert_eq!(connection.answer().status, 200);
    assert!(connection.is_closed());
    stopping.join().unwrap();
}

#[test]
fn while_draining_it_is_not_ready() {
    let world =
        World::with(|config| config.timeouts("drain_delay: 10s").route("path: /**, public: true, upstream: app"));
    assert_eq!(world.ask("admin", post("/drain", "")).status / 100, 2);
    assert_eq!(world.ask("health", get("/readyz")).status, 503);
    assert_eq!(world.ask("health", get("/livez")).status, 200);
}
