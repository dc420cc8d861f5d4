//! `countersign listen`: for whoever writes the receiver of signed requests. Prints each with its verdict, and why it is refused, as it comes.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::client::Place;
use super::sketch::{Does, Sketch, placed, url};
use super::{RUNTIME, fail, run};
use crate::app::App;

/// Trying every known mistake takes a moment.
const PATIENCE: Duration = Duration::from_secs(30);

/// More than any audit line.
const LINE_MAX: usize = 64 << 10;

/// Lines that wait for a terminal; more are lost, and counted where audit lines are.
const LINES_MAX: usize = 1024;

/// For the last lines, at the end: a terminal may be stopped.
const LAST: Duration = Duration::from_secs(2);

/// What of the configuration is for the one who watches.
const WATCHED: &str = "capture: {refused: 50, body: 1MiB, keep: 1h}\nlog: {filter: error}\n";

/// Arguments of `listen`.
#[derive(Args)]
pub(super) struct Listen {
    /// The scheme, see `countersign schemes list`
    #[arg(long, value_name = "NAME")]
    scheme: String,
    /// Where verified requests go: `HOST:PORT` or a URL
    #[arg(long, value_name = "ADDRESS", value_parser = url)]
    forward_to: String,
    /// Environment variable with the secret; several make several keys, each with the name of its variable as its id
    #[arg(long, value_name = "VARIABLE", default_value = "SECRET")]
    key_env: Vec<String>,
    /// Where to listen: `ADDRESS:PORT` or `unix:/PATH`
    #[arg(long = "listen", value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    address: String,
    /// Forward what is refused, too
    #[arg(long)]
    forward_all: bool,
    /// What callers ask for, where the scheme signs a URL: `https://HOST[:PORT]`
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

impl Listen {
    /// Serves until asked to end, as `run` does.
    pub(super) fn run(self) -> ExitCode {
        let only_mine = Permissions::from_mode(0o700);
        let private = tempfile::Builder::new().prefix("countersign-").permissions(only_mine).tempdir();
        match private.and_then(|directory| self.serve(directory.path())) {
            Ok(code) => code,
            Err(cause) => fail(RUNTIME, format_args!("cannot watch: {cause}")),
        }
    }

    /// Audit lines come to a socket in `directory`, and explanations from another one: what an operator of a gateway has.
    fn serve(&self, directory: &Path) -> io::Result<ExitCode> {
        let [lines, admin, config] = ["lines", "admin", "config.yaml"].map(|name| directory.join(name));
        std::fs::write(&config, self.configuration(&lines, &admin))?;
        let socket = UnixDatagram::bind(&lines)?;
        let place = format!("unix:{}", admin.display()).parse().map_err(io::Error::other)?;
        let (sender, receiver) = sync_channel(LINES_MAX);
        let (open, ended) = channel::<()>();
        // Reading does not wait for an explanation: a socket holds few lines.
        std::thread::Builder::new().name("lines".to_owned()).spawn(move || {
            let mut line = vec![0; LINE_MAX];
            while let Ok(length @ 1..) = socket.recv(&mut line) {
                let _printer_ended = sender.send(line.get(..length).unwrap_or_default().to_vec());
            }
        })?;
        std::thread::Builder::new().name("printer".to_owned()).spawn(move || {
            print(&receiver, &place);
            drop(open);
        })?;
        let code = run::serve(&config, |app| self.announce(app), |problem| placed(problem, "--forward-to"));
        // The end of the lines, behind the last of them.
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(LAST))?;
        if socket.send_to(&[], &lines).is_ok() {
            let _all_printed_or_late = ended.recv_timeout(LAST);
        }
        Ok(code)
    }

    fn configuration(&self, lines: &Path, admin: &Path) -> String {
        let sketch = Sketch {
            listen: &self.address,
            certificate: None,
            public_url: self.public_url.as_deref(),
            upstream: &self.forward_to,
            scheme: &self.scheme,
            key_env: &self.key_env,
            does: if self.forward_all { Does::Observe } else { Does::Verify },
        };
        let [lines, admin] = [lines, admin].map(|path| json!(format!("unix:{}", path.display())));
        sketch.text() + WATCHED + &format!("admin: {admin}\naudit: {{sink: syslog, address: {lines}}}\n")
    }

