//! `countersign keys derive`.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;

use super::super::{RUNTIME, fail, keygen};
use super::target::Target;

/// Arguments of `keys derive`.
#[derive(Args)]
pub(super) struct Derive {
    /// The key id of the device or tenant
    #[arg(value_parser = keygen::id)]
    id: String,
    #[command(flatten)]
    target: Target,
    /// Id of the master [default: the newest]
    #[arg(long)]
    master: Option<String>,
}

impl Derive {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        let (ring, _) = self.target.one()?;
        let ring = &ring.ring;
        if !ring.derives() {
            return Err(fail(
                RUNTIME,
                format_args!("keyring `{}` has keys of its own: it has no `derive`", ring.name()),
            ));
        }
        if !ring.admits(&self.id) {
            return Err(fail(RUNTIME, format_args!("`{}` is revoked", self.id)));
        }
        let place = match &self.master {
            Some(master) => ring.place(master),
            None => ring.len().checked_sub(1),
        };
        let key = place.and_then(|place| ring.derive(place, self.id.as_bytes()));
        let key = key.ok_or_else(|| fail(RUNTIME, "there is no such master; `countersign keys list` shows them"))?;
        let mut out = std::io::stdout().lock();
        let end: &[u8] = if key.secret.expose().is_ascii() { b"\n" } else { b"" };
        out.write_all(key.secret.expose()).and_then(|()| out.write_all(end)).map_err(|error| fail(RUNTIME, error))
    }
}
