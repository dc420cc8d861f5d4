//! One HTTP/1.1 head, line by line as it arrives: what hyper would smooth over, or refuse in words of its own, is refused here in ours.
//!
//! **Invariant:** a head that passes is one that hyper takes: every refusal is told and answered like any other.

use bytes::Bytes;
use http::Uri;

use super::Bounds;
use crate::reject::{Code, Rejection};

/// hyper takes no longer target or name.
const MOST_TARGET: usize = 65_534;
const MOST_NAME: usize = 32 << 10;

/// What is kept of the target of a head that is refused.
const TOLD_TARGET: usize = 1024;

/// What follows a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Framing {
    Sized(u64),
    Chunked,
}

/// A head that is complete and strict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Complete {
    /// Just behind its empty line.
    pub(super) end: usize,
    /// What comes then.
    pub(super) framing: Framing,
    /// It asks for another protocol.
    pub(super) upgrade: bool,
}

/// A head that is not passed on, as it will be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::proxy) struct Refused {
    /// Why.
    pub(super) rejection: Rejection,
    /// Its method, `-` where there is none.
    pub(super) method: String,
    /// The beginning of its target.
    pub(super) target: Bytes,
}

impl Refused {
    /// The refusal of the head that begins `bytes`.
    pub(super) fn new(rejection: Rejection, bytes: &[u8]) -> Self {
        let line = bytes.trim_ascii_start().split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
        let mut words = line.split(|byte| *byte == b' ');
        let method = words.next().filter(|word| is_token(word) && word.len() <= 32);
        let method = method.and_then(|word| std::str::from_utf8(word).ok()).unwrap_or("-").to_owned();
        let target = words.next().filter(|_| method != "-").unwrap_or_default();
        Self { rejection, method, target: Bytes::copy_from_slice(target.get(..TOLD_TARGET).unwrap_or(target)) }
    }
}

/// Reads one head.
#[derive(Default)]
pub(super) struct Reader {
    /// Where the unfinished line begins, and how far it was looked at.
    line: usize,
    seen: usize,
    skipped: bool,
    lines: usize,
    old: bool,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
}

impl Reader {
    /// Reads on in `bytes`, which begin where the head begins; `None` while its end is missing.
    pub(super) fn read(&mut self, bytes: &[u8], bounds: &Bounds) -> Result<Option<Complete>, Rejection> {
        while let Some(length) = bytes.get(self.seen..).and_then(|fresh| fresh.iter().position(|byte| *byte == b'\n')) {
            let end = self.seen.saturating_add(length).saturating_add(1);
            let line = bytes.get(self.line..end).unwrap_or_default();
            let text = line.strip_suffix(b"\r\n").ok_or_else(|| bad("a line does not end in CRLF"))?;
            (self.line, self.seen) = (end, end);
            match (self.lines, text) {
                // One empty line before a request is skipped (RFC 9112 §2.2).
                (0, []) if !self.skipped => self.skipped = true,
                (0, _) => self.request(text)?,
                (_, []) => return self.complete(end).map(Some),
                (known, _) if known > bounds.fields => return Err(Code::HeadTooLarge.into()),
                _ => self.field(text)?,
            }
        }
        self.unfinished(bytes)
    }

    /// Whether a request began: an empty line is none.
    pub(super) fn has_begun(&self, bytes: &[u8]) -> bool {
        self.lines > 0 || bytes.len() > self.line
    }

    /// The code for a head that is longer than it may be.
    pub(super) fn too_long(&self) -> Rejection {
        if self.lines == 0 { Code::TargetTooLong.into() } else { Code::HeadTooLarge.into() }
    }

    /// A line that can no longer become a good one is not waited for.
    fn unfinished(&mut self, bytes: &[u8]) -> Result<Option<Complete>, Rejection> {
        let from = self.seen.saturating_sub(1).max(self.line);
        let fresh = bytes.get(from..).unwrap_or_default();
        self.seen = bytes.len();
        let open = fresh.strip_suffix(b"\r").unwrap_or(fresh);
        if open.iter().all(|byte| is_text(*byte)) { Ok(None) } else { Err(bad("a control character in the head")) }
    }

