//! Which question gets which answer, on which of the two listeners.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Ops, keys, page, view};
use crate::telemetry::Form;

/// Which of the two listeners was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// `/livez /readyz /metrics`, for whoever can connect.
    Health,
    /// Those and everything else, for this machine.
    Admin,
}

/// A question before HTTP.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) role: Role,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// A browser asks.
    pub(super) html: bool,
    /// In which form counters are wanted.
    pub(super) form: Form,
}

/// An answer before HTTP.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) allow: Option<&'static str>,
    /// What a browser may do with it.
    pub(super) policy: Option<&'static str>,
    pub(super) body: String,
}

/// Before the id of a kept request.
const KEPT: &str = "/explain/";

/// What a path stands for.
#[derive(Clone, Copy)]
enum Question {
    Livez,
    Readyz,
    Metrics,
    Status,
    Keys,
    Reload,
    Drain,
    Explain,
    /// Of the kept request with the id that ends the path.
    Kept,
}

/// Answers, on a thread of its own where the answer may take time.
pub(super) async fn answer(asked: Asked<'_>, body: Bytes, ops: Arc<Ops>) -> Answer {
    let Some(question) = question(asked.role, asked.path) else { return Answer::text(404, "not found\n") };
    if !question.allows(asked.method) {
        return Answer { allow: Some(question.allow()), ..Answer::text(405, "method not allowed\n") };
    }
    match question {
        Question::Livez => Answer::text(200, "alive\n"),
        Question::Readyz => readyz(&ops),
        Question::Metrics => metrics(&ops, asked.form),
        Question::Status if asked.html => Answer::page(page::status(&view::status(&ops))),
        Question::Status => Answer::json(200, &view::status(&ops)),
        Question::Keys => Answer::json(200, &keys::whole(&ops)),
        Question::Reload => reload(ops).await,
        Question::Explain => explain(ops, body).await,
        Question::Kept => kept(ops, asked.path.strip_prefix(KEPT).unwrap_or_default(), asked.html).await,
        Question::Drain => {
            (ops.drain)();
            Answer::json(202, &json!({"draining": true}))
        }
    }
}

fn question(role: Role, path: &str) -> Option<Question> {
    let question = match path {
        "/livez" => Question::Livez,
        "/readyz" => Question::Readyz,
        "/metrics" => Question::Metrics,
        "/status" => Question::Status,
        "/keys" => Question::Keys,
        "/reload" => Question::Reload,
        "/drain" => Question::Drain,
        "/explain" => Question::Explain,
        _ if path.strip_prefix(KEPT).is_some_and(page::is_plain_id) => Question::Kept,
        _ => return None,
    };
    (role == Role::Admin || question.is_public()).then_some(question)
}

impl Question {
    fn is_public(self) -> bool {
        match self {
            Self::Livez | Self::Readyz | Self::Metrics => true,
            Self::Status | Self::Keys | Self::Reload | Self::Drain | Self::Explain | Self::Kept => false,
        }
    }

    fn allow(self) -> &'static str {
        match self {
            Self::Livez | Self::Readyz | Self::Metrics | Self::Status | Self::Keys | Self::Kept => "GET, HEAD",
            Self::Reload | Self::Drain | Self::Explain => "POST",
        }
    }

    fn allows(self, method: &str) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method)
    }
}

fn readyz(ops: &Ops) -> Answer {
    let mut detail = ops.readiness.detail(&(ops.keyrings)(), &(ops.health)(), ops.clock.now());
    if let Some(why) = (ops.store)() {
        // Every replica sees it alike: nobody else would be better off.
        detail.extend(["replay store away: ", why.as_str(), "\n"]);
    }
    Answer::text(if ops.readiness.is_ready() { 200 } else { 503 }, detail)
}

fn metrics(ops: &Ops, form: Form) -> Answer {
    let (now, upkeep) = (ops.clock.now(), (ops.upkeep)());
    let gauges = (ops.gauges)().keyrings(&upkeep, &ops.telemetry.uses(now), (ops.status)().started, now);
    Answer::of(200, form.content_type(), ops.telemetry.render(&gauges, form))
}

/// Loading reads files, so it must not hold up a liveness probe.
async fn reload(ops: Arc<Ops>) -> Answer {
    match tokio::task::spawn_blocking(move || (ops.reload)()).await {
        Ok(Ok(generation)) => Answer::json(200, &json!({"generation": generation})),
        Ok(Err(problems)) => Answer::json(422, &json!({"problems": view::problems(&problems)})),
        Err(_) => Answer::text(500, "the reload failed in an unexpected way; see the log\n"),
    }
}

/// Trying every known mistake takes a moment, too. Where it is off, nothing is there.
async fn explain(ops: Arc<Ops>, body: Bytes) -> Answer {
    match tokio::task::spawn_blocking(move || (ops.explain)(&body)).await {
        Ok(Some(Ok(explanation))) => Answer::json(200, &explanation),
        Ok(Some(Err(why))) => Answer::text(400, format!("{why}\n")),
        Ok(None) => Answer::text(404, "not found\n"),
        Err(_) => Answer::text(500, "the explanation failed in an unexpected way; see the log\n"),
    }
}

/// The explanation of a kept request: for a browser a page.
async fn kept(ops: Arc<Ops>, id: &str, html: bool) -> Answer {
    let question = json!({"request_id": id}).to_string();
    let told = tokio::task::spawn_blocking(move || (ops.explain)(question.as_bytes())).await;
    match told {
        Ok(Some(Ok(told))) if html => {
            let report = told.get("text").and_then(Value::as_str).unwrap_or_default();
            Answer::page(page::explanation(id, report))
        }
        Ok(Some(Ok(told))) => Answer::json(200, &told),
        Ok(Some(Err(why))) => Answer::text(404, format!("{why}\n")),
        Ok(None) => Answer::text(404, "not found\n"),
        Err(_) => Answer::text(500, "the explanation failed in an unexpected way; see the log\n"),
    }
}

impl Answer {
    pub(super) fn text(status: u16, body: impl Into<String>) -> Self {
        Self::of(status, "text/plain; charset=utf-8", body.into())
    }

    fn page(body: String) -> Self {
        Self { policy: Some(&page::POLICY), ..Self::of(200, "text/html; charset=utf-8", body) }
    }

    fn json(status: u16, value: &Value) -> Self {
        Self::of(status, "application/json", format!("{value:#}\n"))
    }

    fn of(status: u16, content_type: &'static str, body: String) -> Self {
        Self { status, content_type, allow: None, policy: None, body }
    }
}
