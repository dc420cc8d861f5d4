//! The lines of `countersign top`, as text: pure, so that a pipe gets the same as a terminal.

use std::time::Duration;

use serde_json::Value;

use crate::admin::told::{ago, each, number, numbers, span, text};

/// Bars of a chart, from nothing to the most.
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// How a line is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tone {
    Plain,
    Title,
    Quiet,
    Warn,
    Bad,
}

/// One line without anything that moves a terminal.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) tone: Tone,
    pub(super) text: String,
}

impl Line {
    /// Cut to `width` characters.
    pub(super) fn new(tone: Tone, text: &str, width: usize) -> Self {
        let shown = |character: char| {
            let hidden = character.is_control() || crate::telemetry::deceives(character);
            if hidden { character.escape_unicode().collect::<String>() } else { character.to_string() }
        };
        let text: String = text.chars().map(shown).collect();
        Self { tone, text: text.chars().take(width).collect::<String>().trim_end().to_owned() }
    }
}

/// What `told` says, and by `before`, from so long ago, how fast it changes.
pub(super) fn lines(told: &Value, before: Option<(&Value, Duration)>, width: usize) -> Vec<Line> {
    let mut screen = Screen { lines: Vec::new(), width };
    screen.header(told);
    screen.traffic(told, before);
    screen.codes(told, before);
    screen.keys(told);
    screen.places(told);
    screen.stores(told);
    screen.trouble(told);
    screen.lines
}

struct Screen {
    lines: Vec<Line>,
    width: usize,
}

impl Screen {
    fn put(&mut self, tone: Tone, text: &str) {
        self.lines.push(Line::new(tone, text, self.width));
    }

    fn title(&mut self, text: &str) {
        self.put(Tone::Plain, "");
        self.put(Tone::Title, text);
    }

    fn header(&mut self, told: &Value) {
        let ready = told.get("ready").and_then(Value::as_bool).unwrap_or_default();
        let said = format!(
            "countersign {}  {}  up {}  generation {}, loaded {}",
            text(told, "version"),
            if ready { "ready" } else { "NOT READY" },
            span(number(told, "uptime_seconds")),
            number(told, "generation"),
            ago(text(told, "loaded"), told).unwrap_or_default(),
        );
        self.put(if ready { Tone::Title } else { Tone::Bad }, &said);
    }

    fn traffic(&mut self, told: &Value, before: Option<(&Value, Duration)>) {
        let Some(traffic) = told.get("traffic") else { return };
        let earlier = before.and_then(|(before, passed)| Some((before.get("traffic")?, passed)));
        let total = |traffic: &Value, verdict: &str| traffic.get("total").map_or(0, |total| number(total, verdict));
        let mut said = Vec::new();
        for verdict in ["verified", "observed", "public", "refused"] {
            let count = total(traffic, verdict);
            let rate = earlier.map(|(earlier, passed)| rate(count, total(earlier, verdict), passed));
            said.push(format!("{verdict} {count}{}", rate.map(|rate| format!(" ({rate}/s)")).unwrap_or_default()));
        }
        self.put(Tone::Plain, &format!("requests    {}, in flight {}", said.join(", "), number(told, "in_flight")));
        let permitted =
            ["verified", "observed", "public"].map(|verdict| numbers(traffic.get(verdict)).collect::<Vec<_>>());
        let [verified, observed, public] = permitted;
        let others = observed.iter().zip(&public).map(|(one, other)| one.saturating_add(*other));
        let permitted: Vec<_> = verified.iter().zip(others).map(|(one, other)| one.saturating_add(other)).collect();
        let refused: Vec<_> = numbers(traffic.get("refused")).collect();
        for (name, steps) in [("permitted", permitted), ("refused", refused)] {
            self.put(Tone::Plain, &format!("{name:<11} {}", chart(&steps, self.width.saturating_sub(24))));
        }
    }

