//! The scheme and the keys that a command line names. A secret comes from a keyring, a file or the environment, never from an argument: those
//! can be read by every user of the machine.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::{CONFIGURATION, USAGE, explain, fail};
use crate::config::{self, Loaded, named};
use crate::keys::{self, Source, read};
use crate::sig::key::{Key, Window};
use crate::sig::keyring::Keyring;
use crate::sig::scheme::Scheme;
use crate::sig::secret::Secret;
use crate::sig::time::Moment;

/// Largest secret in a file of its own.
const MAX: u64 = 64 << 10;

/// How a request is signed, and by whom.
#[derive(Args)]
pub(super) struct Means {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", env = "COUNTERSIGN_CONFIG")]
    config: Option<PathBuf>,
    /// A scheme of the configuration, or a built-in one
    #[arg(long, value_name = "NAME", requires = "keys")]
    pub(super) scheme: Option<String>,
    /// A keyring of the configuration, `file:PATH` (a secret, or a YAML key file) or `env:NAME`
    #[arg(long, value_name = "KEYS")]
    keys: Option<String>,
    /// The id of a key that comes from `file:` or `env:` and has none
    #[arg(long, value_name = "ID", default_value = "key")]
    key_id: String,
    /// What clients see, for schemes that cover the URL: `scheme://host[:port]`
    #[arg(long, value_name = "URL")]
    pub(super) public_url: Option<String>,
}

impl Means {
    /// The scheme where keys are named and no scheme is.
    pub(super) fn assume(&mut self, scheme: &str) {
        if self.scheme.is_none() && self.keys.is_some() {
            self.scheme = Some(scheme.to_owned());
        }
    }

    /// The configuration, which must be there and right.
    pub(super) fn loaded(&self) -> Result<Loaded, ExitCode> {
        if self.keys.is_some() {
            return Err(fail(USAGE, "`--keys` needs `--scheme`"));
        }
        let path = self.config.as_deref().ok_or_else(|| fail(USAGE, "give `--config`, or `--scheme` and `--keys`"))?;
        config::load(path).map_err(told)
    }

    /// What `--scheme` and `--keys` name.
    pub(super) fn named(&self, now: Moment) -> Result<(Arc<Scheme>, Arc<Keyring>), ExitCode> {
        let (name, keys) = (self.scheme.as_deref().unwrap_or_default(), self.keys.as_deref().unwrap_or_default());
        let own = match keys.split_once(':') {
            Some(("file", path)) => Some(self.file(Path::new(path))?),
            Some(("env", variable)) => Some(self.variable(variable)?),
            _ => None,
        };
        let ring = Some(keys).filter(|_| own.is_none());
        let (scheme, found) = match &self.config {
            Some(path) => named::find(path, (Some(name), ring), now).map_err(told)?,
            None => (named::built_in(name), None),
        };
        let scheme = scheme
            .ok_or_else(|| fail(USAGE, format_args!("no built-in scheme `{name}`: see `countersign schemes list`")))?;
        let ring = own.map(Arc::new).or(found);
        let ring = ring.ok_or_else(|| {
            // Not repeated: it may be a secret that was meant to stand behind `env:` or `file:`.
            fail(USAGE, format_args!("a keyring by its name needs `--config`; others are `file:PATH` and `env:NAME`"))
        })?;
        Ok((scheme, ring))
    }

    fn variable(&self, variable: &str) -> Result<Keyring, ExitCode> {
        let source = Source::Env(vec![(self.key_id.clone(), variable.to_owned())]);
        keys::load("env", &source).map(|loaded| loaded.ring).map_err(|problems| {
            // What is wrong stands on the command line, in no file.
            let why: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
            fail(USAGE, format_args!("--keys env:{variable}: {}", why.join("; ")))
        })
    }

    fn file(&self, path: &Path) -> Result<Keyring, ExitCode> {
        if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            return keys::load("file", &Source::File(path.to_owned())).map(|loaded| loaded.ring).map_err(told);
        }
        let failed = |error: &dyn std::fmt::Display| fail(USAGE, format_args!("{}: {error}", path.display()));
        let content = read::regular(path, MAX).map_err(|error| failed(&error))?.bytes;
        // As everywhere: one newline at the end is the editor's.
        let line =
            content.strip_suffix(b"\n").map_or(content.as_slice(), |line| line.strip_suffix(b"\r").unwrap_or(line));
        let id: Arc<str> = self.key_id.as_str().into();
        let key = Key {
            principal: Arc::clone(&id),
            id,
            secret: Secret::new(line.to_vec()),
            sign: Window::default(),
            verify: Window::default(),
            created: None,
            observe: false,
        };
        Keyring::new("file", vec![key]).map_err(|error| failed(&error))
    }
}

fn told(problems: impl AsRef<[config::Problem]>) -> ExitCode {
    explain(problems.as_ref());
    ExitCode::from(CONFIGURATION)
}
