//! One HTTP/1.1 request head, line by line as it arrives: strict, in one pass, cut into slices of the buffer it came in.

use bytes::{Buf, Bytes, BytesMut};
use http::Uri;
use memchr::memchr;

use super::body::Framing;
use super::stream::SMALL;
use super::text::{is_plain_target, is_text, is_token, length};
use crate::proxy::http::{Bounds, nominates};
use crate::reject::{Code, Rejection};
use crate::sig::message::Fields;

/// `http::Uri` takes no longer target.
const MOST_TARGET: usize = 65_534;

/// What is kept of the target of a head that is refused.
const TOLD_TARGET: usize = 1024;

/// A complete and strict head: slices of one buffer.
#[derive(Debug)]
pub(in crate::proxy) struct Request {
    /// As sent.
    pub(in crate::proxy) method: Bytes,
    /// As sent, in whatever form.
    pub(in crate::proxy) target: Bytes,
    /// HTTP/1.0.
    pub(in crate::proxy) old: bool,
    /// Every line, `host` among them; names in lower case.
    pub(in crate::proxy) fields: Fields,
    /// What comes then.
    pub(in crate::proxy) framing: Framing,
}

impl Request {
    /// Whether another request may follow on the connection (RFC 9112 §9.3).
    pub(in crate::proxy) fn keeps(&self) -> bool {
        !nominates(&self.fields, b"close") && (!self.old || nominates(&self.fields, b"keep-alive"))
    }
}

/// A head that is not passed on, as it will be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::proxy) struct Refused {
    /// Why.
    pub(in crate::proxy) rejection: Rejection,
    /// Its method, `-` where there is none.
    pub(in crate::proxy) method: String,
    /// The beginning of its target.
    pub(in crate::proxy) target: Bytes,
}

