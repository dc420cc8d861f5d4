//! HTTP/1.1 framing, ours: requests of clients and answers of upstreams in pieces of any size. A request is exactly what a reader that knows nothing
//! but RFC 9112 and a whole text takes it for, and what is written of a message reads as that message.
#![no_main]

use bytes::Bytes;
use countersign::proxy::plain::{Content, Cut, Heard, Taken, answer, requests, sent, told};
use countersign::sig::message::{Fields, Head};
use libfuzzer_sys::fuzz_target;

/// Most header lines of a head that is read.
const LINES: usize = 16;
/// Enough for what is written of it.
const MORE: usize = 64;

fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    let Some((sizes, text)) = rest.split_at_checked(usize::from(first & 7)) else { return };
    let (cut, chunk) = (Cut { text, sizes }, (first >> 3 & 7) + 1);
    match first & 0xc0 {
        0x80 => answered(cut, chunk, false),
        0xc0 => answered(cut, chunk, true),
        _ => requested(cut, chunk),
    }
});

/// However they are cut.
fn ways(cut: Cut<'_>) -> [Cut<'_>; 3] {
    [cut, Cut { sizes: &[], ..cut }, Cut { sizes: &[1], ..cut }]
}

fn requested(cut: Cut<'_>, chunk: u8) {
    let [read, whole, bytes] = ways(cut).map(|cut| {
        let mut read = requests(cut, LINES);
        read.taken.iter_mut().for_each(|taken| ended(&mut taken.content));
        read
    });
    assert_eq!(read, whole, "in pieces and at once");
    assert_eq!(read, bytes, "in pieces and byte by byte");
    let mut start = 0;
    for taken in &read.taken {
        let end = compared(taken, &cut.text[start..]);
        assert!(end.is_none_or(|end| start + end == taken.content.end), "{taken:?} ends at {end:?} behind {start}");
        if taken.content.whole {
            start = taken.content.end;
            written(taken, cut.sizes, chunk);
        }
    }
    let rest = &cut.text[start..];
    let open = read.taken.last().is_none_or(|last| last.content.whole && last.keeps);
    match Plain::read(rest) {
        Some(next) if open && next.is_ordinary() => panic!("refused or left: {}", rest.escape_ascii()),
        _ if open && !read.refused => assert!(rest.is_empty() || rest == b"\r\n", "{} left", rest.escape_ascii()),
        _ => {}
    }
}

/// What is broken has no end: how much of it was looked at depends on the pieces.
fn ended(content: &mut Content) {
    if !content.whole {
        content.end = 0;
    }
}

/// Where the request ends in `text` for whoever reads it plainly; `None` where it has no end.
fn compared(taken: &Taken, text: &[u8]) -> Option<usize> {
    let plain = Plain::read(text).unwrap_or_else(|| panic!("{taken:?} is none"));
    assert_eq!((&*taken.line.0, &*taken.line.1, taken.old), (plain.method, plain.target, plain.old));
    let lines: Vec<_> = taken.fields.iter().map(|line| (line.name.to_vec(), &*line.value)).collect();
    assert_eq!(lines, plain.lines);
    assert_eq!(taken.keeps, !plain.says("close") && (!plain.old || plain.says("keep-alive")));
    let Content { announced, data, trailers, whole, .. } = &taken.content;
    let framing = plain.framing().unwrap_or_else(|| panic!("{taken:?} has no one framing"));
    assert_eq!(*announced, framing);
    let behind = &text[plain.length..];
    let body = match framing {
        Some(length) => Body::sized(behind, usize::try_from(length).unwrap_or(usize::MAX)),
        None => Body::chunked(behind),
    };
    let lines: Vec<_> = trailers.iter().map(|line| (line.name.to_vec(), &*line.value)).collect();
    assert_eq!((data, *whole, lines), (&body.data, body.length.is_some(), body.trailers));
    assert!(announced.is_none_or(|most| data.len() as u64 <= most));
    body.length.map(|length| plain.length + length)
}

