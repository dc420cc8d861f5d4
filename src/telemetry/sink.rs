//! Where audit lines end: standard output, a file, syslog (RFC 5424) or the journal.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use crate::policy::listen::Address;
use crate::policy::operations::AuditSink;

/// What we are called in syslog and in the journal.
const NAME: &str = "countersign";

/// Facility `local0` (16), severity `informational` (6): RFC 5424 §6.2.1.
const PRIORITY: &str = "<134>";

/// Where the time stands in a line, and its length: every line begins alike.
const TIME: std::ops::Range<usize> = 15..39;

/// An open place for lines.
pub(super) enum Sink {
    /// Nothing is written; there are lines only to be counted.
    Nowhere,
    Stdout,
    File {
        path: PathBuf,
        file: File,
    },
    Datagrams(Datagrams),
}

/// One datagram for each line.
pub(super) struct Datagrams {
    to: Address,
    socket: Socket,
    form: Form,
    /// What stands before the time and between it and the line.
    frame: (String, String),
    datagram: Vec<u8>,
}

enum Socket {
    Unix(UnixDatagram),
    Udp(UdpSocket),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Syslog,
    Journal,
}

impl Sink {
    /// Opens it; `None` where nothing is to be written.
    pub(super) fn open(sink: &AuditSink) -> io::Result<Option<Self>> {
        Ok(Some(match sink {
            AuditSink::Off => return Ok(None),
            AuditSink::Stdout => Self::Stdout,
            AuditSink::File(path) => Self::File { path: path.clone(), file: append(path)? },
            AuditSink::Syslog(address) => Self::Datagrams(Datagrams::open(address.clone(), Form::Syslog)?),
            AuditSink::Journald(path) => Self::Datagrams(Datagrams::open(Address::Unix(path.clone()), Form::Journal)?),
        }))
    }

    /// Writes whole lines; how many of them were lost, and why.
    pub(super) fn write(&mut self, batch: &[u8], lines: u64) -> (u64, io::Result<()>) {
        let result = match self {
            Self::Nowhere => Ok(()),
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(batch).and_then(|()| out.flush())
            }
            Self::File { file, .. } => file.write_all(batch),
            Self::Datagrams(datagrams) => return datagrams.write(batch),
        };
        (if result.is_ok() { 0 } else { lines }, result)
    }

    /// A path that cannot be opened leaves the old file in use.
    pub(super) fn reopen(&mut self) {
        match self {
            Self::Nowhere | Self::Stdout => {}
            Self::File { path, file } => match append(path) {
                Ok(opened) => *file = opened,
                Err(error) => tracing::warn!(%error, "the audit file cannot be reopened"),
            },
            Self::Datagrams(datagrams) => drop(datagrams.reconnect()),
        }
    }
}

impl Datagrams {
    fn open(to: Address, form: Form) -> io::Result<Self> {
        let told = |cause: io::Error| io::Error::new(cause.kind(), format!("`{to}`: {cause}"));
        let socket = connect(&to).map_err(told)?;
        let frame = match form {
            Form::Syslog => {
                let process = std::process::id();
                (format!("{PRIORITY}1 "), format!(" {} {NAME} {process} audit - ", hostname()))
            }
            Form::Journal => (format!("SYSLOG_IDENTIFIER={NAME}\nPRIORITY=6\nMESSAGE="), String::new()),
        };
        Ok(Self { to, socket, form, frame, datagram: Vec::new() })
    }

    fn write(&mut self, batch: &[u8]) -> (u64, io::Result<()>) {
        let mut lost = 0_u64;
        let mut result = Ok(());
        for line in batch.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            self.frame(line);
            // A reader that was started anew has another socket under the same name, and UDP tells of a lost datagram with the next one.
            let sent = self.send().or_else(|_| self.reconnect().and_then(|()| self.send()));
            if let Err(error) = sent {
                lost = lost.saturating_add(1);
                result = Err(error);
            }
        }
        (lost, result)
    }

    fn frame(&mut self, line: &[u8]) {
        let (before, behind) = &self.frame;
        self.datagram.clear();
        self.datagram.extend_from_slice(before.as_bytes());
        if self.form == Form::Syslog {
            self.datagram.extend_from_slice(line.get(TIME).unwrap_or(b"-"));
        }
        self.datagram.extend_from_slice(behind.as_bytes());
        self.datagram.extend_from_slice(line);
        if self.form == Form::Journal {
            self.datagram.push(b'\n');
        }
    }

    fn send(&self) -> io::Result<()> {
        match &self.socket {
            Socket::Unix(socket) => socket.send(&self.datagram).map(drop),
            Socket::Udp(socket) => socket.send(&self.datagram).map(drop),
        }
    }

    fn reconnect(&mut self) -> io::Result<()> {
        self.socket = connect(&self.to)?;
        Ok(())
    }
}

