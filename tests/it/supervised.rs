//! A gateway that systemd starts: it is told how the gateway fares, and holds its sockets open.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::world::{Connection, get};

const PATIENCE: Duration = Duration::from_secs(30);

/// The gateway as the child of a service manager that is told things and hands over one socket.
struct Service {
    child: Child,
    manager: UnixDatagram,
    config: PathBuf,
    directory: tempfile::TempDir,
}

impl Service {
    /// Standard input becomes the first inherited descriptor, as `name`.
    fn start(address: &str, name: &str, socket: OwnedFd) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (config, notify) = (directory.path().join("countersign.yaml"), directory.path().join("notify"));
        std::fs::write(&config, configuration(address)).unwrap();
        let manager = UnixDatagram::bind(&notify).unwrap();
        manager.set_read_timeout(Some(PATIENCE)).unwrap();
        let child = Command::new("sh")
            .args(["-c", "export LISTEN_PID=$$; exec \"$0\" run --config \"$1\" 3<&0 </dev/null"])
            .args([env!("CARGO_BIN_EXE_countersign").as_ref(), config.as_os_str()])
            .env("NOTIFY_SOCKET", notify)
            .env("LISTEN_FDS", "1")
            .env("LISTEN_FDNAMES", name)
            .stdin(Stdio::from(socket))
            .stdout(Stdio::null())
            .stderr(File::create(directory.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { child, manager, config, directory }
    }

    /// What the manager is told next.
    fn tells(&self) -> String {
        let mut told = [0; 512];
        let length = self.manager.recv(&mut told).unwrap_or_else(|error| panic!("{error}\n{}", self.log()));
        String::from_utf8(told[..length].to_vec()).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

fn configuration(address: &str) -> String {
    format!(
        "version: 1\nlog: {{filter: warn, format: json}}\naudit: off\nworkers: 2\ntimeouts: {{drain_delay: 0s}}\n\
         listeners: {{public: {{address: \"{address}\", lint: {{allow: {{plain_listener: a test}}}}}}}}\n\
         upstreams: {{app: {{url: \"http://127.0.0.1:1\"}}}}\n\
         keyrings: {{partners: {{keys: [{{id: k1, secret: sZ95IhH8zGDRvUTL23tlX3lOMoSAWl89}}]}}}}\n\
         routes: [{{path: /**, verify: {{scheme: timestamp-body, keys: partners}}, replay: off, upstream: app}}]\n"
    )
}

fn free() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[test]
fn a_service_manager_is_told_of_start_reload_and_end() {
    let mut service = Service::start("systemd:public", "public", free().0.into());
    let first = service.tells();
    assert!(first.starts_with("READY=1\nSTATUS=serving, generation "), "{first}");

    service.signal(Signal::HUP);
    let reloading = std::iter::repeat_with(|| service.tells()).find(|told| told.starts_with("RELOADING")).unwrap();
    let since = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().trim_end();
    assert!(since.parse::<u64>().unwrap() > 0);
    let second = service.tells();
    assert!(second.starts_with("READY=1\nSTATUS=serving, generation ") && second != first, "{first}{second}");

    let wrong = configuration("systemd:public").replace("verify:", "verfy:");
    std::fs::write(&service.config, wrong).unwrap();
    service.signal(Signal::HUP);
    let refused = std::iter::repeat_with(|| service.tells()).find(|told| told.contains("refused")).unwrap();
    assert!(refused.starts_with("READY=1\nSTATUS=a reload was refused, "), "{refused}");
    assert!(refused.ends_with(" serves on\n"), "{refused}");

    service.signal(Signal::TERM);
    let last = std::iter::repeat_with(|| service.tells()).find(|told| told.contains("STOPPING")).unwrap();
    assert_eq!(last, "STOPPING=1\nSTATUS=draining\n");
    assert!(service.child.wait().unwrap().success(), "{}", service.log());
}

#[test]
fn an_inherited_socket_is_served_by_every_worker_and_stays_with_who_handed_it_over() {
    let (socket, address) = free();
    let mut service = Service::start("systemd:public", "public", socket.try_clone().unwrap().into());
    service.tells();
    let mut open: Vec<_> = (0..8).map(|_| Connection::open(address)).collect();
    for connection in &mut open {
        assert_eq!(connection.exchange(&get("/")).refusal(), (401, "signature_missing".to_owned()));
    }
    drop(open);
    service.signal(Signal::TERM);
    assert!(service.child.wait().unwrap().success(), "{}", service.log());

    let mut patient = Connection::open(address);
    patient.write(&get("/").bytes());
    let next = Service::start("systemd:public", "public", socket.into());
    next.tells();
    assert_eq!(patient.answer().refusal().0, 401, "it waited while nobody served");
}

#[test]
fn an_inherited_unix_socket_keeps_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("in.sock");
    let mut service = Service::start("systemd:inside", "inside", UnixListener::bind(&path).unwrap().into());
    service.tells();
    service.signal(Signal::TERM);
    assert!(service.child.wait().unwrap().success(), "{}", service.log());
    assert!(path.exists());
}

#[test]
fn a_socket_that_is_not_there_or_does_not_listen_is_named() {
    let (socket, address) = free();
    let connection = TcpStream::connect(address).unwrap();
    for (name, handed, said) in [
        ("other", OwnedFd::from(socket), "no socket was handed over as `public`"),
        ("public", OwnedFd::from(connection), "a connection and no listening socket"),
    ] {
        let mut service = Service::start("systemd:public", name, handed);
        assert_eq!(service.child.wait().unwrap().code(), Some(1), "{}", service.log());
        assert!(service.log().contains(said), "{}", service.log());
    }
}

#[test]
fn a_socket_that_nobody_takes_is_warned_of() {
    let service = Service::start("127.0.0.1:0", "public", free().0.into());
    service.tells();
    let log = service.log();
    assert!(log.contains("no listener takes it") && log.contains("systemd:public"), "{log}");
}
