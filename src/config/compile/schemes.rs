//! Schemes by name: the file's own and the built-in ones, compiled once for each set of overrides.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;

use super::super::de::De;
use super::super::field::{Field, Many, Named};
use super::super::raw::File;
use super::super::raw::routes::Override;
use super::super::report::{Report, Spot};
use super::super::scheme::{self, Declaration, Overrides};
use super::super::values::Of;
use super::super::{suggest, tree};
use crate::sig::scheme::Scheme;

/// The schemes that routes can name.
pub(crate) struct Schemes<'a> {
    declared: HashMap<&'a str, &'a Field<Declaration>>,
    report: &'a Report,
    compiled: RefCell<HashMap<String, Option<Arc<Scheme>>>>,
    used: RefCell<HashSet<String>>,
}

impl<'a> Schemes<'a> {
    pub(crate) fn new(raw: &'a File, report: &'a Report) -> Self {
        let named = raw.schemes.get().map(|named| named.0.as_slice()).unwrap_or_default();
        let declared: HashMap<_, _> = named.iter().map(|(name, declaration)| (name.as_str(), declaration)).collect();
        for (name, declaration) in named {
            if let (Some((message, fix)), Some(spot)) = (scheme::name_fault(name), declaration.spot) {
                report.error_at_key(spot, message, Some(fix));
            }
        }
        Self { declared, report, compiled: RefCell::default(), used: RefCell::default() }
    }

    /// The scheme `name`, with the overrides of one route and the doors that it opens.
    pub(crate) fn find(
        &self,
        (name, spot): (&str, Spot),
        overrides: &Field<Override>,
        legacy: &Field<Many<String>>,
    ) -> Option<Arc<Scheme>> {
        self.used.borrow_mut().insert(name.to_owned());
        if !overrides.is_written() && !legacy.is_written() {
            return self.plain(name, spot);
        }
        let (declaration, _) = self.declaration(name, spot)?;
        let doors: Vec<String> = legacy.each().map(|(name, _)| name.clone()).collect();
        let changed = Overrides { legacy: doors, ..overrides.get().map(changes).unwrap_or_default() };
        self.compile(name, &declaration.with(changed), (overrides.spot_or(spot), legacy.spot_or(spot)))
    }

    /// Compiles the schemes that no route names: a mistake in them is one too.
    pub(crate) fn check_unused(&self) {
        for (name, declaration) in &self.declared {
            if !self.used.borrow().contains(*name)
                && let Some(spot) = declaration.spot
            {
                self.plain(name, spot);
            }
        }
    }

    fn plain(&self, name: &str, spot: Spot) -> Option<Arc<Scheme>> {
        if let Some(known) = self.compiled.borrow().get(name) {
            return known.clone();
        }
        let (declaration, at) = self.declaration(name, spot)?;
        let scheme = self.compile(name, &declaration, (at, at));
        self.compiled.borrow_mut().insert(name.to_owned(), scheme.clone());
        scheme
    }

    fn declaration(&self, name: &str, spot: Spot) -> Option<(Declaration, Spot)> {
        if let Some(declared) = self.declared.get(name) {
            return declared.found().map(|(declaration, at)| (declaration.clone(), at));
        }
        if let Some(text) = scheme::builtin(name) {
            return built_in(text).map(|declaration| (declaration, spot));
        }
        let mut known: Vec<&str> = scheme::builtins().iter().map(|(name, _)| *name).collect();
        known.extend(self.declared.keys());
        let fix = suggest::fix(name, known);
        self.report.error(spot, &format!("unknown scheme {}", suggest::quoted(name)), fix.as_deref());
        None
    }

    /// `doors` is where the route says which doors it opens.
    fn compile(&self, name: &str, declaration: &Declaration, (spot, doors): (Spot, Spot)) -> Option<Arc<Scheme>> {
        match scheme::compile(name, declaration) {
            Ok(scheme) => Some(Arc::new(scheme)),
            Err(problems) => {
                for problem in problems {
                    let of_doors = problem.path == "legacy" || problem.path.ends_with("].legacy");
                    let below = if of_doors { doors } else { self.report.below(spot, &problem.path) };
                    self.report.error(below, &problem.message, problem.fix.as_deref());
                }
                None
            }
        }
    }
}

fn changes(raw: &Override) -> Overrides {
    let texts = |field: &Field<Named<String>>| {
        let entries = field.get().into_iter().flat_map(|named| named.0.iter());
        entries.filter_map(|(name, value)| Some((name.clone(), value.get()?.clone()))).collect()
    };
    Overrides {
        algorithm: raw.algorithm.get().cloned(),
        legacy: Vec::new(),
        past: raw.past.get().map(|Of(time)| *time),
        future: raw.future.get().map(|Of(time)| *time),
        headers: texts(&raw.headers),
        settings: texts(&raw.settings),
    }
}

/// The text was compiled in and is tested there. It takes the way of every other declaration.
fn built_in(text: &str) -> Option<Declaration> {
    let mut report = Report::default();
    let node = tree::parse(text, 0, &mut report)?;
    Declaration::deserialize(De { node: &node, report: &report }).ok()
}
