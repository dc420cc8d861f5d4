//! `${NAME}` and `${NAME:-default}` in text values, and the only place that reads the environment.
//!
//! **Invariant:** values are put in after the file was parsed: none can become YAML.

use super::report::Report;
use super::tree::{Node, Value};

/// Where variables come from: the process, or a test.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A variable of the process's environment; `None` where unset or not UTF-8.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may ask")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Puts the environment into every text value below `node`.
pub(crate) fn resolve(node: &mut Node, lookup: Lookup<'_>, report: &mut Report) {
    match &mut node.value {
        Value::Text(text) if text.contains('$') => match expand(text, lookup) {
            Ok(expanded) => {
                expanded.secrets.iter().for_each(|secret| report.hide(secret));
                node.resolved = expanded.touched;
                *text = expanded.text;
            }
            Err(unset) => {
                let fix = format!("set it, or give a default: `${{{unset}:-…}}`; write `$${{` for a literal `${{`");
                report.error(node.spot, &format!("the environment variable `{unset}` is not set"), Some(&fix));
            }
        },
        Value::List(items) => items.iter_mut().for_each(|item| resolve(item, lookup, report)),
        Value::Map(entries) => entries.iter_mut().for_each(|entry| resolve(&mut entry.node, lookup, report)),
        _ => {}
    }
}

#[derive(PartialEq, Eq, Debug, Default)]
struct Expanded {
    text: String,
    touched: bool,
    secrets: Vec<String>,
}

/// The text with its variables, or the name of one that is not set.
fn expand(text: &str, lookup: Lookup<'_>) -> Result<Expanded, String> {
    let mut out = Expanded::default();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(literal) = before.strip_suffix('$') {
            out.text.push_str(literal);
            out.text.push_str("${");
            rest = after;
            continue;
        }
        let Some((inner, tail)) = after.split_once('}') else { break };
        out.text.push_str(before);
        let (name, default) = inner.split_once(":-").map_or((inner, None), |(name, default)| (name, Some(default)));
        let found = lookup(name).filter(|value| default.is_none() || !value.is_empty());
        if let Some(value) = &found {
            out.secrets.push(value.clone());
        }
        out.text.push_str(found.as_deref().or(default).ok_or_else(|| name.to_owned())?);
        out.touched = true;
        rest = tail;
    }
    out.text.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(input: &str) -> Result<String, String> {
        let lookup = |name: &str| match name {
            "HOST" => Some("app".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        expand(input, &lookup).map(|expanded| expanded.text)
    }

    #[test]
    fn variables_are_replaced_and_dollars_escaped() {
        for (input, output) in [
            ("http://${HOST}:80", "http://app:80"),
            ("${HOST}${HOST}", "appapp"),
            ("${NONE:-fallback}", "fallback"),
            ("${NONE:-}", ""),
            ("${EMPTY}", ""),
            ("${EMPTY:-fallback}", "fallback"),
            ("$${HOST}", "${HOST}"),
            ("$HOST", "$HOST"),
            ("${HOST", "${HOST"),
            ("a$", "a$"),
        ] {
            assert_eq!(text(input).as_deref(), Ok(output), "{input}");
        }
    }

    #[test]
    fn an_unset_variable_is_named() {
        assert_eq!(text("x ${NONE} y"), Err("NONE".to_owned()));
    }
}
