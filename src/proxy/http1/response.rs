//! The head of an answer as bytes, and how the end of its body is told (RFC 9112 §6).

use bytes::{BufMut, BytesMut};
use http::StatusCode;

use super::text::{is_text, is_token};
use crate::proxy::exchange::{Answer, AnswerBody};
use crate::sig::message::Fields;

/// What the request says about its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::proxy) struct Form {
    /// It was a HEAD: nothing follows the head of the answer.
    pub(in crate::proxy) head: bool,
    /// HTTP/1.0: no chunks.
    pub(in crate::proxy) old: bool,
    /// The connection carries another request afterwards.
    pub(in crate::proxy) keep: bool,
    /// The client takes trailers (RFC 9110 §6.5.1).
    pub(in crate::proxy) trailers: bool,
}

/// What follows the head of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::proxy) enum Follows {
    /// Nothing.
    Nothing,
    /// So many bytes.
    Sized(u64),
    /// Chunks, perhaps with trailers.
    Chunked,
    /// Bytes until the connection ends.
    UntilClose,
}

/// Writes the head of `answer` with `date` (IMF-fixdate). Fields that no HTTP message may hold are left out.
pub(in crate::proxy) fn write_answer(out: &mut BytesMut, answer: &Answer, form: Form, date: &[u8]) -> Follows {
    let room = answer.fields.iter().map(|field| field.name.len().saturating_add(field.value.len()).saturating_add(4));
    out.reserve(room.fold(HEAD_ROOM, usize::saturating_add));
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    out.put_slice(b"HTTP/1.1 ");
    out.put_slice(status.as_str().as_bytes());
    out.put_u8(b' ');
    out.put_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.put_slice(b"\r\n");
    let mut dated = false;
    for field in &answer.fields {
        if !is_ours(&field.name) {
            dated |= field.name == "date";
            line(out, &field.name, &field.value);
        }
    }
    if !dated {
        line(out, b"date", date);
    }
    let follows = framing(out, answer, form);
    let until_close = follows == Follows::UntilClose;
    match answer.status {
        101 => out.put_slice(b"connection: upgrade\r\nupgrade: websocket\r\n"),
        _ if !form.keep || until_close => out.put_slice(b"connection: close\r\n"),
        _ if form.old => out.put_slice(b"connection: keep-alive\r\n"),
        _ => {}
    }
    out.put_slice(b"\r\n");
    follows
}

/// Room for the status line and what is said of the connection, and for a small body behind it.
const HEAD_ROOM: usize = 512;

/// Fields that describe this hop; written here, whatever the answer says.
fn is_ours(name: &[u8]) -> bool {
    matches!(name, b"content-length" | b"transfer-encoding" | b"connection" | b"keep-alive" | b"upgrade")
}

fn line(out: &mut BytesMut, name: &[u8], value: &[u8]) {
    if is_token(name) && is_text(value) {
        out.put_slice(name);
        out.put_slice(b": ");
        out.put_slice(value);
        out.put_slice(b"\r\n");
    }
}

fn framing(out: &mut BytesMut, answer: &Answer, form: Form) -> Follows {
    let length = match &answer.body {
        AnswerBody::Empty => Some(0),
        AnswerBody::Bytes(bytes) => u64::try_from(bytes.len()).ok(),
        AnswerBody::Stream(stream) => stream.remaining(),
    };
    if matches!(answer.status, 100..=199 | 204) {
        return Follows::Nothing;
    }
    if form.head || answer.status == 304 {
        // What a GET would have had: said by the upstream, or known of a body that is left out.
        let said = answer.fields.one("content-length").ok().flatten().and_then(|value| super::text::length(value));
        if let Some(length) = said.or(length.filter(|length| *length > 0)) {
            content_length(out, length);
        }
        return Follows::Nothing;
    }
    match length {
        Some(length) => {
            content_length(out, length);
            if length == 0 { Follows::Nothing } else { Follows::Sized(length) }
        }
        None if form.old => Follows::UntilClose,
        None => {
            out.put_slice(b"transfer-encoding: chunked\r\n");
            Follows::Chunked
        }
    }
}

