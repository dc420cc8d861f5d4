//! The manual pages that are printed from tables, or must name everything that a table has.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::anomaly::Kind;
use super::fixture::{key, record};
use super::{audit, event};
use crate::policy::lint::{self, Level};
use crate::reject::{Blame, Code, Rejection};

/// Set, pages are written instead of compared.
const WRITE: &str = "COUNTERSIGN_WRITE_DOCS";

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
    page
}

#[test]
fn the_page_of_findings_is_the_table() {
    is_printed("docs/lint.md", &findings(), "src/policy/lint/table.rs");
}

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
    page
}

#[test]
fn the_page_of_codes_is_the_table() {
    is_printed("docs/codes.md", &codes(), "src/reject.rs");
}

/// The page says what the table says; or is written so.
fn is_printed(name: &str, page: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "{name} differs from {table}: run this test with {WRITE}=1");
}

#[test]
fn the_page_of_the_audit_line_names_every_field_in_order() {
    let mut told = record();
    told.trace_id = Some("t".into());
    told.peer = Some(std::net::Ipv4Addr::LOCALHOST.into());
    told.key = Some(key("k"));
    told.rejection = Some(Rejection::from(Code::Replayed).because("note"));
    told.skew = Some(1);
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
