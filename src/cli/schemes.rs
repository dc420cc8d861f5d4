//! `countersign schemes`: the built-in schemes, and their text as a beginning for one's own.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{USAGE, fail, say};
use crate::config::named;
use crate::config::scheme::{builtin, builtins};
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
            What::Show { name, renamed } => match builtin(&name) {
                Some(text) => say(&renamed.map_or_else(|| text.to_owned(), |renamed| wrapped(&renamed, text))),
                None => {
                    return fail(USAGE, format_args!("no built-in scheme `{name}`: see `countersign schemes list`"));
                }
            },
        }
        ExitCode::SUCCESS
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
    let mut out = format!("version: 1\nschemes:\n  {name}:\n");
    for line in text.lines() {
        let indent = if line.is_empty() { "" } else { "    " };
        let _infallible = writeln!(out, "{indent}{line}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

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
