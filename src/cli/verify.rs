//! `countersign verify`: whether the gateway would take a captured request, and nothing more.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::explain::{captured, moment};
use super::means::Means;
use super::{RUNTIME, USAGE, fail, say};
use crate::clock::Clock;
use crate::explain::request::Captured;
use crate::explain::{Question, Verdict, verdict};
use crate::policy::gate::{Alternative, Gate, Keys};
use crate::sig::Site;
use crate::sig::declared::trace::Whole;
use crate::sig::time::Moment;

/// Arguments of `verify`.
#[derive(Args)]
pub(super) struct Verify {
    #[command(flatten)]
    means: Means,
    /// The request: raw HTTP/1.1, a HAR file or a curl command, in a file; `-` is standard input
    request: PathBuf,
    /// Which entry of a HAR file, from 0
    #[arg(long, default_value_t = 0)]
    entry: usize,
    /// When it arrived, in Unix seconds or as 2026-11-22T10:00:00Z [default: now]
    #[arg(long, value_parser = moment)]
    now: Option<Moment>,
}

impl Verify {
    /// 0 where the request is verified, 1 where it is refused, 2 where it cannot be read, 78 where the configuration is wrong.
    pub(super) fn run(self) -> ExitCode {
        let judged = self.judged();
        match judged {
            Err(code) => code,
            Ok(Verdict::Verified(key)) => {
                say(&format!("verified, key `{key}`\n"));
                ExitCode::SUCCESS
            }
            Ok(Verdict::Unasked) => {
                say("not verified: the route demands no signature\n");
                ExitCode::from(RUNTIME)
            }
            Ok(Verdict::Refused(rejection)) => {
                let note = rejection.note().map_or_else(String::new, |note| format!(" ({note})"));
                say(&format!("refused: {}{note}\n", rejection.code().reason().code));
                ExitCode::from(RUNTIME)
            }
        }
    }

    fn judged(&self) -> Result<Verdict, ExitCode> {
        let Captured { head, body, .. } = captured(&self.request, self.entry).map_err(|error| fail(USAGE, error))?;
        let now = self.now.unwrap_or_else(|| Clock::system().now());
        if self.means.scheme.is_none() {
            let loaded = self.means.loaded()?;
            let (policy, public_url) = (&loaded.policy, self.means.public_url.as_deref());
            return Ok(verdict(
                Question { policy, listener: None, head, body, now: Some(now), clock: now, expected: false },
                public_url,
            ));
        }
        let (scheme, ring) = self.means.named(now)?;
        let gate = Gate::new(vec![Alternative { scheme, keys: Keys::Ring(ring) }]);
        if let Some(misfit) = gate.misfits().first() {
            return Err(fail(RUNTIME, misfit));
        }
        let site = Site { public_url: self.means.public_url.as_deref(), captures: &[] };
        Ok(Verdict::of(&gate, Whole { head: &head, body: &body, site }, now))
    }
}
