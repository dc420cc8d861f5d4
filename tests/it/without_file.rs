//! `countersign proxy` and `countersign listen`: one command line, no file, and only signed requests pass.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::world::{Connection, Upstream, post};

const SECRET: &str = "sZ95IhH8zGDRvUTL23tlX3lOMoSAWl89";

/// A gateway by one command line, and what it prints.
struct Running {
    child: Child,
    said: BufReader<ChildStdout>,
    first: String,
}

impl Running {
    fn start(command: &str, to: &str, upstream: SocketAddr, arguments: &[&str]) -> Self {
        Self::begin(Command::new(env!("CARGO_BIN_EXE_countersign")), (command, to), upstream, arguments)
    }

    fn begin(mut program: Command, (command, to): (&str, &str), upstream: SocketAddr, arguments: &[&str]) -> Self {
        let mut child = program
            .args([command, "--listen", "127.0.0.1:0", "--scheme", "timestamp-body", to, &upstream.to_string()])
            .args(arguments)
            .env("SECRET", SECRET)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (mut said, mut first) = (BufReader::new(child.stdout.take().unwrap()), String::new());
        said.read_line(&mut first).unwrap();
        Self { child, said, first }
    }

    /// `proxy`, whose first line begins with its address.
    fn proxy(upstream: SocketAddr, arguments: &[&str]) -> Self {
        Self::start("proxy", "--upstream", upstream, &[&["--key-env", "SECRET"], arguments].concat())
    }

    /// `listen`, whose first line begins with `listening on` and its address.
    fn listen(upstream: SocketAddr, arguments: &[&str]) -> Self {
        Self::start("listen", "--forward-to", upstream, arguments)
    }

    fn address(&self) -> SocketAddr {
        let found = self.first.split(' ').find_map(|word| word.parse().ok());
        found.unwrap_or_else(|| panic!("{:?}", self.first))
    }

    /// The lines up to one that contains `mark`.
    fn until(&mut self, mark: &str) -> String {
        let mut all = String::new();
        while !all.lines().last().is_some_and(|last| last.contains(mark)) {
            assert_ne!(self.said.read_line(&mut all).unwrap(), 0, "{all}");
        }
        all
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

#[test]
fn what_one_command_signs_another_lets_through_and_nothing_else() {
    let upstream = Upstream::start();
    let verifier = Running::proxy(upstream.address(), &[]);
    let signer = Running::proxy(verifier.address(), &["--sign"]);
    let request = post("/orders", "{}");
    let refused = Connection::open(verifier.address()).exchange(&request);
    assert_eq!(refused.refusal(), (401, "signature_missing".to_owned()));
    assert_eq!((Connection::open(signer.address()).exchange(&request).status, upstream.count()), (200, 1));
    let watched = Running::proxy(upstream.address(), &["--observe"]);
    assert_eq!((Connection::open(watched.address()).exchange(&request).status, upstream.count()), (200, 2));
}

#[test]
fn who_listens_sees_each_request_with_its_verdict_and_why_it_is_refused() {
    let upstream = Upstream::start();
    let mut listening = Running::listen(upstream.address(), &[]);
    let signer = Running::proxy(listening.address(), &["--sign"]);
    assert_eq!(Connection::open(signer.address()).exchange(&post("/paid", "{}")).status, 200);
    let verified = listening.until("/paid");
    assert!(verified.contains("  POST /paid  200  verified, key SECRET, 2 bytes, "), "{verified}");

    let refused = Connection::open(listening.address()).exchange(&post("/unsigned?card=4111", "{}"));
    assert_eq!((refused.refusal(), upstream.count()), ((401, "signature_missing".to_owned()), 1));
    let told = listening.until("cause");
    assert!(told.contains("  POST /unsigned?card=***  401  refused signature_missing, "), "{told}");
    assert!(told.contains("\n    scheme     timestamp-body\n") && !told.contains(SECRET), "{told}");

    rustix::process::kill_process(rustix::process::Pid::from_child(&listening.child), rustix::process::Signal::TERM)
        .unwrap();
    assert_eq!(listening.child.wait().unwrap().code(), Some(0));
}

#[test]
fn who_listens_to_everything_gets_everything_and_is_told_what_would_be_refused() {
    let upstream = Upstream::start();
    let mut listening = Running::listen(upstream.address(), &["--forward-all"]);
    assert_eq!(Connection::open(listening.address()).exchange(&post("/", "{}")).status, 200);
    let told = listening.until("cause");
    assert!(told.contains("  POST /  200  observed signature_missing, "), "{told}");
    assert_eq!(upstream.count(), 1);
}

#[test]
fn a_mistake_names_the_option_that_it_came_from() {
    let cases = [
        (
            "listen --forward-to ftp://app --scheme stripee --key-env NOBODY_SET_THIS",
            [
                "--forward-to: not the URL",
                "--key-env: the environment variable `NOBODY_SET_THIS` is not set",
                "did you mean `stripe`?",
            ],
        ),
        (
            "proxy --upstream app:1 --scheme twilio --public-url hooks --key-env NOBODY_SET_THIS",
            ["--public-url: ", "--key-env: ", "; "],
        ),
    ];
    for (arguments, expected) in cases {
        let ended = Command::new(env!("CARGO_BIN_EXE_countersign")).args(arguments.split(' ')).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(78), "{said}");
        for part in expected {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("config.yaml") && !said.contains("countersign-"), "{said}");
    }
}

/// The first message that a collector of traces is sent.
#[cfg(feature = "otlp")]
fn collected(listener: &std::net::TcpListener) -> serde_json::Value {
    use std::io::{Read as _, Write as _};
    let (stream, _) = listener.accept().unwrap();
    let (mut reader, mut head) = (BufReader::new(&stream), String::new());
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    write!(&stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{{}}").unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[cfg(feature = "otlp")]
#[test]
fn spans_reach_the_collector_that_the_environment_names() {
    let collector = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_countersign"));
    let endpoint = format!("http://{}/base/", collector.local_addr().unwrap());
    program.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).env("OTEL_SERVICE_NAME", "shop");
    let upstream = Upstream::start();
    let gateway = Running::begin(program, ("proxy", "--upstream"), upstream.address(), &["--key-env", "SECRET"]);
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = post("/orders?token=hidden", "{}").header("traceparent", traceparent);
    assert_eq!(Connection::open(gateway.address()).exchange(&request).status, 401);
    let message = collected(&collector);
    let span = &message["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(
        (&span["traceId"], &span["parentSpanId"]),
        (&"0af7651916cd43dd8448eb211c80319c".into(), &"b7ad6b7169203331".into())
    );
    let text = message.to_string();
    assert!(text.contains("signature_missing") && text.contains("\"shop\"") && !text.contains("hidden"), "{text}");
}
