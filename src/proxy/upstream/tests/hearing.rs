//! Heads of answers, read from bytes alone: what is heard, and what is refused however it arrives.

use bytes::BytesMut;

use super::*;
use crate::proxy::http1::Framing;
use crate::proxy::upstream::hearing::{Asked, Ear, Heard};

const ASKED: Asked = Asked { head: false, upgrade: false };

/// What is heard of `text` in pieces of `size`, and what is left of it.
fn heard(text: &[u8], size: usize, asked: Asked) -> Result<(Option<Heard>, usize), Code> {
    let (mut ear, mut ahead) = (Ear::default(), BytesMut::new());
    let mut pieces = text.chunks(size);
    while let Some(piece) = pieces.next() {
        ahead.extend_from_slice(piece);
        if let Some(heard) = ear.hear(&mut ahead, asked)? {
            return Ok((Some(heard), pieces.map(<[u8]>::len).fold(ahead.len(), usize::saturating_add)));
        }
    }
    Ok((None, ahead.len()))
}

/// Status, framing, and whether the connection stays.
fn gist(text: &str, asked: Asked) -> Result<(u16, Framing, bool), Code> {
    let (heard, _) = heard(text.as_bytes(), text.len(), asked)?;
    let heard = heard.expect("a whole head");
    Ok((heard.status, heard.framing, heard.keep))
}

#[test]
fn a_head_is_heard_alike_in_any_pieces_and_nothing_behind_it_is_touched() {
    let early = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let text =
        format!("{early}HTTP/1.1 200 OK\r\nX-A:  b c \t\r\nEMPTY:\r\nx-a: caf\u{e9}\r\nContent-Length: 4\r\n\r\nbody");
    for size in 1..=text.len() {
        let (heard, left) = heard(text.as_bytes(), size, ASKED).unwrap();
        let heard = heard.unwrap();
        assert_eq!((heard.status, heard.framing, heard.keep, left), (200, Framing::Sized(4), true, 4), "by {size}");
        let lines = heard.fields.iter().map(|field| (&field.name[..], &field.value[..]));
        let expected: [(&[u8], &[u8]); 4] =
            [(b"x-a", b"b c"), (b"empty", b""), (b"x-a", "caf\u{e9}".as_bytes()), (b"content-length", b"4")];
        assert!(lines.eq(expected), "by {size}");
    }
}

