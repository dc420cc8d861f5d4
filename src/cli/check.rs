//! `countersign check`: the configuration and nothing else; works offline.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::config;

/// Arguments of `check`.
#[derive(Args)]
pub(super) struct Check {
    /// The configuration file
    #[arg(short, long, env = "COUNTERSIGN_CONFIG")]
    config: PathBuf,
}

impl Check {
    pub(super) fn run(self) -> ExitCode {
        match config::load(&self.config) {
            Ok(loaded) => {
                super::explain(&loaded.warnings);
                ExitCode::SUCCESS
            }
            Err(problems) => {
                super::explain(&problems);
                ExitCode::from(super::CONFIGURATION)
            }
        }
    }
}
