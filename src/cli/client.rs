//! One HTTP request to an operations listener: blocking, bounded in time and size, nothing else.

use std::io::{self, Error, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::policy::listen::Address;

/// Time to connect.
const CONNECT: Duration = Duration::from_secs(3);

/// An answer beyond this many bytes is cut.
const ANSWER_MAX: u64 = 4 << 20;

/// Where an operations listener is, as written on the command line: `http://127.0.0.1:8082`, `127.0.0.1:8082` or `unix:/path`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    address: At,
    /// The path behind the address; empty without one.
    pub(super) path: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum At {
    Tcp(String),
    Unix(PathBuf),
}

/// A status and a body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Place {
    /// Asks and waits for the whole answer, at most `limit` between two pieces of it.
    pub(super) fn ask(&self, method: &str, path: &str, limit: Duration) -> io::Result<Answer> {
        self.tell((method, path), "", limit)
    }

    /// The same with a body.
    pub(super) fn tell(&self, question: (&str, &str), body: &str, limit: Duration) -> io::Result<Answer> {
        match &self.address {
            At::Tcp(address) => {
                let stream = connect(address)?;
                stream.set_read_timeout(Some(limit))?;
                stream.set_write_timeout(Some(limit))?;
                converse(stream, question, address, body)
            }
            At::Unix(socket) => {
                let stream = UnixStream::connect(socket)?;
                stream.set_read_timeout(Some(limit))?;
                stream.set_write_timeout(Some(limit))?;
                converse(stream, question, "localhost", body)
            }
        }
    }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = Error::new(ErrorKind::NotFound, "the name has no address");
    for resolved in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&resolved, CONNECT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn converse(mut stream: impl Read + Write, (method, path): (&str, &str), host: &str, body: &str) -> io::Result<Answer> {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}", body.len());
    let request = format!("{head}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes())?;
    let mut raw = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut raw)?;
    parse(&String::from_utf8_lossy(&raw)).ok_or_else(|| Error::new(ErrorKind::InvalidData, "the answer is not HTTP"))
}

fn parse(raw: &str) -> Option<Answer> {
    let (head, body) = raw.split_once("\r\n\r\n")?;
    let mut words = head.lines().next()?.split(' ');
    let version = words.next()?;
    let status = words.next()?.parse().ok()?;
    version.starts_with("HTTP/1.").then(|| Answer { status, body: body.to_owned() })
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(socket) = text.strip_prefix("unix:") {
            return match socket {
                "" => Err("unix: needs a path"),
                path => Ok(Self { address: At::Unix(path.into()), path: String::new() }),
            };
        }
        let rest = text.strip_prefix("http://").unwrap_or(text);
        let (address, path) = rest.split_once('/').map_or((rest, String::new()), |(a, path)| (a, format!("/{path}")));
        let port = address.rsplit_once(':').and_then(|(host, port)| (!host.is_empty()).then_some(port));
        let clean = rest.bytes().all(|byte| byte.is_ascii_graphic());
        match port.map(str::parse::<u16>) {
            Some(Ok(_)) if clean => Ok(Self { address: At::Tcp(address.into()), path }),
            _ => Err("expected http://HOST:PORT[/PATH], HOST:PORT or unix:/PATH"),
        }
    }
}

impl From<&Address> for Place {
    fn from(address: &Address) -> Self {
        let address = match address {
            Address::Socket(address) => At::Tcp(address.to_string()),
            Address::Unix(path) => At::Unix(path.clone()),
        };
        Self { address, path: String::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn places_are_read_in_every_spelling_and_nothing_else_is_a_place() {
        let tcp = |address: &str, path: &str| Place { address: At::Tcp(address.into()), path: path.into() };
        let cases = [
            ("http://127.0.0.1:8081/readyz", Some(tcp("127.0.0.1:8081", "/readyz"))),
            ("http://localhost:1", Some(tcp("localhost:1", ""))),
            ("127.0.0.1:8082", Some(tcp("127.0.0.1:8082", ""))),
            ("[::1]:8082", Some(tcp("[::1]:8082", ""))),
            ("unix:/run/a.sock", Some(Place { address: At::Unix("/run/a.sock".into()), path: String::new() })),
            ("unix:", None),
            ("https://127.0.0.1:8081", None),
            ("127.0.0.1", None),
            (":8081", None),
            ("127.0.0.1:65536", None),
            ("127.0.0.1:80/a b", None),
            ("127.0.0.1:80/a\r\nX: y", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse().ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn an_answer_is_a_status_and_a_body() {
        let cases = [
            ("HTTP/1.1 200 OK\r\nA: b\r\n\r\nready\n", Some((200, "ready\n"))),
            ("HTTP/1.1 503 \r\n\r\n", Some((503, ""))),
            ("HTTP/1.1 200 OK\r\n", None),
            ("SSH-2.0 200 OK\r\n\r\n", None),
            ("HTTP/1.1 abc\r\n\r\n", None),
            ("", None),
        ];
        for (raw, expected) in cases {
            let expected = expected.map(|(status, body)| Answer { status, body: body.into() });
            assert_eq!(parse(raw), expected, "{raw:?}");
        }
    }

    #[test]
    fn a_listener_that_says_nothing_is_given_up() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let place: Place = silent.local_addr().unwrap().to_string().parse().unwrap();
        assert!(place.ask("GET", "/livez", Duration::from_millis(20)).is_err());
    }

    #[test]
    fn a_request_names_the_host_it_asks() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(b"HTTP/1.1 202 Accepted\r\n\r\nok").unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let answer = address.parse::<Place>().unwrap().ask("POST", "/drain", Duration::from_secs(20)).unwrap();
        assert_eq!(answer, Answer { status: 202, body: "ok".into() });
        let request = server.join().unwrap();
        assert!(request.starts_with(&format!("POST /drain HTTP/1.1\r\nHost: {address}\r\n")), "{request}");
    }
}
