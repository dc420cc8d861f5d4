//! `countersign demo`: the gateway on the example configuration, with everything it needs, and commands to paste.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::stage::Stage;
use super::{CONFIGURATION, RUNTIME, echo, explain, fail};
use crate::app::{App, StartError};
use crate::clock::Clock;
use crate::policy::listen::Address;
use crate::policy::operations::LogFormat;
use crate::telemetry;

/// Arguments of `demo`.
#[derive(Args)]
pub(super) struct Demo {
    /// The configuration to show
    #[arg(short, long, value_name = "FILE", default_value = "config.example.yaml")]
    config: PathBuf,
}

impl Demo {
    /// Serves until Ctrl-C; what was generated is removed then.
    pub(super) fn run(self) -> ExitCode {
        match self.serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(StartError::Configuration(problems)) => {
                explain(&problems);
                ExitCode::from(CONFIGURATION)
            }
            Err(other) => fail(RUNTIME, other),
        }
    }

    fn serve(&self) -> Result<(), StartError> {
        let failed = |what| move |cause| StartError::Io { what, cause };
        let example = std::fs::read_to_string(&self.config).map_err(failed("the example configuration"))?;
        let upstream = echo::start().map_err(failed("the echo upstream"))?;
        let stage = Stage::set(&example, upstream).map_err(failed("the demo's directory"))?;
        // The filter is a constant that parses.
        let _parses = telemetry::log::init(LogFormat::Auto, "info");
        let app = App::start(&stage.configuration(), Clock::system())?;
        // Whoever closed stdout does not want to paste anything.
        let _closed = print(&app, &stage);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed("runtime"))?;
        runtime.block_on(app.run()).map_err(failed("signals"))
    }
}

fn print(app: &App, stage: &Stage) -> io::Result<()> {
    let port = app.addresses().iter().filter(|(name, _)| **name == *"public").find_map(|(_, address)| port(address));
    let policy = &app.process().generation.load().policy;
    let status = policy.operations.admin.as_ref().map(status).unwrap_or_default();
    io::stdout().write_all(text(&stage.key(), &stage.certificate(), port.unwrap_or_default(), &status).as_bytes())
}

fn port(address: &Address) -> Option<u16> {
    match address {
        Address::Socket(address) => Some(SocketAddr::port(address)),
        Address::Unix(_) => None,
    }
}

fn status(admin: &Address) -> String {
    match admin {
        Address::Socket(address) => format!("\n# What operators see:\ncurl -sS http://{address}/status\n"),
        Address::Unix(path) => {
            format!("\n# What operators see:\ncurl -sS --unix-socket {} http://localhost/status\n", path.display())
        }
    }
}

/// Every body is one of a kind, since two equal ones in one second are a replay. `sh` is enough.
fn text(key: &Path, certificate: &Path, port: u16, status: &str) -> String {
    let sign = format!(
        r#"key=$(cat {key}); ts=$(date +%s); body="{{\"hello\":\"$(openssl rand -hex 8)\"}}"; \
sig=$(printf '%s.%s' "$ts" "$body" | openssl dgst -sha256 -hmac "$key" | sed 's/^.* //')"#,
        key = key.display()
    );
    let plain = format!(
        r"curl -sS --cacert {certificate} -w '\n%{{http_code}}\n' https://localhost:{port}/hello \
  -H 'Content-Type: application/json'",
        certificate = certificate.display()
    );
    let signed = r#"-H "X-HMAC-Timestamp: $ts" -H "X-HMAC-Signature: $sig" --data-raw "$body""#;
    format!(
        "countersign listens on https://localhost:{port} and forwards to an echo service.\n\
         Paste these into another terminal; Ctrl-C here ends the demo.\n\n\
         # Signed: 200, on every paste\n{sign}; \\\n{plain} {signed}\n\n\
         # Not signed: 401\n{plain} --data-raw '{{\"hello\":\"world\"}}'\n\n\
         # Signed once and sent twice: 200, then 409\n{sign}; \\\n\
         for i in 1 2; do {plain} {signed}; done\n{status}\n"
    )
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn every_line_that_is_printed_is_a_shell_script() {
        let text = text(Path::new("/tmp/k"), Path::new("/tmp/c"), 8443, "curl -sS http://127.0.0.1:8082/status\n");
        let (_, script) = text.split_once("\n\n").unwrap();
        let mut shell = Command::new("sh").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
        shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success(), "{script}");
    }
}
