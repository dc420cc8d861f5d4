//! The manual pages that are printed from tables, or must name everything that a table has.

use std::fmt::Write as _;
use std::time::Duration;

use super::anomaly::Kind;
use super::fixture::{key, record};
use super::{audit, event};
use crate::policy::lint::{self, Level};
use crate::printed::is_current;
use crate::reject::{Blame, Code, Rejection};

const INTRODUCTION: &str = "\
# Refusal codes

Printed from the table in `src/reject.rs`; `COUNTERSIGN_WRITE_DOCS=1 cargo test --lib manual` prints it anew.

A code is stable: clients, dashboards and alerts may depend on it. It is `code` in the answer (`application/problem+json`), in the
[audit line](audit.md) and in the [metrics](metrics.md). The status can be set per route and code.
";

const FINDINGS: &str = "\
# What the linter finds

Printed from the table in `src/policy/lint/table.rs`; `COUNTERSIGN_WRITE_DOCS=1 cargo test --lib manual` prints it anew.

What is wrong is refused; what works but leaves a door ajar is found here. `countersign check` says every **warning** with its file, line, path and
code, on standard error; `check --verbose` says **notes** too, which are true of many good configurations, and what is allowed, with the reason. A
running gateway logs each warning once, when it is loaded or a reload brings it, and lists those in force on `/status`. Notes are never logged.

For CI: `countersign check --deny warnings` ends with 78, as a mistake does, when there is a warning; `--deny notes` when there is a warning or a note.

What is right as it is says so, beside what it is about: in a route, a listener, an upstream, a keyring, in `defaults` for every route without
a `lint` of its own, or at the top of the file for everything. An unknown code and an empty reason are mistakes; a code that is not found there any more is a note.

```yaml
routes:
  - path: /mailgun
    verify: mailgun
    keys: mailgun
    lint: {allow: {body_not_covered: \"Mailgun signs no event; the handler asks its API\"}}
    upstream: app
```

A built-in scheme cannot be changed. What it leaves open is met on the route, by another scheme where the sender can, or by such an allowance with the reason.

| code | said as | why it matters | what to do |
|---|---|---|---|
";

const FINDINGS_SEEN: &str = r#"
## See it

<!-- file: countersign.yaml -->
```yaml
version: 1
listeners: {public: {address: "127.0.0.1:8080"}}
admin: "127.0.0.1:8082"
upstreams: {app: {url: "http://127.0.0.1:8000"}}
keyrings: {clients: {directory: keys}}
routes:
  - {path: "/**", verify: timestamp-body, keys: clients, upstream: app}
```
```console
$ mkdir keys && (umask 077; printf 0123456789abcdefghijklmnopqrstuv > keys/my-client)
$ countersign check --config countersign.yaml
warning: countersign.yaml:7:5: routes[0]: a captured request can be sent again for 2m; … [replay_off]
warning: countersign.yaml:7:5: routes[0]: scheme `timestamp-body` does not cover the path: … [path_not_covered]
countersign.yaml: OK, 1 route, 2 warnings
$ countersign run --config countersign.yaml &
$ curl http://127.0.0.1:8082/status | grep -o 'a captured request can be sent again'
a captured request can be sent again
$ sed -i 's/upstream: app}/replay: {by: signature}, upstream: app}/' countersign.yaml
$ countersign check --config countersign.yaml
countersign.yaml: OK, 1 route, 0 warnings
```
"#;

fn findings() -> String {
    let mut page = FINDINGS.to_owned();
    for row in lint::Code::ALL.iter().map(|code| code.row()) {
        let level = match row.level {
            Level::Warning => "warning",
            Level::Note => "note",
        };
        let given = row.given.map_or_else(String::new, |given| format!(". With a built-in scheme: {given}"));
        writeln!(page, "| `{}` | {level} | {} | {}{given} |", row.code, row.why, row.fix).unwrap();
    }
    page + FINDINGS_SEEN
}

#[test]
fn the_page_of_findings_is_the_table() {
    is_current("docs/lint.md", &findings(), "src/policy/lint/table.rs");
}

const CODES_SEEN: &str = r#"
## See it

