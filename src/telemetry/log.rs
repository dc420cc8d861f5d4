//! The process's own log, on stderr: text for a person at a terminal, JSON for everything else.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::policy::operations::LogFormat;

/// Installs the log for the whole process. A second call changes nothing.
pub fn init(format: LogFormat, filter: &str) -> Result<(), ParseError> {
    let filter = EnvFilter::builder().parse(filter)?;
    let terminal = io::stderr().is_terminal();
    let text = match format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // A log that is installed already is kept: there is one per process.
    let _ = if text {
        builder.with_ansi(terminal).with_target(false).try_init()
    } else {
        builder.with_ansi(false).json().flatten_event(true).try_init()
    };
    Ok(())
}
