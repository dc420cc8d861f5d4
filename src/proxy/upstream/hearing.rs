//! The head of an upstream's HTTP/1.1 answer: what it says, and how the end of its body is known (RFC 9112 §6.3).
//!
//! **Invariant:** an answer whose end two readers could see in two places is refused.

use std::mem::MaybeUninit;

use bytes::BytesMut;

use crate::proxy::http1::{Framing, is_text, is_token, length};
use crate::reject::Code;
use crate::sig::message::Fields;

/// Largest head, and the most of all informational answers in front of it.
const HEAD: usize = 64 << 10;
/// Most header lines.
const FIELDS: usize = 256;
/// Up to this many bytes a head is looked at whenever some of it arrives, so that what is no HTTP is known soon.
const EARLY: usize = 512;

/// Room for the lines that the gateway adds.
const ADDED: usize = 2;

/// What of a request decides how its answer is read.
#[derive(Clone, Copy)]
pub(in crate::proxy) struct Asked {
    pub(in crate::proxy) head: bool,
    pub(in crate::proxy) upgrade: bool,
}

/// The head of a final answer.
pub(in crate::proxy) struct Heard {
    pub(in crate::proxy) status: u16,
    /// Lower-case names; slices of one buffer.
    pub(in crate::proxy) fields: Fields,
    pub(in crate::proxy) framing: Framing,
    /// The connection may carry another exchange when this one is over.
    pub(in crate::proxy) keep: bool,
}

/// Listens for one answer.
#[derive(Default)]
pub(in crate::proxy) struct Ear {
    /// Bytes of informational answers so far.
    informed: usize,
    /// Bytes that hold no complete head.
    scanned: usize,
}

/// A head as parsed: where its lines are.
struct Outline {
    length: usize,
    status: u16,
    recent: bool,
    lines: Vec<Place>,
}

/// Where a name and a value stand.
struct Place {
    name: (usize, usize),
    value: (usize, usize),
}

impl Ear {
    /// The head of the final answer, once `ahead` holds it. Informational answers in front of it are swallowed.
    pub(in crate::proxy) fn hear(&mut self, ahead: &mut BytesMut, asked: Asked) -> Result<Option<Heard>, Code> {
        loop {
            let outline = if self.may_be_whole(ahead) { outline(ahead)? } else { None };
            let Some(outline) = outline else {
                self.scanned = ahead.len();
                return if ahead.len() > HEAD { Err(Code::UpstreamInvalid) } else { Ok(None) };
            };
            self.scanned = 0;
            let head =
                if outline.length < ahead.len() { ahead.split_to(outline.length) } else { std::mem::take(ahead) };
            if !(100..200).contains(&outline.status) || outline.status == 101 {
                return judged(&outline, fields(&outline, head)?, asked).map(Some);
            }
            self.informed = self.informed.saturating_add(outline.length);
            if self.informed > HEAD {
                return Err(Code::UpstreamInvalid);
            }
        }
    }

    /// Parsing begins anew each time: a head that comes byte by byte is parsed again only when a line without anything ended.
    fn may_be_whole(&self, ahead: &[u8]) -> bool {
        let fresh = ahead.get(self.scanned.saturating_sub(3)..).unwrap_or_default();
        let ends = |pair: &[u8]| pair == b"\n\n";
        let early = self.scanned < EARLY && !ahead.is_empty();
        early || fresh.windows(2).any(ends) || fresh.windows(3).any(|three| three == b"\n\r\n")
    }
}

/// `None` where the head is not complete.
fn outline(bytes: &[u8]) -> Result<Option<Outline>, Code> {
    let mut space = [const { MaybeUninit::uninit() }; FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut response, bytes, &mut space);
    let length = match parsed.map_err(|_| Code::UpstreamInvalid)? {
        httparse::Status::Partial => return Ok(None),
        httparse::Status::Complete(length) => length,
    };
    let status = response.code.filter(|status| (100..600).contains(status)).ok_or(Code::UpstreamInvalid)?;
    if length > HEAD {
        return Err(Code::UpstreamInvalid);
    }
    let start = bytes.as_ptr().addr();
    let place = |part: &[u8]| {
        let from = part.as_ptr().addr().saturating_sub(start);
        (from, from.saturating_add(part.len()))
    };
    let lines = response.headers.iter();
    let lines = lines.map(|line| Place { name: place(line.name.as_bytes()), value: place(line.value) }).collect();
    Ok(Some(Outline { length, status, recent: response.version == Some(1), lines }))
}

