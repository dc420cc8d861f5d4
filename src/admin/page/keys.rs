//! Keyrings: every key with its state, its use, whether it may go, and how far its clock is off; and what to do next.

use serde_json::Value;

use super::markup::Html;
use super::{ago, chart, each, number, section, span, text};

pub(super) fn keyrings(html: &mut Html, told: &Value) {
    section(html, "keys", "Keys", |html| {
        let skews = Skews::of(told);
        for ring in each(told, "keyrings") {
            html.tag("<h3>").text(text(ring, "name")).tag("</h3>");
            let (count, keys) = (number(ring, "count"), each(ring, "keys").count());
            if count > u64::try_from(keys).unwrap_or_default() {
                html.tag("<p>").number(count).tag(" keys; those that were used are shown.</p>");
            }
            steps(html, ring);
            table(html, ring, told, &skews);
        }
        if each(told, "keyrings").next().is_none() {
            html.tag("<p>There is no keyring.</p>");
        }
    });
}

/// Where a rotation stands.
fn steps(html: &mut Html, ring: &Value) {
    for plan in each(ring, "rotation").filter(|plan| (text(plan, "step"), text(plan, "next")) != ("steady", "wait")) {
        html.tag("<p class=say><strong>")
            .text(text(plan, "principal"))
            .tag("</strong> ")
            .prose(text(plan, "say"))
            .tag("</p>");
    }
}

fn table(html: &mut Html, ring: &Value, told: &Value, skews: &Skews<'_>) {
    html.table("Keys", &["Key", "State", "Age", "Last used", "#Last hour", "Safe to retire", "Clock skew"], |html| {
        for key in each(ring, "keys") {
            let id = text(key, "id");
            html.tag("<tr><th scope=row><code>")
                .text(id)
                .tag("</code></th><td><span class=\"state ")
                .text(text(key, "state"))
                .tag("\">");
            html.text(text(key, "state")).tag("</span></td><td>");
            let age = key.get("age_seconds").and_then(Value::as_u64);
            html.text(&age.map(span).unwrap_or_default());
            if !matches!(text(key, "age"), "" | "unknown" | "fine") {
                html.tag(" <span class=warn>").text(&text(key, "age").replace('_', " ")).tag("</span>");
            }
            html.tag("</td><td>").text(&ago(text(key, "last_used"), told).unwrap_or_else(|| "never".to_owned()));
            html.tag("</td><td class=n>").number(number(key, "requests_last_hour")).tag("</td><td>");
            if let Some(safe) = key.get("safe_to_retire") {
                html.tag("<strong>")
                    .text(text(safe, "answer"))
                    .tag("</strong> <small>")
                    .prose(text(safe, "why"))
                    .tag("</small>");
            }
            html.tag("</td><td>");
            if let Some(counts) = skews.of_key(id) {
                chart::bars(html, &counts, &skews.names);
            }
            html.tag("</td></tr>");
        }
    });
}

/// How far clocks are off, by key.
struct Skews<'a> {
    told: Option<&'a Value>,
    /// What each bar stands for.
    names: Vec<String>,
}

impl<'a> Skews<'a> {
    fn of(told: &'a Value) -> Self {
        let told = told.get("skews");
        let bounds: Vec<i64> =
            told.map_or_else(Vec::new, |told| each(told, "at_most_seconds").filter_map(Value::as_i64).collect());
        Self { told, names: names(&bounds) }
    }

    fn of_key(&self, id: &str) -> Option<Vec<u64>> {
        let told = each(self.told?, "keys").find(|key| text(key, "key") == id)?;
        Some(chart::list(told.get("requests")))
    }
}

/// Below zero the stamp is ahead of our clock.
fn names(bounds: &[i64]) -> Vec<String> {
    let ahead = |seconds: i64| format!("{} s ahead", seconds.unsigned_abs());
    let mut before: Option<i64> = None;
    let mut names = Vec::new();
    for bound in bounds {
        names.push(match (before.replace(*bound), *bound) {
            (None, ..=0) => format!("more than {}", ahead(*bound)),
            (Some(from), ..=0) => format!("{} to {}", bound.unsigned_abs(), ahead(from)),
            (from, _) => format!("{} to {bound} s old", from.unwrap_or_default()),
        });
    }
    names.push(format!("more than {} s old", before.unwrap_or_default()));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bar_of_a_skew_has_a_name() {
        let names = names(&[-30, -5, 0, 1, 60]);
        let expected = [
            "more than 30 s ahead",
            "5 to 30 s ahead",
            "0 to 5 s ahead",
            "0 to 1 s old",
            "1 to 60 s old",
            "more than 60 s old",
        ];
        assert_eq!(names, expected);
    }
}
