//! Keyrings by name: declared ones, and those found below `keyrings.directory`. Loaded once, when something names them.

mod source;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::super::field::Field;
use super::super::raw::File;
use super::super::raw::upstreams::Ring;
use super::super::report::{Report, Spot};
use super::super::suggest;
use super::super::values::Of;
use super::ages;
use super::files::Files;
use crate::config::Problem;
use crate::keys::{self, Source};
use crate::policy::gate::{Keys, NamePart};
use crate::policy::upkeep::Origin;
use crate::sig::keyring::Keyring;
use crate::sig::time::Moment;

/// A key older than this is worth a warning where the ring does not say otherwise.
const MAX_AGE: Duration = Duration::from_hours(90 * 24);

/// The keyrings that routes can name.
pub(crate) struct Keyrings<'a> {
    declared: BTreeMap<&'a str, &'a Field<Ring>>,
    directory: Option<(PathBuf, Spot)>,
    files: &'a Files<'a>,
    report: &'a Report,
    now: Moment,
    loaded: RefCell<BTreeMap<String, Option<Arc<Keyring>>>>,
    terms: RefCell<BTreeMap<String, Terms>>,
}

/// What the owner of a ring demands, beside its keys.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) origin: Origin,
    pub(crate) max_age: Duration,
    pub(crate) quiet: Option<Duration>,
}

impl<'a> Keyrings<'a> {
    pub(crate) fn new(raw: &'a File, files: &'a Files<'a>, report: &'a Report, now: Moment) -> Self {
        let keyrings = raw.keyrings.get();
        let declared =
            keyrings.map(|keyrings| keyrings.rings.iter().map(|(name, ring)| (name.as_str(), ring)).collect());
        let directory = keyrings.and_then(|keyrings| keyrings.directory.found());
        Self {
            declared: declared.unwrap_or_default(),
            directory: directory.map(|(path, spot)| (files.resolve(path, spot), spot)),
            files,
            report,
            now,
            loaded: RefCell::default(),
            terms: RefCell::default(),
        }
    }

    /// The ring `name`.
    pub(crate) fn find(&self, name: &str, spot: Spot) -> Option<Arc<Keyring>> {
        if let Some(known) = self.loaded.borrow().get(name) {
            return known.clone();
        }
        let ring = match self.declared.get(name) {
            Some(declared) => declared.found().and_then(|(ring, at)| self.declared_ring(name, ring, at)),
            None => self.found_ring(name, spot),
        };
        self.loaded.borrow_mut().insert(name.to_owned(), ring.clone());
        ring
    }

    /// What `keys:` of a route means: one ring, or one for every value that its captures can have.
    pub(crate) fn keys(&self, name: &str, spot: Spot) -> Option<Keys> {
        if !name.contains('{') {
            return self.find(name, spot).map(Keys::Ring);
        }
        if let Some((directory, _)) = &self.directory {
            // A new tenant is a new directory.
            self.files.watch(directory.clone());
            if let Some((parent, _)) = name.split_once('/') {
                self.files.watch(directory.join(parent));
            }
        }
        let mut rings = HashMap::new();
        for ring in self.names().filter(|ring| fits(name, ring)) {
            let found = self.find(&ring, spot)?;
            rings.insert(ring, found);
        }
        if rings.is_empty() {
            self.report.error(
                spot,
                &format!("no keyring fits `{name}`"),
                Some("add one, e.g. as a directory below `keyrings.directory`"),
            );
            return None;
        }
        Some(Keys::Captured { pattern: name_parts(name), rings })
    }

    /// Loads the declared rings that nothing names: a mistake in them is one too.
    pub(crate) fn check_unused(&self) {
        for (name, ring) in &self.declared {
            if let Some(spot) = ring.spot {
                self.find(name, spot);
            }
        }
    }

    /// Every ring that was loaded.
    pub(crate) fn used(&self) -> Vec<Arc<Keyring>> {
        self.loaded.borrow().values().flatten().cloned().collect()
    }

    /// What the owner of this ring demands.
    pub(crate) fn terms(&self, ring: &str) -> Option<Terms> {
        self.terms.borrow().get(ring).cloned()
    }

    fn declared_ring(&self, name: &str, ring: &Ring, spot: Spot) -> Option<Arc<Keyring>> {
        let max_age = ring.max_age.get().map_or(MAX_AGE, |Of(age)| *age);
        let quiet = ring.quiet.get().map(|Of(quiet)| *quiet);
        self.load(name, &self.source(ring, spot)?, (max_age, quiet), spot)
    }

