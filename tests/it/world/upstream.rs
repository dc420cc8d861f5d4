//! An upstream that records what reaches it, byte for byte, and answers as a test tells it to.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use super::client::PATIENCE;
use super::wire::{more, read_body, read_head};

/// What reached the upstream.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Up to and including the empty line.
    pub(crate) head: String,
    /// Without framing.
    pub(crate) body: Vec<u8>,
    /// Whether the message ended as its framing says.
    pub(crate) complete: bool,
}

/// How the upstream behaves from the next request on.
#[derive(Clone)]
enum Script {
    /// 200 with the request's body.
    Echo,
    /// These bytes, once the request is complete.
    Raw(Vec<u8>),
    /// These bytes, and the connection ends.
    Cut(Vec<u8>),
    /// These bytes right after the head, before any of the body is read.
    Early(Vec<u8>),
    /// The same, and nothing after them.
    Rude(Vec<u8>),
    /// The first of these parts, each further one when released.
    Parts(Vec<Vec<u8>>, Arc<Mutex<Receiver<()>>>),
    /// Nothing until released, then an echo.
    Held(Arc<Mutex<Receiver<()>>>),
    /// The connection is closed without an answer.
    Hang,
    /// 101, then everything comes back.
    Tunnel,
}

/// Lets a held upstream answer: once per call, and always when dropped.
pub(crate) struct Release(Sender<()>);

/// A running upstream.
pub(crate) struct Upstream {
    shared: Arc<Shared>,
    seen: Receiver<Seen>,
    begun: Receiver<String>,
}

struct Shared {
    address: SocketAddr,
    script: Mutex<Script>,
    connections: AtomicUsize,
    completed: AtomicUsize,
}

struct Reporter {
    seen: Sender<Seen>,
    begun: Sender<String>,
}

impl Seen {
    /// `METHOD target`
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().and_then(|line| line.strip_suffix(" HTTP/1.1")).unwrap_or_default()
    }

    /// Every value of a header, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    /// The one value of a header; `None` where there is none, and a failure where there are more.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} occurs {} times", all.len());
        all.first().copied()
    }
}

impl Release {
    /// Lets one answer go.
    pub(crate) fn one(&self) {
        let _nobody_waits = self.0.send(());
    }
}

impl Upstream {
    /// Starts one that echoes.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared {
            address: listener.local_addr().unwrap(),
            script: Mutex::new(Script::Echo),
            connections: AtomicUsize::new(0),
            completed: AtomicUsize::new(0),
        });
        let ((seen_in, seen), (begun_in, begun)) = (channel(), channel());
        let server = Arc::clone(&shared);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                server.connections.fetch_add(1, Ordering::SeqCst);
                let (server, reporter) = (server.clone(), Reporter { seen: seen_in.clone(), begun: begun_in.clone() });
                std::thread::spawn(move || serve(socket, &server, &reporter));
            }
        });
        Self { shared, seen, begun }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// The next request that ended, completely or not.
    pub(crate) fn next(&self) -> Seen {
        self.seen.recv_timeout(PATIENCE).expect("a request reaches the upstream")
    }

    /// Waits until a request's head has arrived, and returns it.
    pub(crate) fn begun(&self) -> String {
        self.begun.recv_timeout(PATIENCE).expect("a request begins at the upstream")
    }

    /// How many complete requests have arrived.
    pub(crate) fn count(&self) -> usize {
        self.shared.completed.load(Ordering::SeqCst)
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Answers with a status and no body.
    pub(crate) fn answers(&self, status: u16) -> &Self {
        self.answers_raw(format!("HTTP/1.1 {status} Told\r\nContent-Length: 0\r\n\r\n"))
    }

    /// Answers with these bytes.
    pub(crate) fn answers_raw(&self, bytes: impl Into<Vec<u8>>) -> &Self {
        self.play(Script::Raw(bytes.into()))
    }

    /// Answers with these bytes and closes.
    pub(crate) fn answers_raw_and_closes(&self, bytes: impl Into<Vec<u8>>) -> &Self {
        self.play(Script::Cut(bytes.into()))
    }

    /// Answers with these bytes before it has read the body.
    pub(crate) fn answers_early(&self, bytes: impl Into<Vec<u8>>) -> &Self {
        self.play(Script::Early(bytes.into()))
    }

    /// Answers with these bytes before it has read the body, and ends its side.
    pub(crate) fn answers_early_and_closes(&self, bytes: impl Into<Vec<u8>>) -> &Self {
        self.play(Script::Rude(bytes.into()))
    }

    /// Echoes.
    pub(crate) fn echoes(&self) -> &Self {
        self.play(Script::Echo)
    }

    /// Closes without an answer.
    pub(crate) fn hangs_up(&self) -> &Self {
        self.play(Script::Hang)
    }

    /// Switches protocols and sends everything back.
    pub(crate) fn tunnels(&self) -> &Self {
        self.play(Script::Tunnel)
    }

    /// Answers only when told to.
    pub(crate) fn holds(&self) -> Release {
        let (release, released) = channel();
        self.play(Script::Held(Arc::new(Mutex::new(released))));
        Release(release)
    }

    /// Answers with the first of `parts`, and with each further one when told to.
    pub(crate) fn answers_in_parts(&self, parts: &[&str]) -> Release {
        let (release, released) = channel();
        let parts = parts.iter().map(|part| part.as_bytes().to_vec()).collect();
        self.play(Script::Parts(parts, Arc::new(Mutex::new(released))));
        Release(release)
    }

    /// Lets nobody wait any more.
    pub(crate) fn release_everything(&self) {
        self.play(Script::Echo);
    }

    fn play(&self, script: Script) -> &Self {
        *self.shared.script.lock().unwrap() = script;
        self
    }
}

