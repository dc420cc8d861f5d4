//! What is written of requests: in full, counted or sampled, with its cause, to whatever takes it.

use std::io::BufRead;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use serde_json::Value;

use crate::world::{Config, NOW, OTHER, Request, SECRET, Signing, World, get, mac, post};

/// More requests than lines may wait.
const REQUESTS: usize = 5000;

const VERIFY: &str = "path: /**, verify: {scheme: timestamp-body, keys: partners}, upstream: app";

fn metrics(world: &World) -> String {
    String::from_utf8(world.ask("health", get("/metrics")).body).unwrap()
}

fn has(metrics: &str, sample: &str) {
    assert!(metrics.lines().any(|line| line == sample), "{sample}\n{metrics}");
}

/// Stops, and the lines with this value of a field.
fn told(world: &mut World, field: &str, value: &str) -> Vec<Value> {
    world.stop();
    world.audit().into_iter().filter(|line| line[field] == value).collect()
}

/// The causes that are told of these requests, in their order.
fn causes(mut world: World, requests: impl IntoIterator<Item = Request>) -> Vec<String> {
    for request in requests {
        assert_eq!(world.send(request).status, 401);
    }
    let lines = told(&mut world, "verdict", "refused");
    lines.iter().map(|line| line["cause"].as_str().expect("a cause").to_owned()).collect()
}

#[test]
fn every_failed_proof_says_its_cause() {
    let now = NOW.to_string();
    let base64 = {
        let mac = data_encoding::HEXLOWER.decode(mac(SECRET, &now, b"{}").as_bytes()).unwrap();
        data_encoding::BASE64.encode(&mac)
    };
    let signed = || post("/", "{}").signed();
    let with_signature = |text: &str| signed().with("X-HMAC-Signature", text);
    let cases = [
        (post("/", "{}").signed_with(SECRET, &(NOW * 1000).to_string()), "milliseconds"),
        (post("/", "{}").signed_at(-3600), "stale"),
        (with_signature(&base64), "signature-encoding"),
        (with_signature(&format!("sha256={}", mac(SECRET, &now, b"{}"))), "signature-prefix"),
        (post("/", "{}"), "signature-missing"),
        (post("/", "{}").signed_with(OTHER, &now), "unknown"),
    ];
    for (request, cause) in cases {
        assert_eq!(causes(World::verifying(), [request]), [cause]);
    }
}

/// A scheme with key ids, a key that has expired, and one that only verifies any more.
fn named(config: Config) -> Config {
    config
        .scheme("named: {algorithm: sha256, signature: {header: S, encoding: hex}, key_id: {header: K}, message: '{body}'}")
        .keyring(&format!(
            "dated: {{keys: [{{id: gone, secret: {OTHER}, not_after: 2025-10-01}}, {{id: going, secret: {OTHER}, sign: {{until: 2025-10-01}}}}, \
             {{id: good, secret: {SECRET}}}]}}"
        ))
        .route("path: /**, verify: {scheme: named, keys: dated}, replay: {by: signature, keep: 1h}, upstream: app")
}

fn by_key(id: &str, secret: &str, body: &str) -> Request {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let signature = data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes());
    post("/", body).header("S", signature).header("K", id)
}

#[test]
fn a_retired_key_is_told_from_an_unknown_one() {
    let requests = [by_key("gone", OTHER, "a"), by_key("nobody", OTHER, "a"), by_key("good", OTHER, "a")];
    assert_eq!(causes(World::with(named), requests), ["key-state", "key-unknown", "key-id"]);
}

#[test]
fn causes_are_looked_for_in_a_few_requests_only() {
    let request = || post("/", "{}").signed_with(OTHER, &NOW.to_string());
    let mut world = World::verifying();
    let mut connection = world.connect();
    for _ in 0..20 {
        assert_eq!(connection.exchange(&request()).status, 401);
    }
    drop(connection);
    let lines = told(&mut world, "code", "signature_invalid");
    let count = |cause: &str| lines.iter().filter(|line| line["cause"] == cause).count();
    assert_eq!((count("unknown"), count("unexamined")), (3, 17));
}

