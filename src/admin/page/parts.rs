//! The other parts of the page: refusals, kept requests, stores, listeners, upstreams, reloads, warnings.

use serde_json::Value;

use super::markup::Html;
use super::{ago, chart, each, is_plain_id, number, section, span, text};

/// Seconds before its end in which a certificate is said to end soon.
const SOON: i64 = 14 * 86_400;

pub(super) fn traffic(html: &mut Html, told: &Value) {
    let Some(traffic) = told.get("traffic") else { return };
    section(html, "traffic", "Requests", |html| {
        let [verified, observed, public, refused] =
            ["verified", "observed", "public", "refused"].map(|verdict| chart::list(traffic.get(verdict)));
        let others = observed.iter().zip(&public).map(|(one, other)| one.saturating_add(*other));
        let permitted: Vec<_> = verified.iter().zip(others).map(|(one, other)| one.saturating_add(other)).collect();
        let seconds = number(traffic, "step_seconds");
        chart::hour(html, ("permitted", "Permitted"), &permitted, seconds);
        chart::hour(html, ("refused", "Refused"), &refused, seconds);
        html.tag("<p>In the last hour: ");
        for (name, steps) in [("verified", verified), ("observed", observed), ("public", public), ("refused", refused)]
        {
            html.number(steps.iter().fold(0, |sum: u64, step| sum.saturating_add(*step))).tag(" ").tag(name).tag(", ");
        }
        html.number(number(told, "in_flight")).tag(" in flight now.</p>");
    });
}

pub(super) fn codes(html: &mut Html, told: &Value) {
    section(html, "codes", "Refusals and failures", |html| {
        let mut codes: Vec<_> = each(told, "codes").collect();
        codes.sort_by_key(|code| std::cmp::Reverse(number(code, "count")));
        if codes.is_empty() {
            html.tag("<p>None since the start.</p>");
            return;
        }
        html.table("Since the start, by code", &["Code", "#Status", "#Count", "What happened", "What helps"], |html| {
            for code in codes {
                html.tag("<tr><th scope=row><code>").text(text(code, "code")).tag("</code></th><td class=n>");
                html.plain(number(code, "status"))
                    .tag("</td><td class=n>")
                    .number(number(code, "count"))
                    .tag("</td><td>");
                html.prose(text(code, "detail")).tag("</td><td>").prose(text(code, "fix")).tag("</td></tr>");
            }
        });
    });
}

pub(super) fn captured(html: &mut Html, told: &Value) {
    let kept: Vec<_> = each(told, "captured").collect();
    if kept.is_empty() {
        return;
    }
    section(html, "kept", "Refused requests that are kept", |html| {
        html.table("Newest first; each is explained", &["Time", "Code", "Route", "Request id"], |html| {
            for request in kept.iter().rev() {
                let id = text(request, "request_id");
                html.tag("<tr><td>").text(text(request, "time")).tag("</td><td><code>").text(text(request, "code"));
                html.tag("</code></td><td><code>").text(text(request, "route")).tag("</code></td><td>");
                if is_plain_id(id) {
                    html.tag("<a href=\"/explain/").text(id).tag("\"><code>").text(id).tag("</code> explained</a>");
                } else {
                    html.tag("<code>").text(id).tag("</code>");
                }
                html.tag("</td></tr>");
            }
        });
    });
}

pub(super) fn stores(html: &mut Html, told: &Value) {
    section(html, "stores", "Replay store and held bodies", |html| {
        html.tag("<dl>");
        if let Some(replay) = told.get("replay") {
            html.tag("<dt>Claims remembered, one or more for each request</dt><dd>");
            chart::fill(html, replay);
            html.tag("</dd>");
        }
        for (name, budget) in told.get("held_bodies").and_then(Value::as_object).into_iter().flatten() {
            html.tag("<dt>Bytes of bodies, ").text(name).tag("</dt><dd>");
            chart::fill(html, budget);
            html.tag("</dd>");
        }
        html.tag("</dl>");
    });
}

