//! One request from bytes at hand, read by the same code that reads it from a socket.

use std::future::poll_fn;
use std::io::Cursor;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::{Bounds, arrived};
use crate::policy::limits;
use crate::policy::listen::{Address, Listener};
use crate::proxy::exchange::{Connection, Piece, Receiving};
use crate::proxy::http1::{Body, Reader, Stream};
use crate::reject::{Code, Rejection};
use crate::sig::message::Head;

/// What came of the bytes.
type Read = Result<(Head, Bytes), Rejection>;

/// The head and the body that `bytes` hold, or the refusal that a client would get for them. What follows the first request is not read.
pub(crate) async fn captured(bytes: Vec<u8>, limits: limits::Connection) -> Read {
    let mut stream = Stream::new(Cursor::new(bytes));
    let (mut reader, bounds) = (Reader::default(), Bounds::from(&limits));
    let request = loop {
        let read = poll_fn(|cx| stream.poll_fill(cx)).await.unwrap_or_default();
        if let Some(request) = reader.take(stream.ahead(), &bounds)? {
            break request;
        }
        if read == 0 {
            let begun = reader.has_begun(stream.ahead());
            let note = if begun { "the head ended early" } else { "there is no request" };
            return Err(Rejection::from(Code::BadRequest).because(note));
        }
    };
    let mut body = Body::new(request.framing, 0);
    let (exchange, _) = arrived(request, Receiving::empty(), Rc::new(nowhere(limits)));
    if let Some(defect) = exchange.defect {
        return Err(defect);
    }
    let mut whole = Vec::new();
    while let Some(piece) =
        poll_fn(|cx| body.poll_piece(&mut stream, cx)).await.map_err(|_broken| Code::BodyIncomplete)?
    {
        match piece {
            Piece::Data(data) => whole.extend_from_slice(&data),
            Piece::Trailers(_) => {}
        }
    }
    Ok((exchange.head, whole.into()))
}

/// A plain connection from nobody.
pub(in crate::proxy) fn nowhere(limits: limits::Connection) -> Connection {
    let listener = Listener {
        name: "captured".into(),
        address: Address::Unix(PathBuf::new()).into(),
        tls: None,
        public_url: None,
        trusted: Vec::new(),
        proxied: None,
        limits,
        http2: false,
        signing_hosts: None,
        forward_auth: None,
    };
    Connection {
        listener: Arc::new(listener),
        peer: None,
        shown: None,
        port: 0,
        server_name: None,
        subject: None,
        handshake: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Head, Bytes), Code> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = runtime.block_on(captured(text.as_bytes().to_vec(), limits::Connection::default()));
        read.map_err(|rejection| rejection.code())
    }

    #[test]
    fn a_request_is_read_with_its_body_however_it_is_framed() {
        for (framing, body) in
            [("Content-Length: 5", "hello"), ("Transfer-Encoding: chunked", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")]
        {
            let (head, found) =
                read(&format!("POST /a?b HTTP/1.1\r\nHost: h\r\nX-Y:  z \r\n{framing}\r\n\r\n{body}")).unwrap();
            assert_eq!(
                (head.target.as_ref(), head.authority.as_ref(), found.as_ref()),
                (&b"/a?b"[..], &b"h"[..], &b"hello"[..])
            );
            assert_eq!(head.fields.one("x-y").unwrap().unwrap(), "z");
        }
    }

    #[test]
    fn what_a_client_would_be_refused_for_is_refused() {
        let cases = [
            ("", Code::BadRequest),
            ("GET / HTTP/1.1\r\n", Code::BadRequest),
            ("GET / HTTP/1.1\r\n\r\n", Code::HostInvalid),
            ("GET /# HTTP/1.1\r\nHost: a\r\n\r\n", Code::TargetInvalid),
            ("GET / HTTP/1.1\nHost: a\n\n", Code::BadRequest),
            ("GET / HTTP/1.1\r\nHost: a\r\nX_Y: z\r\n\r\n", Code::FieldForbidden),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell", Code::BodyIncomplete),
        ];
        for (text, code) in cases {
            assert_eq!(read(text).err(), Some(code), "{text:?}");
        }
    }
}
