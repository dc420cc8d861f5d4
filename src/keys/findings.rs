//! What is wrong with a key source, and what is worth saying, collected while it is read.

use std::path::Path;
use std::sync::Arc;

use super::node::Node;
use crate::config::Problem;
use crate::policy::lint::Code;

/// Problems refuse the whole ring; warnings do not.
pub(super) struct Findings {
    file: Arc<Path>,
    /// What refuses the ring.
    pub(super) problems: Vec<Problem>,
    /// What does not.
    pub(super) warnings: Vec<Problem>,
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
        Self { file: file.into(), problems: Vec::new(), warnings: Vec::new() }
    }

    /// From here on, findings are about `file`.
    pub(super) fn turn_to(&mut self, file: &Path) {
        self.file = file.into();
    }

    /// Something that refuses the ring.
    pub(super) fn problem(&mut self, place: &Place, message: impl Into<String>, fix: &str) {
        let problem = self.finding(place, message.into(), fix);
        self.problems.push(problem);
    }

    /// Something worth saying.
    pub(super) fn warning(&mut self, place: &Place, code: Code, message: impl Into<String>) {
        let warning = self.finding(place, message.into(), code.row().fix);
        self.warnings.push(Problem { code: Some(code), ..warning });
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
