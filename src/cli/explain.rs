//! `countersign explain`: why a captured request is refused, or one that a running gateway kept.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::client::Place;
use super::{CONFIGURATION, RUNTIME, USAGE, explain as complain, fail, say};
use crate::clock::Clock;
use crate::config;
use crate::explain::request::{self, Captured};
use crate::explain::{Question, Verdict, explain};
use crate::sig::stamp::Format;
use crate::sig::time::Moment;

/// Trying every known mistake takes a moment.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(30);

/// Arguments of `explain`.
#[derive(Args)]
pub(super) struct Explain {
    /// The configuration file
    #[arg(short, long, env = "COUNTERSIGN_CONFIG", default_value = "config.yaml")]
    config: PathBuf,
    /// The request: raw HTTP/1.1, a HAR file or a curl command, in a file; `-` is standard input. Or the id of a refused request, where the running
    /// gateway keeps some (`capture`)
    #[arg(value_name = "REQUEST|REQUEST_ID")]
    request: PathBuf,
    /// Address of the gateway's admin listener, for a request id: `http://127.0.0.1:8082` or `unix:/path` [default: as the configuration says]
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<Place>,
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
        if self.admin.is_some() || self.request != Path::new("-") && !self.request.exists() {
            return self.ask();
        }
        let loaded = match self.loaded() {
            Ok(loaded) => loaded,
            Err(code) => return code,
        };
        let Captured { head, body, notes } = match captured(&self.request, self.entry) {
            Ok(captured) => captured,
            Err(error) => return fail(USAGE, error),
        };
        let (policy, clock) = (&loaded.policy, Clock::system().now());
        let expected = self.show_expected;
        let question = Question { policy, listener: None, head, body, now: self.now, clock, expected };
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

impl Explain {
    fn loaded(&self) -> Result<config::Loaded, ExitCode> {
        config::load(&self.config).map_err(|problems| {
            complain(&problems);
            ExitCode::from(CONFIGURATION)
        })
    }

    /// Lets a running gateway explain a request that it kept.
    fn ask(&self) -> ExitCode {
        let id = self.request.to_string_lossy();
        let place = match self.place() {
            Ok(place) => place,
            Err(code) => return code,
        };
        let question = json!({"request_id": id}).to_string();
        match place.tell(("POST", "/explain"), &question, LIMIT) {
            Ok(answer) if answer.status == 200 => self.show(&answer.body),
            Ok(answer) if answer.status == 404 => fail(USAGE, "the gateway keeps no refused requests: set `capture`"),
            Ok(answer) => fail(USAGE, format_args!("`{id}`: {}", answer.body.trim_end())),
            Err(error) => fail(RUNTIME, format_args!("`{id}` is no file, and no gateway answers: {error}")),
        }
    }

    fn place(&self) -> Result<Place, ExitCode> {
        if let Some(place) = &self.admin {
            return Ok(place.clone());
        }
        let none = || {
            let id = self.request.display();
            fail(USAGE, format_args!("`{id}` is no file, and the configuration has no admin listener to ask"))
        };
        self.loaded()?.policy.operations.admin.as_ref().map(Place::from).ok_or_else(none)
    }

    fn show(&self, told: &str) -> ExitCode {
        let Ok(Value::Object(mut told)) = serde_json::from_str(told) else {
            return fail(RUNTIME, "the gateway's answer is not JSON");
        };
        let text = told.remove("text").unwrap_or_default();
        let is_refused = told.get("verdict").is_some_and(|verdict| verdict == "refused");
        if self.json {
            say(&format!("{:#}\n", Value::Object(told)));
        } else {
            say(text.as_str().unwrap_or_default());
        }
        if is_refused { ExitCode::from(RUNTIME) } else { ExitCode::SUCCESS }
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
