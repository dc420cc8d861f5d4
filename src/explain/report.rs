//! What was found, as text for people and as JSON for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Explanation, KeyTried, Verdict};
use crate::reject::{Code, Rejection};
use crate::sig::declared::trace::Traced;
use crate::sig::key::State;
use crate::sig::stamp::Format;

/// Longest part that is shown whole.
const SHOWN: usize = 4096;

impl Explanation {
    /// The report as lines of text; `notes` are told first.
    pub fn text(&self, notes: &[String]) -> String {
        let mut out = String::new();
        for note in notes {
            line(&mut out, "note", note);
        }
        line(&mut out, "route", self.route.as_deref().unwrap_or("none"));
        line(&mut out, "scheme", self.scheme.as_deref().unwrap_or("none"));
        line(&mut out, "time", &self.time_told());
        if let Some(stale) = &self.stale {
            line(&mut out, "", &format!("by this machine's clock it would be refused: {}", told(stale)));
        }
        self.signed_text(&mut out);
        for key in &self.keys {
            line(&mut out, "key", &key_told(key));
        }
        for (key, signature) in &self.expected {
            line(&mut out, "expected", &format!("with `{key}`: {signature}"));
        }
        line(&mut out, "verdict", &self.verdict_told());
        for (place, rule) in self.rules.iter().enumerate() {
            line(&mut out, if place == 0 { "rules" } else { "" }, rule);
        }
        if matches!(self.verdict, Verdict::Refused(_)) && self.scheme.is_some() {
            line(&mut out, "cause", &self.cause_told());
        }
        out
    }

    /// The same for programs. Bytes are base64.
    pub fn json(&self, notes: &[String]) -> Value {
        let messages = self
            .signed
            .as_ref()
            .map(|all| all.iter().map(|message| message.iter().map(part_json).collect::<Vec<_>>()).collect::<Vec<_>>());
        let key = |key: &KeyTried| {
            let matches = key.matches.as_ref().ok();
            json!({"id": &*key.id, "state": state(key.state), "matches": matches, "misfit": key.matches.as_ref().err()})
        };
        let (verdict, code, note) = match &self.verdict {
            Verdict::Verified(_) => ("verified", None, None),
            Verdict::Unasked => ("unasked", None, None),
            Verdict::Refused(rejection) => ("refused", Some(rejection.code().reason().code), rejection.note()),
        };
        let cause = self.cause.as_ref().map(|found| {
            json!({"id": found.cause.id(), "sentence": found.cause.sentence(), "detail": found.detail, "key": found.key.as_deref()})
        });
        let expected: serde_json::Map<String, Value> =
            self.expected.iter().map(|(key, signature)| (key.to_string(), Value::from(signature.as_str()))).collect();
        json!({
            "notes": notes,
            "route": self.route.as_deref(),
            "scheme": self.scheme.as_deref(),
            "time": self.time.0.secs(),
            "time_is_the_stamps": self.time.1,
            "stale": self.stale.as_ref().map(|stale| stale.code().reason().code),
            "signed": messages.unwrap_or_default(),
            "keys": self.keys.iter().map(key).collect::<Vec<_>>(),
            "verdict": verdict,
            "key": if let Verdict::Verified(key) = &self.verdict { Some(key.as_ref()) } else { None },
            "code": code,
            "note": note,
            "rules": self.rules,
            "cause": cause,
            "expected": if expected.is_empty() { Value::Null } else { Value::Object(expected) },
        })
    }

    fn time_told(&self) -> String {
        let (now, own) = self.time;
        let whose = if own { ", the request's own stamp" } else { "" };
        format!("{} ({}){whose}", now.secs(), Format::Rfc3339.print(now))
    }

    fn signed_text(&self, out: &mut String) {
        match &self.signed {
            Err(rejection) => line(out, "signed", &format!("cannot be told: {}", told(rejection))),
            Ok(messages) => {
                for message in messages {
                    let length: usize = message.iter().filter_map(|part| part.bytes.as_ref()).map(Vec::len).sum();
                    line(out, "signed", &format!("{length} bytes"));
                    parts_text(out, message, 11);
                }
            }
        }
    }

    fn verdict_told(&self) -> String {
        match &self.verdict {
            Verdict::Verified(key) => format!("verified, key `{key}`"),
            Verdict::Refused(rejection) => format!("refused: {}", told(rejection)),
            Verdict::Unasked => "forwarded: the route demands no signature".to_owned(),
        }
    }

    fn cause_told(&self) -> String {
        let Some(found) = &self.cause else {
            let is_judged = |rejection: &Rejection| rejection.code() == Code::SignatureInvalid;
            let blame = match &self.verdict {
                Verdict::Refused(rejection) if is_judged(rejection) => "; most often the secret is another one",
                Verdict::Refused(_) | Verdict::Verified(_) | Verdict::Unasked => "",
            };
            return format!("cause unknown: no known mistake makes the signature hold{blame}");
        };
        let detail = if found.detail.is_empty() { String::new() } else { format!(" ({})", found.detail) };
        let key = found.key.as_ref().map_or_else(String::new, |key| format!("; with that it holds, key `{key}`"));
        format!("{}: {}{detail}{key}", found.cause.id(), found.cause.sentence())
    }
}

fn line(out: &mut String, name: &str, text: &str) {
    let _infallible = writeln!(out, "{name:<10} {text}");
}

/// One line for each part, and below it what it is made of.
fn parts_text(out: &mut String, parts: &[Traced], indent: usize) {
    for part in parts {
        let text = part.bytes.as_deref().map_or_else(|| "(the secret)".to_owned(), escaped);
        let _infallible = writeln!(out, "{:indent$}{:<18} {text}", "", origin(part));
        parts_text(out, &part.of, indent.saturating_add(2));
    }
}

fn part_json(part: &Traced) -> Value {
    let Some(bytes) = &part.bytes else { return json!({"from": origin(part), "secret": true}) };
    let mut told = json!({"from": origin(part), "base64": data_encoding::BASE64.encode(bytes), "text": escaped(bytes)});
    if let (Some(told), false) = (told.as_object_mut(), part.of.is_empty()) {
        told.insert("of".to_owned(), part.of.iter().map(part_json).collect());
    }
    told
}

fn origin(part: &Traced) -> &str {
    if part.origin.is_empty() { "text" } else { &part.origin }
}

fn told(rejection: &Rejection) -> String {
    let note = rejection.note().map_or_else(String::new, |note| format!(" ({note})"));
    format!("{}{note}", rejection.code().reason().code)
}

fn key_told(key: &KeyTried) -> String {
    let what = match &key.matches {
        Ok(true) => "made this signature".to_owned(),
        Ok(false) => "did not make this signature".to_owned(),
        Err(misfit) => format!("cannot be used: {misfit}"),
    };
    format!("`{}` ({}) {what}", key.id, state(key.state))
}

const fn state(state: State) -> &'static str {
    match state {
        State::Pending => "pending",
        State::Active => "active",
        State::Retiring => "retiring",
        State::Expired => "expired",
    }
}

/// In quotes, with every byte that is not visible ASCII escaped; a long text is cut.
fn escaped(bytes: &[u8]) -> String {
    let shown = bytes.get(..SHOWN).unwrap_or(bytes);
    let rest = bytes.len().saturating_sub(shown.len());
    let more = if rest > 0 { format!(" … and {rest} more bytes") } else { String::new() };
    format!("\"{}\"{more}", shown.escape_ascii())
}
