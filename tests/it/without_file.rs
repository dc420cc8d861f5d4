//! `countersign proxy`: one command line, no file, and only signed requests pass.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

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
