//! `countersign check`: the configuration and nothing else; works offline.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{CONFIGURATION, explain, fail};
use crate::app;
use crate::config::{self, Loaded, Problem};

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
        let loaded = loaded.and_then(|loaded| app::check(&self.config, &loaded.policy).map(|()| loaded));
        let shown = if self.print { config::print(&self.config) } else { Ok(String::new()) };
        match (loaded, shown) {
            (Ok(loaded), Ok(text)) => {
                let denied = self.deny.is_some() && !loaded.warnings.is_empty();
                warn(&loaded.warnings);
                if denied {
                    return fail(CONFIGURATION, "warnings are mistakes with `--deny warnings`");
                }
                say(&if self.print { text.trim_end().to_owned() } else { self.summary(&loaded) });
                ExitCode::SUCCESS
            }
            (Err(problems), _) | (_, Err(problems)) => {
                explain(&problems);
                ExitCode::from(CONFIGURATION)
            }
        }
    }

    fn summary(&self, loaded: &Loaded) -> String {
        let routes = counted(loaded.policy.routes.all().len(), "route");
        let warnings = counted(loaded.warnings.len(), "warning");
        format!("{}: OK, {routes}, {warnings}", self.config.display())
    }
}

/// Every warning, one per line.
fn warn(warnings: &[Problem]) {
    let mut out = std::io::stderr().lock();
    for warning in warnings {
        let _closed = writeln!(out, "warning: {warning}");
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn say(text: &str) {
    let _closed = writeln!(std::io::stdout(), "{text}");
}
