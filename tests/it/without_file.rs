//! `countersign proxy` and `countersign listen`: one command line, no file, and only signed requests pass.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::world::{Connection, Upstream, post};

const SECRET: &str = "sZ95IhH8zGDRvUTL23tlX3lOMoSAWl89";

struct Proxy {
    child: Child,
    address: SocketAddr,
}

impl Proxy {
    fn before(upstream: SocketAddr, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["proxy", "--listen", "127.0.0.1:0", "--key-env", "SECRET", "--upstream", &upstream.to_string()])
            .args(arguments)
            .env("SECRET", SECRET)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let (address, _) = line.split_once(" -> ").unwrap_or_else(|| panic!("{line:?}"));
        Self { address: address.parse().unwrap(), child }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

#[test]
fn what_one_command_signs_another_lets_through_and_nothing_else() {
    let upstream = Upstream::start();
    let verifier = Proxy::before(upstream.address(), &["--scheme", "timestamp-body"]);
    let signer = Proxy::before(verifier.address, &["--scheme", "timestamp-body", "--sign"]);
    let request = post("/orders", "{}");
    let refused = Connection::open(verifier.address).exchange(&request);
    assert_eq!(refused.refusal(), (401, "signature_missing".to_owned()));
    assert_eq!((Connection::open(signer.address).exchange(&request).status, upstream.count()), (200, 1));
    let watched = Proxy::before(upstream.address(), &["--scheme", "timestamp-body", "--observe"]);
    assert_eq!((Connection::open(watched.address).exchange(&request).status, upstream.count()), (200, 2));
}

/// What `listen` prints.
struct Listening {
    child: Child,
    said: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Listening {
    fn before(upstream: SocketAddr, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args([
                "listen",
                "--listen",
                "127.0.0.1:0",
                "--scheme",
                "timestamp-body",
                "--forward-to",
                &upstream.to_string(),
            ])
            .args(arguments)
            .env("SECRET", SECRET)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let address = line.split(' ').nth(2).and_then(|address| address.parse().ok());
        Self { address: address.unwrap_or_else(|| panic!("{line:?}")), child, said }
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

impl Drop for Listening {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

#[test]
fn who_listens_sees_each_request_with_its_verdict_and_why_it_is_refused() {
    let upstream = Upstream::start();
    let mut listening = Listening::before(upstream.address(), &[]);
    let signer = Proxy::before(listening.address, &["--scheme", "timestamp-body", "--sign"]);
    assert_eq!(Connection::open(signer.address).exchange(&post("/paid", "{}")).status, 200);
    let verified = listening.until("/paid");
    assert!(verified.contains("  POST /paid  200  verified, key SECRET, 2 bytes, "), "{verified}");

    let refused = Connection::open(listening.address).exchange(&post("/unsigned?card=4111", "{}"));
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
    let mut listening = Listening::before(upstream.address(), &["--forward-all"]);
    assert_eq!(Connection::open(listening.address).exchange(&post("/", "{}")).status, 200);
    let told = listening.until("cause");
    assert!(told.contains("  POST /  200  observed signature_missing, "), "{told}");
    assert_eq!(upstream.count(), 1);
}
