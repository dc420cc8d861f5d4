//! What running gateways say of a keyring: who uses which key, and whether they have the keys that the file has.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::super::client::Place;
use super::super::{RUNTIME, fail};
use crate::keys::date;
use crate::policy::seal::With;
use crate::policy::upkeep::{Member, Table, Upkeep, Use, View};
use crate::sig::key::Window;
use crate::sig::time::Moment;

/// Reading counters is quick; this is a gateway that hangs.
const LIMIT: Duration = Duration::from_secs(10);

/// The answers of every gateway that was asked.
pub(super) struct Gateways {
    answers: Vec<Value>,
}

impl Gateways {
    /// Asks each of them. One that is only known from the configuration may be away: then nobody knows how keys are used.
    pub(super) fn ask(places: &[Place], demanded: bool) -> Result<Self, ExitCode> {
        let mut answers = Vec::new();
        for place in places {
            let asked = place.ask("GET", "/keys", LIMIT).map_err(|error| error.to_string());
            let read = asked.and_then(|answer| match (answer.status, serde_json::from_str(&answer.body)) {
                (200, Ok(value)) => Ok(value),
                (status, _) => Err(format!("the gateway answered {status} to `/keys`")),
            });
            match read {
                Ok(answer) => answers.push(answer),
                Err(why) if demanded => return Err(fail(RUNTIME, why)),
                Err(why) => {
                    let mut out = std::io::stderr();
                    let _closed = writeln!(out, "countersign: no gateway was asked how keys are used: {why}");
                }
            }
        }
        Ok(Self { answers })
    }

    /// The ring at `now`, with uses summed over the gateways; a key is loaded where all of them have it as it stands here.
    pub(super) fn view<'a>(&self, upkeep: &'a Upkeep, now: Moment) -> View<'a> {
        let (mut table, mut since) = (Table::default(), None);
        let rings: Vec<&Value> = self.answers.iter().filter_map(|answer| ring(answer, upkeep)).collect();
        for (answer, ring) in self.answers.iter().zip(&rings) {
            since = since.max(time(&answer["started"]));
            if ring["told_apart"] != Value::Bool(true) {
                table.other = Some(now);
            }
            for key in keys(ring) {
                let id = Arc::from(key["id"].as_str().unwrap_or_default());
                table.add(upkeep.ring.name(), &id, [used(&key["verified"]), used(&key["signed"])]);
            }
        }
        // A gateway that knows no such ring knows nothing of its keys.
        let known = !rings.is_empty() && rings.len() == self.answers.len();
        let mut view = upkeep.view(&table, since.unwrap_or(now), now);
        view.watch = view.watch.filter(|_| known && since.is_some());
        for member in &mut view.members {
            member.loaded = rings.iter().all(|ring| is_loaded(ring, member));
        }
        view
    }

    /// What the first gateway does with a ring that was named by its path.
    pub(super) fn describe(&self, upkeep: &mut Upkeep) {
        let Some(ring) = self.answers.iter().find_map(|answer| ring(answer, upkeep)).cloned() else { return };
        let seconds = |name: &str| ring.get(name).and_then(Value::as_u64).map(Duration::from_secs);
        upkeep.max_age = seconds("max_age_seconds").unwrap_or(upkeep.max_age);
        upkeep.quiet = seconds("quiet_seconds").unwrap_or(upkeep.quiet);
        upkeep.verifies = ring.get("verifies").and_then(Value::as_bool).unwrap_or(upkeep.verifies);
        upkeep.signs = match ring.get("signs").and_then(Value::as_str) {
            Some("newest") => Some(With::Newest),
            Some(_) => Some(With::All),
            None => None,
        };
    }
}

fn ring<'a>(answer: &'a Value, upkeep: &Upkeep) -> Option<&'a Value> {
    let rings = answer["keyrings"].as_array()?;
    rings.iter().find(|ring| ring["name"].as_str() == Some(&**upkeep.ring.name()))
}

fn keys(ring: &Value) -> &[Value] {
    ring["keys"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn is_loaded(ring: &Value, member: &Member) -> bool {
    let key = keys(ring).iter().find(|key| key["id"].as_str() == Some(&*member.key.id));
    let same =
        |window: Window, told: &Value| time(&told["from"]) == window.from && time(&told["until"]) == window.until;
    key.is_some_and(|key| same(member.key.sign, &key["sign"]) && same(member.key.verify, &key["verify"]))
}

fn used(value: &Value) -> Use {
    let number = |name: &str| value[name].as_u64().unwrap_or(0);
    Use { count: number("count"), hour: number("last_hour"), last: time(&value["last"]) }
}

fn time(value: &Value) -> Option<Moment> {
    value.as_str().and_then(date::parse)
}
