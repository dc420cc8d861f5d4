//! A client that sends exactly the bytes it is given, and reads answers strictly.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::{Identity, Response, identity, tls};

/// How long an answer may take before the test fails. Nothing waits this long when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A request, as it goes over the wire.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    chunked: bool,
}

/// A request without headers other than Host and framing.
pub(crate) fn request(method: &str, target: &str, body: impl AsRef<[u8]>) -> Request {
    let fields = vec![("Host".to_owned(), b"localhost".to_vec())];
    Request {
        method: method.to_owned(),
        target: target.to_owned(),
        fields,
        body: body.as_ref().to_vec(),
        chunked: false,
    }
}

/// `GET target`
pub(crate) fn get(target: &str) -> Request {
    request("GET", target, "")
}

/// `POST target`
pub(crate) fn post(target: &str, body: impl AsRef<[u8]>) -> Request {
    request("POST", target, body)
}

impl Request {
    /// One more header line.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Without the header lines of that name.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(have, _)| !have.eq_ignore_ascii_case(name));
        self
    }

    /// With another value of a header.
    pub(crate) fn with(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).header(name, value)
    }

    /// The first value of a header, as text.
    pub(crate) fn value(&self, name: &str) -> String {
        let found = self.fields.iter().find(|(have, _)| have.eq_ignore_ascii_case(name));
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    }

    /// The same headers on another body: tampered with.
    pub(crate) fn tampered(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// The same headers on another target.
    pub(crate) fn towards(mut self, target: &str) -> Self {
        target.clone_into(&mut self.target);
        self
    }

    /// The same headers with another method.
    pub(crate) fn by(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// Sends the body in chunks.
    pub(crate) fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// The head, with the framing that the body needs.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut out = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.fields {
            out.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        match (self.chunked, self.body.is_empty() && self.method == "GET") {
            (true, _) => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n"),
            (false, true) => out.extend_from_slice(b"\r\n"),
            (false, false) => out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", self.body.len()).as_bytes()),
        }
        out
    }

    /// The whole message.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = self.head();
        if self.chunked {
            for piece in self.body.chunks(7) {
                out.extend_from_slice(&[format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
            }
            out.extend_from_slice(b"0\r\n\r\n");
        } else {
            out.extend_from_slice(&self.body);
        }
        out
    }
}

trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// One client connection.
pub(crate) struct Connection {
    wire: Box<dyn Wire>,
    socket: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    /// A plain one.
    pub(crate) fn open(address: SocketAddr) -> Self {
        let socket = dial(address);
        Self { wire: Box::new(socket.try_clone().unwrap()), socket, read: Vec::new() }
    }

    /// A TLS one that trusts the certificate in `directory`.
    pub(crate) fn open_tls(address: SocketAddr, directory: &Path, server_name: &str, alpn: &[&str]) -> Self {
        let socket = dial(address);
        let wire = tls::client(socket.try_clone().unwrap(), directory, server_name, alpn);
        Self { wire: Box::new(wire), socket, read: Vec::new() }
    }

    /// A TLS one for localhost behind bytes that come before it, by a client with or without an identity.
    pub(crate) fn open_after(first: &[u8], address: SocketAddr, directory: &Path, who: Option<&Identity>) -> Self {
        let mut socket = dial(address);
        socket.write_all(first).unwrap();
        let wire = identity::client(socket.try_clone().unwrap(), directory, who);
        Self { wire: Box::new(wire), socket, read: Vec::new() }
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn exchange(&mut self, request: &Request) -> Response {
        self.write(&request.bytes());
        self.answer_to(&request.method)
    }

    /// The same, where the connection may end instead.
    pub(crate) fn ask(&mut self, request: &Request) -> Option<Response> {
        self.write(&request.bytes());
        if self.is_closed() { None } else { Some(self.answer_to(&request.method)) }
    }

    /// Sends bytes. What the gateway refuses to read any more is no failure of the test.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let _refused = self.wire.write_all(bytes).and_then(|()| self.wire.flush());
    }

    /// The next answer, interim ones skipped.
    pub(crate) fn answer(&mut self) -> Response {
        self.answer_to("POST")
    }

    /// The next answer's head and body, interim ones included.
    pub(crate) fn next_head(&mut self) -> Response {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(
                self.more(),
                "the connection ended before a response head: {:?}",
                String::from_utf8_lossy(&self.read)
            );
        };
        let head: Vec<u8> = self.read.drain(..end).collect();
        parse_head(&head)
    }

    /// Whether the other side has closed, without a byte unread.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.read.is_empty() && !self.more()
    }

    /// Everything up to the end of the connection, or the error that it ended with.
    pub(crate) fn rest(&mut self) -> std::io::Result<Vec<u8>> {
        let mut rest = std::mem::take(&mut self.read);
        self.wire.read_to_end(&mut rest).map(|_| rest)
    }

    /// Exactly `count` bytes, for tunnels.
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count && self.more() {}
        self.read.drain(..count.min(self.read.len())).collect()
    }

    /// Cuts the connection.
    pub(crate) fn abort(self) {
        let _gone = self.socket.shutdown(Shutdown::Both);
    }

    fn answer_to(&mut self, method: &str) -> Response {
        let mut response = self.next_head();
        while (100..200).contains(&response.status) && response.status != 101 {
            response = self.next_head();
        }
        let bodiless = method == "HEAD" || matches!(response.status, 101 | 204 | 304);
        if !bodiless {
            self.read_body(&mut response);
        }
        response
    }

    fn read_body(&mut self, response: &mut Response) {
        if response.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            response.complete = self.read_chunks(response);
        } else if let Some(length) = response.header("content-length").and_then(|value| value.parse().ok()) {
            response.body = self.take(length);
            response.complete = response.body.len() == length;
        } else {
            while self.more() {}
            response.body = std::mem::take(&mut self.read);
        }
    }

    fn read_trailers(&mut self, response: &mut Response) -> bool {
        while let Some(line) = self.line() {
            let Some((name, value)) = line.trim().split_once(':') else { return line.trim().is_empty() };
            response.trailers.push((name.to_ascii_lowercase(), value.trim().as_bytes().to_vec()));
        }
        false
    }

    fn read_chunks(&mut self, response: &mut Response) -> bool {
        loop {
            let Some(line) = self.line() else { return false };
            let Ok(size) = usize::from_str_radix(line.trim(), 16) else { return false };
            if size == 0 {
                return self.read_trailers(response);
            }
            let piece = self.take(size);
            response.body.extend_from_slice(&piece);
            if piece.len() < size || self.take(2) != b"\r\n" {
                return false;
            }
        }
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=at).collect();
                return Some(String::from_utf8_lossy(&line).into_owned());
            }
            if !self.more() {
                return None;
            }
        }
    }

    fn more(&mut self) -> bool {
        let mut buffer = [0; 16 << 10];
        let count = self.wire.read(&mut buffer).unwrap_or(0);
        self.read.extend_from_slice(&buffer[..count]);
        count > 0
    }
}

fn dial(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_nodelay(true).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn parse_head(head: &[u8]) -> Response {
    let text = String::from_utf8_lossy(head).into_owned();
    let status = text.get(9..12).and_then(|digits| digits.parse().ok());
    let status = status.filter(|_| text.starts_with("HTTP/1.")).unwrap_or_else(|| panic!("no status line: {text:?}"));
    let lines = head.split(|byte| *byte == b'\n').skip(1).filter_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((String::from_utf8_lossy(&line[..colon]).into_owned(), line[colon + 1..].trim_ascii().to_vec()))
    });
    Response { status, fields: lines.collect(), body: Vec::new(), complete: true, trailers: Vec::new() }
}