    fn codes(&mut self, told: &Value, before: Option<(&Value, Duration)>) {
        let mut codes: Vec<_> = each(told, "codes").collect();
        if codes.is_empty() {
            return;
        }
        codes.sort_by_key(|code| std::cmp::Reverse(number(code, "count")));
        self.title(&format!("{:<28} {:>6} {:>12} {:>9}  WHAT HELPS", "CODE", "STATUS", "COUNT", "PER SEC"));
        for code in codes {
            let (name, count) = (text(code, "code"), number(code, "count"));
            let earlier = before.map(|(before, passed)| {
                let known = each(before, "codes").find(|code| text(code, "code") == name);
                rate(count, known.map_or(0, |code| number(code, "count")), passed)
            });
            let (status, fix) = (number(code, "status"), text(code, "fix"));
            self.put(
                Tone::Plain,
                &format!("{name:<28} {status:>6} {count:>12} {:>9}  {fix}", earlier.unwrap_or_default()),
            );
        }
    }

    fn keys(&mut self, told: &Value) {
        self.title(&format!(
            "{:<36} {:<9} {:>12} {:>14} {:>10}  SAFE TO RETIRE",
            "KEY", "STATE", "AGE", "LAST USED", "LAST HOUR"
        ));
        for ring in each(told, "keyrings") {
            for key in each(ring, "keys") {
                let name = format!("{}/{}", text(ring, "name"), text(key, "id"));
                let age = key.get("age_seconds").and_then(Value::as_u64).map(span).unwrap_or_default();
                let used = ago(text(key, "last_used"), told).unwrap_or_else(|| "never".to_owned());
                let safe = key.get("safe_to_retire").unwrap_or(&Value::Null);
                let (answer, why) = (text(safe, "answer"), text(safe, "why"));
                let (state, hour) = (text(key, "state"), number(key, "requests_last_hour"));
                let tone = if state == "retiring" || state == "expired" { Tone::Warn } else { Tone::Plain };
                self.put(tone, &format!("{name:<36} {state:<9} {age:>12} {used:>14} {hour:>10}  {answer}: {why}"));
            }
            let plans =
                each(ring, "rotation").filter(|plan| (text(plan, "step"), text(plan, "next")) != ("steady", "wait"));
            for plan in plans {
                self.put(Tone::Warn, &format!("  next for {}: {}", text(plan, "principal"), text(plan, "say")));
            }
        }
    }

    fn places(&mut self, told: &Value) {
        self.title(&format!("{:<20} {:<36} {:>12}  STATE", "LISTENER, UPSTREAM", "WHERE", "OPEN"));
        for listener in each(told, "listeners") {
            let ends =
                each(listener, "certificates").filter_map(|one| one.get("left_seconds").and_then(Value::as_i64)).min();
            let state = match ends {
                Some(left @ 1..) => format!("certificate ends in {}", span(left.unsigned_abs())),
                Some(_) => "certificate EXPIRED".to_owned(),
                None => String::new(),
            };
            self.place(listener, "address", number(listener, "connections"), &state);
        }
        for upstream in each(told, "upstreams") {
            let bad = |address: &&Value| address.get("healthy").and_then(Value::as_bool) == Some(false);
            let state = match (each(upstream, "addresses").count(), each(upstream, "addresses").filter(bad).count()) {
                (0, _) => "not checked".to_owned(),
                (all, 0) => format!("{all} healthy"),
                (all, bad) => format!("{bad} of {all} UNHEALTHY"),
            };
            self.place(upstream, "url", number(upstream, "in_flight"), &state);
        }
    }

    fn place(&mut self, place: &Value, field: &str, open: u64, state: &str) {
        let tone = if state.contains("UNHEALTHY") || state.contains("EXPIRED") { Tone::Bad } else { Tone::Plain };
        self.put(tone, &format!("{:<20} {:<36} {open:>12}  {state}", text(place, "name"), text(place, field)));
    }

    fn stores(&mut self, told: &Value) {
        self.put(Tone::Plain, "");
        let fill =
            |name: &str, fill: &Value| format!("{name} {} of {}", number(fill, "used"), number(fill, "capacity"));
        let mut said = vec![fill("replay store", told.get("replay").unwrap_or(&Value::Null))];
        for (name, budget) in told.get("held_bodies").and_then(Value::as_object).into_iter().flatten() {
            said.push(fill(&format!("bodies, {name}:"), budget));
        }
        self.put(Tone::Plain, &said.join("; "));
    }