fn connect(to: &Address) -> io::Result<Socket> {
    match to {
        Address::Unix(path) => {
            let socket = UnixDatagram::unbound()?;
            socket.connect(path)?;
            Ok(Socket::Unix(socket))
        }
        Address::Socket(address) => {
            let any: SocketAddr = match address {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let socket = UdpSocket::bind(any)?;
            socket.connect(address)?;
            Ok(Socket::Udp(socket))
        }
    }
}

/// RFC 5424 §6.2.4: `-` where it is not known, or is no name.
fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let is_name = |name: &&str| (1..=255).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    Some(name.trim()).filter(is_name).unwrap_or("-").to_owned()
}

fn append(path: &Path) -> io::Result<File> {
    let told = |cause: io::Error| io::Error::new(cause.kind(), format!("`{}`: {cause}", path.display()));
    OpenOptions::new().append(true).create(true).mode(0o640).open(path).map_err(told)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LINES: &[u8] = b"{\"v\":1,\"time\":\"2026-11-22T04:30:00.250Z\",\"a\":1}\n{\"v\":1,\"time\":\"2026-11-22T04:30:01.250Z\",\"a\":2}\n";

    fn opened(sink: &AuditSink) -> Sink {
        Sink::open(sink).unwrap().unwrap()
    }

    fn received(socket: &UnixDatagram) -> String {
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut buffer = [0; 4096];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn syslog_gets_one_datagram_for_each_line_on_a_unix_socket() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        let mut sink = opened(&AuditSink::Syslog(Address::Unix(path)));
        assert!(matches!(sink.write(LINES, 2), (0, Ok(()))));
        for (second, number) in [("00", 1), ("01", 2)] {
            let told = received(&daemon);
            let words: Vec<&str> = told.splitn(8, ' ').collect();
            let [version, time, host, name, process, id, data, line] = words.as_slice() else { panic!("{told}") };
            assert_eq!((*version, *name, *id, *data), ("<134>1", "countersign", "audit", "-"));
            assert_eq!(
                (*time, *process),
                (&*format!("2026-11-22T04:30:{second}.250Z"), &*std::process::id().to_string())
            );
            assert!(!host.is_empty() && line.ends_with(&format!("\"a\":{number}}}")), "{told}");
        }
    }

    #[test]
    fn syslog_over_udp_is_the_same() {
        let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
        daemon.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut sink = opened(&AuditSink::Syslog(Address::Socket(daemon.local_addr().unwrap())));
        assert!(matches!(sink.write(LINES, 2), (0, Ok(()))));
        let mut buffer = [0; 4096];
        let length = daemon.recv(&mut buffer).unwrap();
        assert!(buffer[..length].starts_with(b"<134>1 2026-11-22T04:30:00.250Z "));
    }

    #[test]
    fn the_journal_gets_fields() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("journal");
        let journal = UnixDatagram::bind(&path).unwrap();
        assert!(matches!(opened(&AuditSink::Journald(path)).write(LINES, 2), (0, Ok(()))));
        let line = "{\"v\":1,\"time\":\"2026-11-22T04:30:00.250Z\",\"a\":1}";
        assert_eq!(received(&journal), format!("SYSLOG_IDENTIFIER=countersign\nPRIORITY=6\nMESSAGE={line}\n"));
    }

    #[test]
    fn a_daemon_that_was_started_anew_is_found_again_and_one_that_is_gone_costs_lines() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        let mut sink = opened(&AuditSink::Syslog(Address::Unix(path.clone())));
        drop(daemon);
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(sink.write(LINES, 2), (2, Err(_))));
        let again = UnixDatagram::bind(&path).unwrap();
        assert!(matches!(sink.write(LINES, 2), (0, Ok(()))));
        assert!(received(&again).contains("\"a\":1"));
    }

    #[test]
    fn a_place_that_cannot_be_opened_is_named() {
        for sink in [
            AuditSink::File("/nonexistent/audit".into()),
            AuditSink::Syslog(Address::Unix("/nonexistent/log".into())),
            AuditSink::Journald("/nonexistent/journal".into()),
        ] {
            let error = Sink::open(&sink).err().unwrap().to_string();
            assert!(error.contains("/nonexistent/"), "{error}");
        }
    }
}
