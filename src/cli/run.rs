//! `countersign run`: the gateway.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

use super::{CONFIGURATION, RUNTIME, explain, fail};
use crate::app::{App, StartError};
use crate::clock::Clock;
use crate::config::{self, Problem};
use crate::telemetry;

/// Time for the last audit lines to be written.
const FLUSH: Duration = Duration::from_secs(2);

/// Arguments of `run`.
#[derive(Args)]
pub(super) struct Run {
    /// The configuration file
    #[arg(short, long, env = "COUNTERSIGN_CONFIG")]
    config: PathBuf,
}

impl Run {
    pub(super) fn run(self) -> ExitCode {
        serve(&self.config, announce, |problem| problem)
    }
}

/// The gateway on this file; `announce` is called when everything listens. `placed` says where the user finds a mistake.
pub(super) fn serve(config: &Path, announce: impl FnOnce(&App), placed: impl FnMut(Problem) -> Problem) -> ExitCode {
    keep_memory_private();
    take_descriptors();
    match start(config, announce) {
        Ok(()) => ExitCode::SUCCESS,
        Err(StartError::Configuration(problems)) => {
            explain(&problems.into_iter().map(placed).collect::<Vec<_>>());
            ExitCode::from(CONFIGURATION)
        }
        Err(unwritable @ StartError::Spool(_)) => fail(CONFIGURATION, unwritable),
        Err(other) => fail(RUNTIME, other),
    }
}

fn start(config: &Path, announce: impl FnOnce(&App)) -> Result<(), StartError> {
    let loaded = config::load(config).map_err(StartError::Configuration)?;
    let operations = &loaded.policy.operations;
    // A filter that does not parse is a mistake of the configuration and was reported as one.
    let _checked = telemetry::log::init(operations.log_format, &operations.log_filter);
    let app = App::serve(config, loaded, Clock::system())?;
    let failed = |cause| StartError::Io { what: "signals", cause };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    announce(&app);
    runtime.block_on(app.run()).map_err(failed)?;
    app.process().telemetry.flush(FLUSH);
    Ok(())
}

/// One line when everything listens.
fn announce(app: &App) {
    let policy = &app.process().generation.load().policy;
    let places: Vec<_> = app.addresses().iter().map(|(name, address)| format!("{name} {address}")).collect();
    tracing::debug!(routes = policy.routes.all().len(), listening = places.join(", "), "serving");
}

/// Containers often start with 1024 descriptors and a limit far above: as many connections as the listeners allow need more.
fn take_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let _best_effort = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Keys live in this process: no core dump, no debugger of the same user.
fn keep_memory_private() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _best_effort = setrlimit(Resource::Core, none);
    let _best_effort = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
