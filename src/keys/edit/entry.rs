//! A new key as it is written into a key file.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use crate::keys::date;
use crate::sig::time::Moment;

/// A key that is not in any file yet.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) principal: Option<String>,
    /// As it is to stand in the file: printable ASCII, or base64 where it was not.
    pub(crate) secret: Zeroizing<String>,
    /// Whether `secret` is base64 of the bytes.
    pub(crate) encoded: bool,
    pub(crate) created: Moment,
    /// When it begins to sign, where that is not at once.
    pub(crate) sign_from: Option<Moment>,
}

/// Instead of a secret.
const HIDDEN: &str = "…";

impl Entry {
    /// A key file with this key alone.
    pub(super) fn file(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(self.room()));
        text.push_str("version: 1\nkeys:\n");
        self.write(&mut text, ("  ", "\n"), &self.secret);
        text
    }

    /// The item of a list, each line after `indent` and with `ending`.
    pub(super) fn item(&self, indent: &str, ending: &str) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(self.room()));
        self.write(&mut text, (indent, ending), &self.secret);
        text
    }

    /// The same for people.
    pub(super) fn shown(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, ("  ", "\n"), HIDDEN);
        text
    }

    /// Room for everything at once: a growing string leaves copies of the secret behind.
    fn room(&self) -> usize {
        let lengths = [self.id.len(), self.principal.as_ref().map_or(0, String::len), self.secret.len()];
        lengths.into_iter().fold(2048, |sum: usize, length| sum.saturating_add(length.saturating_mul(2)))
    }

    fn write(&self, out: &mut String, (indent, end): (&str, &str), secret: &str) {
        let _ = write!(out, "{indent}- id: {}{end}", quoted(&self.id));
        if let Some(principal) = &self.principal {
            let _ = write!(out, "{indent}  principal: {}{end}", quoted(principal));
        }
        let name = if self.encoded { "secret_base64" } else { "secret" };
        out.extend([indent, "  ", name, ": \""]);
        secret.chars().for_each(|char| match char {
            '"' | '\\' => out.extend(['\\', char]),
            other => out.push(other),
        });
        let _ = write!(out, "\"{end}{indent}  created: {}{end}", date::written(self.created));
        if let Some(from) = self.sign_from {
            let _ = write!(out, "{indent}  sign: {{from: {}}}{end}", date::written(from));
        }
    }
}

/// A YAML double-quoted scalar of printable ASCII.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
