//! `countersign check`: the configuration and nothing else; works offline.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::config::{self, Problem};

/// `EX_CONFIG` of sysexits.h.
const CONFIGURATION: u8 = 78;

/// Arguments of `check`.
#[derive(Args)]
pub(super) struct Check {
    /// The configuration file
    #[arg(short, long, env = "COUNTERSIGN_CONFIG", default_value = "config.yaml")]
    config: PathBuf,
    /// Print the effective file with the origin of every value, secrets blacked out
    #[arg(long)]
    print: bool,
    /// Treat warnings as mistakes
    #[arg(long, value_enum)]
    deny: Option<Deny>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Deny {
    Warnings,
}

impl Check {
    /// Says what is wrong, or in one line that nothing is.
    pub(super) fn run(self) -> ExitCode {
        let loaded = config::load(&self.config);
        let shown = if self.print { config::print(&self.config) } else { Ok(String::new()) };
        match (loaded, shown) {
            (Ok(loaded), Ok(text)) => {
                let denied = self.deny.is_some() && !loaded.warnings.is_empty();
                explain("warning: ", &loaded.warnings);
                if denied {
                    return ExitCode::from(CONFIGURATION);
                }
                let (routes, warnings) = (loaded.policy.routes.all().len(), loaded.warnings.len());
                let summary = format!("{}: OK, {routes} routes, {warnings} warnings", self.config.display());
                say(if self.print { text.trim_end() } else { &summary });
                ExitCode::SUCCESS
            }
            (Err(problems), _) | (_, Err(problems)) => {
                explain("", &problems);
                ExitCode::from(CONFIGURATION)
            }
        }
    }
}

fn explain(kind: &str, problems: &[Problem]) {
    let mut out = std::io::stderr().lock();
    for problem in problems {
        // Nobody is left to tell when stderr is closed; the exit code says it still.
        let _closed = writeln!(out, "{kind}{problem}");
    }
}

fn say(text: &str) {
    let _closed = writeln!(std::io::stdout(), "{text}");
}