#[test]
fn a_scan_is_written_in_full_up_to_a_hundred_and_then_counted() {
    let mut world = World::verifying();
    let mut connection = world.connect();
    for _ in 0..123 {
        assert_eq!(connection.exchange(&get("/")).refusal(), (401, "signature_missing".to_owned()));
    }
    drop(connection);
    for _ in 0..3 {
        assert_eq!(world.send(post("/", "{}").signed().tampered("[]")).status, 401);
    }
    has(
        &metrics(&world),
        r#"countersign_requests_total{route="/**",verdict="refused",code="signature_missing",key=""} 123"#,
    );
    let lines = told(&mut world, "code", "signature_missing");
    let (counts, full): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line["event"] == "refusals");
    assert_eq!((full.len(), counts.len()), (100, 1));
    assert_eq!((&counts[0]["count"], &counts[0]["network"]), (&23.into(), &"127.0.0.0/24".into()));
    assert_eq!(world.audit().iter().filter(|line| line["code"] == "signature_invalid").count(), 3);
}

#[test]
fn what_an_authentic_key_did_is_always_written() {
    let mut world = World::without_replays();
    let mut connection = world.connect();
    let request = post("/", "{}").signed();
    for _ in 0..131 {
        connection.exchange(&request);
    }
    drop(connection);
    assert_eq!(told(&mut world, "code", "replayed").len(), 130);
}

#[test]
fn permitted_requests_are_sampled_and_refused_ones_never() {
    let mut world = World::with(|config| config.route(VERIFY).audited("sample: 0"));
    for _ in 0..5 {
        assert_eq!(world.send(post("/", "{}").signed()).status, 200);
        assert_eq!(world.send(post("/", "{}")).status, 401);
    }
    world.stop();
    let verdicts: Vec<_> = world.audit().iter().map(|line| line["verdict"].as_str().unwrap().to_owned()).collect();
    assert_eq!(verdicts, ["refused"; 5]);
}

#[test]
fn the_digest_of_a_body_is_written_where_it_is_asked_for() {
    use sha2::Digest as _;
    let body = "x".repeat(100_000);
    let digest = data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(&body));
    for more in ["", ", body: stream"] {
        let route = format!("{VERIFY}{more}");
        for (settings, expected) in [("digest: true", Some(digest.as_str())), ("digest: false", None)] {
            let mut world = World::with(|config| config.route(&route).audited(settings));
            assert_eq!(world.send(post("/", &body).signed()).status, 200);
            assert_eq!(world.send(get("/").signed()).status, 200);
            world.stop();
            let lines = world.audit();
            assert_eq!(
                (lines[0]["body_sha256"].as_str(), lines[1]["body_sha256"].as_str()),
                (expected, None),
                "{more}"
            );
        }
    }
}

fn datagram(socket: &UnixDatagram) -> String {
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut buffer = vec![0; 65_536];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

#[test]
fn lines_go_to_syslog_and_to_the_journal() {
    let place = tempfile::tempdir().unwrap();
    for (sink, before) in [("syslog", "<134>1 "), ("journald", "SYSLOG_IDENTIFIER=countersign\n")] {
        let path = place.path().join(sink);
        let daemon = UnixDatagram::bind(&path).unwrap();
        let settings = format!("sink: {sink}, address: \"unix:{}\"", path.display());
        let world = World::with(|config| config.route(VERIFY).audit_as(&settings));
        assert_eq!(world.send(post("/", "{}").signed()).status, 200);
        let told = datagram(&daemon);
        assert!(told.starts_with(before), "{told}");
        let line: Value = serde_json::from_str(told[told.find('{').unwrap()..].trim_end()).unwrap();
        assert_eq!((&line["verdict"], &line["key"]), (&"verified".into(), &"k1".into()));
    }
}

#[test]
fn where_no_line_may_be_lost_requests_wait_for_the_reader_and_operators_do_not() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let reader = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    let settings = format!("path: {}, on_full: block", path.display());
    let world = World::with(|config| config.route("path: /**, public: true, upstream: app").audit_as(&settings));

    let (mut writing, mut answers) = (world.connect(), 0);
    let client = std::thread::spawn(move || {
        for _ in 0..REQUESTS {
            answers += usize::from(writing.exchange(&get("/")).status == 200);
        }
        answers
    });
    world.told("/metrics", |told| told.contains("countersign_audit_lines_waiting 4096\n"));
    assert_eq!(world.ask("admin", get("/livez")).status, 200);
    assert!(!client.is_finished());

    let lines = std::thread::spawn(move || {
        let lines = std::io::BufReader::new(reader).lines().take(REQUESTS).map(Result::unwrap);
        lines.filter(|line| line.ends_with('}')).count()
    });
    assert_eq!((client.join().unwrap(), lines.join().unwrap()), (REQUESTS, REQUESTS));
    has(&metrics(&world), r#"countersign_audit_lines_dropped_total{reason="full"} 0"#);
}

/// The anomalies that were told, by kind and key.
fn anomalies(mut world: World) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = told(&mut world, "event", "anomaly");
    lines.iter().map(|line| (text(&line["kind"]), text(&line["key"]))).collect()
}