#[test]
fn the_end_of_a_body_is_known_as_rfc_9112_says() {
    let (head, close) = (Asked { head: true, ..ASKED }, Framing::UntilClose);
    let cases = [
        ("1.1 200 OK\r\nContent-Length: 7", ASKED, (200, Framing::Sized(7), true)),
        ("1.1 200 OK\r\nContent-Length: 0", ASKED, (200, Framing::Sized(0), true)),
        ("1.1 200\r\nTransfer-Encoding: Chunked", ASKED, (200, Framing::Chunked, true)),
        ("1.1 200 \r\nX: y", ASKED, (200, close, false)),
        ("1.1 200 OK\r\nContent-Length: 7", head, (200, Framing::Sized(0), true)),
        ("1.1 200 OK\r\nTransfer-Encoding: chunked", head, (200, Framing::Sized(0), true)),
        ("1.1 200 OK\r\nX: y", head, (200, Framing::Sized(0), true)),
        // What a 204 announces might still come, and be taken for the next answer.
        ("1.1 204 No\r\nContent-Length: 7", ASKED, (204, Framing::Sized(0), false)),
        ("1.1 204 No\r\nTransfer-Encoding: chunked", ASKED, (204, Framing::Sized(0), false)),
        ("1.1 304 No\r\nTransfer-Encoding: chunked", ASKED, (304, Framing::Sized(0), false)),
        ("1.1 204 No\r\nContent-Length: 0", ASKED, (204, Framing::Sized(0), true)),
        ("1.1 204 No\r\nX: y", ASKED, (204, Framing::Sized(0), true)),
        ("1.1 304 No\r\nContent-Length: 7", ASKED, (304, Framing::Sized(0), true)),
        ("1.1 205 No\r\nContent-Length: 0", ASKED, (205, Framing::Sized(0), true)),
        ("1.1 599 ?\r\nContent-Length: 1", ASKED, (599, Framing::Sized(1), true)),
        ("1.1 200 OK\r\nContent-Length: 1\r\nConnection: x, Close", ASKED, (200, Framing::Sized(1), false)),
        (
            "1.1 200 OK\r\nContent-Length: 1\r\nConnection: x\r\nConnection: close",
            ASKED,
            (200, Framing::Sized(1), false),
        ),
        ("1.1 200 OK\r\nContent-Length: 1\r\nConnection: closed", ASKED, (200, Framing::Sized(1), true)),
        ("1.0 200 OK\r\nContent-Length: 1", ASKED, (200, Framing::Sized(1), false)),
        ("1.0 200 OK\r\nContent-Length: 1\r\nConnection: Keep-Alive", ASKED, (200, Framing::Sized(1), true)),
        ("1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive, close", ASKED, (200, Framing::Sized(1), false)),
        ("1.0 200 OK\r\nConnection: keep-alive", ASKED, (200, close, false)),
    ];
    for (text, asked, expected) in cases {
        assert_eq!(gist(&format!("HTTP/{text}\r\n\r\n"), asked), Ok(expected), "{text}");
        assert_eq!(gist(&format!("HTTP/{text}\n\n").replace('\r', ""), asked), Ok(expected), "{text} with bare LF");
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_invalid_however_it_arrives() {
    let cases: [&[u8]; 36] = [
        b"garbage\r\n\r\n",
        b"\x16\x03\x01 this is not http\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.2 200 OK\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 99 Low\r\n\r\n",
        b"HTTP/1.1 099 Low\r\n\r\n",
        b"HTTP/1.1 000 Low\r\n\r\n",
        b"HTTP/1.1 600 High\r\n\r\n",
        b"HTTP/1.1 1000 High\r\n\r\n",
        b"HTTP/1.1 abc Bad\r\n\r\n",
        b"HTTP/1.1 2x0 Bad\r\n\r\n",
        b"HTTP/1.1 200 O\0K\r\n\r\n",
        b"HTTP/1.1 200 O\rK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x7fb\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: evil\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n\tb: c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n X: a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ngarbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX\xe9: a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    ];
    for case in cases {
        for size in [1, 2, 3, 7, case.len()] {
            assert_eq!(
                heard(case, size, ASKED).err(),
                Some(Code::UpstreamInvalid),
                "{} by {size}",
                case.escape_ascii()
            );
        }
    }
}

#[test]
fn a_switch_is_heard_where_it_was_asked_for_and_names_the_protocol() {
    let asked = Asked { upgrade: true, ..ASKED };
    let switch = |text: &str| gist(&format!("HTTP/{text}\r\n\r\n"), asked);
    assert_eq!(switch("1.1 101 S\r\nUpgrade: WebSocket"), Ok((101, Framing::Sized(0), true)));
    for text in [
        "1.0 101 S\r\nUpgrade: websocket",
        "1.1 101 S",
        "1.1 101 S\r\nUpgrade: h2c",
        "1.1 101 S\r\nUpgrade: websocket\r\nUpgrade: websocket",
    ] {
        assert_eq!(switch(text), Err(Code::UpstreamInvalid), "{text}");
    }
}

#[test]
fn heads_have_bounds() {
    let room = (64 << 10) - "HTTP/1.1 200 OK\r\nx: \r\n\r\n".len();
    let long = |length| format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(length));
    let many = |lines| format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: a\r\n".repeat(lines));
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "a".repeat(70 << 10));
    let informed = |count| format!("{}HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 103 E\r\n\r\n".repeat(count));
    let most = (64 << 10) / "HTTP/1.1 103 E\r\n\r\n".len();
    for (what, text, fits) in [
        ("bytes", long(room), true),
        ("bytes", long(room + 1), false),
        ("endless", endless, false),
        ("lines", many(256), true),
        ("lines", many(257), false),
        ("informational", informed(most), true),
        ("informational", informed(most + 1), false),
        ("empty lines", "\r\n".repeat(40 << 10), false),
    ] {
        for size in [1000, text.len()] {
            assert_eq!(heard(text.as_bytes(), size, ASKED).err(), (!fits).then_some(Code::UpstreamInvalid), "{what}");
        }
    }
}