/// What is sent of a request is that request, with either framing.
fn written(taken: &Taken, sizes: &[u8], chunk: u8) {
    let Ok(head) = &taken.head else { return };
    // HTTP/1.0 may do without a host, which HTTP/1.1 then names by nothing; we take no such request.
    let named = if head.authority.is_empty() { Bytes::from_static(b"a") } else { head.authority.clone() };
    let head = &Head { authority: named, ..head.clone() };
    for chunk in [None, Some(chunk)] {
        let text = sent(head, &taken.content.data, chunk).unwrap_or_else(|| panic!("{head:?} is taken and not sent"));
        for sizes in [sizes, &[]] {
            let read = requests(Cut { text: &text, sizes }, MORE);
            assert!(!read.refused && read.taken.len() == 1, "{} is not one request", text.escape_ascii());
            let again = &read.taken[0];
            let same = again.head.as_ref().is_ok_and(|again| own(again) == own(head));
            assert!(same, "{head:?}, and then {:?}", again.head);
            assert_eq!(again.content.data, taken.content.data);
            assert!(again.content.whole && again.content.end == text.len());
        }
    }
}

/// A head without what describes a hop.
fn own(head: &Head) -> Head {
    Head {
        fields: without(&head.fields, &["content-length", "transfer-encoding", "connection", "upgrade"]),
        ..head.clone()
    }
}

fn without(fields: &Fields, names: &[&str]) -> Fields {
    let mut fields = fields.clone();
    fields.retain(|line| !names.iter().any(|name| line.name == name));
    fields
}

fn answered(cut: Cut<'_>, chunk: u8, head: bool) {
    let [heard, whole, bytes] = ways(cut).map(|cut| {
        let mut heard = answer(cut, head);
        heard.iter_mut().for_each(|heard| ended(&mut heard.content));
        heard
    });
    assert_eq!(heard, whole, "in pieces and at once");
    assert_eq!(heard, bytes, "in pieces and byte by byte");
    let Some(heard) = heard.filter(|heard| heard.content.whole) else { return };
    assert!(heard.content.announced.is_none_or(|length| heard.content.data.len() as u64 == length));
    for chunk in [None, Some(chunk)] {
        let text = told(&heard, head, chunk);
        for sizes in [cut.sizes, &[]] {
            let Some(again) = answer(Cut { text: &text, sizes }, head) else {
                // Nobody asked for this upgrade.
                assert_eq!(heard.status, 101, "{} is no answer", text.escape_ascii());
                continue;
            };
            assert_eq!((again.status, lines(&again)), (heard.status, lines(&heard)));
            assert_eq!(again.content.data, heard.content.data);
            assert!(again.content.whole && again.content.end == text.len());
            assert!(
                chunk.is_none()
                    || again.content.announced.is_some()
                    || again.content.trailers == heard.content.trailers
            );
        }
    }
}

