//! Speaking with one server before there are claims: a command, and its answer.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::Remote;
use super::resp::{self, Reply};
use crate::policy::upstream::Endpoint;

/// Bytes in both directions.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Wire for T {}

/// A connection on which one command follows another.
pub(super) struct Talk {
    pub(super) wire: Box<dyn Wire>,
    read: BytesMut,
}

impl Talk {
    pub(super) async fn open(remote: &Remote, place: &Endpoint, found: &[SocketAddr]) -> Result<Self, String> {
        let wire = open(remote, place, found).await.map_err(|error| error.to_string())?;
        Ok(Self { wire, read: BytesMut::new() })
    }

    pub(super) async fn exchange(&mut self, parts: &[&[u8]]) -> Result<Reply, String> {
        let mut out = Zeroizing::new(Vec::with_capacity(256));
        resp::command(&mut out, parts);
        let cut = |_| "the connection ended".to_owned();
        self.wire.write_all(&out).await.map_err(cut)?;
        self.wire.flush().await.map_err(cut)?;
        loop {
            if let Some(reply) = resp::next(&mut self.read).map_err(|malformed| malformed.to_string())? {
                return Ok(reply);
            }
            if self.wire.read_buf(&mut self.read).await.map_err(cut)? == 0 {
                return Err("the connection ended".to_owned());
            }
        }
    }

    /// An answer that is no error.
    pub(super) async fn ask(&mut self, parts: &[&[u8]]) -> Result<Reply, String> {
        match self.exchange(parts).await? {
            Reply::Error(error) => Err(said(&error)),
            other => Ok(other),
        }
    }

    pub(super) async fn done(&mut self, parts: &[&[u8]]) -> Result<(), String> {
        self.ask(parts).await.map(drop)
    }
}

/// Where a name leads. A lookup cannot be ended, so it is waited for: given up, many of them would take every thread that files are written on.
pub(super) async fn addresses(place: &Endpoint) -> Result<Vec<SocketAddr>, String> {
    let Endpoint::Tcp { host, port } = place else { return Ok(Vec::new()) };
    let found = tokio::net::lookup_host((&**host, *port)).await;
    found.map(Iterator::collect).map_err(|error| format!("{}: {error}", shown(place)))
}

async fn open(remote: &Remote, place: &Endpoint, found: &[SocketAddr]) -> std::io::Result<Box<dyn Wire>> {
    let (host, stream) = match place {
        Endpoint::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
        Endpoint::Tcp { host, .. } => (host, TcpStream::connect(found).await?),
    };
    stream.set_nodelay(true)?;
    let Some(tls) = &remote.tls else { return Ok(Box::new(stream)) };
    let name = remote.settings.tls.as_ref().and_then(|tls| tls.server_name.as_deref()).unwrap_or(host);
    let name = ServerName::try_from(name.to_owned()).map_err(std::io::Error::other)?;
    Ok(Box::new(TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?))
}

/// An address, for operators.
pub(super) fn shown(place: &Endpoint) -> String {
    match place {
        Endpoint::Tcp { host, port } => format!("{host}:{port}"),
        Endpoint::Unix(path) => path.display().to_string(),
    }
}

/// What an error says, short and printable.
pub(super) fn said(error: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(error).chars().filter(|char| !char.is_control()).take(120).collect();
    let hint = if text.starts_with("ERR syntax") { " (it has to be Redis 7.0, or Valkey)" } else { "" };
    format!("it says `{text}`{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_error_says_is_short_and_printable() {
        assert_eq!(said(b"NOAUTH\x1b[2J no"), "it says `NOAUTH[2J no`");
        assert_eq!(said(&[b'x'; 500]).len(), 120 + "it says ``".len());
        assert!(said(b"ERR syntax error").contains("Redis 7.0"));
    }
}
