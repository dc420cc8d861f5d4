//! The process's own log, on stderr: text for a person at a terminal, JSON for everything else.

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::policy::operations::LogFormat;

/// Installs the log for the whole process. A second call changes nothing.
pub fn init(format: LogFormat, filter: &str) -> Result<(), ParseError> {
    let filter: Targets = filter.parse()?;
    let terminal = io::stderr().is_terminal();
    let text = match format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let log = tracing_subscriber::registry().with(filter);
    // A log that is installed already is kept: there is one per process.
    let _ = if text {
        log.with(lines.with_ansi(terminal).with_target(false)).try_init()
    } else {
        log.with(lines.with_ansi(false).json().flatten_event(true)).try_init()
    };
    Ok(())
}
