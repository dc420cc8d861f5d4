//! The whole process, started in this one.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use super::*;

struct Home {
    directory: tempfile::TempDir,
    upstream: TcpListener,
}

impl Home {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), upstream: TcpListener::bind("127.0.0.1:0").unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("countersign.yaml")
    }

    /// Writes a configuration with a public route for `path`.
    fn configure(&self, path: &str) {
        let upstream = self.upstream.local_addr().unwrap();
        let text = format!(
            "version: 1\nlisteners:\n  public: {{address: \"127.0.0.1:0\"}}\nupstreams:\n  app: {{url: \"http://{upstream}\"}}\n\
             health: {{address: \"127.0.0.1:0\"}}\nroutes:\n  - {{path: {path}, public: true, upstream: app}}\n"
        );
        std::fs::write(self.file(), text).unwrap();
    }

    fn start(&self) -> App {
        App::start(&self.file(), Clock::system()).map_err(|cause| format!("{cause}: {cause:?}")).unwrap()
    }

    /// Takes one request and answers it.
    fn answer(&self) -> TcpStream {
        let (mut stream, _) = self.upstream.accept().unwrap();
        let mut head = [0; 4096];
        let _length = stream.read(&mut head).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
        stream
    }
}

fn address(app: &App) -> SocketAddr {
    app.server().address("public").unwrap()
}

fn send(to: SocketAddr, path: &str) -> TcpStream {
    let mut client = TcpStream::connect(to).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(client, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    client
}

fn status(mut client: TcpStream) -> String {
    let mut response = String::new();
    client.read_to_string(&mut response).unwrap();
    response.get(9..12).unwrap_or(&response).to_owned()
}

#[test]
fn a_good_reload_changes_the_rules_and_a_bad_one_changes_nothing() {
    let home = Home::new();
    home.configure("/one");
    let app = home.start();
    let ask = |path| status(send(address(&app), path));
    let served = |path| {
        let client = send(address(&app), path);
        let _upstream = home.answer();
        status(client)
    };
    assert_eq!((served("/one"), ask("/two")), ("200".to_owned(), "404".to_owned()));

    std::fs::write(home.file(), "version: 1\nlisteners: nonsense\n").unwrap();
    assert!(!app.reload().unwrap_err().is_empty());
    assert!(!app.process().state.problems.load().is_empty());
    assert_eq!((served("/one"), ask("/two")), ("200".to_owned(), "404".to_owned()));

    home.configure("/two");
    assert!(app.reload().is_ok());
    assert!(app.process().state.problems.load().is_empty());
    assert_eq!((served("/two"), ask("/one")), ("200".to_owned(), "404".to_owned()));
}

#[tokio::test]
async fn draining_turns_readiness_off_and_answers_what_is_in_flight() {
    let home = Home::new();
    home.configure("/**");
    let app = home.start();
    assert!(app.process().state.readiness.is_ready());
    let client = send(address(&app), "/slow");
    let (mut stream, _) = home.upstream.accept().unwrap();
    let _length = stream.read(&mut [0; 4096]).unwrap();

    let (answered, ()) = tokio::join!(
        tokio::task::spawn_blocking(move || {
            while TcpStream::connect(client.peer_addr().unwrap()).is_ok() {
                std::thread::yield_now();
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
            status(client)
        }),
        app.drain()
    );
    assert_eq!(answered.unwrap(), "200");
    assert!(!app.process().state.readiness.is_ready());
}

#[test]
fn what_only_a_restart_can_change_is_told_and_the_rest_is_in_force() {
    let home = Home::new();
    home.configure("/one");
    let app = home.start();
    let text = std::fs::read_to_string(home.file()).unwrap();
    std::fs::write(home.file(), text.replace("/one", "/two").replacen("127.0.0.1:0", "127.0.0.1:1", 1)).unwrap();

    assert!(app.reload().is_ok() && app.reload().is_ok(), "told until it is done");
    assert_eq!(**app.process().state.pending.load(), ["the address of listener `public`".to_owned()]);
    assert_eq!(status(send(address(&app), "/one")), "404");
}

#[test]
fn upstreams_are_checked_while_the_rules_in_force_want_it_and_never_after_the_end() {
    let home = Home::new();
    home.configure("/one");
    let plain = std::fs::read_to_string(home.file()).unwrap();
    let checked = plain.replace("\"}\nhealth", "\", health: {active: /healthz}}\nhealth");
    assert_ne!(plain, checked);
    let app = home.start();
    let checks = || app.process().checks.lock().unwrap().is_some();
    for (text, expected) in [(&checked, true), (&plain, false), (&checked, true)] {
        std::fs::write(home.file(), text).unwrap();
        app.reload().unwrap();
        assert_eq!(checks(), expected);
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(app.drain());
    assert!(!checks());
}
