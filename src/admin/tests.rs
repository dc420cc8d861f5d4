//! Both listeners over real sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::fixture::{CANARY, LOOPBACK, ops};
use super::*;

struct World {
    running: Running,
    readiness: Arc<Readiness>,
    drained: Arc<AtomicU64>,
}

fn world(reload: Result<u64, Vec<Problem>>) -> World {
    let (readiness, drained) = (Arc::new(Readiness::default()), Arc::default());
    let running = start(Some(&LOOPBACK), Some(&LOOPBACK), ops(&readiness, &drained, reload)).unwrap();
    readiness.serving();
    World { running, readiness, drained }
}

fn converse(mut stream: impl Read + Write, request: &str) -> (u16, String) {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no status in {answer:?}")), answer)
}

fn ask(address: Option<SocketAddr>, line: &str, headers: &str) -> (u16, String) {
    let stream = TcpStream::connect(address.unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    converse(stream, &format!("{line} HTTP/1.1\r\n{headers}\r\n"))
}

#[test]
fn each_listener_answers_its_own_questions_and_no_other() {
    let world = world(Ok(5));
    let cases = [
        ("GET /livez", 200, 200),
        ("HEAD /livez", 200, 200),
        ("POST /livez", 405, 405),
        ("GET /readyz", 200, 200),
        ("GET /metrics", 200, 200),
        ("GET /metrics?x=1", 200, 200),
        ("GET /status", 404, 200),
        ("GET /keys", 404, 200),
        ("POST /keys", 404, 405),
        ("GET /reload", 404, 405),
        ("POST /reload", 404, 200),
        ("GET /drain", 404, 405),
        ("POST /drain", 404, 202),
        ("GET /", 404, 404),
        ("GET /livez/", 404, 404),
        ("GET /../livez", 404, 404),
    ];
    for (line, health, admin) in cases {
        assert_eq!(ask(world.running.health, line, "Host: pod.example\r\n").0, health, "health {line}");
        assert_eq!(ask(world.running.admin, line, "Host: localhost\r\n").0, admin, "admin {line}");
    }
    assert_eq!(world.drained.load(Ordering::Relaxed), 1);
}

#[test]
fn web_pages_and_rebound_names_are_refused_by_admin() {
    let world = world(Ok(5));
    let cases = [
        ("Host: localhost\r\n", 200),
        ("Host: 127.0.0.1:1\r\n", 200),
        ("Host: [::1]\r\n", 200),
        ("Host: evil.example\r\n", 403),
        ("Host: localhost\r\nHost: localhost\r\n", 403),
        ("", 403),
        ("Host: localhost\r\nOrigin: http://localhost\r\n", 403),
        ("Host: localhost\r\nOrigin: null\r\n", 403),
        ("Host: localhost\r\nSec-Fetch-Site: cross-site\r\n", 403),
        ("Host: localhost\r\nSec-Fetch-Site: same-site\r\n", 403),
        ("Host: localhost\r\nSec-Fetch-Site: none\r\n", 200),
    ];
    for (headers, status) in cases {
        assert_eq!(ask(world.running.admin, "POST /reload", headers).0, status, "{headers:?}");
        assert_eq!(ask(world.running.admin, "GET /livez", headers).0, status, "{headers:?}");
    }
    assert_eq!(ask(world.running.admin, "GET http://localhost/keys", "Host: localhost\r\n").0, 403);
}

#[test]
fn a_failed_reload_says_what_is_wrong_and_where() {
    let problem = Problem {
        file: Path::new("gateway.yaml").into(),
        at: Some((14, 3)),
        path: "routes[1].verify".into(),
        message: "there is no scheme `x`".into(),
        fix: None,
        code: None,
    };
    let world = world(Err(vec![problem]));
    let (status, answer) = ask(world.running.admin, "POST /reload", "Host: localhost\r\n");
    assert_eq!(status, 422);
    assert!(answer.contains("routes[1].verify") && answer.contains("\"line\": 14"), "{answer}");
}

#[test]
fn status_and_keys_tell_names_and_times_and_no_secret() {
    let world = world(Ok(5));
    let told = |path: &str| {
        let (_, answer) = ask(world.running.admin, &format!("GET {path}"), "Host: localhost\r\n");
        assert!(!answer.contains(CANARY), "{answer}");
        let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
        serde_json::from_str::<serde_json::Value>(&body).unwrap()
    };
    let status = told("/status");
    assert_eq!(
        (&status["generation"], &status["uptime_seconds"], &status["ready"]),
        (&4.into(), &60.into(), &true.into())
    );
    let key = &told("/keys")["keyrings"][0]["keys"][0];
    assert_eq!((&key["id"], &key["state"], &key["age_seconds"]), (&"2026-a".into(), &"active".into(), &10.into()));
}

#[test]
fn a_draining_process_is_alive_and_not_ready() {
    let world = world(Ok(5));
    world.readiness.draining();
    assert_eq!(ask(world.running.health, "GET /livez", "Host: x\r\n").0, 200);
    let (status, answer) = ask(world.running.health, "GET /readyz", "Host: x\r\n");
    assert_eq!(status, 503);
    assert!(answer.ends_with("draining\n"), "{answer}");
}

#[test]
fn metrics_are_served_as_openmetrics() {
    let world = world(Ok(5));
    let (_, answer) = ask(world.running.health, "GET /metrics", "Host: x\r\n");
    assert!(answer.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{answer}");
    assert!(answer.ends_with("# EOF\n") && answer.contains("countersign_config_generation 4\n"), "{answer}");
}

#[test]
fn a_request_body_is_bounded_on_both_sides() {
    let world = world(Ok(5));
    let limit = 64 << 10;
    for (length, status) in [(limit, 200), (limit + 1, 413)] {
        let headers = format!("Host: localhost\r\nContent-Length: {length}\r\n\r\n{}", "x".repeat(length));
        let mut stream = TcpStream::connect(world.running.admin.unwrap()).unwrap();
        // What is too large may be cut off while it is still being sent.
        let _ = stream.write_all(format!("POST /reload HTTP/1.1\r\n{headers}").as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{length}: {answer}");
    }
}

#[test]
fn more_clients_than_slots_are_served_one_after_the_other() {
    let world = world(Ok(5));
    let address = world.running.health.unwrap();
    let idle: Vec<_> = (0..64).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut waiting = TcpStream::connect(address).unwrap();
    waiting.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    drop(idle);
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_unix_socket_takes_any_host_is_private_and_leaves_no_file() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("admin.sock");
    let address = Address::Unix(path.clone());
    let (readiness, drained) = (Arc::new(Readiness::default()), Arc::default());
    let running = start(None, Some(&address), ops(&readiness, &drained, Ok(5))).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let stream = UnixStream::connect(&path).unwrap();
    assert_eq!(converse(stream, "GET /keys HTTP/1.1\r\nHost: anything\r\n\r\n").0, 200);
    let stream = UnixStream::connect(&path).unwrap();
    assert_eq!(converse(stream, "GET /keys HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\n\r\n").0, 403);

    drop(running);
    assert!(!path.exists());
}

#[test]
fn the_socket_of_a_dead_process_is_replaced_and_that_of_a_living_one_is_not() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("admin.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let address = Address::Unix(path);
    let (readiness, drained) = (Arc::new(Readiness::default()), Arc::default());
    let running = start(None, Some(&address), ops(&readiness, &drained, Ok(5)));
    assert!(running.is_ok());
    assert!(start(None, Some(&address), ops(&readiness, &drained, Ok(5))).is_err());
}

#[test]
fn a_file_that_is_no_socket_is_never_removed() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("notes");
    std::fs::write(&path, "precious").unwrap();
    let (readiness, drained) = (Arc::new(Readiness::default()), Arc::default());
    assert!(start(None, Some(&Address::Unix(path.clone())), ops(&readiness, &drained, Ok(5))).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn admin_refuses_to_be_reachable_from_elsewhere() {
    let everywhere = Address::Socket("0.0.0.0:0".parse().unwrap());
    let (readiness, drained) = (Arc::new(Readiness::default()), Arc::default());
    assert!(start(None, Some(&everywhere), ops(&readiness, &drained, Ok(5))).is_err());
    assert!(start(Some(&everywhere), None, ops(&readiness, &drained, Ok(5))).is_ok());
}
