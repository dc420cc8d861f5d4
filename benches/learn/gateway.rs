//! Two gateways, as two neighbours run them: one verifies what comes in, the other signs what leaves.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What everything here is signed with: text, hex and base64 at once, so that it fits every scheme.
pub(crate) const SECRET: &str = "1e0c7bd2a94f5e8361907f3acb2d4e68f0571b3c92ad84e6";

/// A process that ends when asked, so that its counts are written.
pub(crate) struct Gateway {
    child: Child,
    listening: String,
}

/// Verifies each scheme under the path of its name, with everything on that is on by default.
pub(crate) fn verifier(binary: &Path, directory: &Path, app: SocketAddr) -> Gateway {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(directory.join("tls.crt"), made.cert.pem()).unwrap();
    std::fs::write(directory.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    let routes: String = crate::SCHEMES.into_iter().chain([crate::USUAL]).map(verifying).collect();
    let text = format!(
        "{COMMON}listeners:\n  plain: {{address: \"127.0.0.1:0\", public_url: \"http://localhost\"}}\n  \
         tls: {{address: \"127.0.0.1:0\", tls: {{certificate: tls.crt, key: tls.key}}, public_url: \"http://localhost\"}}\n\
         upstreams: {{app: {{url: \"http://{app}\"}}}}\naudit: {{sink: file, path: verifier.jsonl}}\nroutes:\n{routes}"
    );
    Gateway::start(binary, &directory.join("verifier.yaml"), &text)
}

/// Signs with the usual scheme and sends on to the verifier.
pub(crate) fn signer(binary: &Path, directory: &Path, verifier: SocketAddr) -> Gateway {
    let text = format!(
        "{COMMON}listeners: {{signer: {{address: \"127.0.0.1:0\", signing_hosts: [localhost]}}}}\n\
         upstreams: {{partner: {{url: \"http://{verifier}\"}}}}\naudit: {{sink: file, path: signer.jsonl}}\n\
         routes: [{{path: /**, sign: {{scheme: {}, keys: learned}}, upstream: partner}}]\n",
        crate::USUAL
    );
    Gateway::start(binary, &directory.join("signer.yaml"), &text)
}

const COMMON: &str = "version: 1\nworkers: 1\nhealth: {address: \"127.0.0.1:0\"}\nlog: {filter: \"info,countersign::cli=debug\", format: json}\nreplay: {restart_guard: false}\n\
    keyrings: {learned: {keys: [{id: learned, secret: 1e0c7bd2a94f5e8361907f3acb2d4e68f0571b3c92ad84e6}]}}\n";

fn verifying(scheme: &str) -> String {
    let replay = if scheme == crate::USUAL { ", replay: {by: signature}" } else { "" };
    format!(
        "  - {{path: /{scheme}/**, verify: {{scheme: {scheme}, keys: learned}}{replay}, body: {{max: 2MiB}}, upstream: app}}\n"
    )
}

impl Gateway {
    fn start(binary: &Path, config: &Path, text: &str) -> Self {
        std::fs::write(config, text).unwrap();
        let mut command = Command::new(binary);
        command.args(["run".as_ref(), "--config".as_ref(), config.as_os_str()]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut early = Vec::new();
        let listening = log.by_ref().inspect(|line| early.push(line.clone())).find_map(|line| {
            let event: serde_json::Value = serde_json::from_str(&line).ok()?;
            event.get("listening")?.as_str().map(str::to_owned)
        });
        // What else it says is shown, and never fills the pipe.
        std::thread::spawn(move || log.for_each(|line| eprintln!("{line}")));
        let listening = listening.unwrap_or_else(|| {
            let _ended_already = child.kill();
            panic!("it does not start:\n{}", early.join("\n"))
        });
        Self { child, listening }
    }

    /// Where a listener of this name listens.
    pub(crate) fn address(&self, listener: &str) -> SocketAddr {
        let place = self.listening.split(", ").find_map(|place| place.strip_prefix(listener));
        place
            .and_then(|place| place.trim().parse().ok())
            .unwrap_or_else(|| panic!("no {listener} in {}", self.listening))
    }

    /// Asks it to end and waits.
    pub(crate) fn stop(mut self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success(), "it did not end well");
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}
