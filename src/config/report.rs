//! Every problem of one run with its place; what may be a secret never gets out of here.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use super::Problem;
use crate::policy::lint::{Code, Level};

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

/// Something that is not wrong, before it is known whether it is allowed.
struct Finding {
    /// What it is about.
    subject: Spot,
    code: Code,
    level: Level,
    problem: Problem,
}

/// A finding that the configuration expects below a place, and why.
pub(crate) struct Allowance {
    /// Everything at and below this place.
    pub(crate) below: Spot,
    /// Where it is written.
    pub(crate) at: Spot,
    /// What is allowed.
    pub(crate) code: Code,
    /// Why.
    pub(crate) reason: String,
}

/// Everything that was said, in the order of the files and lines.
pub(crate) struct Outcome {
    /// What is wrong.
    pub(crate) errors: Vec<Problem>,
    /// What is not wrong, but worth saying.
    pub(crate) warnings: Vec<Problem>,
    /// The same, milder.
    pub(crate) notes: Vec<Problem>,
    /// Warnings and notes that are allowed, with the reason instead of a fix.
    pub(crate) allowed: Vec<Problem>,
}

/// Collects problems while a configuration is read. Shared by reference: reading goes on after each.
#[derive(Default)]
pub(crate) struct Report {
    files: Vec<Arc<Path>>,
    places: Vec<Place>,
    errors: RefCell<Vec<Problem>>,
    findings: RefCell<Vec<Finding>>,
    allowances: RefCell<Vec<Allowance>>,
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
        self.add(self.problem(spot, "", message, fix));
    }

    /// Something is wrong with the field `name` of `spot`, which may not be there.
    pub(crate) fn error_in(&self, spot: Spot, name: &str, message: &str, fix: Option<&str>) {
        self.add(self.problem(spot, name, message, fix));
    }

    /// The key itself is wrong.
    pub(crate) fn error_at_key(&self, spot: Spot, message: &str, fix: Option<&str>) {
        let mut problem = self.problem(spot, "", message, fix);
        problem.at = self.of(spot).and_then(|place| place.key.or(place.at));
        self.add(problem);
    }

    /// Not wrong, but worth saying.
    pub(crate) fn warn(&self, spot: Spot, code: Code, message: &str) {
        self.find(spot, (code, code.row().level), (message, code.row().fix));
    }

    /// Not wrong, but worth saying this loudly, with what to do about it.
    pub(crate) fn find(&self, spot: Spot, (code, level): (Code, Level), (message, fix): (&str, &str)) {
        let problem = Problem { code: Some(code), ..self.problem(spot, "", message, Some(fix)) };
        self.findings.borrow_mut().push(Finding { subject: spot, code, level, problem: self.redacted(problem) });
    }

    /// From now on what is found there is allowed, whether it was said already or not.
    pub(crate) fn allow(&self, allowance: Allowance) {
        self.allowances.borrow_mut().push(allowance);
    }

    /// A problem that another part of the program found and placed.
    pub(crate) fn foreign_error(&self, problem: Problem) {
        self.add(problem);
    }

    /// A warning that another part of the program found and placed, about what stands at `subject`.
    pub(crate) fn foreign_warning(&self, subject: Spot, problem: Problem) {
        let Some(code) = problem.code else { return };
        let level = code.row().level;
        self.findings.borrow_mut().push(Finding { subject, code, level, problem: self.redacted(problem) });
    }

    /// Whether nothing was wrong so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.errors.borrow().is_empty()
    }

    /// Everything that was said.
    pub(crate) fn finish(self) -> Outcome {
        let (mut warnings, mut notes, mut allowed) = (Vec::new(), Vec::new(), Vec::new());
        let allowances = self.allowances.take();
        let mut used = std::collections::HashSet::new();
        for finding in self.findings.take() {
            let found = allowances.iter().enumerate().find(|(_, one)| self.allows(one, &finding));
            let (list, problem) = match (found, finding.level) {
                (Some((place, one)), _) => {
                    used.insert(place);
                    (&mut allowed, Problem { fix: Some(format!("allowed: {}", one.reason)), ..finding.problem })
                }
                (None, Level::Warning) => (&mut warnings, finding.problem),
                (None, Level::Note) => (&mut notes, finding.problem),
            };
            if !list.contains(&problem) {
                list.push(problem);
            }
        }
        let unused = allowances.iter().enumerate().filter(|(place, _)| !used.contains(place));
        notes.extend(unused.filter_map(|(_, one)| self.unused(one)));
        let mut errors = self.errors.take();
        for list in [&mut errors, &mut warnings, &mut notes, &mut allowed] {
            list.sort_by_key(|one| self.order(one));
        }
        Outcome { errors, warnings, notes, allowed }
    }

    fn order(&self, problem: &Problem) -> (usize, (u32, u32)) {
        let file = self.files.iter().position(|file| *file == problem.file).unwrap_or(usize::MAX);
        (file, problem.at.unwrap_or_default())
    }

    /// What stands at the root of the first file is about every file.
    fn allows(&self, allowance: &Allowance, finding: &Finding) -> bool {
        let (above, path) = (self.path(allowance.below), self.path(finding.subject));
        let inside = path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        let same = allowance.below.file == finding.subject.file;
        allowance.code == finding.code && (above.is_empty() || (same && inside))
    }

    /// One that stands in `defaults` is for many routes, and not needed by each.
    fn unused(&self, allowance: &Allowance) -> Option<Problem> {
        if self.path(allowance.at).starts_with("defaults.") {
            return None;
        }
        let code = Code::AllowUnused;
        let message = format!("`{}` is not found here", allowance.code.row().code);
        Some(Problem { code: Some(code), ..self.problem(allowance.at, "", &message, Some(code.row().fix)) })
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
            code: None,
        }
    }

    fn add(&self, problem: Problem) {
        let problem = self.redacted(problem);
        let mut list = self.errors.borrow_mut();
        if !list.contains(&problem) {
            list.push(problem);
        }
    }

    fn redacted(&self, mut problem: Problem) -> Problem {
        problem.message = self.redact(problem.message);
        problem.fix = problem.fix.map(|fix| self.redact(fix));
        problem
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