<!-- file: countersign.yaml -->
```yaml
version: 1
listeners: {public: {address: "127.0.0.1:8080"}}
health: "127.0.0.1:8081"
upstreams: {app: {url: "http://127.0.0.1:8000"}}
keyrings: {clients: {directory: keys}}
routes:
  - {path: /github, verify: github, keys: clients, statuses: {signature_invalid: 403}, upstream: app}
```
```console
$ mkdir keys && (umask 077; printf 0123456789abcdefghijklmnopqrstuv > keys/my-client)
$ countersign run --config countersign.yaml &
$ curl http://127.0.0.1:8080/elsewhere
{"type":"urn:countersign:code:route_not_found","title":"Not found","status":404,"detail":"…","code":"route_not_found","request_id":"…"}
$ curl -d paid -H "X-Hub-Signature-256: sha256=$(printf %064d 0)" http://127.0.0.1:8080/github
{"type":"urn:countersign:code:signature_invalid","title":"Unauthorized","status":403,"detail":"Invalid HMAC signature","code":"signature_invalid","request_id":"…"}
$ curl http://127.0.0.1:8081/metrics | grep 'requests_total.*signature_invalid'
countersign_requests_total{route="/github",verdict="refused",code="signature_invalid",key=""} 1
```
"#;

fn codes() -> String {
    let mut page = INTRODUCTION.to_owned();
    let parts = [
        (Blame::Request, "The request is not well-formed or exceeds a limit"),
        (Blame::Proof, "The request proves nothing, or not enough"),
        (Blame::Replay, "The request was seen before"),
        (Blame::Gateway, "The gateway cannot judge or take it now"),
        (Blame::Upstream, "The upstream did not answer properly"),
    ];
    for (blame, title) in parts {
        write!(page, "\n## {title}\n\n| code | status | the client is told | what to do |\n|---|---|---|---|\n")
            .unwrap();
        for reason in Code::ALL.iter().map(|code| code.reason()).filter(|reason| reason.blame == blame) {
            writeln!(page, "| `{}` | {} | {} | {} |", reason.code, reason.status, reason.detail, reason.fix).unwrap();
        }
    }
    page + CODES_SEEN
}

#[test]
fn the_page_of_codes_is_the_table() {
    is_current("docs/codes.md", &codes(), "src/reject.rs");
}

#[test]
fn the_page_of_the_audit_line_names_every_field_in_order() {
    let mut told = record();
    told.trace_id = Some("t".into());
    told.peer = Some(std::net::Ipv4Addr::LOCALHOST.into());
    told.key = Some(key("k"));
    told.rejection = Some(Rejection::from(Code::Replayed).because("note"));
    told.skew = Some(1);
    told.unchecked = true;
    (told.upstream, told.upstream_status) = (Some("app".into()), Some(200));
    (told.waited, told.digest) = (Some(Duration::ZERO), Some(Box::new([0; 32])));
    (told.judged, told.answered) = (Some(Duration::ZERO), Some(Duration::ZERO));
    let mut line = Vec::new();
    audit::write(&told, &mut line);
    event::add_cause(&mut line, "unknown");
    let line: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&line).unwrap();
    let page = include_str!("../../docs/audit.md");
    let (_, page) = page.split_once("## Requests").unwrap();
    let (page, _) = page.split_once("## Events").unwrap();
    let rows = page.lines().filter_map(|row| row.strip_prefix("| `")?.split_once('`'));
    let names: Vec<&str> = rows.map(|(name, _)| name).collect();
    assert_eq!(names, line.keys().collect::<Vec<_>>());
    let schema = schema();
    let described = schema["$defs"]["request"]["properties"].as_object().unwrap();
    assert_eq!(names, described.keys().collect::<Vec<_>>());
}

fn schema() -> serde_json::Value {
    serde_json::from_str(include_str!("../../docs/audit.schema.json")).unwrap()
}

#[test]
fn the_schema_knows_every_kind_of_anomaly() {
    let schema = schema();
    let kinds = schema["$defs"]["anomaly"]["properties"]["kind"]["enum"].as_array().unwrap();
    assert!(Kind::ALL.iter().map(|kind| kind.name()).eq(kinds.iter().filter_map(|kind| kind.as_str())));
}
