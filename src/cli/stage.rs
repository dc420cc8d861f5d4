//! What the demo needs on disk: a certificate, a key, and the example configuration with the demo's own places in it.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Error, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use tempfile::TempDir;

/// A private directory that is removed when the demo ends.
pub(super) struct Stage {
    directory: TempDir,
}

impl Stage {
    /// Generates everything. `example` is the text of the configuration.
    pub(super) fn set(example: &str, upstream: SocketAddr) -> io::Result<Self> {
        let only_mine = Permissions::from_mode(0o700);
        let stage =
            Self { directory: tempfile::Builder::new().prefix("countersign-demo-").permissions(only_mine).tempdir()? };
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).map_err(Error::other)?;
        for directory in ["tls", "keys", "keys/demo"] {
            std::fs::create_dir(stage.path(directory))?;
        }
        write(&stage.certificate(), &made.cert.pem())?;
        write(&stage.path("tls/tls.key"), &made.signing_key.serialize_pem())?;
        write(&stage.key(), &fresh_key()?)?;
        write(&stage.configuration(), &stage.place(example, upstream))?;
        Ok(stage)
    }

    /// The configuration to run on.
    pub(super) fn configuration(&self) -> PathBuf {
        self.path("config.yaml")
    }

    /// What `curl --cacert` takes.
    pub(super) fn certificate(&self) -> PathBuf {
        self.path("tls/tls.crt")
    }

    /// The file with the key: its text is the key, without a line feed.
    pub(super) fn key(&self) -> PathBuf {
        self.path("keys/demo/demo")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The two placeholders are filled in here and not through the environment, so that a reload finds them, too.
    fn place(&self, example: &str, upstream: SocketAddr) -> String {
        let directory = self.directory.path().display().to_string();
        let text = fill(example, "COUNTERSIGN_DEMO_DIR", &directory);
        fill(&text, "COUNTERSIGN_DEMO_UPSTREAM", &upstream.port().to_string())
    }
}

/// Replaces `${NAME}` and `${NAME:-default}`.
fn fill(text: &str, name: &str, value: &str) -> String {
    let opening = format!("${{{name}");
    let mut pieces = text.split(&opening);
    let mut filled = String::from(pieces.next().unwrap_or_default());
    for piece in pieces {
        match piece.split_once('}') {
            Some((default, rest)) if default.is_empty() || default.starts_with(":-") => {
                filled.extend([value, rest]);
            }
            _ => filled.extend([&opening, piece]),
        }
    }
    filled
}

/// 32 random bytes as hex, which is how the shell can hold them.
fn fresh_key() -> io::Result<String> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(Error::other)?;
    Ok(HEXLOWER.encode(&key))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_with_and_without_a_default_and_others_are_left() {
        let cases = [
            ("a: ${X}", "a: 7"),
            ("a: ${X:-./demo}/tls.crt", "a: 7/tls.crt"),
            ("${X}${X:-}", "77"),
            ("a: ${XY}", "a: ${XY}"),
            ("a: ${X", "a: ${X"),
            ("a: $X", "a: $X"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(fill(text, "X", "7"), expected, "{text}");
        }
    }

    #[test]
    fn what_is_generated_is_private_and_gone_afterwards() {
        let upstream = "127.0.0.1:4711".parse().unwrap();
        let example = "dir: ${COUNTERSIGN_DEMO_DIR:-./demo}\nport: ${COUNTERSIGN_DEMO_UPSTREAM:-8000}\n";
        let stage = Stage::set(example, upstream).unwrap();
        let root = stage.directory.path().to_owned();
        for file in [root.clone(), stage.configuration(), stage.certificate(), stage.key(), stage.path("tls/tls.key")] {
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "{}", file.display());
        }
        assert_eq!(std::fs::read_to_string(stage.key()).unwrap().len(), 64);
        let placed = std::fs::read_to_string(stage.configuration()).unwrap();
        assert_eq!(placed, format!("dir: {}\nport: 4711\n", root.display()));
        drop(stage);
        assert!(!root.exists());
    }
}