fn serve(mut socket: TcpStream, shared: &Shared, reporter: &Reporter) {
    let mut read = Vec::new();
    while let Some(head) = read_head(&mut socket, &mut read) {
        let script = shared.script.lock().unwrap().clone();
        if let Script::Early(bytes) | Script::Rude(bytes) = &script {
            let _gone = socket.write_all(bytes);
        }
        let is_rude = matches!(script, Script::Rude(_));
        if is_rude {
            let _gone = socket.shutdown(Shutdown::Write);
        }
        // What it says unasked is on its way before anybody hears of it.
        let _over = reporter.begun.send(head.clone());
        if is_rude {
            // Lingers, or the reset would overtake the answer.
            return while more(&mut socket, &mut read) {};
        }
        let (body, complete) = read_body(&mut socket, &mut read, &head);
        if complete {
            shared.completed.fetch_add(1, Ordering::SeqCst);
        }
        let _over = reporter.seen.send(Seen { head, body: body.clone(), complete });
        if !complete || !answer(&mut socket, script, &body) {
            return;
        }
    }
}

/// Whether the connection goes on.
fn answer(socket: &mut TcpStream, script: Script, body: &[u8]) -> bool {
    match script {
        Script::Echo => echo(socket, body),
        Script::Raw(bytes) => socket.write_all(&bytes).is_ok(),
        Script::Cut(bytes) => {
            // The answer and the end leave in one segment: nobody takes the connection for one that stays.
            socket2::SockRef::from(&*socket).set_tcp_cork(true).unwrap();
            let _gone = socket.write_all(&bytes).and_then(|()| socket.shutdown(Shutdown::Write));
            false
        }
        Script::Early(_) => true,
        Script::Parts(parts, released) => parts.iter().enumerate().all(|(place, part)| {
            let _released_or_dropped = (place > 0).then(|| released.lock().unwrap().recv_timeout(PATIENCE));
            socket.write_all(part).is_ok()
        }),
        Script::Held(released) => {
            let _released_or_dropped = released.lock().unwrap().recv_timeout(PATIENCE);
            echo(socket, body)
        }
        Script::Rude(_) | Script::Hang => false,
        Script::Tunnel => tunnel(socket),
    }
}

fn echo(socket: &mut TcpStream, body: &[u8]) -> bool {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    socket.write_all(&[head.as_bytes(), body].concat()).is_ok()
}

fn tunnel(socket: &mut TcpStream) -> bool {
    let mut back = socket.try_clone().unwrap();
    let switched = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let _ended = back.write_all(switched).and_then(|()| std::io::copy(socket, &mut back));
    false
}

/// An address where nobody listens, and where nobody else will as long as this lives.
pub(crate) struct Nobody(socket2::Socket);

impl Nobody {
    pub(crate) fn new() -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        Self(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }
}