pub(super) fn listeners(html: &mut Html, told: &Value) {
    section(html, "listeners", "Listeners", |html| {
        html.table(
            "Listeners and their certificates",
            &["Listener", "Address", "TLS", "#Connections", "Certificates"],
            |html| {
                for listener in each(told, "listeners") {
                    html.tag("<tr><th scope=row>")
                        .text(text(listener, "name"))
                        .tag("</th><td><code>")
                        .text(text(listener, "address"));
                    let tls = listener.get("tls").and_then(Value::as_bool).unwrap_or_default();
                    html.tag("</code></td><td>").tag(if tls { "yes" } else { "no" }).tag("</td><td class=n>");
                    html.number(number(listener, "connections")).tag("</td><td>");
                    each(listener, "certificates").for_each(|one| certificate(html, one));
                    html.tag("</td></tr>");
                }
            },
        );
    });
}

fn certificate(html: &mut Html, certificate: &Value) {
    html.tag("<div><code>").text(text(certificate, "origin")).tag("</code> ");
    match certificate.get("left_seconds").and_then(Value::as_i64) {
        None => html.tag("<span class=warn>cannot be read</span>"),
        Some(..=0) => html.tag("<span class=bad>expired</span> ").text(text(certificate, "ends")),
        Some(left) => {
            html.tag(if left < SOON { "<span class=warn>" } else { "<span>" });
            html.tag("ends in ").text(&span(left.unsigned_abs())).tag("</span>")
        }
    };
    html.tag("</div>");
}

pub(super) fn upstreams(html: &mut Html, told: &Value) {
    section(html, "upstreams", "Upstreams", |html| {
        html.table("Upstreams and their health", &["Upstream", "URL", "#In flight", "Addresses"], |html| {
            for upstream in each(told, "upstreams") {
                html.tag("<tr><th scope=row>")
                    .text(text(upstream, "name"))
                    .tag("</th><td><code>")
                    .text(text(upstream, "url"));
                html.tag("</code></td><td class=n>").number(number(upstream, "in_flight")).tag("</td><td>");
                if each(upstream, "addresses").next().is_none() {
                    html.tag("<span class=quiet>not checked</span>");
                }
                for address in each(upstream, "addresses") {
                    let healthy = address.get("healthy").and_then(Value::as_bool).unwrap_or_default();
                    html.tag("<div><code>").text(text(address, "address")).tag("</code> ");
                    html.tag(if healthy {
                        "<span class=good>healthy</span>"
                    } else {
                        "<span class=bad>unhealthy</span>"
                    })
                    .tag("</div>");
                }
                html.tag("</td></tr>");
            }
        });
    });
}

pub(super) fn reloads(html: &mut Html, told: &Value) {
    section(html, "reloads", "Configuration", |html| {
        html.tag("<p>Generation ").number(number(told, "generation")).tag(", loaded ");
        html.text(&ago(text(told, "loaded"), told).unwrap_or_default()).tag(".</p>");
        for what in each(told, "needs_restart").filter_map(Value::as_str) {
            html.tag("<p class=warn>").text(what).tag(" changed, and needs a restart.</p>");
        }
        if each(told, "reloads").next().is_none() {
            html.tag("<p>No reload since the start.</p>");
            return;
        }
        html.tag("<ul class=reloads>");
        for reload in each(told, "reloads") {
            html.tag("<li><time>").text(text(reload, "time")).tag("</time> ");
            match reload.get("generation").and_then(Value::as_u64) {
                Some(generation) => html.tag("<span class=good>in force</span> as generation ").number(generation),
                None => html.tag("<span class=bad>refused</span>; the configuration before serves on"),
            };
            problems(html, reload, "problems");
            html.tag("</li>");
        }
        html.tag("</ul>");
    });
}

pub(super) fn warnings(html: &mut Html, told: &Value) {
    section(html, "warnings", "Warnings", |html| {
        if each(told, "warnings").next().is_none() {
            html.tag("<p>None.</p>");
        }
        problems(html, told, "warnings");
    });
}

fn problems(html: &mut Html, told: &Value, field: &str) {
    if each(told, field).next().is_none() {
        return;
    }
    html.tag("<ul>");
    for problem in each(told, field) {
        html.tag("<li><code>").text(text(problem, "file"));
        for place in ["line", "column"] {
            if let Some(number) = problem.get(place).and_then(Value::as_u64) {
                html.tag(":").plain(number);
            }
        }
        html.tag("</code> ").text(text(problem, "path")).tag(": ").prose(text(problem, "message"));
        for (before, field) in [("; ", "fix"), (" ", "code")] {
            if !text(problem, field).is_empty() {
                html.tag(before).prose(text(problem, field));
            }
        }
        html.tag("</li>");
    }
    html.tag("</ul>");
}