impl Refused {
    /// The refusal of the head that begins `bytes`.
    pub(in crate::proxy) fn new(rejection: Rejection, bytes: &[u8]) -> Self {
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
pub(in crate::proxy) struct Reader {
    /// Where the unfinished line begins, and how far it was looked at.
    line: usize,
    seen: usize,
    skipped: bool,
    method: Span,
    target: Span,
    fields: Vec<(Span, Span)>,
    begun: bool,
    old: bool,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
}

/// A place in the buffer.
#[derive(Clone, Copy, Default)]
struct Span {
    from: usize,
    to: usize,
}

impl Span {
    /// Where `part` stands in the line that begins at `line`; it is a slice of `text`, so many bytes behind its beginning.
    const fn at(line: usize, before: usize, part: &[u8]) -> Self {
        let from = line.saturating_add(before);
        Self { from, to: from.saturating_add(part.len()) }
    }

    fn of(self, head: &Bytes) -> Bytes {
        if self.to <= head.len() { head.slice(self.from..self.to) } else { Bytes::new() }
    }
}

impl Reader {
    /// Takes a head out of `ahead`, which begins where the head begins; `None` while its end is missing.
    pub(in crate::proxy) fn take(
        &mut self,
        ahead: &mut BytesMut,
        bounds: &Bounds,
    ) -> Result<Option<Request>, Rejection> {
        let most = bounds.room();
        match self.read(ahead, bounds)? {
            Some(end) if end > most => Err(self.too_long()),
            None if ahead.len() > most => Err(self.too_long()),
            None => Ok(None),
            Some(end) if self.upgrade && self.is_bodiless() && ahead.len() > end => {
                Err(Rejection::from(Code::UpgradeRefused).because("bytes came before the upgrade was granted"))
            }
            Some(end) => self.complete(ahead, end).map(Some),
        }
    }

    /// What follows is not its body.
    fn is_bodiless(&self) -> bool {
        !self.chunked && self.length.is_none_or(|length| length == 0)
    }

    /// Whether a request began: an empty line is none.
    pub(in crate::proxy) fn has_begun(&self, bytes: &[u8]) -> bool {
        self.begun || bytes.len() > self.line
    }

    /// Reads on in `bytes`; the place behind the empty line once it is there.
    fn read(&mut self, bytes: &[u8], bounds: &Bounds) -> Result<Option<usize>, Rejection> {
        while let Some(length) = bytes.get(self.seen..).and_then(|fresh| memchr(b'\n', fresh)) {
            let end = self.seen.saturating_add(length).saturating_add(1);
            let line = bytes.get(self.line..end).unwrap_or_default();
            let text = line.strip_suffix(b"\r\n").ok_or_else(|| bad("a line does not end in CRLF"))?;
            let start = self.line;
            (self.line, self.seen) = (end, end);
            match (self.begun, text) {
                // One empty line before a request is skipped (RFC 9112 §2.2).
                (false, []) if !self.skipped => self.skipped = true,
                (false, _) => self.request(start, text)?,
                (true, []) => return Ok(Some(end)),
                (true, _) if self.fields.len() >= bounds.fields => return Err(Code::HeadTooLarge.into()),
                (true, _) => self.field(start, text)?,
            }
        }
        self.unfinished(bytes)
    }

    /// The code for a head that is longer than it may be.
    fn too_long(&self) -> Rejection {
        if self.begun { Code::HeadTooLarge.into() } else { Code::TargetTooLong.into() }
    }

    /// A line that can no longer become a good one is not waited for.
    fn unfinished(&mut self, bytes: &[u8]) -> Result<Option<usize>, Rejection> {
        let from = self.seen.saturating_sub(1).max(self.line);
        let fresh = bytes.get(from..).unwrap_or_default();
        self.seen = bytes.len();
        let open = fresh.strip_suffix(b"\r").unwrap_or(fresh);
        if is_text(open) { Ok(None) } else { Err(bad("a control character in the head")) }
    }

    fn request(&mut self, start: usize, line: &[u8]) -> Result<(), Rejection> {
        self.begun = true;
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
        self.method = Span::at(start, 0, method);
        self.target = Span::at(start, method.len().saturating_add(1), target);
        if is_plain_target(target) || is_strict(target) { Ok(()) } else { Err(Code::TargetInvalid.into()) }
    }

    fn field(&mut self, start: usize, line: &[u8]) -> Result<(), Rejection> {
        let colon = memchr(b':', line).ok_or_else(|| bad("a header line without a colon"))?;
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.strip_prefix(b":").unwrap_or(value);
        if !is_token(name) {
            return Err(bad("not a header name"));
        }
        if !is_text(value) {
            return Err(bad("a control character in a header"));
        }
        let shown = value.trim_ascii_start();
        let before = colon.saturating_add(1).saturating_add(value.len().saturating_sub(shown.len()));
        let shown = shown.trim_ascii_end();
        if self.fields.is_empty() {
            self.fields.reserve_exact(USUAL);
        }
        self.fields.push((Span::at(start, 0, name), Span::at(start, before, shown)));
        self.framing(name, shown)
    }

    fn framing(&mut self, name: &[u8], value: &[u8]) -> Result<(), Rejection> {
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = length(value).ok_or_else(|| bad("not a Content-Length"))?;
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

    /// Cuts the head out of the buffer. Names become lower case where they stand.
    fn complete(&mut self, ahead: &mut BytesMut, end: usize) -> Result<Request, Rejection> {
        let framing = match (self.length, self.chunked) {
            (Some(_), true) => return Err(bad("Content-Length beside Transfer-Encoding")),
            (None, true) if self.old => return Err(bad("Transfer-Encoding in HTTP/1.0")),
            (Some(length), false) => Framing::Sized(length),
            (None, true) => Framing::Chunked,
            (None, false) => Framing::Sized(0),
        };
        for (name, _) in &self.fields {
            if let Some(name) = ahead.get_mut(name.from..name.to) {
                name.make_ascii_lowercase();
            }
        }
        let head = head_of(ahead, end).freeze();
        let mut fields = Fields::with_capacity(self.fields.len().saturating_add(ADDED));
        for (name, value) in &self.fields {
            fields.append(name.of(&head), value.of(&head));
        }
        let request =
            Request { method: self.method.of(&head), target: self.target.of(&head), old: self.old, fields, framing };
        *self = Self::default();
        Ok(request)
    }
}

/// Lines that most heads have room enough with.
const USUAL: usize = 24;

/// Takes the head out of the buffer. It lives as long as its request: from many bytes of body it is copied, or it would keep the buffer that
/// they came in beside the one that they are gathered in.
fn head_of(ahead: &mut BytesMut, end: usize) -> BytesMut {
    match ahead.len().saturating_sub(end) {
        0 => std::mem::take(ahead),
        1..=SMALL => ahead.split_to(end),
        _ => {
            let head = BytesMut::from(ahead.get(..end).unwrap_or_default());
            ahead.advance(end);
            head
        }
    }
}

/// Room for the lines that the gateway adds on the way.
const ADDED: usize = 8;

fn bad(note: &'static str) -> Rejection {
    Rejection::from(Code::BadRequest).because(note)
}

/// `http::Uri` cuts a fragment off and takes raw 8-bit paths.
fn is_strict(target: &[u8]) -> bool {
    target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#') && Uri::try_from(target).is_ok()
}

#[cfg(test)]
mod tests;
