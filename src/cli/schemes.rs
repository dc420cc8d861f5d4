//! `countersign schemes`: the built-in schemes, and their text as a beginning for one's own.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{USAGE, fail, say};
use crate::config::named;
use crate::config::scheme::{builtin, builtins, name_fault};
use crate::sig::scheme::Scheme;

/// Arguments of `schemes`.
#[derive(Args)]
pub(super) struct Schemes {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// One line for each built-in scheme: name, window, whether it signs, where it comes from
    List,
    /// The declaration of a built-in scheme, in the language of docs/schemes.md
    Show {
        /// Its name
        name: String,
        /// Print it as the scheme NAME of a configuration file, ready for `--config` and `include`
        #[arg(long = "as", value_name = "NAME")]
        renamed: Option<String>,
    },
}

impl Schemes {
    /// 0, or 2 where there is no scheme of that name.
    pub(super) fn run(self) -> ExitCode {
        match self.what {
            What::List => say(&list()),
            What::Show { name, renamed } => match shown(&name, renamed.as_deref()) {
                Ok(text) => say(&text),
                Err(why) => return fail(USAGE, why),
            },
        }
        ExitCode::SUCCESS
    }
}

fn shown(name: &str, renamed: Option<&str>) -> Result<String, String> {
    let text = builtin(name).ok_or_else(|| format!("no built-in scheme `{name}`: see `countersign schemes list`"))?;
    let Some(renamed) = renamed else { return Ok(text.to_owned()) };
    match name_fault(renamed) {
        Some((why, fix)) => Err(format!("--as {renamed:?}: {why}; {fix}")),
        None => Ok(wrapped(renamed, text)),
    }
}

fn list() -> String {
    let mut text = format!("{:<24} {:<20} {:<6} SOURCE\n", "NAME", "WINDOW", "SIGNS");
    for (name, yaml) in builtins() {
        if let Some(scheme) = named::built_in(name) {
            let signs = match (scheme.facts().can_sign.is_ok(), scheme.can_issue().is_ok()) {
                (true, _) => "yes",
                (false, true) => "links",
                (false, false) => "no",
            };
            let _infallible = writeln!(text, "{name:<24} {:<20} {signs:<6} {}", window(&scheme), opening(yaml));
        }
    }
    text
}

/// How far a stamp may lie from now; `-` where nothing is dated.
fn window(scheme: &Scheme) -> String {
    let short = |time: Duration| humantime::format_duration(time).to_string().replace(' ', "");
    let own = scheme.facts().window;
    own.map_or_else(|| "-".to_owned(), |(past, future)| format!("-{} +{}", short(past), short(future)))
}

/// The comment that every built-in begins with.
fn opening(yaml: &str) -> &str {
    yaml.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or_default()
}

/// The text as a file with this scheme alone.
fn wrapped(name: &str, text: &str) -> String {
    let name = key(name);
    let mut out = format!("version: 1\nschemes:\n  {name}:\n");
    for line in text.lines() {
        let indent = if line.is_empty() { "" } else { "    " };
        let _infallible = writeln!(out, "{indent}{line}");
    }
    out
}

/// A name as a key of YAML: in quotes unless it is surely text without them.
fn key(name: &str) -> String {
    const WORDS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let word = WORDS.iter().any(|word| word.eq_ignore_ascii_case(name));
    let text = name.starts_with(|first: char| first.is_ascii_alphabetic()) && plain && !word;
    if text { name.to_owned() } else { format!("\"{name}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_yaml_reads_otherwise_stands_in_quotes_and_one_that_nobody_may_have_is_refused() {
        for (name, key) in [("mine", "mine"), ("a:b", "\"a:b\""), ("7", "\"7\""), ("No", "\"No\""), ("{x}", "\"{x}\"")]
        {
            let text = shown("github", Some(name)).unwrap();
            assert!(text.starts_with(&format!("version: 1\nschemes:\n  {key}:\n")), "{text}");
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &text).unwrap();
            assert_eq!(named::declarations(file.path()).unwrap()[0].0, name);
        }
        for (name, part) in [
            ("a: b", "without spaces"),
            ("", "visible ASCII"),
            ("a\"b", "quotes"),
            ("a\\b", "backslashes"),
            ("stripe", "choose another name"),
        ] {
            let why = shown("github", Some(name)).unwrap_err();
            assert!(why.contains(part), "{why}");
        }
    }

    #[test]
    fn every_built_in_scheme_has_its_line() {
        let text = list();
        for (name, _) in builtins() {
            assert!(text.lines().any(|line| line.starts_with(&format!("{name} "))), "{name}");
        }
        assert_eq!(text.lines().count(), builtins().len() + 1);
        assert!(text.contains("timestamp-body           -1m +1m              yes    The body and the time"), "{text}");
        assert!(text.contains("github                   -                    yes "), "{text}");
    }

    #[test]
    fn what_is_shown_is_a_configuration_again() {
        for (name, text) in builtins() {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), wrapped("mine", text)).unwrap();
            let declared = named::declarations(file.path()).unwrap();
            assert_eq!(declared.len(), 1, "{name}");
            let (scheme, _) =
                named::find(file.path(), (Some("mine"), None), crate::clock::Clock::system().now()).unwrap();
            assert_eq!(scheme.unwrap().name().as_ref(), "mine");
        }
    }
}
