//! `countersign keys list`.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::super::say;
use super::target::Target;
use super::{Output, print};
use crate::admin::keys;
use crate::keys::date;
use crate::policy::seal::With;
use crate::policy::upkeep::{Age, Member, Upkeep, View, rough};

/// Arguments of `keys list`.
#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    target: Target,
    /// How it is printed
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

impl List {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        let opened = self.target.all()?;
        let views = opened.rings.iter().map(|ring| (ring, opened.view(ring)));
        match self.output {
            Output::Json => {
                let rings: Vec<_> = views.map(|(ring, view)| keys::ring(ring, &view)).collect();
                print(&json!({"keyrings": rings}));
            }
            Output::Text => views.for_each(|(ring, view)| say(&text(ring, &view))),
        }
        Ok(())
    }
}

/// One ring, one key a line.
pub(super) fn text(ring: &Upkeep, view: &View<'_>) -> String {
    let mut text = format!("{}: {}\n", ring.ring.name(), role(ring));
    if ring.ring.is_large() {
        let _ = writeln!(text, "  {} keys; those that were used:", ring.ring.len());
    }
    let rows: Vec<[String; 5]> = view.members.iter().map(|member| row(view, member)).collect();
    let titles = ["key", "state", "age", "used", "safe to retire"].map(str::to_owned);
    let wide = |column: usize| {
        rows.iter()
            .chain([&titles])
            .map(|row| row.get(column).map_or(0, |cell| cell.chars().count()))
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; 4] = std::array::from_fn(wide);
    for row in [&titles].into_iter().chain(&rows) {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.chain(row.last().cloned()).collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "  {line}");
    }
    text
}

/// What routes do with it.
pub(super) fn role(ring: &Upkeep) -> &'static str {
    match (ring.verifies, ring.signs) {
        (true, None) => "verifies",
        (true, Some(With::Newest)) => "verifies, and signs with the newest key",
        (true, Some(With::All)) => "verifies, and signs with all keys",
        (false, Some(With::Newest)) => "signs with the newest key",
        (false, Some(With::All)) => "signs with all keys",
        (false, None) => "no route uses it",
    }
}

fn row(view: &View<'_>, member: &Member) -> [String; 5] {
    let (key, now) = (&member.key, view.now);
    let mut age = key.created.map_or("unknown".to_owned(), |created| rough(now.since(created)));
    match view.upkeep.age(key, now) {
        Age::TooOld => age.push_str(" (too old)"),
        Age::Aging => age.push_str(" (rotate soon)"),
        Age::Fine | Age::Unknown => {}
    }
    let used = match (member.verified.last.max(member.signed.last), view.watch) {
        (_, None) => "not known".to_owned(),
        (None, Some(_)) => "never".to_owned(),
        (Some(last), Some(_)) => {
            let hour = member.verified.hour.saturating_add(member.signed.hour);
            format!("{} ago, {hour} in the last hour", rough(now.since(last)))
        }
    };
    let retire = view.retire(member);
    let safe = format!("{}: {}", retire.answer.name(), retire.why);
    [key.id.to_string(), state(view, member), age, used, safe]
}

/// The state, and the next moment at which it changes.
fn state(view: &View<'_>, member: &Member) -> String {
    let (key, now) = (&member.key, view.now);
    let edges = [
        ("verifies from", key.verify.from),
        ("signs from", key.sign.from),
        ("signs until", key.sign.until),
        ("verifies until", key.verify.until),
    ];
    let next = edges.into_iter().filter_map(|(what, at)| Some((at.filter(|at| now < *at)?, what))).min();
    let state = keys::state(key.state(now));
    next.map_or(state.to_owned(), |(at, what)| format!("{state}, {what} {}", date::written(at)))
}
