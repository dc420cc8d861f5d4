//! `countersign keygen`: a fresh key, ready to be put where keys are kept.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::keys::date;
use crate::keys::declared::{id_is_plain, principal_is_plain};
use crate::keys::edit::quoted;
use crate::sig::time::Moment;

/// Make a key: 32 random bytes, written as 43 characters that both sides use as they stand.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Key id [default: k-YYYYMMDD-xxxx]
    #[arg(long, value_parser = id)]
    id: Option<String>,
    /// Whom the key speaks for [default: the key id]
    #[arg(long, value_parser = principal)]
    principal: Option<String>,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Yaml)]
    format: Format,
    /// Name of the Kubernetes Secret
    #[arg(long, value_parser = resource, default_value = "countersign-keys")]
    name: String,
    /// Namespace of the Kubernetes Secret
    #[arg(long, value_parser = resource)]
    namespace: Option<String>,
    /// Write to a new file that only its owner can read, instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// A key file for `keyrings: {…: {file: …}}`
    Yaml,
    /// A Kubernetes Secret for `keyrings: {…: {directory: …}}`
    Secret,
    /// The secret alone: the content of a file named by the key id
    Raw,
}

/// A key that nobody has seen yet.
struct Fresh<'a> {
    id: &'a str,
    principal: Option<&'a str>,
    secret: Zeroizing<String>,
    created: String,
}

/// Runs the subcommand: 0, 1 when something failed, 2 when the id does not fit the format.
pub(super) fn run(args: &Args) -> ExitCode {
    match make(args, Clock::system().now()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nowhere is left to complain to when standard error is gone.
            let _ = writeln!(io::stderr(), "countersign keygen: {error}");
            ExitCode::from(if error.kind() == io::ErrorKind::InvalidInput { 2 } else { 1 })
        }
    }
}

fn make(args: &Args, now: Moment) -> io::Result<()> {
    let mut random = Zeroizing::new([0; 34]);
    getrandom::fill(random.as_mut_slice()).map_err(io::Error::other)?;
    let text = text(args, now, &random)?;
    match &args.out {
        Some(path) => create(path, text.as_bytes()),
        None => io::stdout().lock().write_all(text.as_bytes()),
    }
}

/// An id of the day, with two random bytes at its end.
pub(super) fn id_of_day(now: Moment, tail: &[u8]) -> String {
    let day: String = date::written(now).chars().take(10).filter(char::is_ascii_digit).collect();
    format!("k-{day}-{}", HEXLOWER.encode(tail))
}

/// What is printed; 32 bytes of `random` become the secret, two the end of the id.
fn text(args: &Args, now: Moment, random: &[u8; 34]) -> io::Result<Zeroizing<String>> {
    let (secret, tail) = random.split_at(32);
    let created = date::written(now);
    let id = args.id.clone().unwrap_or_else(|| id_of_day(now, tail));
    let secret = Zeroizing::new(BASE64URL_NOPAD.encode(secret));
    let key = Fresh { id: &id, principal: args.principal.as_deref(), secret, created };
    match args.format {
        Format::Yaml => Ok(key.yaml("")),
        Format::Secret => key.manifest(args),
        Format::Raw => Ok(Zeroizing::new(format!("{}\n", *key.secret))),
    }
}

impl Fresh<'_> {
    /// A key file, every line after `indent`.
    fn yaml(&self, indent: &str) -> Zeroizing<String> {
        // Room for everything at once: a growing string leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(2048));
        let (id, secret, created) = (quoted(self.id), self.secret.as_str(), &self.created);
        let _ = writeln!(text, "{indent}version: 1\n{indent}keys:\n{indent}  - id: {id}");
        if let Some(principal) = self.principal {
            let _ = writeln!(text, "{indent}    principal: {}", quoted(principal));
        }
        let _ = writeln!(text, "{indent}    secret: \"{secret}\"\n{indent}    created: {created}");
        text
    }

    /// A Kubernetes Secret with one entry, which becomes one file of the mount.
    fn manifest(&self, args: &Args) -> io::Result<Zeroizing<String>> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if !self.id.bytes().all(plain) || self.id.starts_with('.') {
            let message = "in a Kubernetes Secret a key id has letters, digits, `-`, `_` and `.`, not a `.` in front";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let mut text = Zeroizing::new(String::with_capacity(4096));
        let _ = writeln!(text, "apiVersion: v1\nkind: Secret\nmetadata:\n  name: \"{}\"", args.name);
        if let Some(namespace) = &args.namespace {
            let _ = writeln!(text, "  namespace: \"{namespace}\"");
        }
        let _ = writeln!(text, "type: Opaque\nstringData:");
        let _ = writeln!(text, "  \"{}.yaml\": |\n{}", self.id, self.yaml("    ").trim_end_matches('\n'));
        Ok(text)
    }
}

/// Whole or not at all, for the owner only, and never over a key that is there.
fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|failure| failure.error)?;
    Ok(())
}

