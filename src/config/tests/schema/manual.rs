//! What the manual says of a setting, as its description.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::{Value, json};

const SCHEMES: &str = include_str!("../../../../docs/schemes.md");

/// Examples with a comment behind each setting, the heading above each, and what has these settings.
const EXAMPLES: [(&str, &str, &str); 2] = [
    (include_str!("../../../../docs/keys.md"), "## A key file", "key_declared"),
    (SCHEMES, "## signed_headers", "signedheaders"),
];

/// Its tables say in the second cell what is left out, all others in the last.
const CONFIGURATION: &str = include_str!("../../../../docs/configuration.md");

/// Pages with tables of settings, the heading above each table, and what has these settings.
const TABLES: [(&str, &str, &str); 10] = [
    (CONFIGURATION, "### The file", "file"),
    (CONFIGURATION, "### A listener", "listener"),
    (CONFIGURATION, "### An upstream", "upstream"),
    (CONFIGURATION, "### A keyring", "ring"),
    (CONFIGURATION, "### A route", "route"),
    (SCHEMES, "## Fields", "declaration"),
    (include_str!("../../../../docs/rfc9421.md"), "## Options", "rfc9421"),
    (include_str!("../../../../docs/jwt.md"), "## Options", "jwt"),
    (include_str!("../../../../docs/aws-sigv4.md"), "# AWS", "awssigv4"),
    (include_str!("../../../../docs/oauth1.md"), "## Options", "oauth1"),
];

/// A setting as a table has it: its name with dots, and what is said of it.
type Row = (String, String);

pub(super) fn describe(definitions: &mut BTreeMap<String, Value>) {
    for (page, heading, definition) in TABLES {
        let (inner, own): (Vec<Row>, Vec<Row>) = rows(page, heading).into_iter().partition(|row| is_inner(&row.1));
        for (name, text) in &own {
            let mut path: Vec<&str> = name.split('.').collect();
            let last = path.pop().unwrap_or_default();
            let holder = path.iter().try_fold(definition.to_owned(), |holder, step| {
                mapping(definitions, &definitions.get(&holder)?["properties"][step])
            });
            if let Some(schema) = holder.and_then(|holder| property(definitions, &holder, last)) {
                says(schema, text);
            }
        }
        fill(definitions, definition, (&inner, ""), &mut Vec::new());
    }
    for (page, heading, definition) in EXAMPLES {
        let lines = page.lines().skip_while(|line| !line.starts_with(heading)).skip_while(|line| *line != "```yaml");
        for line in lines.skip(1).take_while(|line| *line != "```") {
            if let Some((setting, comment)) = line.split_once(" # ")
                && let Some((name, _)) = setting.trim_start_matches([' ', '-']).split_once(':')
            {
                says(property(definitions, definition, name).unwrap(), comment);
            }
        }
    }
    for (name, text) in places() {
        let sources = definitions.values_mut().filter_map(|definition| definition.get_mut("properties"));
        for place in sources.filter(|all| all.get("from").is_some()).filter_map(|all| all.get_mut(&name)) {
            says(place, &text);
        }
    }
}

/// Where a value can sit: `| `header: X-Sig` … | … | the header |`.
fn places() -> Vec<Row> {
    let lines = table(SCHEMES, "## Where a value sits");
    let row = |line: &str| {
        Some((line.split('`').nth(1)?.split(':').next()?.to_owned(), line.split('|').nth(3)?.trim().to_owned()))
    };
    lines.filter_map(row).collect()
}

/// Whether this is said of settings inside of others, and not of those of the table.
fn is_inner(text: &str) -> bool {
    text.starts_with("within ") || text.contains(": within ")
}

/// What has no row of its own is told by the row of the mapping around it, or by one for inner settings.
fn fill(
    definitions: &mut BTreeMap<String, Value>,
    definition: &str,
    (inner, around): (&[Row], &str),
    done: &mut Vec<String>,
) {
    if done.iter().any(|name| name == definition) {
        return;
    }
    done.push(definition.to_owned());
    let settings: Vec<String> = definitions[definition]["properties"].as_object().unwrap().keys().cloned().collect();
    for name in settings {
        let told_around = around.contains(&format!("`{name}`")).then_some(around);
        let row = inner.iter().find(|row| row.0 == name && done.len() > 1).map(|row| row.1.as_str());
        let schema = property(definitions, definition, &name).unwrap();
        if let Some(text) = told_around.or(row) {
            says(schema, text);
        }
        let told = schema["description"].as_str().unwrap_or(around).to_owned();
        let schema = schema.clone();
        if let Some(within) =
            mapping(definitions, &schema).filter(|within| !TABLES.iter().any(|table| table.2 == within))
        {
            fill(definitions, &within, (inner, &told), done);
        }
    }
}

fn property<'a>(definitions: &'a mut BTreeMap<String, Value>, definition: &str, name: &str) -> Option<&'a mut Value> {
    definitions.get_mut(definition)?["properties"].get_mut(name)
}

/// The first word counts.
fn says(schema: &mut Value, text: &str) {
    if schema["description"].is_null() {
        schema["description"] = json!(text);
    }
}

/// The definition of the mapping that a setting is, or holds.
fn mapping(definitions: &BTreeMap<String, Value>, schema: &Value) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
        return definitions.get(name)?.get("properties").map(|_| name.to_owned());
    }
    let inner = schema["anyOf"].as_array().into_iter().flatten();
    let inner = inner.chain([&schema["items"], &schema["additionalProperties"]]);
    inner.filter(|inner| inner.is_object()).find_map(|inner| mapping(definitions, inner))
}

fn rows(page: &str, heading: &str) -> Vec<Row> {
    table(page, heading).flat_map(|line| settings(line, page == CONFIGURATION)).collect()
}

/// The lines of the first table below a heading.
fn table<'a>(page: &'a str, heading: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = page.lines().skip_while(move |line| !line.starts_with(heading)).skip(1);
    lines.skip_while(|line| !line.starts_with("|---")).skip(1).take_while(|line| line.starts_with('|'))
}

/// Every setting of a line: `| name, name | default | meaning |`, or with the default at the end.
fn settings(line: &str, default_first: bool) -> Vec<Row> {
    let line = line.replace("\\|", "¦");
    let mut cells: Vec<String> = line.trim_matches('|').split('|').map(|cell| plain(cell.trim())).collect();
    let names = cells.remove(0);
    let all = &names;
    let names: Vec<&str> = names.split('`').skip(1).step_by(2).collect();
    let default = if default_first { cells.remove(0) } else { cells.pop().unwrap_or_default() };
    let meaning = cells.into_iter().filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join("; ");
    let defaults: Vec<&str> = default.split(", ").collect();
    let told = |(place, name): (usize, &&str)| {
        let own = if defaults.len() == names.len() { defaults[place] } else { &default };
        let own = if own == "-" || own.is_empty() { String::new() } else { format!(" (left out: {own})") };
        let all = if names.len() > 1 { format!("{all}: ") } else { String::new() };
        ((*name).to_owned(), format!("{all}{meaning}{own}").replace('¦', "|"))
    };
    names.iter().enumerate().map(told).collect()
}

/// Text without links.
fn plain(text: &str) -> String {
    Regex::new(r"\[([^\]]+)\]\([^)]+\)").unwrap().replace_all(text, "$1").into_owned()
}