    fn announce(&self, app: &App) {
        let main = app.addresses().iter().find(|(name, _)| &**name == "main").map(|(_, address)| address.to_string());
        let (address, forwards) =
            (main.unwrap_or_default(), if self.forward_all { "everything" } else { "what is verified" });
        let Self { scheme, forward_to, .. } = self;
        tell(&format!("listening on {address} for `{scheme}`; {forwards} goes to {forward_to}. Ctrl-C ends it.\n"));
    }
}

/// Whoever closed stdout does not want to know.
fn tell(text: &str) {
    let _closed = io::stdout().lock().write_all(text.as_bytes());
}

fn print(lines: &Receiver<Vec<u8>>, admin: &Place) {
    for datagram in lines {
        let json = datagram.iter().position(|byte| *byte == b'{').and_then(|start| datagram.get(start..));
        if let Some(line) = json.and_then(|json| serde_json::from_slice::<Value>(json).ok()) {
            tell(&(summary(&line) + &reason(&line, |id| explained(admin, id))));
        }
    }
}

/// What the gateway says of a refused request that it kept.
fn explained(admin: &Place, request_id: &str) -> Option<String> {
    let question = json!({"request_id": request_id}).to_string();
    let answer = admin.tell(("POST", "/explain"), &question, PATIENCE).ok().filter(|answer| answer.status == 200)?;
    let told: Value = serde_json::from_str(&answer.body).ok()?;
    Some(told.get("text")?.as_str()?.to_owned())
}

/// One line for a request, or for what happened beside requests.
fn summary(line: &Value) -> String {
    let time = text(line, "time").get(11..19).map(|time| format!("{time}Z")).unwrap_or_default();
    if line.get("event").is_some() {
        return format!("{time}  {} {}{}\n", text(line, "event"), text(line, "kind"), text(line, "code"));
    }
    let [method, target, verdict] = ["method", "target", "verdict"].map(|field| text(line, field));
    let mut told = format!("{time}  {method} {target}  {}  {verdict}", number(line, "status"));
    for (before, field) in [(" ", "code"), (", key ", "key")] {
        match text(line, field) {
            value if value.is_empty() => {}
            value => told.extend([before, value.as_str()]),
        }
    }
    let _written = writeln!(told, ", {} bytes, {} ms", number(line, "bytes_in"), number(line, "total_ms"));
    told
}

/// Why a request was refused, indented; empty where it was not.
fn reason(line: &Value, explained: impl FnOnce(&str) -> Option<String>) -> String {
    if !matches!(line.get("verdict").and_then(Value::as_str), Some("refused" | "observed")) {
        return String::new();
    }
    let why = explained(&text(line, "request_id")).unwrap_or_else(|| text(line, "note"));
    why.lines().fold(String::new(), |told, one| told + "    " + one + "\n")
}

/// Text of the client's, in which nothing can fool a terminal.
fn text(line: &Value, field: &str) -> String {
    line.get(field).and_then(Value::as_str).map(|text| text.escape_debug().to_string()).unwrap_or_default()
}

fn number(line: &Value, field: &str) -> String {
    line.get(field).filter(|value| value.is_number()).map_or_else(|| "-".to_owned(), Value::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_line_in_which_nothing_fools_a_terminal() {
        let line = json!({
            "time": "2026-11-23T10:11:12.345Z", "method": "POST", "target": "/a\u{1b}[31m\u{202e}", "status": 401, "verdict": "refused",
            "code": "signature_invalid", "bytes_in": 3, "total_ms": 0.25, "request_id": "1",
        });
        let told = "10:11:12Z  POST /a\\u{1b}[31m\\u{202e}  401  refused signature_invalid, 3 bytes, 0.25 ms\n";
        assert_eq!(summary(&line), told);
        assert_eq!(reason(&line, |id| Some(format!("cause  {id}\nend\n"))), "    cause  1\n    end\n");
        assert_eq!(reason(&json!({"verdict": "observed", "note": "late"}), |_| None), "    late\n");
        assert_eq!(reason(&json!({"verdict": "verified", "note": "late"}), |_| None), "");
    }

    #[test]
    fn what_happens_beside_requests_is_one_line_too() {
        let line = json!({"time": "2026-11-23T10:11:12.345Z", "event": "anomaly", "kind": "replays"});
        assert_eq!(summary(&line), "10:11:12Z  anomaly replays\n");
    }
}
