//! `countersign explain`: why a captured request is refused.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{CONFIGURATION, RUNTIME, USAGE, explain as complain, fail, say};
use crate::clock::Clock;
use crate::config;
use crate::explain::request::{self, Captured};
use crate::explain::{Question, Verdict, explain};
use crate::sig::stamp::Format;
use crate::sig::time::Moment;

/// Arguments of `explain`.
#[derive(Args)]
pub(super) struct Explain {
    /// The configuration file
    #[arg(short, long, env = "COUNTERSIGN_CONFIG", default_value = "config.yaml")]
    config: PathBuf,
    /// The request: raw HTTP/1.1, a HAR file or a curl command, in a file; `-` is standard input
    request: PathBuf,
    /// Which entry of a HAR file, from 0
    #[arg(long, default_value_t = 0)]
    entry: usize,
    /// When it arrived, in Unix seconds or as 2026-11-22T10:00:00Z [default: when its own stamp says]
    #[arg(long, value_parser = moment)]
    now: Option<Moment>,
    /// Print the signature that every key would have made: as good as the key for this one request
    #[arg(long)]
    show_expected: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Explain {
    /// 0 where the request is verified, 1 where it is refused, 2 where it cannot be read, 78 where the configuration is wrong.
    pub(super) fn run(self) -> ExitCode {
        let loaded = match config::load(&self.config) {
            Ok(loaded) => loaded,
            Err(problems) => {
                complain(&problems);
                return ExitCode::from(CONFIGURATION);
            }
        };
        let Captured { head, body, notes } = match captured(&self.request, self.entry) {
            Ok(captured) => captured,
            Err(error) => return fail(USAGE, error),
        };
        let (policy, clock) = (&loaded.policy, Clock::system().now());
        let question = Question { policy, head, body, now: self.now, clock, expected: self.show_expected };
        let explanation = explain(question);
        if self.json {
            say(&format!("{:#}\n", explanation.json(&notes)));
        } else {
            say(&explanation.text(&notes));
        }
        match explanation.verdict {
            Verdict::Verified(_) | Verdict::Unasked => ExitCode::SUCCESS,
            Verdict::Refused(_) => ExitCode::from(RUNTIME),
        }
    }
}

/// The request in a file, whatever it was captured as.
pub(super) fn captured(path: &Path, entry: usize) -> Result<Captured, String> {
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    let text = super::input(path).map_err(told)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(told)?;
    let files = |path: &Path| std::fs::read(path);
    runtime.block_on(request::read(&text, entry, Some(&files)))
}

/// Unix seconds, or RFC 3339 in UTC.
pub(super) fn moment(text: &str) -> Result<Moment, String> {
    let read = |format: Format| format.parse(text.as_bytes());
    read(Format::Unix)
        .or_else(|| read(Format::Rfc3339))
        .ok_or_else(|| "neither Unix seconds nor 2026-11-22T10:00:00Z".to_owned())
}
