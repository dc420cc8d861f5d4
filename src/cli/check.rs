//! `countersign check`: the configuration and nothing else; works offline.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{CONFIGURATION, explain, fail};
use crate::app;
use crate::config::{self, Loaded, Problem};

/// Arguments of `check`.
#[derive(Args)]
pub(super) struct Check {
    /// The configuration file
    #[arg(short, long, env = "COUNTERSIGN_CONFIG", default_value = "config.yaml")]
    config: PathBuf,
    /// Print the effective file with the origin of every value, secrets blacked out
    #[arg(long)]
    print: bool,
    /// Say notes too, and what `lint.allow` allows
    #[arg(short, long)]
    verbose: bool,
    /// Treat warnings, or notes as well, as mistakes
    #[arg(long, value_enum)]
    deny: Option<Deny>,
}

/// From which level on a finding is a mistake.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Deny {
    Warnings,
    Notes,
}

impl Check {
    /// Says what is wrong, or in one line that nothing is.
    pub(super) fn run(self) -> ExitCode {
        let loaded = config::load(&self.config);
        let loaded = loaded.and_then(|loaded| app::check(&self.config, &loaded.policy).map(|()| loaded));
        let shown = if self.print { config::print(&self.config) } else { Ok(String::new()) };
        match (loaded, shown) {
            (Ok(loaded), Ok(text)) => self.conclude(&loaded, &text),
            (Err(problems), _) | (_, Err(problems)) => {
                explain(&problems);
                ExitCode::from(CONFIGURATION)
            }
        }
    }

    fn conclude(&self, loaded: &Loaded, text: &str) -> ExitCode {
        tell("warning", &loaded.warnings);
        if self.verbose || self.deny == Some(Deny::Notes) {
            tell("note", &loaded.notes);
        }
        if self.verbose {
            tell("allowed", &loaded.allowed);
        }
        let denied = match self.deny {
            None => None,
            Some(Deny::Warnings) => (!loaded.warnings.is_empty()).then_some("warnings"),
            Some(Deny::Notes) => {
                (!loaded.warnings.is_empty() || !loaded.notes.is_empty()).then_some("warnings and notes")
            }
        };
        if let Some(what) = denied {
            return fail(CONFIGURATION, format!("{what} are mistakes with `--deny`; docs/lint.md explains each code"));
        }
        say(&if self.print { text.trim_end().to_owned() } else { self.summary(loaded) });
        ExitCode::SUCCESS
    }

    fn summary(&self, loaded: &Loaded) -> String {
        let routes = counted(loaded.policy.routes.all().len(), "route");
        let warnings = counted(loaded.warnings.len(), "warning");
        let more = format!(", {}, {} allowed", counted(loaded.notes.len(), "note"), loaded.allowed.len());
        let more = if self.verbose { more.as_str() } else { "" };
        format!("{}: OK, {routes}, {warnings}{more}", self.config.display())
    }
}

/// Every finding, one per line.
fn tell(level: &str, findings: &[Problem]) {
    let mut out = std::io::stderr().lock();
    for finding in findings {
        // Nobody is left to tell when stderr is closed; the exit code says it still.
        let _closed = writeln!(out, "{level}: {finding}");
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn say(text: &str) {
    let _closed = writeln!(std::io::stdout(), "{text}");
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// The exit code for a route with these settings.
    fn checked(route: &str, deny: Option<Deny>) -> ExitCode {
        let place = tempfile::tempdir().unwrap();
        let (config, key) = (place.path().join("c.yaml"), place.path().join("keys/one"));
        std::fs::create_dir(place.path().join("keys")).unwrap();
        std::fs::write(&key, "0123456789abcdefghijklmnopqrstuv").unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let text = format!(
            "version: 1\nlisteners: {{main: {{address: \"127.0.0.1:0\"}}}}\nupstreams: {{app: {{url: \"http://127.0.0.1:1\"}}}}\n\
             keyrings: {{k: {{directory: keys}}}}\nroutes: [{{path: /, verify: stripe, keys: k, upstream: app{route}}}]\n"
        );
        std::fs::write(&config, text).unwrap();
        Check { config, print: false, verbose: true, deny }.run()
    }

    #[test]
    fn what_is_denied_ends_as_a_mistake_does_unless_it_is_allowed() {
        let covered = "lint: {allow: {query_not_covered: a, method_not_covered: b}}";
        let allowed = "lint: {allow: {replay_off: why, query_not_covered: a, method_not_covered: b}}";
        for (route, deny, code) in [
            ("", None, 0),
            ("", Some(Deny::Warnings), CONFIGURATION),
            (", lint: {allow: {replay_off: why}}", Some(Deny::Warnings), 0),
            (", lint: {allow: {replay_off: why}}", Some(Deny::Notes), CONFIGURATION),
            (&format!(", {allowed}"), Some(Deny::Notes), 0),
            (&format!(", replay: {{by: signature}}, {covered}"), Some(Deny::Notes), 0),
            (", lint: {allow: {replay_off: \"\"}}", None, CONFIGURATION),
        ] {
            assert_eq!(checked(route, deny), ExitCode::from(code), "{route}");
        }
    }
}