pub(super) fn id(text: &str) -> Result<String, &'static str> {
    if id_is_plain(text) { Ok(text.to_owned()) } else { Err("use 1 to 128 visible ASCII characters") }
}

pub(super) fn principal(text: &str) -> Result<String, &'static str> {
    if principal_is_plain(text) { Ok(text.to_owned()) } else { Err("use 1 to 256 printable ASCII characters") }
}

/// A name that Kubernetes takes (RFC 1123 subdomain).
fn resource(text: &str) -> Result<String, &'static str> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let label = |label: &str| {
        let edges = label.bytes().next().zip(label.bytes().next_back());
        edges.is_some_and(|(first, last)| inner(first) && inner(last))
            && label.bytes().all(|byte| inner(byte) || byte == b'-')
    };
    if text.len() <= 253 && text.split('.').all(label) {
        Ok(text.to_owned())
    } else {
        Err("use lower-case letters, digits, `-` and `.`")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use clap::{Args as _, Command, FromArgMatches};

    use super::*;
    use crate::keys::{Source, load};

    const NOW: Moment = Moment::from_secs(1_795_305_600);
    const SECRET: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

    fn args(line: &[&str]) -> Result<Args, clap::Error> {
        let command = Args::augment_args(Command::new("keygen"));
        let words = [&["keygen"], line].concat();
        Args::from_arg_matches(&command.try_get_matches_from(words)?)
    }

    fn printed(line: &[&str]) -> io::Result<String> {
        text(&args(line).unwrap(), NOW, &[7; 34]).map(|text| text.to_string())
    }

    #[test]
    fn the_default_is_a_key_file_with_an_id_of_the_day() {
        let head = "version: 1\nkeys:\n  - id: \"k-20261122-0707\"\n";
        let rest = format!("    secret: \"{SECRET}\"\n    created: 2026-11-22T00:00:00Z\n");
        assert_eq!(printed(&[]).unwrap(), format!("{head}{rest}"));
    }

    #[test]
    fn raw_is_the_secret_and_a_newline() {
        assert_eq!(printed(&["--format", "raw"]).unwrap(), format!("{SECRET}\n"));
    }

    #[test]
    fn what_is_printed_loads_as_the_key_that_was_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("k.yaml");
        for (id, principal) in [("a", "A \"quoted\" \\ name: #1"), ("{\"}!&*%@`", "x"), ("-", "null"), ("123", "~")] {
            let text = printed(&[&format!("--id={id}"), "--principal", principal]).unwrap();
            std::fs::write(&path, text).unwrap();
            let ring = load("ring", &Source::File(path.clone())).unwrap().ring;
            let key = ring.by_id(id).unwrap();
            assert_eq!((&*key.principal, key.secret.expose()), (principal, SECRET.as_bytes()));
            assert_eq!(key.created, Some(NOW));
        }
    }

    #[test]
    fn a_kubernetes_secret_holds_a_key_file_under_the_name_of_the_key() {
        let text = printed(&["--id", "k1", "--format", "secret", "--name", "acme", "--namespace", "prod"]).unwrap();
        let manifest: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!((&manifest["apiVersion"], &manifest["kind"]), (&"v1".into(), &"Secret".into()));
        assert_eq!(manifest["metadata"], serde_json::json!({"name": "acme", "namespace": "prod"}));
        let file = manifest["stringData"]["k1.yaml"].as_str().unwrap();
        assert_eq!(file, printed(&["--id", "k1"]).unwrap());
    }

    #[test]
    fn an_id_that_no_secret_can_hold_is_a_usage_error() {
        for id in ["a/b", ".hidden", "a:b"] {
            let error = printed(&["--id", id, "--format", "secret"]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{id}");
        }
    }

    #[test]
    fn arguments_that_would_break_the_output_are_refused() {
        for line in [
            ["--id", ""],
            ["--id", "a b"],
            ["--id", "a\nb"],
            ["--principal", " a"],
            ["--principal", "a\nb"],
            ["--name", "A"],
            ["--name", "-a"],
            ["--name", "a..b"],
            ["--namespace", "a\"b"],
            ["--format", "xml"],
        ] {
            assert!(args(&line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn a_file_is_for_its_owner_and_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("k.yaml");
        let args = args(&["--out", path.to_str().unwrap()]).unwrap();
        make(&args, NOW).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let first = std::fs::read(&path).unwrap();
        assert_eq!(make(&args, NOW).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), first);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn two_keys_are_never_alike() {
        let directory = tempfile::tempdir().unwrap();
        let contents = ["a", "b"].map(|name| {
            let path = directory.path().join(name);
            make(&args(&["--format", "raw", "--out", path.to_str().unwrap()]).unwrap(), NOW).unwrap();
            std::fs::read(path).unwrap()
        });
        assert_ne!(contents[0], contents[1]);
        assert_eq!(contents[0].len(), 44);
    }
}
