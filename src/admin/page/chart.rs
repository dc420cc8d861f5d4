//! Charts as SVG: bars of one colour each, with their meaning as text.

use serde_json::Value;

use super::markup::Html;
use crate::admin::history::STEPS;
use crate::admin::told::numbers;

/// In units of the drawing: a step, the height, the room for the labels at the left.
const STEP: u64 = 6;
const HEIGHT: u64 = 96;
const LEFT: u64 = 56;

/// Bars of the last hour, newest at the right.
pub(super) fn hour(html: &mut Html, (class, title): (&'static str, &'static str), steps: &[u64], seconds: u64) {
    let total = steps.iter().fold(0, |sum: u64, step| sum.saturating_add(*step));
    let most = nice(steps.iter().copied().max().unwrap_or_default());
    let width = wide(STEPS.saturating_add(1)).saturating_mul(STEP);
    html.tag("<figure class=").tag(class).tag("><figcaption>").tag(title).tag(": ").number(total);
    html.tag(" in the last hour, at most ").number(steps.iter().copied().max().unwrap_or_default()).tag(" in ");
    html.plain(seconds)
        .tag(" seconds</figcaption><svg role=img aria-label=\"")
        .tag(title)
        .tag(" by time\" viewBox=\"0 0 ");
    html.plain(width.saturating_add(LEFT)).tag(" 124\">");
    for (share, height) in [(most, 8), (most / 2, HEIGHT / 2 + 8), (0, HEIGHT + 8)] {
        html.tag("<path class=grid d=\"M56 ").plain(height).tag("h").plain(width).tag("\"/>");
        html.tag("<text class=tick x=50 y=").plain(height.saturating_add(4)).tag(">").number(share).tag("</text>");
    }
    let empty = STEPS.saturating_add(1).saturating_sub(steps.len());
    for (place, count) in steps.iter().enumerate().filter(|(_, count)| **count > 0) {
        let x = LEFT.saturating_add(wide(place.saturating_add(empty)).saturating_mul(STEP));
        let height = scaled(*count, most, HEIGHT).max(1);
        html.tag("<rect x=").plain(x).tag(" y=").plain((HEIGHT + 8).saturating_sub(height));
        html.tag(" width=5 height=").plain(height).tag("></rect>");
    }
    html.tag("<text class=first x=56 y=119>an hour ago</text><text class=last x=");
    html.plain(width.saturating_add(LEFT)).tag(" y=119>now</text></svg></figure>");
}

/// A row of few bars; `names` say what each stands for.
pub(super) fn bars(html: &mut Html, counts: &[u64], names: &[String]) {
    let most = counts.iter().copied().max().unwrap_or_default().max(1);
    html.tag("<svg class=bars role=img viewBox=\"0 0 ")
        .plain(wide(counts.len()).saturating_mul(12))
        .tag(" 24\"><title>");
    for (name, count) in names.iter().zip(counts).filter(|(_, count)| **count > 0) {
        html.text(name).tag(": ").number(*count).tag(". ");
    }
    html.tag("</title>");
    for (place, count) in counts.iter().enumerate() {
        let height = if *count > 0 { scaled(*count, most, 22).max(2) } else { 1 };
        html.tag("<rect x=").plain(wide(place).saturating_mul(12)).tag(" y=").plain(24_u64.saturating_sub(height));
        html.tag(" width=10 height=").plain(height).tag("></rect>");
    }
    html.tag("</svg>");
}

/// How much of how much, as a bar and as numbers.
pub(super) fn fill(html: &mut Html, fill: &Value) {
    let [used, capacity] =
        ["used", "capacity"].map(|field| fill.get(field).and_then(Value::as_u64).unwrap_or_default());
    html.tag("<meter min=0 max=").plain(capacity.max(1)).tag(" value=").plain(used).tag("></meter> ");
    html.number(used).tag(" of ").number(capacity);
}

/// The numbers of a list.
pub(super) fn list(value: Option<&Value>) -> Vec<u64> {
    numbers(value).collect()
}

/// The next number that is easy to halve and to read.
fn nice(most: u64) -> u64 {
    let mut power: u64 = 1;
    loop {
        for factor in [2, 4, 10] {
            if most <= power.saturating_mul(factor) {
                return power.saturating_mul(factor);
            }
        }
        power = power.saturating_mul(10);
    }
}

fn scaled(count: u64, most: u64, height: u64) -> u64 {
    let scaled = u128::from(count).saturating_mul(u128::from(height)).checked_div(u128::from(most)).unwrap_or_default();
    u64::try_from(scaled).unwrap_or(height)
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_ends_where_it_can_be_read() {
        for (most, end) in [(0, 2), (1, 2), (3, 4), (5, 10), (11, 20), (99, 100), (401, 1000), (u64::MAX, u64::MAX)] {
            assert_eq!(nice(most), end, "{most}");
        }
    }

    #[test]
    fn a_bar_is_as_high_as_its_share_and_something_is_never_nothing() {
        let mut html = Html::default();
        hour(&mut html, ("permitted", "Permitted"), &[0, 1, 1000], 30);
        let drawn = html.into_string();
        assert_eq!(drawn.matches("<rect ").count(), 2);
        assert!(drawn.contains("height=1></rect>") && drawn.contains("height=96></rect>"), "{drawn}");
        assert!(drawn.contains("1,001 in the last hour, at most 1,000 in 30 seconds"), "{drawn}");
    }

    #[test]
    fn bars_say_what_they_stand_for() {
        let mut html = Html::default();
        bars(&mut html, &[0, 3], &["<a".to_owned(), "b".to_owned()]);
        assert!(html.into_string().contains("<title>b: 3. </title>"));
    }
}
