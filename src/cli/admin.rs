//! Where the admin listener of a running gateway is, for the commands that talk to it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::client::Place;
use super::{CONFIGURATION, explain, fail};
use crate::config;

/// How to find the gateway: by address, or by the configuration it runs on.
/// An address wins, so that it can be given where the environment names a configuration.
#[derive(Args)]
pub(super) struct Admin {
    /// Address of the admin listener: `http://127.0.0.1:8082` or `unix:/path`
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<Place>,
    /// The configuration file, which says where the admin listener is
    #[arg(short, long, value_name = "FILE", env = "COUNTERSIGN_CONFIG", required_unless_present = "admin")]
    config: Option<PathBuf>,
}

impl Admin {
    /// The address, or the exit code after saying why there is none.
    pub(super) fn place(self) -> Result<Place, ExitCode> {
        if let Some(place) = self.admin {
            return Ok(place);
        }
        let loaded = config::load(&self.config.unwrap_or_default()).map_err(|problems| {
            explain(&problems);
            ExitCode::from(CONFIGURATION)
        })?;
        let none = || fail(CONFIGURATION, "the configuration has no admin listener: set `admin`");
        loaded.policy.operations.admin.as_ref().map(Place::from).ok_or_else(none)
    }
}
