//! Every problem of one run with its place; what may be a secret never gets out of here.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use super::Problem;

/// A place in a file, registered with a [`Report`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Spot {
    file: usize,
    place: Option<usize>,
}

impl Spot {
    /// The file as a whole.
    pub(crate) const fn file(file: usize) -> Self {
        Self { file, place: None }
    }

    /// Its two numbers, to carry it through serde.
    pub(super) fn pack(self) -> (usize, usize) {
        (self.file, self.place.unwrap_or(usize::MAX))
    }

    /// The inverse of [`Spot::pack`].
    pub(super) fn unpack(file: usize, place: usize) -> Self {
        Self { file, place: (place != usize::MAX).then_some(place) }
    }
}

struct Place {
    file: usize,
    at: Option<(u32, u32)>,
    key: Option<(u32, u32)>,
    path: Arc<str>,
}

/// Collects problems while a configuration is read. Shared by reference: reading goes on after each.
#[derive(Default)]
pub(crate) struct Report {
    files: Vec<Arc<Path>>,
    places: Vec<Place>,
    errors: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    /// **Threat:** a wrong value is often quoted in its message, and it may be a secret in the wrong field.
    secrets: Vec<String>,
}

impl Report {
    /// Registers a file.
    pub(crate) fn add_file(&mut self, file: &Path) -> usize {
        self.files.push(file.into());
        self.files.len().saturating_sub(1)
    }

    /// The file of a place.
    pub(crate) fn file_of(&self, spot: Spot) -> Arc<Path> {
        self.files.get(spot.file).cloned().unwrap_or_else(|| Path::new("").into())
    }

    /// Registers a place.
    pub(crate) fn place(&mut self, file: usize, at: Option<(u32, u32)>, path: String) -> Spot {
        self.places.push(Place { file, at, key: None, path: path.into() });
        Spot { file, place: Some(self.places.len().saturating_sub(1)) }
    }

    /// Registers where the key of a value stands: that is where an unknown field is.
    pub(crate) fn key(&mut self, spot: Spot, at: Option<(u32, u32)>) {
        if let Some(place) = spot.place.and_then(|place| self.places.get_mut(place)) {
            place.key = at;
        }
    }

    /// From now on this text is blacked out of every message.
    pub(crate) fn hide(&mut self, secret: &str) {
        if secret.len() >= 4 && !self.secrets.iter().any(|known| known == secret) {
            self.secrets.push(secret.to_owned());
        }
    }

    /// The line of a place, 0 where unknown.
    pub(crate) fn line(&self, spot: Spot) -> u32 {
        self.of(spot).and_then(|place| place.at).map_or(0, |(line, _)| line)
    }

    /// `file:line` of a place.
    pub(crate) fn origin(&self, spot: Spot) -> String {
        format!("{}:{}", self.file_of(spot).display(), self.line(spot))
    }

    /// The path of a place within its file.
    pub(crate) fn path(&self, spot: Spot) -> &str {
        self.of(spot).map_or("", |place| &place.path)
    }

    /// The place below `spot` with this relative path, or `spot` itself.
    pub(crate) fn below(&self, spot: Spot, relative: &str) -> Spot {
        let wanted = join(self.path(spot), relative);
        let found = self.places.iter().position(|place| place.file == spot.file && *place.path == *wanted);
        found.map_or(spot, |place| Spot { file: spot.file, place: Some(place) })
    }

    /// Something is wrong at `spot`.
    pub(crate) fn error(&self, spot: Spot, message: &str, fix: Option<&str>) {
        self.add(&self.errors, self.problem(spot, "", message, fix));
    }

    /// Something is wrong with the field `name` of `spot`, which may not be there.
    pub(crate) fn error_in(&self, spot: Spot, name: &str, message: &str, fix: Option<&str>) {
        self.add(&self.errors, self.problem(spot, name, message, fix));
    }

    /// The key itself is wrong.
    pub(crate) fn error_at_key(&self, spot: Spot, message: &str, fix: Option<&str>) {
        let mut problem = self.problem(spot, "", message, fix);
        problem.at = self.of(spot).and_then(|place| place.key.or(place.at));
        self.add(&self.errors, problem);
    }

    /// Not wrong, but worth saying.
    pub(crate) fn warn(&self, spot: Spot, message: &str, fix: Option<&str>) {
        self.add(&self.warnings, self.problem(spot, "", message, fix));
    }

    /// A problem that another part of the program found and placed.
    pub(crate) fn foreign_error(&self, problem: Problem) {
        self.add(&self.errors, problem);
    }

    /// A warning that another part of the program found and placed.
    pub(crate) fn foreign_warning(&self, problem: Problem) {
        self.add(&self.warnings, problem);
    }

    /// Whether nothing was wrong so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.errors.borrow().is_empty()
    }

    /// Errors and warnings, in the order of the files and lines.
    pub(crate) fn finish(self) -> (Vec<Problem>, Vec<Problem>) {
        let order = |problem: &Problem| {
            let file = self.files.iter().position(|file| *file == problem.file).unwrap_or(usize::MAX);
            (file, problem.at.unwrap_or_default())
        };
        let mut errors = self.errors.take();
        errors.sort_by_key(order);
        let mut warnings = self.warnings.take();
        warnings.sort_by_key(order);
        (errors, warnings)
    }

    fn of(&self, spot: Spot) -> Option<&Place> {
        self.places.get(spot.place?)
    }

    /// A problem, not yet reported.
    pub(crate) fn problem(&self, spot: Spot, name: &str, message: &str, fix: Option<&str>) -> Problem {
        Problem {
            file: self.file_of(spot),
            at: self.of(spot).and_then(|place| place.at),
            path: join(self.path(spot), name),
            message: message.to_owned(),
            fix: fix.map(str::to_owned),
        }
    }

    fn add(&self, to: &RefCell<Vec<Problem>>, mut problem: Problem) {
        problem.message = self.redact(problem.message);
        problem.fix = problem.fix.map(|fix| self.redact(fix));
        let mut list = to.borrow_mut();
        if !list.contains(&problem) {
            list.push(problem);
        }
    }

    fn redact(&self, text: String) -> String {
        self.secrets.iter().fold(text, |text, secret| text.replace(secret.as_str(), "<redacted>"))
    }
}

fn join(path: &str, name: &str) -> String {
    match (path.is_empty(), name.is_empty()) {
        (_, true) => path.to_owned(),
        (true, false) => name.to_owned(),
        (false, false) if name.starts_with('[') => format!("{path}{name}"),
        (false, false) => format!("{path}.{name}"),
    }
}
