//! `countersign reload`: a running gateway reads its configuration again.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::admin::Admin;
use super::{CONFIGURATION, RUNTIME, fail};

/// Loading reads files only; a minute is a stuck disk.
const LIMIT: Duration = Duration::from_mins(1);

/// Arguments of `reload`.
#[derive(Args)]
pub(super) struct Reload {
    #[command(flatten)]
    admin: Admin,
}

impl Reload {
    /// 0 where the new configuration is in force, 78 where it is wrong and the old one serves on.
    pub(super) fn run(self) -> ExitCode {
        let place = match self.admin.place() {
            Ok(place) => place,
            Err(code) => return code,
        };
        match place.ask("POST", "/reload", LIMIT) {
            Ok(answer) if answer.status == 200 => {
                let _closed = write!(std::io::stdout(), "{}", answer.body);
                ExitCode::SUCCESS
            }
            Ok(answer) if answer.status == 422 => fail(CONFIGURATION, answer.body.trim_end()),
            Ok(answer) => fail(RUNTIME, format_args!("{}: {}", answer.status, answer.body.trim_end())),
            Err(error) => fail(RUNTIME, error),
        }
    }
}
