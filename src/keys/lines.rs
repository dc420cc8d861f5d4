//! A key file for very many keys: one key per line, as JSON. It is read piece by piece and never held whole.

use std::path::Path;

use memchr::memchr;
use zeroize::{Zeroize, Zeroizing};

use super::declared;
use super::findings::{Findings, Place};
use super::json;
use super::read;
use crate::sig::keyring::Draft;

/// What the name of such a file ends in.
pub(super) const EXTENSION: &str = "jsonl";

/// A file larger than this is a mistake.
pub(super) const MAX: u64 = 2 << 30;

/// A longer line is a mistake: 64 KiB of secret in hex fit, and everything else that a key says.
const LONGEST: usize = 256 << 10;

const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Puts the keys of the file at `path` into `keys`; returns who else may read it. Every mistake goes to `findings`, which has turned to the file.
pub(super) fn load(path: &Path, keys: &mut Draft, findings: &mut Findings) -> u32 {
    let mut lines = Lines::new(keys, findings);
    let read = read::pieces(path, MAX, &mut |piece| lines.feed(piece));
    lines.end();
    read.unwrap_or_else(|error| {
        let fix = "a key file is a readable, regular file; a directory of several files may hold more";
        findings.problem(&Place::default(), error.to_string(), fix);
        0
    })
}

/// Lines on their way to be keys.
struct Lines<'a> {
    keys: &'a mut Draft,
    findings: &'a mut Findings,
    /// The beginning of a line whose end has not come yet. **Invariant:** it never grows beyond its first capacity and leaves no copy behind.
    begun: Zeroizing<Vec<u8>>,
    /// Whether the rest of the line is passed over.
    too_long: bool,
    number: u32,
}

impl<'a> Lines<'a> {
    fn new(keys: &'a mut Draft, findings: &'a mut Findings) -> Self {
        Self { keys, findings, begun: Zeroizing::default(), too_long: false, number: 1 }
    }

    fn feed(&mut self, mut piece: &[u8]) {
        while let Some((line, rest)) = memchr(b'\n', piece).and_then(|end| piece.split_at_checked(end)) {
            if self.begun.is_empty() && !self.too_long && line.len() <= LONGEST {
                self.line(line);
            } else {
                self.keep(line);
                self.end();
            }
            self.number = self.number.saturating_add(1);
            piece = rest.split_first().map_or(&[], |(_, rest)| rest);
        }
        self.keep(piece);
    }

    fn keep(&mut self, part: &[u8]) {
        self.too_long |= self.begun.len().saturating_add(part.len()) > LONGEST;
        if !self.too_long && !part.is_empty() {
            let begun = self.begun.len();
            self.begun.reserve_exact(LONGEST.saturating_sub(begun));
            self.begun.extend_from_slice(part);
        }
    }

    /// The line that was begun is over.
    fn end(&mut self) {
        let mut line = std::mem::replace(&mut self.begun, Zeroizing::new(Vec::new()));
        if std::mem::take(&mut self.too_long) {
            let fix = "write one key per line";
            self.findings.problem(&self.place(), format!("the line is longer than {LONGEST} bytes"), fix);
        } else {
            self.line(&line);
        }
        line.as_mut_slice().zeroize();
        line.clear();
        self.begun = line;
    }

    fn line(&mut self, line: &[u8]) {
        let line = if self.number == 1 { line.strip_prefix(&MARK).unwrap_or(line) } else { line };
        if line.trim_ascii().is_empty() {
            return;
        }
        let place = self.place();
        match json::node(line) {
            Ok(node) => {
                if let Some(key) = declared::key(&node, &place, self.findings) {
                    self.keys.push(key);
                }
            }
            Err(column) => {
                let place = Place { at: Some((self.number, column)), ..place };
                let fix = "write one key per line, as in `{\"id\": \"k1\", \"secret\": \"…\"}`";
                self.findings.problem(&place, "this line is not valid JSON", fix);
            }
        }
    }

    fn place(&self) -> Place {
        Place { at: Some((self.number, 1)), path: String::new() }
    }
}

#[cfg(test)]
mod tests;