    fn trouble(&mut self, told: &Value) {
        for (tone, what, field) in [(Tone::Bad, "not reloaded", "reload_problems"), (Tone::Warn, "warning", "warnings")]
        {
            for problem in each(told, field) {
                self.put(
                    tone,
                    &format!(
                        "{what}: {} {}: {}",
                        text(problem, "file"),
                        text(problem, "path"),
                        text(problem, "message")
                    ),
                );
            }
        }
        for what in each(told, "needs_restart").filter_map(Value::as_str) {
            self.put(Tone::Warn, &format!("needs a restart: {what}"));
        }
    }
}

/// So many in a second, with one decimal.
fn rate(now: u64, before: u64, passed: Duration) -> String {
    let tenths = u128::from(now.saturating_sub(before)).saturating_mul(10_000);
    let tenths = tenths.checked_div(passed.as_millis()).unwrap_or_default();
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// The newest steps, as many as there is room for, and what the highest bar is.
fn chart(steps: &[u64], room: usize) -> String {
    let shown = steps.get(steps.len().saturating_sub(room)..).unwrap_or_default();
    let most = shown.iter().copied().max().unwrap_or_default();
    let bar = |count: &u64| {
        let eighths = u128::from(*count).saturating_mul(8).div_ceil(u128::from(most.max(1)));
        usize::try_from(eighths).ok().and_then(|place| BARS.get(place)).copied().unwrap_or_default()
    };
    format!("{} most {most}", shown.iter().map(bar).collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(verified: u64) -> Value {
        json!({
            "version": "1.2.3", "ready": true, "uptime_seconds": 61, "generation": 2, "in_flight": 1,
            "traffic": {"total": {"verified": verified, "refused": 3}, "verified": [0, 4, 8], "observed": [0, 0, 0], "public": [0, 0, 0], "refused": [0, 0, 3]},
            "codes": [{"code": "replayed", "status": 409, "count": 3, "fix": "Sign anew."}],
            "keyrings": [{"name": "ring", "keys": [{"id": "a\u{1b}[2J\u{202e}", "state": "retiring", "safe_to_retire": {"answer": "yes", "why": "unused"}}],
                "rotation": [{"principal": "shop", "step": "safe", "next": "rotate", "say": "retire it"}]}],
            "listeners": [{"name": "public", "address": "127.0.0.1:1", "connections": 7, "certificates": [{"left_seconds": -5}]}],
            "upstreams": [{"name": "app", "url": "http://app", "addresses": [{"healthy": false}, {"healthy": true}]}],
            "reload_problems": [{"file": "a.yaml", "path": "routes", "message": "wrong"}],
        })
    }

    fn shown(before: Option<(&Value, Duration)>, width: usize) -> String {
        lines(&told(20), before, width).into_iter().map(|line| line.text + "\n").collect()
    }

    #[test]
    fn everything_of_importance_is_told() {
        let before = told(10);
        let shown = shown(Some((&before, Duration::from_secs(4))), 160);
        for part in [
            "countersign 1.2.3  ready  up 1 min 1 s  generation 2",
            "verified 20 (2.5/s), observed 0 (0.0/s), public 0 (0.0/s), refused 3 (0.0/s), in flight 1",
            "permitted    ▄█ most 8",
            "replayed                        409            3       0.0  Sign anew.",
            "yes: unused",
            "next for shop: retire it",
            "certificate EXPIRED",
            "1 of 2 UNHEALTHY",
            "not reloaded: a.yaml routes: wrong",
        ] {
            assert!(shown.contains(part), "{part}\n{shown}");
        }
    }

    #[test]
    fn nothing_moves_the_terminal_and_nothing_is_wider_than_it() {
        let shown = shown(None, 60);
        assert!(shown.contains("ring/a\\u{1b}[2J\\u{202e}"), "{shown}");
        assert!(shown.lines().all(|line| line.chars().count() <= 60 && !line.contains('\u{1b}')), "{shown}");
    }

    #[test]
    fn a_chart_shows_the_newest_and_something_is_never_nothing() {
        assert_eq!(chart(&[9, 0, 1, 1000], 3), " ▁█ most 1000");
        assert_eq!(chart(&[], 3), " most 0");
    }

    #[test]
    fn a_rate_has_one_decimal() {
        assert_eq!(rate(12, 10, Duration::from_millis(1500)), "1.3");
        assert_eq!(rate(5, 10, Duration::ZERO), "0.0");
    }
}
