//! What is wrong with a key source, and what is worth saying, collected while it is read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::node::Node;
use crate::config::Problem;
use crate::policy::lint::Code;

/// More problems, and more warnings of one kind, than these are only counted: nobody reads a million lines.
const TOLD: usize = 100;

/// Problems refuse the whole ring; warnings do not.
pub(super) struct Findings {
    file: Arc<Path>,
    /// What refuses the ring.
    problems: Vec<Problem>,
    /// What does not.
    warnings: Vec<Problem>,
    /// Problems that are only counted.
    more_problems: usize,
    /// Warnings that are only counted.
    more_warnings: BTreeMap<Code, usize>,
}

/// Where in a file: line and column, and the path of the field.
#[derive(Clone, Default)]
pub(super) struct Place {
    pub(super) at: Option<(u32, u32)>,
    pub(super) path: String,
}

impl Place {
    /// The field `name` within this place; its own line where it has one.
    pub(super) fn field(&self, name: &str, node: Option<&Node>) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { at: node.and_then(|node| node.at).or(self.at), path }
    }

    /// Item `index` of the list at this place.
    pub(super) fn item(&self, index: usize, node: &Node) -> Self {
        Self { at: node.at.or(self.at), path: format!("{}[{index}]", self.path) }
    }
}

impl Findings {
    /// None yet, all about `file`.
    pub(super) fn new(file: &Path) -> Self {
        Self {
            file: file.into(),
            problems: Vec::new(),
            warnings: Vec::new(),
            more_problems: 0,
            more_warnings: BTreeMap::new(),
        }
    }

    /// Whether something refuses the ring.
    pub(super) fn refuse(&self) -> bool {
        !self.problems.is_empty()
    }

    /// From here on, findings are about `file`.
    pub(super) fn turn_to(&mut self, file: &Path) {
        self.file = file.into();
    }

    /// Something that refuses the ring.
    pub(super) fn problem(&mut self, place: &Place, message: impl Into<String>, fix: &str) {
        if self.problems.len() < TOLD {
            let problem = self.finding(place, message.into(), fix);
            self.problems.push(problem);
        } else {
            self.more_problems = self.more_problems.saturating_add(1);
        }
    }

    /// Something worth saying.
    pub(super) fn warning(&mut self, place: &Place, code: Code, message: impl Into<String>) {
        if self.warnings.iter().filter(|known| known.code == Some(code)).count() < TOLD {
            let warning = self.finding(place, message.into(), code.row().fix);
            self.warnings.push(Problem { code: Some(code), ..warning });
        } else {
            let more = self.more_warnings.entry(code).or_default();
            *more = more.saturating_add(1);
        }
    }

    /// How many problems there were.
    pub(super) fn mistakes(&self) -> usize {
        self.problems.len().saturating_add(self.more_problems)
    }

    /// Problems and warnings, those that were only counted as one.
    pub(super) fn told(mut self) -> (Vec<Problem>, Vec<Problem>) {
        let more = std::mem::take(&mut self.more_problems);
        if more > 0 {
            let message = format!("{more} more mistakes in this ring are not listed");
            let problem = self.finding(&Place::default(), message, "mend those that are listed, and look again");
            self.problems.push(problem);
        }
        for (code, more) in std::mem::take(&mut self.more_warnings) {
            let message = format!("the same holds of {more} more keys of this ring");
            let warning = self.finding(&Place::default(), message, code.row().fix);
            self.warnings.push(Problem { code: Some(code), ..warning });
        }
        (self.problems, self.warnings)
    }

    /// What `other` found, after what was found here.
    pub(super) fn add(&mut self, other: Self) {
        let (problems, warnings) = other.told();
        self.problems.extend(problems);
        self.warnings.extend(warnings);
    }

    fn finding(&self, place: &Place, message: String, fix: &str) -> Problem {
        Problem {
            file: Arc::clone(&self.file),
            at: place.at,
            path: place.path.clone(),
            message,
            fix: Some(fix.to_owned()),
            code: None,
        }
    }
}
