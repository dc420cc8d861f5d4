//! Listening sockets that whoever starts us holds open: systemd's socket activation.

use std::io::{Error, ErrorKind, Result};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::FdFlags;
use socket2::SockRef;

use super::sockets::Listen;
use crate::policy::listen::Address;

/// Descriptors have one owner: whoever asks first.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Sockets that nobody has taken yet, by name (`LISTEN_FDNAMES`).
pub(super) struct Inherited(Vec<(String, OwnedFd)>);

impl Inherited {
    /// What this process was handed over (`sd_listen_fds(3)`); nothing where it was asked before.
    pub(super) fn of_process() -> Result<Self> {
        if TAKEN.swap(true, Ordering::Relaxed) {
            return Ok(Self(Vec::new()));
        }
        let found = sd_listen_fds::get().map_err(|cause| Error::new(ErrorKind::InvalidInput, cause))?;
        Ok(Self(found.into_iter().map(|(name, socket)| (name.unwrap_or_default(), socket.into_std())).collect()))
    }

    /// Every socket of this name: a socket unit with several addresses gives them all the same.
    pub(super) fn take(&mut self, name: &str) -> Result<Vec<(Address, Listen)>> {
        let (named, others) = self.0.drain(..).partition(|(known, _)| known == name);
        self.0 = others;
        let named: Vec<(String, OwnedFd)> = named;
        if named.is_empty() {
            let told =
                format!("no socket was handed over as `{name}`: `FileDescriptorName=` of the socket unit names it");
            return Err(Error::new(ErrorKind::NotFound, told));
        }
        named.into_iter().map(|(_, socket)| listening(socket)).collect()
    }

    /// The names that no listener has.
    pub(super) fn left(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }
}

fn listening(socket: OwnedFd) -> Result<(Address, Listen)> {
    rustix::io::fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    let looked = SockRef::from(&socket);
    if !looked.is_listener()? {
        let told = "what was handed over is a connection and no listening socket: the socket unit has `Accept=no`";
        return Err(Error::new(ErrorKind::InvalidInput, told));
    }
    looked.set_nonblocking(true)?;
    let address = looked.local_addr()?;
    match (address.as_socket(), address.as_pathname()) {
        (Some(at), _) => Ok((Address::Socket(at), Listen::Tcp(TcpListener::from(socket)))),
        (None, Some(path)) => Ok((Address::Unix(path.into()), Listen::Unix(UnixListener::from(socket)))),
        (None, None) => Err(Error::new(ErrorKind::Unsupported, "a socket that is neither TCP nor has a path")),
    }
}
