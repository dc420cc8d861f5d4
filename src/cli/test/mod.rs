//! `countersign test`: vectors through the code that serves; exit code 0 only when every one is judged as it says.

mod judge;
mod options;
mod primitive;
mod travel;
mod vector;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use self::judge::{Judge, Verdict};
use self::vector::{Level, Line, Vector};
use super::{CONFIGURATION, RUNTIME, USAGE, explain, fail, say};
use crate::config::named;

/// Arguments of `test`.
#[derive(Args)]
pub(super) struct Test {
    /// The vectors, one JSON object a line; `-` is standard input
    vectors: PathBuf,
    /// Judge every line by this scheme, whatever scheme it names
    #[arg(long, value_name = "NAME")]
    scheme: Option<String>,
    /// A configuration file whose schemes lines can name; nothing else of it is looked at
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What is printed at the end.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    differ: usize,
}

impl Test {
    /// 0 where no line failed, 1 where one did, 2 where there is nothing to run, 78 where the configuration is wrong.
    pub(super) fn run(self) -> ExitCode {
        let declared = match self.config.as_deref().map(named::declarations).transpose() {
            Ok(declared) => declared.unwrap_or_default(),
            Err(problems) => {
                explain(&problems);
                return ExitCode::from(CONFIGURATION);
            }
        };
        let text = match read(&self.vectors) {
            Ok(text) if text.trim().is_empty() => {
                return fail(USAGE, format_args!("{}: no vectors", self.vectors.display()));
            }
            Ok(text) => text,
            Err(error) => return fail(USAGE, format_args!("{}: {error}", self.vectors.display())),
        };
        match Judge::new(declared, self.scheme) {
            Ok(judge) => tally(&judge, &text),
            Err(error) => fail(RUNTIME, error),
        }
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    if path == Path::new("-") { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(path) }
}

fn tally(judge: &Judge, text: &str) -> ExitCode {
    let mut tally = Tally::default();
    for (place, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = place.saturating_add(1);
        match Line::parse(line) {
            Ok(Line::Request(vector)) => tally.note(place, &vector, judge.verdict(&vector)),
            Ok(Line::Primitive(vector)) => tally.count(place, &vector.case, primitive::check(&vector)),
            Err(error) => tally.count(place, "?", Err(error)),
        }
    }
    say(&tally.summary());
    if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(RUNTIME) }
}

impl Tally {
    fn note(&mut self, place: usize, vector: &Vector, verdict: Result<Verdict, String>) {
        let outcome = verdict.and_then(|verdict| agrees(vector, &verdict));
        match (&vector.level, outcome) {
            (Level::May, Err(why)) => {
                self.differ = self.differ.saturating_add(1);
                say(&format!("line {place}: may-case {}: {why}\n", vector.named()));
            }
            (Level::May, Ok(())) => {}
            (Level::Must, outcome) => self.count(place, &vector.named(), outcome),
        }
    }

    fn count(&mut self, place: usize, name: &str, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.passed = self.passed.saturating_add(1),
            Err(why) => {
                self.failed = self.failed.saturating_add(1);
                say(&format!("line {place}: {name}: {why}\n"));
            }
        }
    }

    fn summary(&self) -> String {
        let Self { passed, failed, differ } = self;
        let mut text = String::new();
        if *differ > 0 {
            let _infallible = writeln!(text, "{differ} may-cases differ");
        }
        let _infallible = writeln!(text, "{passed} passed, {failed} failed");
        text
    }
}

/// Whether the verdict is what the line says it is; otherwise both, and why the line says so.
fn agrees(vector: &Vector, verdict: &Verdict) -> Result<(), String> {
    if verdict.is_valid() == vector.valid {
        return Ok(());
    }
    let expected = if vector.valid { "valid" } else { "refused" };
    let reason = vector.reason.as_deref().map_or_else(String::new, |reason| format!(" ({reason})"));
    Err(format!("expected {expected}{reason}, got {verdict}"))
}
