//! `countersign doctor`: what an operator would look at first, in groups, each finding with a hint.

mod certificates;
mod machine;
mod places;
#[cfg(test)]
mod tests;
mod upstreams;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{RUNTIME, say};
use crate::app;
use crate::clock::Clock;
use crate::config::{self, Loaded, Problem};
use crate::policy::Policy;
use crate::sig::time::Moment;

/// Arguments of `doctor`.
#[derive(Args)]
pub(super) struct Doctor {
    /// The configuration file
    #[arg(short, long, env = "COUNTERSIGN_CONFIG", default_value = "config.yaml")]
    config: PathBuf,
    /// Form of what is printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// How it is with one thing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum State {
    Good,
    Doubtful,
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Finding {
    group: &'static str,
    state: State,
    what: String,
    hint: Option<String>,
}

impl Finding {
    fn good(group: &'static str, what: impl Into<String>) -> Self {
        Self { group, state: State::Good, what: what.into(), hint: None }
    }

    fn doubtful(group: &'static str, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { group, state: State::Doubtful, what: what.into(), hint: Some(hint.into()) }
    }

    fn wrong(group: &'static str, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { group, state: State::Wrong, what: what.into(), hint: Some(hint.into()) }
    }
}

impl Doctor {
    /// 0 where nothing is wrong, 1 otherwise.
    pub(super) fn run(self) -> ExitCode {
        let findings = self.examine(Clock::system().now());
        say(&match self.output {
            Output::Text => text(&findings),
            Output::Json => format!("{:#}\n", in_json(&findings)),
        });
        let worst = findings.iter().map(|finding| finding.state).max();
        if worst == Some(State::Wrong) { ExitCode::from(RUNTIME) } else { ExitCode::SUCCESS }
    }

    fn examine(&self, now: Moment) -> Vec<Finding> {
        let loaded = match config::load(&self.config) {
            Ok(loaded) => loaded,
            Err(problems) => return problems.iter().map(|problem| of(problem, State::Wrong)).collect(),
        };
        let mut findings = configuration(&self.config, &loaded);
        findings.extend(keys(&loaded.policy, now));
        findings.extend(certificates::look(&loaded.policy, now));
        findings.extend(upstreams::look(&loaded.policy, now));
        findings.extend(places::look(&loaded.policy));
        findings.extend(machine::look(&loaded.policy));
        findings
    }
}

fn configuration(file: &std::path::Path, loaded: &Loaded) -> Vec<Finding> {
    let unfit = app::check(file, &loaded.policy).err().unwrap_or_default();
    let mut findings: Vec<_> = unfit.iter().map(|problem| of(problem, State::Wrong)).collect();
    if findings.is_empty() {
        let routes = loaded.policy.routes.all().len();
        findings.push(Finding::good("configuration", format!("{} is read, routes: {routes}", file.display())));
    }
    findings.extend(loaded.warnings.iter().map(|warning| of(warning, State::Doubtful)));
    findings
}

/// A mistake or a warning of the configuration, in the group that it is about.
fn of(problem: &Problem, state: State) -> Finding {
    let of_keys = problem.code.is_some_and(|code| code.row().code.contains("key"));
    let group = match problem.path.split(['.', '[']).next() {
        Some("keyrings") => "keys",
        _ if of_keys => "keys",
        Some("listeners") if problem.path.split('.').next_back() == Some("tls") => "certificates",
        _ => "configuration",
    };
    let bare = Problem { fix: None, ..problem.clone() };
    let page = match group {
        "certificates" => "the chain, leaf first, and the key that belongs to the leaf have to be there",
        _ => "docs/configuration.md explains every setting",
    };
    let hint = problem.fix.clone().or_else(|| problem.code.map(|code| code.row().fix.to_owned()));
    Finding { group, state, what: bare.to_string(), hint: Some(hint.unwrap_or_else(|| page.to_owned())) }
}

fn keys(policy: &Policy, now: Moment) -> Vec<Finding> {
    let ring = |ring: &std::sync::Arc<crate::sig::keyring::Keyring>| match (ring.count_usable(now), ring.len()) {
        (0, all) => Finding::wrong(
            "keys",
            format!("keyring `{}`: none of its {all} keys is usable now", ring.name()),
            "add a key whose window is open; until then its routes refuse everything with keyring_empty",
        ),
        (usable, all) => Finding::good("keys", format!("keyring `{}`: {usable} of {all} usable", ring.name())),
    };
    policy.keyrings.iter().map(ring).collect()
}

fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    let mut groups: Vec<&str> = Vec::new();
    for finding in findings {
        if !groups.contains(&finding.group) {
            groups.push(finding.group);
        }
    }
    for group in groups {
        let _written = writeln!(text, "{group}");
        for finding in findings.iter().filter(|finding| finding.group == group) {
            let sign = match finding.state {
                State::Good => '✓',
                State::Doubtful => '!',
                State::Wrong => '✗',
            };
            let _written = writeln!(text, "  {sign} {}", finding.what);
            if let Some(hint) = &finding.hint {
                let _written = writeln!(text, "      {hint}");
            }
        }
    }
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    let _written = writeln!(text, "{} wrong, {} doubtful", count(State::Wrong), count(State::Doubtful));
    text
}

fn in_json(findings: &[Finding]) -> serde_json::Value {
    let one = |finding: &Finding| {
        let state = match finding.state {
            State::Good => "ok",
            State::Doubtful => "warning",
            State::Wrong => "error",
        };
        json!({"group": finding.group, "state": state, "what": finding.what, "hint": finding.hint})
    };
    json!({"version": 1, "checks": findings.iter().map(one).collect::<Vec<_>>()})
}
