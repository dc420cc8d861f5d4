//! The page of the built-in schemes, printed from what they prove.

use std::fmt::Write as _;

use super::{Declaration, builtins, compile};
use crate::printed::is_current;
use crate::sig::scheme::{Covers, Facts, Scheme};

const INTRODUCTION: &str = "\
# The built-in schemes

Printed from `schemes/*.yaml`; `COUNTERSIGN_WRITE_DOCS=1 cargo test --lib manual` prints it anew. Where a scheme has alternatives, *covers* is what all of them
cover; *payload* is the JSON value that an envelope holds, and nothing beside it. *Window* is how old and how far ahead a stamp may be. *Legacy* are the doors that a route may open, see [migration.md](migration.md).

| scheme | what it is | headers | covers | window | does | legacy |
|---|---|---|---|---|---|---|
";

const SEEN: &str = r#"
## See it

<!-- file: countersign.yaml -->
```yaml
version: 1
listeners: {public: {address: "127.0.0.1:8080"}}
upstreams: {app: {url: "http://127.0.0.1:8000"}}
keyrings: {clients: {directory: keys}}
routes:
  - {path: /stripe, verify: stripe, keys: clients, upstream: app}
```
```console
$ countersign schemes list | grep '^stripe '
stripe                   -5m +5m              yes    …
$ countersign schemes show stripe | grep message
message: "{timestamp}.{body}"
$ mkdir keys && (umask 077; printf 0123456789abcdefghijklmnopqrstuv > keys/my-client)
$ countersign run --config countersign.yaml &
$ countersign sign --config countersign.yaml --curl -d paid http://127.0.0.1:8080/stripe | sh
POST /stripe
stripe-signature: t=…,v1=…
x-countersign-key: my-client
x-countersign-principal: my-client
paid
$ curl -o /dev/null -w '%{http_code}\n' -d paid http://127.0.0.1:8080/stripe
401
```
"#;

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (name, yaml) in builtins() {
        let declaration: Declaration = serde_yaml::from_str(yaml).unwrap();
        let scheme = compile(name, &declaration).unwrap();
        let members: Vec<&Facts> = match scheme.alternatives() {
            [] => vec![scheme.facts()],
            members => members.iter().map(|member| member.facts()).collect(),
        };
        let cells = [
            what(yaml),
            headers(&members),
            covers(&scheme, &members),
            window(&members),
            does(&scheme),
            doors(&declaration),
        ];
        writeln!(page, "| `{name}` | {} |", cells.join(" | ")).unwrap();
    }
    page + SEEN
}

fn what(yaml: &str) -> String {
    let lines = yaml.lines().map_while(|line| line.strip_prefix("# "));
    lines.collect::<Vec<_>>().join(" ")
}

fn headers(members: &[&Facts]) -> String {
    let mut names: Vec<String> = Vec::new();
    for name in members.iter().flat_map(|facts| &facts.announced).map(|name| format!("`{name}`")) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { "-".to_owned() } else { names.join(" ") }
}

fn covers(scheme: &Scheme, members: &[&Facts]) -> String {
    if scheme.has_payload() {
        return "payload".to_owned();
    }
    let list = |Covers { body, timestamp, nonce, key_id, method, path, query }: Covers| {
        [
            ("method", method),
            ("path", path),
            ("query", query),
            ("body", body),
            ("stamp", timestamp),
            ("nonce", nonce),
            ("key id", key_id),
        ]
    };
    let by_all = |part: &&(&str, bool)| members.iter().all(|facts| list(facts.covers).contains(&(part.0, true)));
    let parts = list(Covers::default());
    let names: Vec<&str> = parts.iter().filter(by_all).map(|(name, _)| *name).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

fn window(members: &[&Facts]) -> String {
    let Some((past, future)) = members.iter().find_map(|facts| facts.window) else { return "-".to_owned() };
    format!("{} / {}", humantime::format_duration(past), humantime::format_duration(future))
}

fn does(scheme: &Scheme) -> String {
    match (scheme.facts().can_sign.is_ok(), scheme.can_issue().is_ok()) {
        (true, _) => "verifies, signs".to_owned(),
        (false, true) => "verifies, makes links".to_owned(),
        (false, false) => "verifies".to_owned(),
    }
}

fn doors(declaration: &Declaration) -> String {
    let mut names: Vec<String> = Vec::new();
    let all = std::iter::once(declaration).chain(&declaration.any_of).flat_map(|one| &one.legacy.0);
    for name in all.map(|(name, _)| format!("`{name}`")) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { "-".to_owned() } else { names.join(" ") }
}

#[test]
fn the_page_of_the_catalogue_is_what_the_schemes_prove() {
    is_current("docs/catalogue.md", &page(), "schemes/*.yaml");
}

#[test]
fn the_page_of_migration_names_every_door() {
    let page = include_str!("../../../docs/migration.md");
    for (scheme, yaml) in builtins() {
        let declaration: Declaration = serde_yaml::from_str(yaml).unwrap();
        for door in doors(&declaration).split(' ').filter(|door| *door != "-") {
            assert!(page.contains(door), "{scheme}: {door}");
        }
    }
}
