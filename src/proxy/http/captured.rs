//! One request from bytes at hand, read by the same code that reads it from a socket.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io::Cursor;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::{Bounds, Screened, Seam, exchange, instead};
use crate::policy::limits;
use crate::policy::listen::{Address, Listener};
use crate::proxy::exchange::{Connection, Exchange};
use crate::reject::{Code, Rejection};
use crate::sig::message::Head;

/// What came of the bytes.
type Read = Result<(Head, Bytes), Rejection>;

/// The head and the body that `bytes` hold, or the refusal that a client would get for them. What follows the first request is not read.
pub(crate) async fn captured(bytes: Vec<u8>, limits: limits::Connection) -> Read {
    let taken: Rc<RefCell<Option<Read>>> = Rc::default();
    let (seam, bounds) = (Seam::default(), Bounds::from(&limits));
    let desk = Rc::new(Desk { connection: Rc::new(nowhere(limits)), seam: seam.clone(), taken: Rc::clone(&taken) });
    let service = service_fn(move |request| {
        let desk = Rc::clone(&desk);
        async move {
            desk.take(request).await;
            Ok::<_, Infallible>(hyper::Response::new(Empty::<Bytes>::new()))
        }
    });
    let io = tokio::io::join(Cursor::new(bytes), tokio::io::sink());
    let io = TokioIo::new(Screened::new(io, bounds, seam));
    let mut builder = http1::Builder::new();
    builder.half_close(true).keep_alive(false).header_read_timeout(None);
    builder.max_headers(limits.fields_max).max_buf_size(bounds.room().saturating_mul(2));
    // However the connection ends, what was taken decides.
    let _ended = builder.serve_connection(io, service).await;
    taken.take().unwrap_or_else(|| Err(Rejection::from(Code::BadRequest).because("there is no request")))
}

struct Desk {
    connection: Rc<Connection>,
    seam: Seam,
    taken: Rc<RefCell<Option<Read>>>,
}

impl Desk {
    async fn take(&self, request: hyper::Request<Incoming>) {
        let mut exchange = exchange(request, Rc::clone(&self.connection));
        if let Some(refused) = self.seam.refused(0) {
            exchange = instead(exchange, refused);
        }
        let read = match exchange.defect.clone() {
            Some(defect) => Err(defect),
            None => whole(exchange).await,
        };
        self.taken.borrow_mut().get_or_insert(read);
    }
}

async fn whole(mut exchange: Exchange) -> Read {
    let mut body = Vec::new();
    while let Some(chunk) = exchange.body.chunk().await.map_err(|_broken| Code::BodyIncomplete)? {
        body.extend_from_slice(&chunk);
    }
    Ok((exchange.head, body.into()))
}

/// A plain connection from nobody.
fn nowhere(limits: limits::Connection) -> Connection {
    let listener = Listener {
        name: "captured".into(),
        address: Address::Unix(PathBuf::new()),
        tls: None,
        public_url: None,
        trusted: Vec::new(),
        limits,
        http2: false,
        signing_hosts: None,
    };
    Connection { listener: Arc::new(listener), peer: None, port: 0, server_name: None, subject: None, handshake: None }
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
