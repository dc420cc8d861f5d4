//! `countersign healthcheck`: is it ready? For images without a shell or curl.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::client::Place;
use super::{RUNTIME, fail};

/// A probe that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(5);

/// Arguments of `healthcheck`.
#[derive(Args)]
pub(super) struct Healthcheck {
    /// What to ask: `http://HOST:PORT[/PATH]` or `unix:/PATH`; the path is /readyz unless said otherwise
    #[arg(long, alias = "url", value_name = "ADDRESS", default_value = "http://127.0.0.1:8081/readyz")]
    address: Place,
}

impl Healthcheck {
    /// 0 where the answer is 200, 1 otherwise.
    pub(super) fn run(self) -> ExitCode {
        let path = if self.address.path.is_empty() { "/readyz" } else { &self.address.path };
        match self.address.ask("GET", path, LIMIT) {
            Ok(answer) if answer.status == 200 => {
                let _closed = write!(std::io::stdout(), "{}", answer.body);
                ExitCode::SUCCESS
            }
            Ok(answer) => fail(RUNTIME, answer.body.trim_end()),
            Err(error) => fail(RUNTIME, error),
        }
    }
}