fn content_length(out: &mut BytesMut, length: u64) {
    line(out, b"content-length", itoa::Buffer::new().format(length).as_bytes());
}

/// What stands before a chunk of so many bytes.
pub(in crate::proxy) fn chunk_size(out: &mut BytesMut, length: usize) {
    out.put_slice(format!("{length:x}\r\n").as_bytes());
}

/// The last chunk, with trailers where there are some.
pub(in crate::proxy) fn last_chunk(out: &mut BytesMut, trailers: Option<&Fields>) {
    out.put_slice(b"0\r\n");
    for field in trailers.into_iter().flatten() {
        line(out, &field.name, &field.value);
    }
    out.put_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const FORM: Form = Form { head: false, old: false, keep: true, trailers: false };

    fn written(answer: &Answer, form: Form) -> (String, Follows) {
        let mut out = BytesMut::new();
        let follows = write_answer(&mut out, answer, form, b"D");
        (String::from_utf8_lossy(&out).into_owned(), follows)
    }

    fn answer(status: u16, fields: &[(&'static str, &'static str)], body: AnswerBody) -> Answer {
        let mut lines = Fields::default();
        for (name, value) in fields {
            lines.append(*name, *value);
        }
        Answer { status, fields: lines, body }
    }

    fn hello() -> AnswerBody {
        AnswerBody::Bytes(Bytes::from_static(b"hello"))
    }

    const LENGTH: [(&str, &str); 1] = [("content-length", "7")];

    #[test]
    fn the_end_of_a_body_is_told_in_the_one_way_that_fits() {
        let head = Form { head: true, ..FORM };
        let nothing = Follows::Nothing;
        for (answer, form, expected, follows) in [
            (answer(200, &[], hello()), FORM, "content-length: 5\r\n\r\n", Follows::Sized(5)),
            (answer(200, &LENGTH, hello()), FORM, "content-length: 5\r\n\r\n", Follows::Sized(5)),
            (answer(200, &LENGTH, AnswerBody::Empty), FORM, "content-length: 0\r\n\r\n", nothing),
            (answer(200, &LENGTH, AnswerBody::Empty), head, "content-length: 7\r\n\r\n", nothing),
            (answer(200, &[], hello()), head, "content-length: 5\r\n\r\n", nothing),
            (answer(304, &LENGTH, AnswerBody::Empty), FORM, "content-length: 7\r\n\r\n", nothing),
            (answer(204, &LENGTH, hello()), FORM, "\r\n", nothing),
        ] {
            let (text, found) = written(&answer, form);
            let rest = text.split_once("date: D\r\n").map(|(_, rest)| rest);
            assert_eq!((rest, found), (Some(expected), follows), "{}", answer.status);
        }
    }

    #[test]
    fn what_becomes_of_the_connection_is_told() {
        let (close, old) = (Form { keep: false, ..FORM }, Form { old: true, ..FORM });
        for (answer, form, expected) in [
            (
                answer(599, &[("date", "E")], hello()),
                close,
                "HTTP/1.1 599 \r\ndate: E\r\ncontent-length: 5\r\nconnection: close\r\n\r\n",
            ),
            (
                answer(200, &[], hello()),
                old,
                "HTTP/1.1 200 OK\r\ndate: D\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\n",
            ),
            (
                answer(101, &[], AnswerBody::Empty),
                FORM,
                "HTTP/1.1 101 Switching Protocols\r\ndate: D\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
            ),
        ] {
            assert_eq!(written(&answer, form).0, expected);
        }
    }

    #[test]
    fn what_no_message_may_hold_is_left_out() {
        let fields = [("x", "a\r\nset-cookie: evil"), ("x y", "1"), ("z", "\0"), ("ok", "\u{e9}")];
        let (text, _) = written(&answer(204, &fields, AnswerBody::Empty), FORM);
        assert_eq!(text, "HTTP/1.1 204 No Content\r\nok: \u{e9}\r\ndate: D\r\n\r\n");
    }
}
