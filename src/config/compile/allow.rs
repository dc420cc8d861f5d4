//! What the linter finds and the configuration expects: `lint: {allow: {code: reason}}` beside whatever it is about.

use super::super::field::{Field, Named};
use super::super::raw::{File, Lint};
use super::super::report::{Allowance, Report, Spot};
use super::super::suggest;
use crate::policy::lint::Code;

/// Notes every allowance of the file, and refuses those that name nothing or give no reason.
pub(crate) fn collect(file: &File, root: Spot, report: &Report) {
    note(&file.lint, root, report);
    for (route, spot) in file.routes.get().into_iter().flatten().filter_map(Field::found) {
        note(&route.lint, spot, report);
    }
    for (listener, spot) in entries(&file.listeners) {
        note(&listener.lint, spot, report);
    }
    for (upstream, spot) in entries(&file.upstreams) {
        note(&upstream.lint, spot, report);
    }
    let rings = file.keyrings.get().into_iter().flat_map(|keyrings| &keyrings.rings);
    for (ring, spot) in rings.filter_map(|(_, ring)| ring.found()) {
        note(&ring.lint, spot, report);
    }
}

fn entries<T>(named: &Field<Named<T>>) -> impl Iterator<Item = (&T, Spot)> {
    named.get().into_iter().flat_map(|named| &named.0).filter_map(|(_, one)| one.found())
}

fn note(lint: &Field<Lint>, below: Spot, report: &Report) {
    let allowed = lint.get().and_then(|lint| lint.allow.get()).into_iter().flat_map(|named| &named.0);
    for (name, (reason, at)) in allowed.filter_map(|(name, reason)| Some((name, reason.found()?))) {
        let Some(code) = Code::by_name(name) else {
            let fix = suggest::fix(name, Code::ALL.iter().map(|code| code.row().code));
            report.error_at_key(at, &format!("the linter knows no {}", suggest::quoted(name)), fix.as_deref());
            continue;
        };
        if reason.trim().is_empty() {
            report.error(at, "a reason is missing", Some("say why it is right here, for whoever reads it next"));
        }
        report.allow(Allowance { below, at, code, reason: reason.clone() });
    }
}
