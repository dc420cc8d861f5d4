//! Which keyring is meant: one of a configuration, or a file or directory of keys.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::super::client::Place;
use super::super::{CONFIGURATION, RUNTIME, explain, fail};
use super::gateway::Gateways;
use crate::clock::Clock;
use crate::config;
use crate::keys::{self, Source};
use crate::policy::upkeep::{Origin, Upkeep, View};
use crate::sig::time::Moment;

/// What a ring without a configuration is taken for: its keys are checked, and the usual terms hold.
const MAX_AGE: Duration = Duration::from_hours(90 * 24);
const QUIET: Duration = Duration::from_hours(24);

/// Where the keys are, and who knows how they are used.
#[derive(Args)]
pub(super) struct Target {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", env = "COUNTERSIGN_CONFIG", required_unless_present = "path")]
    config: Option<PathBuf>,
    /// Name of the keyring; it may be left out where there is one
    #[arg(short, long, value_name = "NAME")]
    keyring: Option<String>,
    /// A key file or a directory of keys, instead of a configuration
    #[arg(short, long)]
    path: Option<PathBuf>,
    /// Admin listener of a running gateway, once for each replica [default: the configuration's]
    #[arg(long, value_name = "ADDRESS")]
    admin: Vec<Place>,
}

/// Keyrings, and the gateways that use them.
pub(super) struct Opened {
    pub(super) rings: Vec<Upkeep>,
    pub(super) gateways: Gateways,
    pub(super) now: Moment,
}

impl Target {
    /// The ring that is meant, of several the one that was named.
    pub(super) fn one(&self) -> Result<(Upkeep, Opened), ExitCode> {
        let mut opened = self.all()?;
        match (opened.rings.pop(), opened.rings.is_empty()) {
            (Some(ring), true) => Ok((ring, opened)),
            (_, _) => {
                Err(fail(RUNTIME, "name one of the keyrings with `--keyring`; `countersign keys list` shows them"))
            }
        }
    }

    /// Every ring, or the one that was named.
    pub(super) fn all(&self) -> Result<Opened, ExitCode> {
        let now = Clock::system().now();
        let (mut rings, configured) = match (&self.path, &self.config) {
            (Some(path), _) => (vec![self.at(path.clone())?], None),
            (None, config) => of_configuration(config.as_deref().unwrap_or(Path::new("")))?,
        };
        if let (Some(name), None) = (&self.keyring, &self.path) {
            rings.retain(|ring| **ring.ring.name() == **name);
            if rings.is_empty() {
                return Err(fail(RUNTIME, format_args!("the configuration has no keyring `{name}`")));
            }
        }
        let places = if self.admin.is_empty() { configured.into_iter().collect() } else { self.admin.clone() };
        let gateways = Gateways::ask(&places, !self.admin.is_empty())?;
        if self.path.is_some() {
            for ring in &mut rings {
                gateways.describe(ring);
            }
        }
        Ok(Opened { rings, gateways, now })
    }

    fn at(&self, path: PathBuf) -> Result<Upkeep, ExitCode> {
        let origin = if path.is_dir() { Origin::Directory(path) } else { Origin::File(path) };
        let name = self.keyring.as_deref().unwrap_or("keys");
        let loaded = keys::load(name, &source(&origin)).map_err(|problems| {
            explain(&problems);
            ExitCode::from(CONFIGURATION)
        })?;
        let ring = Arc::new(loaded.ring);
        Ok(Upkeep { ring, origin, max_age: MAX_AGE, quiet: QUIET, verifies: true, signs: None })
    }
}

impl Opened {
    /// `ring` with what the gateways know of it.
    pub(super) fn view<'a>(&self, ring: &'a Upkeep) -> View<'a> {
        self.gateways.view(ring, self.now)
    }
}

fn of_configuration(path: &Path) -> Result<(Vec<Upkeep>, Option<Place>), ExitCode> {
    let loaded = config::load(path).map_err(|problems| {
        explain(&problems);
        ExitCode::from(CONFIGURATION)
    })?;
    let admin = loaded.policy.operations.admin.as_ref().map(Place::from);
    Ok((loaded.policy.upkeep.to_vec(), admin))
}

/// Where the keys of `origin` are read and changed.
pub(super) fn source(origin: &Origin) -> Source {
    match origin {
        Origin::File(path) => Source::File(path.clone()),
        Origin::Directory(path) => Source::Directory(path.clone()),
        Origin::Environment => Source::Env(Vec::new()),
        Origin::Configuration => Source::Inline(Vec::new()),
        Origin::Token(token) => Source::Pkcs11(token.clone()),
    }
}
