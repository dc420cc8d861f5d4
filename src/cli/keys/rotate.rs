//! `countersign keys rotate`: a rotation that guides itself. It keeps no state: files and gateways say where it stands.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::super::{RUNTIME, fail, keygen, say};
use super::change::{fresh, make};
use super::list;
use super::target::{Target, source};
use super::{Output, print};
use crate::admin::keys;
use crate::keys::date;
use crate::keys::edit::{self, Change};
use crate::policy::upkeep::Upkeep;
use crate::policy::upkeep::rotation::{Do, Next, Plan};
use crate::sig::time::Moment;

/// Arguments of `keys rotate`.
#[derive(Args)]
pub(super) struct Rotate {
    #[command(flatten)]
    target: Target,
    /// Rotate the keys of this principal only
    #[arg(long)]
    principal: Option<String>,
    /// Do the next step, where it is a change of the key file
    #[arg(long)]
    yes: bool,
    /// Say what `--yes` would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Begin although no key is due
    #[arg(long)]
    now: bool,
    /// Id of the new key, where one is added [default: k-YYYYMMDD-xxxx]
    #[arg(long, value_parser = keygen::id)]
    id: Option<String>,
    /// How long both sides have: an old key goes on signing, or a new one waits, for so long
    #[arg(long, value_name = "DURATION", default_value = "3d", value_parser = humantime::parse_duration)]
    overlap: Duration,
    /// How it is printed
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

impl Rotate {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        let (ring, opened) = self.target.one()?;
        let view = opened.view(&ring);
        let mut plans = view.plans(self.overlap, self.now);
        if let Some(principal) = &self.principal {
            plans.retain(|plan| *plan.principal == **principal);
        }
        if plans.is_empty() {
            let why = "there is nothing to rotate by this name; of a ring with more than 256 keys, edit the file";
            return Err(fail(RUNTIME, why));
        }
        if self.output == Output::Text {
            say(&list::text(&ring, &view));
        }
        let mut told = Vec::new();
        for plan in &plans {
            let made = self.step(&ring, plan, opened.now)?;
            let mut value = keys::plan(plan);
            if let Some(fields) = value.as_object_mut() {
                fields.insert("done".to_owned(), (self.yes && !self.dry_run && made.is_some()).into());
                fields.insert("change".to_owned(), made.clone().into());
            }
            told.push(value);
            if self.output == Output::Text {
                say(&text(plan, made.as_deref()));
            }
        }
        if self.output == Output::Json {
            print(&json!({"keyring": &**ring.ring.name(), "plans": told}));
        }
        Ok(())
    }

    /// The change of this step, made or only said; `None` where it is not ours to make.
    fn step(&self, ring: &Upkeep, plan: &Plan, now: Moment) -> Result<Option<String>, ExitCode> {
        let Next::Rotate(todo) = &plan.next else { return Ok(None) };
        if !self.yes && !self.dry_run {
            return Ok(None);
        }
        let change = self.change(ring, plan, todo, now)?;
        make(ring, &[change], self.dry_run || !self.yes).map(Some)
    }

    fn change(&self, ring: &Upkeep, plan: &Plan, todo: &Do, now: Moment) -> Result<Change, ExitCode> {
        Ok(match todo {
            Do::Add { sign_from } => {
                let mut entry = fresh(now)?;
                entry.id = self.id.clone().unwrap_or(entry.id);
                entry.principal = Some(plan.principal.to_string());
                entry.sign_from = *sign_from;
                Change::Add(entry)
            }
            Do::EndSigning(id, until) => Change::Until { id: id.to_string(), sign: Some(*until), verify: None },
            Do::Retire(id) if edit::is_alone(&source(&ring.origin), id) => Change::Remove { id: id.to_string() },
            Do::Retire(id) => {
                let key = ring.ring.place(id).and_then(|place| ring.ring.at(place));
                let earlier = |until: Option<Moment>| until.is_none_or(|until| now < until).then_some(now);
                let sign = key.as_ref().and_then(|key| earlier(key.sign.until));
                let verify = key.as_ref().and_then(|key| earlier(key.verify.until));
                Change::Until { id: id.to_string(), sign, verify }
            }
            Do::Remove(id) => Change::Remove { id: id.to_string() },
        })
    }
}

/// Where it stands and what comes next, for people.
fn text(plan: &Plan, made: Option<&str>) -> String {
    let (who, step) = (&plan.principal, plan.step.name().replace('_', " "));
    let mut text = format!("{who}: {step}\n  {}\n", plan.say);
    let next = match (&plan.next, made) {
        (_, Some(made)) => made.trim_end().to_owned(),
        (Next::Rotate(_), None) => "next: run this with `--yes`; `--dry-run` shows the change".to_owned(),
        (Next::You, None) => "next: your turn; then run this again".to_owned(),
        (Next::Wait(Some(until)), None) => format!("next: run this again after {}", date::written(*until)),
        (Next::Wait(None), None) => "next: run this again".to_owned(),
    };
    next.lines().for_each(|line| text.extend(["  ", line, "\n"]));
    text
}
