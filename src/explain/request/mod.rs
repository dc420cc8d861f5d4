//! A captured request, whatever it was captured as, on its way through the parser that reads sockets.

mod curl;
mod har;
mod json;
mod raw;
mod shell;

use std::path::Path;

use bytes::Bytes;

use crate::policy::limits;
use crate::proxy::http::captured;
use crate::sig::message::Head;

pub(crate) use self::json::kept_id;
pub(super) use self::json::read as json;

/// Reads a file that a curl command names with `@`.
pub type ReadFile<'a> = &'a dyn Fn(&Path) -> std::io::Result<Vec<u8>>;

/// A request as it was captured.
pub struct Captured {
    /// Its head.
    pub head: Head,
    /// Its body.
    pub body: Bytes,
    /// What had to be assumed.
    pub notes: Vec<String>,
}

/// A request in pieces, before it is HTTP/1.1.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pieces {
    /// The method.
    pub method: String,
    /// Where to: `scheme://host[:port]/path?query`, or a path.
    pub url: String,
    /// Header lines in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
    /// What had to be assumed.
    pub notes: Vec<String>,
}

/// Reads raw HTTP/1.1, a HAR file or entry, or a curl command, told apart by their first character or word.
pub async fn read(text: &[u8], entry: usize, files: Option<ReadFile<'_>>) -> Result<Captured, String> {
    let begin = text.trim_ascii_start();
    let command = begin.strip_prefix(b"$ ").unwrap_or(begin);
    let (bytes, notes) = if begin.first() == Some(&b'{') {
        har::read(begin, entry)?.written()?
    } else if command.starts_with(b"curl ") {
        let command = std::str::from_utf8(command).map_err(|_| "the curl command is not UTF-8".to_owned())?;
        curl::read(command, files)?.written()?
    } else {
        raw::read(text)?
    };
    parse(bytes, notes).await
}

/// The request of these pieces.
pub async fn of(pieces: Pieces) -> Result<Captured, String> {
    let (bytes, notes) = pieces.written()?;
    parse(bytes, notes).await
}

async fn parse(bytes: Vec<u8>, notes: Vec<String>) -> Result<Captured, String> {
    let limits = limits::Connection {
        head_max: 1 << 20,
        fields_max: 1000,
        target_max: 60 << 10,
        ..limits::Connection::default()
    };
    match captured(bytes, limits).await {
        Ok((head, body)) => Ok(Captured { head, body, notes }),
        Err(rejection) => {
            let note = rejection.note().map_or_else(String::new, |note| format!(": {note}"));
            Err(format!("the gateway refuses it before any rule: {}{note}", rejection.code().reason().code))
        }
    }
}

impl Pieces {
    /// As HTTP/1.1, with a Host and a length.
    fn written(mut self) -> Result<(Vec<u8>, Vec<String>), String> {
        let (host, target) = split(&self.url)?;
        let broken = |text: &[u8]| text.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
        if self.headers.iter().any(|(name, value)| broken(name.as_bytes()) || broken(value)) {
            return Err("a header line holds a line break".to_owned());
        }
        let has = |name: &str| self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let mut text = format!("{} {target} HTTP/1.1\r\n", self.method).into_bytes();
        if !has("host") {
            let host = host.ok_or("there is no host: neither a Host header nor a whole URL")?;
            text.extend_from_slice(format!("Host: {host}\r\n").as_bytes());
        }
        self.headers.retain(|(name, _)| !is_framing(name));
        for (name, value) in &self.headers {
            text.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        if !self.body.is_empty() {
            text.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(&self.body);
        Ok((text, self.notes))
    }
}

/// Lines that say how a message is cut, which it is no more.
fn is_framing(name: &str) -> bool {
    ["content-length", "transfer-encoding", "connection", "expect"].iter().any(|known| name.eq_ignore_ascii_case(known))
        || name.starts_with(':')
}

/// Host and target of a URL; of a path the target alone.
fn split(url: &str) -> Result<(Option<String>, String), String> {
    let url = url.split('#').next().unwrap_or_default();
    if url.starts_with('/') {
        return Ok((None, url.to_owned()));
    }
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, target) = rest.split_at_checked(end).unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    if host.is_empty() {
        return Err(format!("`{url}` is not a URL"));
    }
    Ok((Some(host.to_owned()), if target.starts_with('/') { target.to_owned() } else { format!("/{target}") }))
}

#[cfg(test)]
mod tests;
