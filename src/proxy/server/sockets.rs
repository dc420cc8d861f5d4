//! Binding: one socket per worker and TCP listener (`SO_REUSEPORT`), one shared by the workers per unix listener and per inherited socket.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::inherited::Inherited;
use super::room::Room;
use crate::policy::listen::{Address, ListenAt, Listener};

const BACKLOG: i32 = 4096;
const UNIX_MODE: u32 = 0o660;

/// A listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is taken, foreign or forbidden.
    #[error("cannot listen on {address} (listener `{name}`): {cause}")]
    Address {
        /// The listener's name.
        name: Arc<str>,
        /// Where it should listen.
        address: String,
        /// Why not.
        cause: io::Error,
    },
    /// Sockets were promised by the environment, and are not there.
    #[error("cannot take the sockets that `LISTEN_FDS` promises: {0}")]
    Inherited(io::Error),
    /// A worker thread could not be started.
    #[error("cannot start a worker: {0}")]
    Thread(io::Error),
}

/// One listening socket of one worker.
pub(super) struct Listening {
    /// The listener's name.
    pub(super) name: Arc<str>,
    /// The socket, not yet with a runtime.
    pub(super) socket: Listen,
    /// What is counted of this listener.
    pub(super) tally: Arc<Tally>,
}

/// Counts of one listener, over all workers.
pub(super) struct Tally {
    /// What is left for further ones, on all listeners.
    pub(super) room: Arc<Room>,
    /// Open connections.
    pub(super) live: AtomicUsize,
    /// Connections that waited and could not be accepted, mostly for want of file descriptors.
    pub(super) failures: AtomicU64,
}

/// The two kinds of listening sockets.
pub(super) enum Listen {
    /// Its own, by `SO_REUSEPORT`; shared with the other workers where it was inherited.
    Tcp(TcpListener),
    /// Shared with the other workers.
    Unix(UnixListener),
}

impl Listen {
    fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(socket) => socket.try_clone().map(Self::Tcp),
            Self::Unix(socket) => socket.try_clone().map(Self::Unix),
        }
    }
}

/// Every socket, by worker.
pub(super) struct Bound {
    /// Where we listen, with the ports that the system chose.
    pub(super) addresses: Vec<(Arc<str>, Address)>,
    /// Socket files that are ours to remove.
    pub(super) files: Vec<PathBuf>,
    /// The sockets of each worker.
    pub(super) workers: Vec<Vec<Listening>>,
    /// What is counted of each listener.
    pub(super) tallies: Vec<(Arc<str>, Arc<Tally>)>,
}

/// Opens every listener for every worker, or nothing.
pub(super) fn bind(listeners: &[Arc<Listener>], workers: usize) -> Result<Bound, BindError> {
    let workers = std::iter::repeat_with(Vec::new).take(workers).collect::<Vec<_>>();
    let room = Arc::new(Room::of_process());
    let mut bound = Bound { addresses: Vec::new(), files: Vec::new(), workers, tallies: Vec::new() };
    let mut inherited = Inherited::of_process().map_err(BindError::Inherited)?;
    for listener in listeners {
        let name = &listener.name;
        let opened = open(&listener.address, bound.workers.len(), &mut inherited);
        let opened = opened.map_err(|cause| BindError::Address {
            name: Arc::clone(name),
            address: listener.address.to_string(),
            cause,
        })?;
        let tally = Arc::new(Tally { room: Arc::clone(&room), live: AtomicUsize::new(0), failures: AtomicU64::new(0) });
        for (address, sockets) in opened {
            for (worker, socket) in bound.workers.iter_mut().zip(sockets) {
                worker.push(Listening { name: Arc::clone(name), socket, tally: Arc::clone(&tally) });
            }
            bound.addresses.push((Arc::clone(name), address));
        }
        if let ListenAt::Address(Address::Unix(path)) = &listener.address {
            bound.files.push(path.clone());
        }
        bound.tallies.push((Arc::clone(name), tally));
    }
    for name in inherited.left() {
        tracing::warn!(
            "the socket `{name}` was handed over and no listener takes it: write `address: \"systemd:{name}\"`"
        );
    }
    Ok(bound)
}

/// Each address of a listener, with a socket for each worker.
fn open(at: &ListenAt, workers: usize, inherited: &mut Inherited) -> io::Result<Vec<(Address, Vec<Listen>)>> {
    let shared =
        |socket: Listen| std::iter::repeat_with(|| socket.try_clone()).take(workers).collect::<io::Result<Vec<_>>>();
    match at {
        ListenAt::Address(Address::Socket(address)) => {
            let address = claim(*address)?;
            let sockets = std::iter::repeat_with(|| tcp(address)).take(workers);
            Ok(vec![(Address::Socket(address), sockets.collect::<io::Result<_>>()?)])
        }
        ListenAt::Address(Address::Unix(path)) => {
            Ok(vec![(Address::Unix(path.clone()), shared(Listen::Unix(unix(path)?))?)])
        }
        ListenAt::Inherited(name) => {
            inherited.take(name)?.into_iter().map(|(address, socket)| Ok((address, shared(socket)?))).collect()
        }
    }
}

/// `SO_REUSEPORT` would share the port with another gateway in silence: the first bind goes without it, and learns port 0.
fn claim(address: SocketAddr) -> io::Result<SocketAddr> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(1)?;
    socket.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

fn tcp(address: SocketAddr) -> io::Result<Listen> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(Listen::Tcp(socket.into()))
}

fn unix(path: &Path) -> io::Result<UnixListener> {
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(UNIX_MODE))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A socket file outlives its process. It is removed only when nobody listens on it, and nothing else is ever removed.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() || UnixStream::connect(path).is_ok() {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    std::fs::remove_file(path)
}

/// Removes the socket files of unix listeners; called when nobody accepts any more.
pub(super) fn unlink(files: &[PathBuf]) {
    for path in files {
        let _gone_already = std::fs::remove_file(path);
    }
}