fn found(kind: &str, key: &str) -> Vec<(String, String)> {
    vec![(kind.to_owned(), key.to_owned())]
}

#[test]
fn refusals_replays_and_unknown_keys_above_the_threshold_are_anomalies() {
    let only = |kind: &str, least: u32| {
        let others = ["key_refusals", "source_refusals", "unknown_keys", "replays"];
        let off = others.iter().filter(|other| **other != kind).map(|other| format!(", {other}: 0"));
        format!("anomalies: {{{kind}: {least}{}}}", off.collect::<String>())
    };
    for (setting, kind, key, request) in [
        ("source_refusals", "source_refusals", "", post("/", "{}")),
        ("key_refusals", "key_refusals", "good", by_key("good", OTHER, "{}")),
        ("unknown_keys", "unknown_keys", "", by_key("nobody", OTHER, "{}")),
        ("replays", "replay_burst", "good", by_key("good", SECRET, "{}")),
    ] {
        for (least, alarms) in [(6, 1), (7, 0)] {
            let world = World::with(|config| named(config).section(&only(setting, least)));
            let extra = usize::from(setting == "replays");
            (0..6 + extra).for_each(|_| _ = world.send(request.clone()));
            let expected = if alarms == 1 { found(kind, key) } else { Vec::new() };
            assert_eq!(anomalies(world), expected, "{setting}: {least}");
        }
    }
}

#[test]
fn an_anomaly_is_counted_where_nothing_is_written() {
    let world = World::with(|config| {
        config.route(VERIFY).audit_as("sink: off").section("anomalies: {source_refusals: 3, factor: 2}")
    });
    (0..3).for_each(|_| _ = world.send(post("/", "{}")));
    let sample = r#"countersign_anomalies_total{kind="source_refusals"} 1"#;
    world.told("/metrics", |told| told.lines().any(|line| line == sample));
}

#[test]
fn a_key_from_a_new_network_and_one_that_retires_are_anomalies() {
    let world = World::with(|config| named(config).public("trusted: [127.0.0.0/8]").section("anomalies: {learn: 1m}"));
    let from = |peer: &str, key: &str, body: &str| {
        let secret = if key == "good" { SECRET } else { OTHER };
        let request = by_key(key, secret, body).header("X-Forwarded-For", peer);
        assert_eq!(world.send(request).status, 200);
    };
    from("198.51.100.1", "good", "a");
    world.at(120);
    from("198.51.100.2", "good", "b");
    from("203.0.113.9", "good", "c");
    from("198.51.100.1", "going", "d");
    let expected = [("new_network", "good"), ("retiring_key", "going")];
    let mut told = anomalies(world);
    told.sort();
    assert_eq!(told, expected.map(|(kind, key)| (kind.to_owned(), key.to_owned())));
}

#[test]
fn a_clock_near_the_edge_of_the_window_is_an_anomaly_and_a_good_one_is_not() {
    for (seconds, expected) in [(-40, found("skew_drift", "k1")), (-5, Vec::new())] {
        let world = World::verifying();
        let mut connection = world.connect();
        for _ in 0..150 {
            assert_eq!(connection.exchange(&post("/", "{}").signed_at(seconds)).status, 200);
        }
        drop(connection);
        assert_eq!(anomalies(world), expected);
    }
}
