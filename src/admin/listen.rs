//! Sockets of the operations servers, bound before anything runs, so that a taken address is an error at start.

use std::io::{self, Error, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, fchmod};
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use super::answer::Role;
use crate::policy::listen::Address;

/// A bound address that does not accept yet.
pub(super) struct Bound {
    pub(super) role: Role,
    pub(super) socket: Listening,
}

/// The socket, still blocking: a runtime takes it over.
pub(super) enum Listening {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener, PathBuf),
}

/// A socket that accepts.
pub(super) enum Accepting {
    Tcp(TcpListener),
    Unix(Named),
}

/// A unix socket whose name is removed when nobody listens any more.
pub(super) struct Named {
    socket: UnixListener,
    path: PathBuf,
}

/// A client connection of either kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Bound {
    pub(super) fn bind(role: Role, address: &Address) -> io::Result<Self> {
        let socket = match address {
            Address::Socket(address) if role == Role::Admin && !address.ip().is_loopback() => {
                return Err(Error::new(ErrorKind::InvalidInput, "admin must listen on loopback or a unix socket"));
            }
            Address::Socket(address) => Listening::Tcp(std::net::TcpListener::bind(address)?),
            Address::Unix(path) => Listening::Unix(bind_unix(path, role)?, path.clone()),
        };
        Ok(Self { role, socket })
    }

    /// The address as bound, with the real port; none for a unix socket.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match &self.socket {
            Listening::Tcp(socket) => socket.local_addr().ok(),
            Listening::Unix(..) => None,
        }
    }
}

/// The mode is set before the name exists, so that nobody can connect in between.
fn bind_unix(path: &Path, role: Role) -> io::Result<std::os::unix::net::UnixListener> {
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    if role == Role::Admin {
        fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    }
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(64)?;
    Ok(std::os::fd::OwnedFd::from(socket).into())
}

/// A socket that a dead process left behind is in the way; one that answers belongs to somebody, and what is no socket is left alone.
fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    match StdUnixStream::connect(path) {
        Err(error) if is_socket && error.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        _ => Ok(()),
    }
}

impl Listening {
    /// Hands the socket to the runtime that calls this.
    pub(super) fn accepting(self) -> io::Result<Accepting> {
        match self {
            Self::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                TcpListener::from_std(socket).map(Accepting::Tcp)
            }
            Self::Unix(socket, path) => {
                socket.set_nonblocking(true)?;
                Ok(Accepting::Unix(Named { socket: UnixListener::from_std(socket)?, path }))
            }
        }
    }
}

impl Accepting {
    pub(super) async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Tcp(socket) => Ok(Box::new(socket.accept().await?.0)),
            Self::Unix(named) => Ok(Box::new(named.socket.accept().await?.0)),
        }
    }

    pub(super) fn is_unix(&self) -> bool {
        matches!(self, Self::Unix(..))
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = std::fs::remove_file(&self.path);
    }
}
