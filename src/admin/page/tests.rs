//! The page as text: what it says, and that nothing of a client's is markup.

use serde_json::json;

use super::*;

fn told() -> Value {
    json!({
        "version": "1.2.3", "now": "2026-11-22T10:00:00.000Z", "ready": true, "uptime_seconds": 90_061, "in_flight": 2,
        "generation": 4, "loaded": "2026-11-22T09:58:00.000Z",
        "traffic": {"step_seconds": 30, "verified": [0, 1200], "observed": [1, 0], "public": [0, 0], "refused": [0, 7]},
        "codes": [{"code": "replayed", "count": 7, "status": 409, "detail": "It was seen before", "fix": "Send a new one."}],
        "captured": [
            {"request_id": "r-1", "time": "2026-11-22T09:59:59.000Z", "code": "replayed", "route": "/<b>"},
            {"request_id": "\"><script>alert(1)</script>", "time": "", "code": "replayed", "route": "/"},
        ],
        "keyrings": [{
            "name": "partners", "count": 1, "rotation": [{"principal": "shop", "step": "switching", "next": "you", "say": "switch <it>"}],
            "keys": [{
                "id": "<img src=x>", "state": "retiring", "age": "too_old", "age_seconds": 7200, "last_used": "2026-11-22T09:59:00.000Z",
                "requests_last_hour": 1200, "safe_to_retire": {"answer": "no", "why": "used a minute ago"},
            }],
        }],
        "skews": {"at_most_seconds": [0, 1], "keys": [{"key": "<img src=x>", "requests": [1, 5, 0]}]},
        "replay": {"used": 3, "capacity": 1000}, "held_bodies": {"memory": {"used": 0, "capacity": 10}},
        "listeners": [{
            "name": "public", "address": "127.0.0.1:8443", "tls": true, "connections": 5,
            "certificates": [{"origin": "tls.crt", "ends": "2026-11-25T10:00:00.000Z", "left_seconds": 259_200}],
        }],
        "upstreams": [{"name": "app", "url": "http://app", "in_flight": 1, "addresses": [{"address": "10.0.0.1:80", "healthy": false}]}],
        "reloads": [{"time": "2026-11-22T09:58:00.000Z", "generation": null, "problems": [
            {"file": "a.yaml", "line": 3, "column": 1, "path": "routes[0]", "message": "unknown <field>", "fix": "remove it", "code": null},
        ]}],
        "needs_restart": ["the audit log"], "warnings": [],
    })
}

#[test]
fn everything_that_status_says_is_on_the_page() {
    let page = status(&told());
    for part in [
        "up for 1 d 1 h",
        "Permitted: 1,201 in the last hour, at most 1,200 in 30 seconds",
        "Refused: 7 in the last hour",
        "<code>replayed</code></th><td class=n>409</td><td class=n>7</td><td>It was seen before</td><td>Send a new one.",
        "<a href=\"/explain/r-1\">",
        "<strong>shop</strong> switch &lt;it&gt;",
        "1 min ago",
        "<strong>no</strong> <small>used a minute ago</small>",
        "0 to 1 s old: 5. ",
        "3 of 1,000",
        "ends in 3 d",
        "<span class=bad>unhealthy</span>",
        "the audit log changed, and needs a restart",
        "a.yaml:3:1</code> routes[0]: unknown &lt;field&gt;; remove it",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
}

#[test]
fn text_of_clients_is_never_markup() {
    let page = status(&told());
    for part in ["<img", "<script>alert", "/<b>", "href=\"/explain/\"", "style="] {
        assert!(!page.contains(part), "{part}");
    }
    assert_eq!(page.matches("<script>").count(), 1);
    let report = explanation("r-1", "cause  <script>alert(1)</script>");
    assert!(report.contains("cause  &lt;script&gt;") && !report.contains("<script"), "{report}");
}

#[test]
fn a_page_of_nothing_is_a_page() {
    let page = status(&json!({}));
    assert!(page.starts_with("<!doctype html>") && page.contains("There is no keyring."));
    assert!(status(&told()).len() < 100_000);
}

#[test]
fn only_the_style_and_the_script_of_the_page_are_allowed() {
    assert!(POLICY.starts_with("default-src 'none'; style-src 'sha256-"));
    assert_eq!(POLICY.matches("'sha256-").count(), 2);
    assert!(!POLICY.contains("unsafe"));
}

#[test]
fn an_id_in_a_path_is_plain() {
    for (id, plain) in
        [("a-B_1.~", true), ("", false), (".", false), ("..", false), ("a/b", false), ("a%2f", false), ("é", false)]
    {
        assert_eq!(is_plain_id(id), plain, "{id}");
    }
    assert!(!is_plain_id(&"a".repeat(129)));
}