/// The lines of an answer without what describes a hop, and without a date that was added.
fn lines(heard: &Heard) -> Fields {
    let hop = ["content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "date"];
    without(&heard.fields, &hop)
}

/// A head for a reader in no hurry.
struct Plain<'a> {
    method: &'a [u8],
    target: &'a [u8],
    old: bool,
    lines: Vec<(Vec<u8>, &'a [u8])>,
    length: usize,
}

impl<'a> Plain<'a> {
    /// RFC 9112 §2 to §5: one empty line before it may be skipped.
    fn read(text: &'a [u8]) -> Option<Self> {
        let from = if text.starts_with(b"\r\n") { 2 } else { 0 };
        let to = from + place(&text[from..], b"\r\n\r\n")?;
        let mut rows = rows(&text[from..to])?.into_iter();
        let words: Vec<&[u8]> = rows.next()?.split(|byte| *byte == b' ').collect();
        let [method, target, version] = words[..] else { return None };
        let old = version == b"HTTP/1.0";
        let good = is_token(method) && !target.is_empty() && (old || version == b"HTTP/1.1");
        let lines = rows.map(field).collect::<Option<_>>()?;
        good.then_some(Self { method, target, old, lines, length: to + 4 })
    }

    /// The one length, 0 without a body, or `Some(None)` for chunks (RFC 9112 §6.3); `None` where it is said in two ways or wrongly.
    fn framing(&self) -> Option<Option<u64>> {
        let all = |name: &[u8]| self.lines.iter().filter(|line| line.0 == name).map(|line| line.1).collect::<Vec<_>>();
        match (&all(b"content-length")[..], &all(b"transfer-encoding")[..]) {
            ([], []) => Some(Some(0)),
            ([length], []) => {
                let number: i64 = std::str::from_utf8(length).ok()?.parse().ok()?;
                (number.to_string().as_bytes() == *length).then_some(Some(u64::try_from(number).ok()?))
            }
            ([], [coding]) => (!self.old && coding.eq_ignore_ascii_case(b"chunked")).then_some(None),
            _ => None,
        }
    }

    fn says(&self, option: &str) -> bool {
        let lines = self.lines.iter().filter(|line| line.0 == b"connection");
        lines
            .flat_map(|line| line.1.split(|byte| *byte == b','))
            .any(|said| trimmed(said).eq_ignore_ascii_case(option.as_bytes()))
    }

    /// Nothing in it is a reason to refuse it.
    fn is_ordinary(&self) -> bool {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~/?=&%".contains(byte);
        let upgrade = self.lines.iter().any(|line| line.0 == b"upgrade");
        let rooted = self.target.starts_with(b"/") && self.target.iter().all(plain);
        rooted && self.method != b"CONNECT" && !upgrade && self.lines.len() <= LINES && self.framing().is_some()
    }
}

/// A body for the same reader; `length` is what it takes of the text, where it has an end.
#[derive(Default)]
struct Body<'a> {
    data: Vec<u8>,
    trailers: Vec<(Vec<u8>, &'a [u8])>,
    length: Option<usize>,
}

impl<'a> Body<'a> {
    fn sized(text: &[u8], length: usize) -> Self {
        let data = text[..length.min(text.len())].to_vec();
        Self { length: (data.len() == length).then_some(length), data, ..Self::default() }
    }

    /// RFC 9112 §7.1, without extensions.
    fn chunked(text: &'a [u8]) -> Self {
        let mut body = Self::default();
        body.length = body.chunks(text);
        body
    }

    fn chunks(&mut self, text: &'a [u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            let digits = &text[at..at + place(&text[at..], b"\r\n")?];
            let strict = (1..=16).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
            let size = u64::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| strict)?, 16).ok()?;
            at += digits.len() + 2;
            if size == 0 {
                break;
            }
            let there = usize::try_from(size).unwrap_or(usize::MAX).min(text.len() - at);
            self.data.extend_from_slice(&text[at..at + there]);
            at += there;
            at += text[at..].starts_with(b"\r\n").then_some(2).filter(|_| there as u64 == size)?;
        }
        let length = if text[at..].starts_with(b"\r\n") { 0 } else { place(&text[at..], b"\r\n\r\n")? + 2 };
        if length > 0 {
            let rows = rows(&text[at..at + length - 2])?;
            self.trailers = rows.into_iter().map(field).collect::<Option<Vec<_>>>().filter(|rows| rows.len() <= 100)?;
        }
        Some(at + length + 2)
    }
}

/// The lines of a text; `None` where one holds a control character.
fn rows(mut text: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rows = Vec::new();
    while let Some(end) = place(text, b"\r\n") {
        rows.push(&text[..end]);
        text = &text[end + 2..];
    }
    rows.push(text);
    let good = |byte: &u8| *byte == b'\t' || !byte.is_ascii_control();
    rows.iter().all(|row| row.iter().all(good)).then_some(rows)
}

fn field(row: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let colon = row.iter().position(|byte| *byte == b':')?;
    is_token(&row[..colon]).then(|| (row[..colon].to_ascii_lowercase(), trimmed(&row[colon + 1..])))
}

fn trimmed(value: &[u8]) -> &[u8] {
    let value = &value[value.iter().take_while(|byte| b" \t".contains(byte)).count()..];
    &value[..value.len() - value.iter().rev().take_while(|byte| b" \t".contains(byte)).count()]
}

fn is_token(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

fn place(text: &[u8], of: &[u8]) -> Option<usize> {
    text.windows(of.len()).position(|window| window == of)
}
