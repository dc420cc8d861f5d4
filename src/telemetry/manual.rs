//! The manual pages that are printed from tables, or must name everything that a table has.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::audit::Line;
use super::fixture::{key, record};
use crate::reject::{Blame, Code, Rejection};

/// Set, it writes docs/codes.md instead of comparing.
const WRITE: &str = "COUNTERSIGN_WRITE_DOCS";

const INTRODUCTION: &str = "\
# Refusal codes

Printed from the table in `src/reject.rs`; `COUNTERSIGN_WRITE_DOCS=1 cargo test --lib manual` prints it anew.

A code is stable: clients, dashboards and alerts may depend on it. It is `code` in the answer (`application/problem+json`), in the
[audit line](audit.md) and in the [metrics](metrics.md). The status can be set per route and code.
";

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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/codes.md");
    let page = codes();
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written == page, "docs/codes.md differs from src/reject.rs: run this test with {WRITE}=1");
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
    (told.judged, told.answered) = (Some(Duration::ZERO), Some(Duration::ZERO));
    let mut line = Vec::new();
    Line::of(&told).write(&mut line);
    let line: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&line).unwrap();
    let page = include_str!("../../docs/audit.md");
    let rows = page.lines().filter_map(|row| row.strip_prefix("| `")?.split_once('`'));
    assert!(rows.map(|(name, _)| name).eq(line.keys()));
}