/// The lines of `head` in its own buffer.
fn fields(outline: &Outline, mut head: BytesMut) -> Result<Fields, Code> {
    for Place { name: (from, to), .. } in &outline.lines {
        head.get_mut(*from..*to).ok_or(Code::UpstreamInvalid)?.make_ascii_lowercase();
    }
    let head = head.freeze();
    let mut fields = Fields::with_capacity(outline.lines.len().saturating_add(ADDED));
    for Place { name, value } in &outline.lines {
        let ordered = name.0 <= name.1 && name.1 <= head.len() && value.0 <= value.1 && value.1 <= head.len();
        let (name, value) = if ordered {
            (head.slice(name.0..name.1), trimmed(&head.slice(value.0..value.1)))
        } else {
            return Err(Code::UpstreamInvalid);
        };
        if !is_token(&name) || !is_text(&value) {
            return Err(Code::UpstreamInvalid);
        }
        fields.append(name, value);
    }
    Ok(fields)
}

/// Without outer white space; an empty value has no place in the buffer of its own.
fn trimmed(value: &bytes::Bytes) -> bytes::Bytes {
    value.slice_ref(value.trim_ascii())
}

fn judged(outline: &Outline, fields: Fields, asked: Asked) -> Result<Heard, Code> {
    if outline.status == 101 && !(asked.upgrade && outline.recent && switches(&fields)) {
        return Err(Code::UpstreamInvalid);
    }
    let framing = framing(outline, &fields, asked)?;
    let keep = framing != Framing::UntilClose && stays(outline.recent, &fields) && !threatens(outline.status, &fields);
    Ok(Heard { status: outline.status, fields, framing, keep })
}

/// One length in its one spelling, or exactly `chunked` on HTTP/1.1, or neither.
fn framing(outline: &Outline, fields: &Fields, asked: Asked) -> Result<Framing, Code> {
    let lengths = fields.one("content-length").map_err(|_| Code::UpstreamInvalid)?;
    let codings = fields.one("transfer-encoding").map_err(|_| Code::UpstreamInvalid)?;
    let said = match (lengths, codings) {
        (None, None) => Framing::UntilClose,
        (Some(value), None) => Framing::Sized(length(value).ok_or(Code::UpstreamInvalid)?),
        (None, Some(coding)) if outline.recent && coding.eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
        (_, Some(_)) => return Err(Code::UpstreamInvalid),
    };
    let bodiless = asked.head || matches!(outline.status, 101 | 204 | 304);
    Ok(if bodiless { Framing::Sized(0) } else { said })
}

/// **Threat:** an answer that cannot have a body and yet announces one (RFC 9112 §6.3): what may still come would be taken for the next answer on the
/// connection, somebody else's. The length of a 304, or of an answer to HEAD, is another one's.
fn threatens(status: u16, fields: &Fields) -> bool {
    let length = fields.all("content-length").any(|value| value != "0");
    match status {
        204 => length || fields.contains("transfer-encoding"),
        304 => fields.contains("transfer-encoding"),
        _ => false,
    }
}

/// A 101 must name the one protocol that was asked for.
fn switches(fields: &Fields) -> bool {
    matches!(fields.one("upgrade"), Ok(Some(protocol)) if protocol.eq_ignore_ascii_case(b"websocket"))
}

/// Whether the connection outlives the answer (RFC 9112 §9.3).
fn stays(recent: bool, fields: &Fields) -> bool {
    let options =
        || fields.all("connection").flat_map(|value| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    let says = |option: &[u8]| options().any(|said| said.eq_ignore_ascii_case(option));
    !says(b"close") && (recent || says(b"keep-alive"))
}