    fn request(&mut self, line: &[u8]) -> Result<(), Rejection> {
        self.lines = 1;
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let (method, target, version) = (words.next(), words.next(), words.next());
        let (Some(method), Some(target), Some(version)) = (method, target, version) else {
            return Err(bad("not a request line"));
        };
        self.old = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            _ => return Err(bad("not a version of HTTP/1")),
        };
        if !is_token(method) {
            return Err(bad("not a method"));
        }
        // What follows a CONNECT may be anything: it is never read as a request.
        if method == b"CONNECT" {
            return Err(Rejection::from(Code::MethodNotAllowed).because("CONNECT is never accepted"));
        }
        if target.len() > MOST_TARGET {
            return Err(Code::TargetTooLong.into());
        }
        if is_usual(target) || is_strict(target) { Ok(()) } else { Err(Code::TargetInvalid.into()) }
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Rejection> {
        self.lines = self.lines.saturating_add(1);
        let colon = line.iter().position(|byte| *byte == b':').ok_or_else(|| bad("a header line without a colon"))?;
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.strip_prefix(b":").unwrap_or(value);
        if !is_token(name) {
            return Err(bad("not a header name"));
        }
        if name.len() > MOST_NAME {
            return Err(Code::HeadTooLarge.into());
        }
        if !value.iter().all(|byte| is_text(*byte)) {
            return Err(bad("a control character in a header"));
        }
        self.framing(name, value.trim_ascii())
    }

    fn framing(&mut self, name: &[u8], value: &[u8]) -> Result<(), Rejection> {
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = digits(value).ok_or_else(|| bad("not a Content-Length"))?;
            if self.length.replace(length).is_some() {
                return Err(bad("Content-Length occurs more than once"));
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(bad("Transfer-Encoding is not one plain chunked"));
            }
            self.chunked = true;
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            self.upgrade = true;
        }
        Ok(())
    }

    fn complete(&self, end: usize) -> Result<Complete, Rejection> {
        let framing = match (self.length, self.chunked) {
            (Some(_), true) => return Err(bad("Content-Length beside Transfer-Encoding")),
            (None, true) if self.old => return Err(bad("Transfer-Encoding in HTTP/1.0")),
            (Some(length), false) => Framing::Sized(length),
            (None, true) => Framing::Chunked,
            (None, false) => Framing::Sized(0),
        };
        Ok(Complete { end, framing, upgrade: self.upgrade })
    }
}

fn bad(note: &'static str) -> Rejection {
    Rejection::from(Code::BadRequest).because(note)
}

/// An origin-form target that needs no closer look: every parser takes it.
fn is_usual(target: &[u8]) -> bool {
    let usual = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~/?=&%+:,;@!$'()*".contains(byte);
    target.first() == Some(&b'/') && target.iter().all(usual)
}

/// hyper cuts a fragment off and takes raw 8-bit paths.
fn is_strict(target: &[u8]) -> bool {
    target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#') && Uri::try_from(target).is_ok()
}

/// RFC 9110 §5.6.2.
fn is_token(word: &[u8]) -> bool {
    let tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !word.is_empty() && word.iter().all(tchar)
}

/// Tab, visible characters, spaces and obs-text.
const fn is_text(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f || byte == b'\t'
}

/// A Content-Length in its one spelling.
fn digits(value: &[u8]) -> Option<u64> {
    let canonical = value == b"0" || value.first().is_some_and(|first| (b'1'..=b'9').contains(first));
    let plain = canonical && value.iter().all(u8::is_ascii_digit);
    let length = if plain { std::str::from_utf8(value).ok()?.parse().ok() } else { None };
    length.filter(|length| i64::try_from(*length).is_ok())
}

#[cfg(test)]
mod tests;
