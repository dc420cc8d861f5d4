//! `countersign drain`: a running gateway ends in order, as after SIGTERM. Made for a preStop hook.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use super::admin::Admin;
use super::client::Place;
use super::{RUNTIME, fail};

/// Time for one answer.
const LIMIT: Duration = Duration::from_secs(5);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// Arguments of `drain`.
#[derive(Args)]
pub(super) struct Drain {
    #[command(flatten)]
    admin: Admin,
    /// Return only when the gateway has ended
    #[arg(long)]
    wait: bool,
    /// Give up waiting after this time
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

impl Drain {
    /// 0 where draining has begun (with `--wait`: where the gateway has ended), 1 otherwise.
    pub(super) fn run(self) -> ExitCode {
        let place = match self.admin.place() {
            Ok(place) => place,
            Err(code) => return code,
        };
        match place.ask("POST", "/drain", LIMIT) {
            Ok(answer) if answer.status == 202 && self.wait => ended(&place, self.timeout),
            Ok(answer) if answer.status == 202 => ExitCode::SUCCESS,
            Ok(answer) => fail(RUNTIME, format_args!("{}: {}", answer.status, answer.body.trim_end())),
            Err(error) => fail(RUNTIME, error),
        }
    }
}

/// A gateway that does not answer any more has ended.
fn ended(place: &Place, limit: Duration) -> ExitCode {
    let start = Instant::now();
    while start.elapsed() < limit {
        if place.ask("GET", "/livez", LIMIT).is_err() {
            return ExitCode::SUCCESS;
        }
        std::thread::park_timeout(PAUSE);
    }
    fail(RUNTIME, "the gateway is still draining")
}