    fn found_ring(&self, name: &str, spot: Spot) -> Option<Arc<Keyring>> {
        if let Some((directory, at)) = &self.directory
            && is_plain(name)
        {
            let path = directory.join(name);
            if path.is_dir() {
                return self.load(name, &Source::Directory(path), (MAX_AGE, None), *at);
            }
        }
        let known: Vec<String> = self.names().collect();
        let fix = suggest::fix(name, known.iter().map(String::as_str));
        self.report.error(spot, &format!("unknown keyring {}", suggest::quoted(name)), fix.as_deref());
        None
    }

    fn load(
        &self,
        name: &str,
        source: &Source,
        (max_age, quiet): (Duration, Option<Duration>),
        spot: Spot,
    ) -> Option<Arc<Keyring>> {
        let terms = Terms { origin: origin(source), max_age, quiet };
        self.terms.borrow_mut().insert(name.to_owned(), terms);
        source.watched().into_iter().for_each(|path| self.files.watch(path));
        match keys::load(name, source) {
            Ok(loaded) => {
                loaded.watched.into_iter().for_each(|path| self.files.watch(path));
                for warning in loaded.warnings {
                    self.report.foreign_warning(spot, self.placed(warning, spot));
                }
                ages::tell(&loaded.ring, (max_age, self.now), spot, self.report);
                Some(Arc::new(loaded.ring))
            }
            Err(problems) => {
                for problem in problems {
                    self.report.foreign_error(self.placed(problem, spot));
                }
                None
            }
        }
    }

    /// Gives problems of keys that have no file of their own the place of the ring in the configuration.
    fn placed(&self, problem: Problem, spot: Spot) -> Problem {
        if !problem.file.as_os_str().is_empty() {
            return problem;
        }
        let here = self.report.below(spot, &problem.path);
        Problem { code: problem.code, ..self.report.problem(here, "", &problem.message, problem.fix.as_deref()) }
    }

    /// Names of all rings: declared ones and directories, the latter two levels deep.
    fn names(&self) -> impl Iterator<Item = String> {
        let declared = self.declared.keys().map(|name| (*name).to_owned());
        let directory = self.directory.iter().flat_map(|(directory, _)| {
            subdirectories(directory).into_iter().flat_map(|name| {
                let inner = subdirectories(&directory.join(&name));
                let nested: Vec<_> = inner.iter().map(|inner| format!("{name}/{inner}")).collect();
                std::iter::once(name).chain(nested)
            })
        });
        declared.chain(directory)
    }
}

fn origin(source: &Source) -> Origin {
    match source {
        Source::File(path) => Origin::File(path.clone()),
        Source::Directory(path) => Origin::Directory(path.clone()),
        Source::Env(_) => Origin::Environment,
        Source::Inline(_) => Origin::Configuration,
        Source::Pkcs11(token) => Origin::Token(token.clone()),
        Source::Derived(derived) => origin(&derived.masters),
    }
}

/// `shopify/{shop}` as its parts.
fn name_parts(pattern: &str) -> Vec<NamePart> {
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some((before, (name, after))) =
        rest.split_once('{').and_then(|(before, after)| Some((before, after.split_once('}')?)))
    {
        parts.push(NamePart::Literal(before.to_owned()));
        parts.push(NamePart::Capture(name.into()));
        rest = after;
    }
    parts.push(NamePart::Literal(rest.to_owned()));
    parts.retain(|part| !matches!(part, NamePart::Literal(text) if text.is_empty()));
    parts
}

/// Names of directories, without those that Kubernetes keeps for itself (`..data` and what it leads to).
fn subdirectories(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let directories = entries.flatten().filter(|entry| entry.path().is_dir());
    let mut names: Vec<_> = directories.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort_unstable();
    names
}

/// Whether a name cannot lead out of the directory it is looked up in.
fn is_plain(name: &str) -> bool {
    name.split('/').all(|part| !part.is_empty() && !part.starts_with('.'))
}

/// Whether `ring` is what `pattern` gives for some values of its captures.
fn fits(pattern: &str, ring: &str) -> bool {
    let (mut pattern, mut ring) = (pattern.split('/'), ring.split('/'));
    loop {
        match (pattern.next(), ring.next()) {
            (None, None) => return true,
            (Some(wanted), Some(part)) if wanted == part || wanted.starts_with('{') => {}
            _ => return false,
        }
    }
}
