//! A connected byte stream to an upstream, plain or TLS, and the place it takes under the cap.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::shared::{Common, Dial, Target};
use super::tls;
use crate::policy::upstream::Protocol;
use crate::reject::Code;

/// The permit goes when the socket goes: with the connection, or with the tunnel that took it over.
pub(super) struct Socket {
    stream: Stream,
    /// Whether the upstream may have got something since [`Socket::begin`].
    touched: bool,
    _slot: Option<OwnedSemaphorePermit>,
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<Stream>>),
}

/// Why there is no connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unopened {
    /// This process has no descriptor or memory left for it: that says nothing about the address.
    Ours,
    /// The other side refuses, is silent or not whom we expect.
    Theirs(Code),
}

/// Connects to one address and takes the slot on success; says whether HTTP/2 is spoken, which never is
/// where the connection is to be upgraded. The caller bounds the time.
pub(super) async fn open(
    common: &Common,
    target: &Target,
    upgrade: bool,
    slot: &mut Option<OwnedSemaphorePermit>,
) -> Result<(Socket, bool), Unopened> {
    let plain = connect(&target.address).await.map_err(|cause| Unopened::of(&cause))?;
    let demanded = common.settings.protocol == Protocol::Http2 && !upgrade;
    let Some(config) = (if upgrade { &common.tls_http1 } else { &common.tls }) else {
        return Ok((Socket { stream: plain, touched: false, _slot: slot.take() }, demanded));
    };
    let endpoint = common.settings.endpoints.get(target.endpoint).ok_or(Unopened::Theirs(Code::UpstreamUnreachable))?;
    let name = tls::server_name(&common.settings, endpoint).map_err(|_| Unopened::Theirs(Code::UpstreamTls))?;
    let connector = TlsConnector::from(Arc::clone(config));
    let secured = connector.connect(name, plain).await.map_err(|_| Unopened::Theirs(Code::UpstreamTls))?;
    let agreed = secured.get_ref().1.alpn_protocol() == Some(b"h2");
    if demanded && !agreed {
        return Err(Unopened::Theirs(Code::UpstreamTls));
    }
    Ok((Socket { stream: Stream::Tls(Box::new(secured)), touched: false, _slot: slot.take() }, agreed))
}

impl Unopened {
    /// What the client is told.
    pub(super) fn code(self) -> Code {
        match self {
            Self::Ours => Code::UpstreamUnreachable,
            Self::Theirs(code) => code,
        }
    }

    pub(super) fn of(cause: &io::Error) -> Self {
        let ours = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS];
        let is_ours = Errno::from_io_error(cause).is_some_and(|error| ours.contains(&error));
        if is_ours { Self::Ours } else { Self::Theirs(Code::UpstreamUnreachable) }
    }
}

impl Socket {
    /// From here on it is noted whether anything is sent.
    pub(super) fn begin(&mut self) {
        self.touched = false;
    }

    pub(super) fn is_touched(&self) -> bool {
        self.touched
    }

    /// A write that failed may have sent records before: over TLS every attempt counts.
    fn note(&mut self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.touched |= matches!(outcome, Poll::Ready(Ok(1..))) || matches!(self.stream, Stream::Tls(_));
        outcome
    }
}

async fn connect(address: &Dial) -> io::Result<Stream> {
    match address {
        Dial::Unix(path) => Ok(Stream::Unix(UnixStream::connect(path).await?)),
        Dial::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Stream::Tcp(stream))
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let socket = self.get_mut();
        let outcome = Pin::new(&mut socket.stream).poll_write(cx, buf);
        socket.note(outcome)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let socket = self.get_mut();
        let outcome = Pin::new(&mut socket.stream).poll_write_vectored(cx, bufs);
        socket.note(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
