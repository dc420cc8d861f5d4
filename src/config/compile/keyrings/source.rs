//! Where the keys of one declared ring come from.

use super::super::super::field::Field;
use super::super::super::raw::upstreams::{self as raw, Derive, Format, Ring};
use super::super::super::report::Spot;
use super::Keyrings;
use crate::keys::{Derived, Pkcs11, Source};
use crate::policy::lint::Code;
use crate::sig::keyring::Spelling;

impl Keyrings<'_> {
    pub(super) fn source(&self, ring: &Ring, spot: Spot) -> Option<Source> {
        let file = ring.file.found().map(|(path, at)| Source::File(self.files.resolve(path, at)));
        let directory = ring.directory.found().map(|(path, at)| Source::Directory(self.files.resolve(path, at)));
        let env = ring.env.get().map(|named| {
            let pairs = named.0.iter().filter_map(|(id, variable)| Some((id.clone(), variable.get()?.clone())));
            Source::Env(pairs.collect())
        });
        let keys =
            ring.keys.get().map(|keys| Source::Inline(keys.iter().filter_map(|key| key.get().cloned()).collect()));
        let derived = ring.derive.found().and_then(|(derive, at)| self.derived(derive, at));
        let token = ring.pkcs11.found().and_then(|(pkcs11, at)| self.token(pkcs11, at));
        let written = [
            ring.pkcs11.is_written(),
            ring.file.is_written(),
            ring.directory.is_written(),
            ring.env.is_written(),
            ring.keys.is_written(),
            ring.derive.is_written(),
        ];
        if written.iter().filter(|written| **written).count() != 1 {
            self.report.error(
                spot,
                "a keyring has one source",
                Some("write one of `file`, `directory`, `env`, `keys`, `derive`, `pkcs11`"),
            );
            return None;
        }
        if let Some(at) = ring.keys.spot {
            self.report.warn(at, Code::InlineSecret, "secrets stand in the configuration itself");
        }
        file.or(directory).or(env).or(keys).or(derived).or(token)
    }

    /// Keys in a token; what is missing is said in one go.
    fn token(&self, raw: &raw::Pkcs11, spot: Spot) -> Option<Source> {
        let named = [
            ("module", "the library of its maker", &raw.module),
            ("token", "its label", &raw.token),
            ("pin_file", "a file with the PIN of its user", &raw.pin_file),
        ];
        for (field, what, _) in named.iter().filter(|(_, _, value)| !value.is_written()) {
            let message = format!("`{field}` is missing: {what}");
            self.report.error(spot, &message, Some("a token is named by `module`, `token` and `pin_file`"));
        }
        let path = |field: &Field<String>| field.found().map(|(path, at)| self.files.resolve(path, at));
        Some(Source::Pkcs11(Pkcs11 {
            module: path(&raw.module)?,
            token: raw.token.get()?.clone(),
            pin_file: path(&raw.pin_file)?,
            prefix: raw.prefix.get().cloned().unwrap_or_default(),
        }))
    }

    /// Masters have one source, too.
    fn derived(&self, raw: &Derive, spot: Spot) -> Option<Source> {
        let masters = Ring { file: raw.file.clone(), directory: raw.directory.clone(), ..Ring::default() };
        let env = raw.env.get().map(|named| {
            let pairs = named.0.iter().filter_map(|(id, variable)| Some((id.clone(), variable.get()?.clone())));
            Source::Env(pairs.collect())
        });
        let masters = match env {
            Some(env) if !raw.file.is_written() && !raw.directory.is_written() => env,
            _ => self.source(&masters, spot)?,
        };
        let spelling = match raw.format.get() {
            None | Some(Format::Base64url) => Spelling::Base64Url,
            Some(Format::Base64) => Spelling::Base64,
            Some(Format::Hex) => Spelling::Hex,
            Some(Format::Raw) => Spelling::Raw,
        };
        let revoked = raw.revoked.found().map(|(path, at)| self.files.resolve(path, at));
        Some(Source::Derived(Box::new(Derived { masters, revoked, spelling })))
    }
}
