//! What `/keys` says, and `/status` in short: every key with its state, its use, and whether it may go. Never a secret.

use serde_json::{Value, json};

use super::Ops;
use crate::policy::seal::With;
use crate::policy::upkeep::rotation::{Next, Plan};
use crate::policy::upkeep::{Member, OVERLAP, Upkeep, Use, View};
use crate::sig::key::State;
use crate::telemetry::rfc3339;

/// More keyrings than these are only counted on `/status`.
pub(super) const TOLD: usize = 100;

/// The body of `/keys`.
pub(super) fn whole(ops: &Ops) -> Value {
    let (now, started, upkeep) = (ops.clock.now(), (ops.status)().started, (ops.upkeep)());
    let uses = ops.telemetry.uses(now);
    let rings = upkeep.iter().map(|upkeep| ring(upkeep, &upkeep.view(&uses, started, now)));
    json!({"now": rfc3339(now), "started": rfc3339(started), "keyrings": rings.collect::<Vec<_>>()})
}

/// The part of `/status`: keys and plans of the first keyrings.
pub(super) fn summary(ops: &Ops) -> Value {
    let (now, started, upkeep) = (ops.clock.now(), (ops.status)().started, (ops.upkeep)());
    let uses = ops.telemetry.uses(now);
    let rings = upkeep.iter().take(TOLD).map(|upkeep| {
        let view = upkeep.view(&uses, started, now);
        let keys = view.members.iter().map(|member| {
            let retire = view.retire(member);
            json!({
                "id": &*member.key.id,
                "state": state(member.key.state(now)),
                "age": upkeep.age(&member.key, now).name(),
                "age_seconds": member.key.created.map(|created| now.since(created).as_secs()),
                "last_used": last(member),
                "requests_last_hour": hour(member),
                "safe_to_retire": {"answer": retire.answer.name(), "why": retire.why},
            })
        });
        let keys: Vec<_> = keys.collect();
        let plans: Vec<_> = view.plans(OVERLAP, false).iter().map(plan).collect();
        json!({"name": &**upkeep.ring.name(), "count": upkeep.ring.len(), "keys": keys, "rotation": plans})
    });
    rings.collect()
}

/// One keyring of `/keys`.
pub(crate) fn ring(upkeep: &Upkeep, view: &View<'_>) -> Value {
    let keys: Vec<_> = view.members.iter().map(|member| key(view, member)).collect();
    json!({
        "name": &**upkeep.ring.name(),
        "source": upkeep.origin.kind(),
        "verifies": upkeep.verifies,
        "signs": upkeep.signs.map(signs),
        "max_age_seconds": upkeep.max_age.as_secs(),
        "quiet_seconds": upkeep.quiet.as_secs(),
        "count": upkeep.ring.len(),
        "usable": upkeep.ring.count_usable(view.now),
        "told_apart": !view.watch.is_some_and(|watch| watch.blurred),
        "keys": keys,
    })
}

fn signs(with: With) -> &'static str {
    match with {
        With::Newest => "newest",
        With::All => "all",
    }
}

/// One key. `uses` and `last_used` are those of verifying.
fn key(view: &View<'_>, member: &Member) -> Value {
    let (key, now, retire) = (&member.key, view.now, view.retire(member));
    json!({
        "id": &*key.id,
        "principal": &*key.principal,
        "state": state(key.state(now)),
        "observe": key.observe,
        "created": key.created.map(rfc3339),
        "age_seconds": key.created.map(|created| now.since(created).as_secs()),
        "age": view.upkeep.age(key, now).name(),
        "due": view.upkeep.due(key).map(rfc3339),
        "sign": {"from": key.sign.from.map(rfc3339), "until": key.sign.until.map(rfc3339)},
        "verify": {"from": key.verify.from.map(rfc3339), "until": key.verify.until.map(rfc3339)},
        "uses": member.verified.count,
        "last_used": member.verified.last.map(rfc3339),
        "requests_last_hour": member.verified.hour,
        "verified": used(member.verified),
        "signed": used(member.signed),
        "safe_to_retire": {
            "answer": retire.answer.name(),
            "why": retire.why,
            "from": retire.from.map(rfc3339),
        },
    })
}

fn used(used: Use) -> Value {
    json!({"count": used.count, "last_hour": used.hour, "last": used.last.map(rfc3339)})
}

/// In either direction.
fn last(member: &Member) -> Option<String> {
    member.verified.last.max(member.signed.last).map(rfc3339)
}

fn hour(member: &Member) -> u64 {
    member.verified.hour.saturating_add(member.signed.hour)
}

/// One rotation.
pub(crate) fn plan(plan: &Plan) -> Value {
    let until = match &plan.next {
        Next::Wait(until) => until.map(rfc3339),
        Next::You | Next::Rotate(_) => None,
    };
    json!({
        "principal": &*plan.principal,
        "old": plan.old.as_deref(),
        "new": plan.new.as_deref(),
        "step": plan.step.name(),
        "next": plan.next.name(),
        "until": until,
        "say": plan.say,
    })
}

/// One word for a state.
pub(crate) const fn state(state: State) -> &'static str {
    match state {
        State::Pending => "pending",
        State::Active => "active",
        State::Retiring => "retiring",
        State::Expired => "expired",
    }
}
