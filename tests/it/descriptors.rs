//! A process that runs out of file descriptors: who is connected is served, who waits is served later, and nobody spins.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::world::{Connection, get};

/// The gateway as a process of its own, with few descriptors.
struct Poor {
    child: Child,
    log: BufReader<ChildStderr>,
    _directory: tempfile::TempDir,
}

impl Poor {
    fn start(descriptors: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("countersign.yaml");
        let text = "version: 1\nhealth: {address: \"127.0.0.1:0\"}\nlog: {filter: debug, format: json}\naudit: off\nworkers: 2\n\
            listeners: {public: {address: \"127.0.0.1:0\"}}\nupstreams: {app: {url: \"http://127.0.0.1:1\"}}\n\
            keyrings: {partners: {keys: [{id: k1, secret: sZ95IhH8zGDRvUTL23tlX3lOMoSAWl89}]}}\n\
            routes: [{path: /**, verify: {scheme: timestamp-body, keys: partners}, replay: off, upstream: app}]\n";
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new("sh")
            .args(["-c", &format!("ulimit -n {descriptors}; exec \"$0\" run --config \"$1\"")])
            .args([env!("CARGO_BIN_EXE_countersign").as_ref(), config.as_os_str()])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log, _directory: directory }
    }

    /// The next line of the log that says `text`.
    fn says(&mut self, text: &str) -> serde_json::Value {
        let found = self.log.by_ref().lines().map(Result::unwrap).find(|line| line.contains(text));
        serde_json::from_str(&found.unwrap_or_else(|| panic!("it ended without saying {text:?}"))).unwrap()
    }
}

impl Drop for Poor {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

fn failures(health: SocketAddr) -> u64 {
    let metrics = Connection::open(health).exchange(&get("/metrics"));
    let text = String::from_utf8(metrics.body).unwrap();
    let line = "countersign_accept_failures_total{listener=\"public\"} ";
    text.lines().find_map(|text| text.strip_prefix(line)).unwrap().parse().unwrap()
}

#[test]
fn without_free_descriptors_connections_are_served_and_new_ones_wait() {
    let mut gateway = Poor::start(64);
    let listening = gateway.says("listening")["listening"].as_str().unwrap().to_owned();
    let address = |name: &str| -> SocketAddr {
        let place = listening.split(", ").find_map(|place| place.strip_prefix(name)).unwrap();
        place.trim().parse().unwrap()
    };
    let (public, health) = (address("public"), address("health"));
    let unsigned = (401, "signature_missing".to_owned());
    let mut first = Connection::open(public);
    assert_eq!(first.exchange(&get("/")).refusal(), unsigned);

    let crowd: Vec<_> = (0..100).map(|_| TcpStream::connect(public).unwrap()).collect();
    gateway.says("cannot accept");
    assert!(failures(health) > 0, "health is told while others wait");
    for _ in 0..200 {
        assert_eq!(first.exchange(&get("/")).refusal(), unsigned);
    }
    let mut patient = Connection::open(public);
    patient.write(&get("/").bytes());
    drop(crowd);
    assert_eq!(patient.answer().refusal(), unsigned, "it waited in the queue");
    gateway.says("accepting again");
    assert!((1..1000).contains(&failures(health)), "counted, and not spinning");
}
