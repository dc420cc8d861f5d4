//! The head of a request as an HTTP/1.1 upstream reads it: byte for byte as given, or not at all.
//!
//! **Invariant:** no byte that a reader could take for the end of a line, of a name or of the target is written where it is not one.

use std::fmt::Write;

use bytes::BytesMut;

use super::hearing::Asked;
use super::outward::{self, Shape};
use crate::proxy::http1::{SMALL, is_plain_target, is_text, is_token};
use crate::reject::Code;
use crate::sig::message::Head;

/// Bytes of a head beside its own: white space, the version, and what is said about the body.
const BESIDE: usize = 128;

/// A head that is ready to leave.
pub(in crate::proxy) struct Words {
    pub(in crate::proxy) head: BytesMut,
    /// The body goes in chunks: its length is not known ahead.
    pub(in crate::proxy) chunked: bool,
    pub(in crate::proxy) asked: Asked,
}

/// What cannot be sent exactly as it is, is refused.
pub(in crate::proxy) fn words(head: &Head, shape: Shape) -> Result<Words, Code> {
    let method = head.method.as_str();
    // An answer to CONNECT has no body and no end: it is never asked for.
    if !is_token(method.as_bytes()) || method == "CONNECT" {
        return Err(Code::BadRequest);
    }
    if !is_plain_target(&head.target) {
        outward::target(head)?;
    }
    if !is_text(&head.authority) {
        return Err(Code::HostInvalid);
    }
    let mut text = BytesMut::with_capacity(room(head, shape));
    for part in [method.as_bytes(), b" ", &head.target, b" HTTP/1.1\r\nhost: ", &head.authority, b"\r\n"] {
        text.extend_from_slice(part);
    }
    lines(&mut text, head)?;
    frame(&mut text, head, shape);
    text.extend_from_slice(b"\r\n");
    let asked = Asked { head: method == "HEAD", upgrade: shape.upgrade };
    Ok(Words { head: text, chunked: shape.length.is_none(), asked })
}

/// Also for a body that is written together with its head.
fn room(head: &Head, shape: Shape) -> usize {
    let lines = head.fields.iter().map(|field| field.name.len().saturating_add(field.value.len()).saturating_add(4));
    let body = shape.length.and_then(|length| usize::try_from(length).ok()).filter(|length| *length <= SMALL);
    let beside = BESIDE.saturating_add(body.unwrap_or_default());
    lines.fold(head.target.len().saturating_add(head.authority.len()).saturating_add(beside), usize::saturating_add)
}

fn lines(text: &mut BytesMut, head: &Head) -> Result<(), Code> {
    for field in &head.fields {
        if !is_token(&field.name) || !is_text(&field.value) {
            return Err(Code::BadRequest);
        }
        if !outward::is_ours(&field.name) {
            for part in [&field.name, &b": "[..], &field.value, b"\r\n"] {
                text.extend_from_slice(part);
            }
        }
    }
    Ok(())
}

fn frame(text: &mut BytesMut, head: &Head, shape: Shape) {
    match shape.length {
        None => text.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Some(length) if outward::is_said(head, length) => {
            text.extend_from_slice(b"content-length: ");
            text.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        Some(_) => {}
    }
    if shape.upgrade {
        text.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n");
    } else if head.fields.contains("te") {
        text.extend_from_slice(b"connection: te\r\n");
    }
}

/// The line in front of a chunk. A chunk of no bytes would end the message: there is none.
pub(in crate::proxy) fn size_line(text: &mut BytesMut, length: usize) {
    // Writing into a growing buffer does not fail.
    let _: std::fmt::Result = write!(text, "{length:x}\r\n");
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::sig::message::{Fields, Method};

    fn head() -> Head {
        Head {
            method: Method::GET,
            target: Bytes::from_static(b"/"),
            authority: Bytes::from_static(b"a.test"),
            secure: false,
            fields: Fields::default(),
        }
    }

    fn said(head: &Head) -> Result<String, Code> {
        let words = words(head, Shape { length: Some(0), upgrade: false })?;
        Ok(String::from_utf8_lossy(&words.head).into_owned())
    }

    #[test]
    fn nothing_in_a_head_can_end_a_line_that_is_not_over() {
        for byte in [b'\r', b'\n', 0, 0x7f, 0x1f] {
            let spoiled = Bytes::from(vec![b'/', byte, b'a']);
            assert_eq!(said(&Head { target: spoiled.clone(), ..head() }).err(), Some(Code::TargetInvalid));
            assert_eq!(said(&Head { authority: spoiled.clone(), ..head() }).err(), Some(Code::HostInvalid));
            for (name, value) in [(Bytes::from_static(b"x"), spoiled.clone()), (spoiled, Bytes::new())] {
                let mut head = head();
                head.fields.append(name, value);
                assert_eq!(said(&head).err(), Some(Code::BadRequest));
            }
        }
        for method in ["", "G T", "GET\r\n", "CONNECT"] {
            assert_eq!(said(&Head { method: Method::new(method), ..head() }).err(), Some(Code::BadRequest), "{method}");
        }
        assert!(said(&Head { method: Method::new("CONNECTED"), ..head() }).is_ok());
    }

    #[test]
    fn what_describes_this_hop_is_never_copied_however_it_is_spelled() {
        let mut head = head();
        for name in ["Host", "CONTENT-LENGTH", "Transfer-Encoding", "connection", "Upgrade", "x-kept"] {
            head.fields.append(name, "1");
        }
        assert_eq!(said(&head).unwrap(), "GET / HTTP/1.1\r\nhost: a.test\r\nx-kept: 1\r\n\r\n");
    }

    #[test]
    fn a_head_is_one_allocation() {
        let mut head = head();
        for _ in 0..50 {
            head.fields.append("x", "y");
        }
        let shape = Shape { length: Some(u64::MAX), upgrade: true };
        let (room, words) = (room(&head, shape), words(&head, shape).unwrap());
        assert!(words.head.len() <= room, "{} of {room}", words.head.len());
    }

    #[test]
    fn a_chunk_is_led_by_its_size_in_hexadecimal() {
        let mut text = BytesMut::new();
        size_line(&mut text, 255);
        assert_eq!(text, "ff\r\n");
    }
}
