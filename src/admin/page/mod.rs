//! What `/status` says, as a page for people: complete without JavaScript, kept up to date with it, and of nothing but itself.
//!
//! **Threat:** what clients sent is shown to operators. It is text wherever it stands ([`markup`]), and the policy of the page lets nothing run or load but
//! its own style and script.

mod chart;
mod keys;
mod markup;
mod parts;

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64;
use serde_json::Value;

use super::told::{ago, each, number, span, text};
use markup::Html;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("live.js");

/// `Content-Security-Policy` of every page.
pub(super) static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| BASE64.encode(digest(&SHA256, text.as_bytes()).as_ref());
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
});

/// The page that shows what `/status` says as JSON.
pub(super) fn status(told: &Value) -> String {
    page("countersign", |html| {
        header(html, told);
        html.tag("<main id=main>");
        for part in [
            parts::traffic,
            parts::codes,
            parts::captured,
            keys::keyrings,
            parts::stores,
            parts::listeners,
            parts::upstreams,
            parts::reloads,
            parts::warnings,
        ] {
            part(html, told);
        }
        html.tag("</main><script>").tag(SCRIPT).tag("</script>");
    })
}

/// The page that says why a request was refused.
pub(super) fn explanation(id: &str, report: &str) -> String {
    page("A refused request - countersign", |html| {
        html.tag("<header><h1>Request <code>").text(id).tag("</code></h1></header>");
        html.tag("<main id=main><pre tabindex=0 aria-label=Explanation>")
            .text(report)
            .tag("</pre><p><a href=\"/status\">Status</a></p></main>");
    })
}

fn page(title: &'static str, fill: impl FnOnce(&mut Html)) -> String {
    let mut html = Html::default();
    html.tag(
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width\">",
    );
    html.tag("<meta name=color-scheme content=\"light dark\"><title>").tag(title).tag("</title><style>").tag(STYLE);
    html.tag("</style></head><body>");
    fill(&mut html);
    html.tag("</body></html>\n");
    html.into_string()
}

fn header(html: &mut Html, told: &Value) {
    let ready = told.get("ready").and_then(Value::as_bool).unwrap_or_default();
    html.tag("<header id=header><h1>countersign <small>").text(text(told, "version")).tag("</small></h1><p id=told>");
    html.tag(if ready { "<span class=good>ready</span>" } else { "<span class=bad>not ready</span>" });
    html.tag(", up for ").text(&span(number(told, "uptime_seconds"))).tag(", as of <time>");
    html.text(text(told, "now")).tag("</time></p></header>");
}

/// A part with a heading; `id` is how the script finds it.
fn section(html: &mut Html, id: &'static str, title: &'static str, fill: impl FnOnce(&mut Html)) {
    html.tag("<section id=").tag(id).tag(" aria-labelledby=").tag(id).tag("-title><h2 id=").tag(id).tag("-title>");
    html.tag(title).tag("</h2>");
    fill(html);
    html.tag("</section>");
}

/// An id that can stand in a path as it is.
pub(super) fn is_plain_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    (1..=128).contains(&id.len()) && id.bytes().all(plain) && !id.bytes().all(|byte| byte == b'.')
}

#[cfg(test)]
mod tests;
