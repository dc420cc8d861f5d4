//! `countersign schema`: the JSON Schema of the configuration, for editors.

use std::process::ExitCode;

use clap::Args;

use super::say;

/// Printed from what the configuration is read into, by a test that compares it.
const SCHEMA: &str = include_str!("../../docs/config.schema.json");

/// Arguments of `schema`.
#[derive(Args)]
pub(super) struct Schema {}

impl Schema {
    /// 0.
    #[expect(clippy::unused_self, reason = "as every subcommand is run")]
    pub(super) fn run(self) -> ExitCode {
        say(SCHEMA);
        ExitCode::SUCCESS
    }
}
