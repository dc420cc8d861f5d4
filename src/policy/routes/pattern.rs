//! A path pattern: literal, `*` within a segment, `{name}` for a segment, `/**` for everything below.

use std::cmp::Reverse;
use std::sync::Arc;

use bytes::Bytes;

/// A parsed pattern.
#[derive(Clone, Debug)]
pub struct PathPattern {
    text: Arc<str>,
    segments: Vec<Segment>,
    below: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Segment {
    Literal(Box<[u8]>),
    /// Text around `*`s.
    Glob(Vec<Box<[u8]>>),
    Capture(Arc<str>),
}

/// Why a pattern is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PatternError {
    /// Paths begin with a slash.
    #[error("a path begins with `/`")]
    NoSlash,
    /// `**` stands for everything below.
    #[error("`**` may only stand at the end, after a `/`")]
    InnerRest,
    /// A capture takes a whole segment.
    #[error("`{{name}}` takes a whole segment, with a name of letters, digits and `_`")]
    Capture,
    /// Two captures of one name.
    #[error("a capture's name occurs twice")]
    Repeated,
    /// It could never match: such requests are refused.
    #[error("a path with dot segments, `?`, `#`, `\\`, spaces or control characters never matches")]
    Never,
}

impl PathPattern {
    /// Parses a pattern; `*` alone is the target of `OPTIONS *`.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text == "*" {
            return Ok(Self { text: text.into(), segments: vec![literal("*")], below: false });
        }
        let inner = text.strip_prefix('/').ok_or(PatternError::NoSlash)?;
        if text.bytes().any(|byte| byte <= b' ' || matches!(byte, 0x7f | b'?' | b'#' | b'\\')) {
            return Err(PatternError::Never);
        }
        let (inner, below) = match inner.strip_suffix("**") {
            Some("") => ("", true),
            Some(before) => (before.strip_suffix('/').ok_or(PatternError::InnerRest)?, true),
            None => (inner, false),
        };
        let segments = if below && inner.is_empty() {
            Vec::new()
        } else {
            inner.split('/').map(segment).collect::<Result<Vec<_>, _>>()?
        };
        let pattern = Self { text: text.into(), segments, below };
        let names: Vec<_> = pattern.names().collect();
        let repeated =
            names.iter().enumerate().any(|(place, name)| names.iter().take(place).any(|other| other == name));
        if repeated { Err(PatternError::Repeated) } else { Ok(pattern) }
    }

    /// As it was written.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Names of its captures.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Capture(name) => Some(name),
            Segment::Literal(_) | Segment::Glob(_) => None,
        })
    }

    /// Whether it ends in `/**`.
    pub fn has_rest(&self) -> bool {
        self.below
    }

    /// Whether the two match the same paths; names of captures do not count.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let same = |(left, right): (&Segment, &Segment)| match (left, right) {
            (Segment::Capture(_), Segment::Capture(_)) => true,
            _ => left == right,
        };
        self.below == other.below
            && self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(same)
    }

    /// Whether only captures make the paths differ that it matches.
    pub(in crate::policy) fn is_captured(&self) -> bool {
        !self.below && !self.segments.iter().any(|segment| matches!(segment, Segment::Glob(_)))
    }

    /// The one path it matches, if it has no wildcard.
    pub(in crate::policy) fn exact(&self) -> Option<&[u8]> {
        let literal = |segment: &Segment| matches!(segment, Segment::Literal(_));
        (!self.below && self.segments.iter().all(literal)).then_some(self.text.as_bytes())
    }

    /// Sorts the more specific pattern first: longer literal start, then no `**`, then more literal text; never the place in the file.
    pub(super) fn rank(&self) -> impl Ord + use<> {
        let wild = self.text.find(['*', '{']).unwrap_or(self.text.len());
        let literal: usize = self.segments.iter().map(Segment::weight).sum();
        (Reverse(wild), self.below, Reverse(literal), Arc::clone(&self.text))
    }

    /// Whether `path` matches.
    pub(super) fn matches(&self, path: &[u8]) -> bool {
        let Some(inner) = path.strip_prefix(b"/") else { return *self.text == *"*" && path == b"*" };
        let mut parts = inner.split(|byte| *byte == b'/');
        let all = self.segments.iter().all(|segment| parts.next().is_some_and(|part| segment.matches(part)));
        all && (self.below || parts.next().is_none())
    }

    /// What a matching path captured, and what `**` stands for.
    pub(super) fn captures(&self, path: &Bytes) -> (Vec<(Arc<str>, Bytes)>, Bytes) {
        let mut captures = Vec::new();
        let mut rest = path.slice(path.len().min(1)..);
        for segment in &self.segments {
            let end = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
            let part = rest.split_to(end);
            rest = rest.slice(rest.len().min(1)..);
            if let Segment::Capture(name) = segment {
                captures.push((Arc::clone(name), part));
            }
        }
        (captures, if self.below { rest } else { Bytes::new() })
    }
}

impl Segment {
    fn weight(&self) -> usize {
        match self {
            Self::Literal(text) => text.len(),
            Self::Glob(parts) => parts.iter().map(|part| part.len()).sum(),
            Self::Capture(_) => 0,
        }
    }

    fn matches(&self, part: &[u8]) -> bool {
        match self {
            Self::Literal(text) => **text == *part,
            Self::Glob(parts) => glob(parts, part),
            Self::Capture(_) => !part.is_empty(),
        }
    }
}

/// First and last part are anchored; those between are found greedily from the left. Linear in practice: no backtracking is needed.
fn glob(parts: &[Box<[u8]>], text: &[u8]) -> bool {
    let [first, between @ .., last] = parts else { return false };
    let Some(mut rest) = text.strip_prefix(&**first).and_then(|rest| rest.strip_suffix(&**last)) else { return false };
    for part in between.iter().filter(|part| !part.is_empty()) {
        let Some(found) = rest.windows(part.len()).position(|window| *window == **part) else { return false };
        rest = rest.get(found.saturating_add(part.len())..).unwrap_or_default();
    }
    true
}

fn segment(text: &str) -> Result<Segment, PatternError> {
    if let Some(name) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        let good = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        return if good { Ok(Segment::Capture(name.into())) } else { Err(PatternError::Capture) };
    }
    if text.contains(['{', '}']) {
        return Err(PatternError::Capture);
    }
    if text.contains("**") {
        return Err(PatternError::InnerRest);
    }
    if matches!(text, "." | "..") {
        return Err(PatternError::Never);
    }
    if text.contains('*') {
        return Ok(Segment::Glob(text.split('*').map(|part| part.as_bytes().into()).collect()));
    }
    Ok(literal(text))
}

fn literal(text: &str) -> Segment {
    Segment::Literal(text.as_bytes().into())
}
