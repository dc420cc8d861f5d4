//! `countersign keys`: keys where they are kept, with what a running gateway knows of their use.

mod change;
mod derive;
mod gateway;
mod list;
mod rotate;
mod target;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::{RUNTIME, fail, say};
use crate::keys::edit::Refused;
use crate::sig::time::Moment;

/// Arguments of `keys`.
#[derive(Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show keys with their state, age and use, and whether they are safe to retire
    List(list::List),
    /// Add a key: 32 random bytes, or a secret that somebody else chose
    Add(change::Add),
    /// End a key: it signs and verifies no more, and stays in its file
    Retire(change::Retire),
    /// Take a key out of its file
    Remove(change::Remove),
    /// Say where a rotation without downtime stands and what comes next; with `--yes` do the next step
    Rotate(rotate::Rotate),
    /// Print the key of one device or tenant, where keys are derived of a master
    Derive(derive::Derive),
}

/// How it is said.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}

impl Keys {
    /// 0 where it is so or done, 1 where it is not.
    pub(super) fn run(self) -> ExitCode {
        let done = match self.action {
            Action::List(list) => list.run(),
            Action::Add(add) => add.run(),
            Action::Retire(retire) => retire.run(),
            Action::Remove(remove) => remove.run(),
            Action::Rotate(rotate) => rotate.run(),
            Action::Derive(derive) => derive.run(),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(code) => code,
        }
    }
}

/// What was refused, as the end of the command.
fn no(refused: &Refused) -> ExitCode {
    fail(RUNTIME, refused)
}

fn print(value: &Value) {
    say(&format!("{value:#}\n"));
}

/// A date, or a time with its zone.
fn moment(text: &str) -> Result<Moment, &'static str> {
    crate::keys::date::parse(text).ok_or("write a date or a time with zone: 2026-11-22 or 2026-11-22T10:00:00Z")
}
