//! The gateway as a process, and everything that it says.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use super::secret;
use crate::world::{Connection, Request, post};

/// What was printed, answered or shown: where, and the text.
#[derive(Default)]
pub(crate) struct Emitted(Vec<(String, String)>);

impl Emitted {
    pub(crate) fn add(&mut self, place: &str, text: impl AsRef<[u8]>) {
        self.0.push((place.to_owned(), String::from_utf8_lossy(text.as_ref()).into_owned()));
    }

    /// Every place whose text holds something planted.
    pub(crate) fn betrayals(&self, planted: &[String]) -> Vec<&(String, String)> {
        self.0.iter().filter(|(_, text)| planted.iter().any(|spelling| text.contains(spelling))).collect()
    }

    pub(crate) fn holds(&self, text: &str) -> bool {
        self.0.iter().any(|(_, have)| have.contains(text))
    }
}

/// The gateway as a process of its own that logs everything it can.
pub(crate) struct Gateway {
    process: Mortal,
    log: JoinHandle<String>,
    audit: JoinHandle<String>,
    listening: String,
}

/// Ends with the test, also when that fails.
struct Mortal(Child);

impl Drop for Mortal {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _ended_already = self.0.wait();
    }
}

impl Gateway {
    pub(crate) fn start(directory: &Path) -> Self {
        let mut command = countersign(directory, &["run", "--config", "countersign.yaml"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (says, heard) = channel();
        let mut error = BufReader::new(child.stderr.take().unwrap());
        let mut out = child.stdout.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            while error.read_line(&mut log).unwrap() > 0 {
                let line = log.lines().last().filter(|line| line.contains("listening"));
                line.map(|line| says.send(line.to_owned()).ok());
            }
            log
        });
        let audit = std::thread::spawn(move || {
            let mut text = String::new();
            out.read_to_string(&mut text).unwrap();
            text
        });
        let process = Mortal(child);
        Self { process, log, audit, listening: places(&heard) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.0.id()
    }

    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        let place = self.listening.split(", ").find_map(|place| place.strip_prefix(name)).unwrap();
        place.trim().parse().unwrap()
    }

    pub(crate) fn ask(&self, listener: &str, request: &Request) -> Vec<u8> {
        let answer = Connection::open(self.address(listener)).exchange(request);
        [format!("{:?}", answer.fields).as_bytes(), &answer.body].concat()
    }

    /// Ends it; what it had to say.
    pub(crate) fn end(mut self, emitted: &mut Emitted) {
        self.ask("admin", &post("/drain", ""));
        self.process.0.wait().unwrap();
        emitted.add("log", self.log.join().unwrap());
        emitted.add("audit", self.audit.join().unwrap());
    }
}

fn places(heard: &Receiver<String>) -> String {
    let line: serde_json::Value = serde_json::from_str(&heard.recv().unwrap()).unwrap();
    line["listening"].as_str().unwrap().to_owned()
}

pub(crate) fn countersign(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments).current_dir(directory).env("RING_SECRET", secret("environment")).stdin(Stdio::null());
    command
}
