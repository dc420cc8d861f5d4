//! Real sockets, a handler instead of the gateway.

mod framing;
mod secure;
mod spread;

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::{Barrier, LazyLock};
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::policy::limits;
use crate::proxy::exchange::AnswerBody;
use crate::sig::message::Fields;
use crate::sig::time::Moment;

/// Answers with what it saw.
#[derive(Clone)]
struct Mirror {
    doors: Rc<RefCell<Vec<Arc<Door>>>>,
}

impl Serve for Mirror {
    fn door(&self, name: &str) -> Option<Arc<Door>> {
        self.doors.borrow().iter().find(|door| &*door.listener.name == name).cloned()
    }

    fn now(&self) -> Moment {
        Moment::from_secs(1_760_000_000)
    }

    async fn serve(&self, exchange: &mut Exchange) -> Answer {
        if let Some(defect) = &exchange.defect {
            return answer(defect.code().reason().status, defect.code().reason().code.to_owned());
        }
        if exchange.head.path() == b"/early" {
            return answer(401, String::new());
        }
        if exchange.head.path() == b"/worker" {
            return answer(200, std::thread::current().name().unwrap_or_default().to_owned());
        }
        assert_ne!(exchange.head.path(), b"/panic");
        if exchange.head.path() == b"/switch" {
            return switch().await;
        }
        let mut received = 0;
        while let Ok(Some(chunk)) = exchange.body.chunk().await {
            received = chunk.len().saturating_add(received);
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let head = std::mem::take(&mut exchange.head);
        let fields: Vec<_> =
            head.fields.iter().map(|field| format!("{}={}", text(&field.name), text(&field.value))).collect();
        answer(
            200,
            format!(
                "{} {} {} secure={} body={received} {}",
                head.method.as_str(),
                text(&head.target),
                text(&head.authority),
                head.secure,
                fields.join("|")
            ),
        )
    }
}

/// Both ends of a connection that is about to leave HTTP meet here.
struct Switch {
    arrived: Barrier,
    written: Barrier,
}

static SWITCH: LazyLock<Switch> = LazyLock::new(|| Switch { arrived: Barrier::new(2), written: Barrier::new(2) });

/// A 101 after the connection has had time to see what the client has written.
async fn switch() -> Answer {
    SWITCH.arrived.wait();
    SWITCH.written.wait();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    Answer { body: AnswerBody::Empty, ..answer(101, String::new()) }
}

fn answer(status: u16, text: String) -> Answer {
    Answer { status, fields: Fields::default(), body: AnswerBody::Bytes(Bytes::from(text)) }
}

fn listener(limits: limits::Connection) -> Arc<Listener> {
    listener_at(Address::Socket("127.0.0.1:0".parse().unwrap()), limits)
}

fn listener_at(address: Address, limits: limits::Connection) -> Arc<Listener> {
    Arc::new(Listener {
        name: "public".into(),
        address: address.into(),
        tls: None,
        public_url: None,
        trusted: Vec::new(),
        proxied: None,
        limits,
        http2: true,
        signing_hosts: None,
        forward_auth: None,
    })
}

fn serve(listener: &Arc<Listener>) -> Running {
    serve_with(listener, 2)
}

fn serve_with(listener: &Arc<Listener>, workers: usize) -> Running {
    let door = Arc::new(Door { listener: Arc::clone(listener), tls: None });
    let make = move || Mirror { doors: Rc::new(RefCell::new(vec![Arc::clone(&door)])) };
    start(&[Arc::clone(listener)], workers, make).unwrap()
}

fn connect(running: &Running) -> TcpStream {
    let client = TcpStream::connect(running.address("public").unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client
}

/// Sends `request`, half-closes, and reads to the end. A server that refuses may be gone before all was sent.
fn ask(running: &Running, request: &str) -> String {
    let mut client = connect(running);
    let mut text = String::new();
    let _refused_early = client.write_all(request.as_bytes());
    let _gone_already = client.shutdown(std::net::Shutdown::Write);
    let _reset_after_the_answer = client.read_to_string(&mut text);
    text
}

fn status(response: &str) -> &str {
    response.get(9..12).unwrap_or(response)
}

#[test]
fn a_plain_request_reaches_the_handler_as_it_was_sent() {
    let running = serve(&listener(limits::Connection::default()));
    let response = ask(
        &running,
        "POST /a//b/../%2e?q=1&q HTTP/1.1\r\nHost: A.b:80\r\nX-Two: 1\r\nContent-Length: 5\r\nX-Two: 2\r\n\r\nhello",
    );
    assert_eq!(status(&response), "200", "{response}");
    assert!(
        response.ends_with("POST /a//b/../%2e?q=1&q A.b:80 secure=false body=5 x-two=1|content-length=5|x-two=2"),
        "{response}"
    );
}

#[test]
fn a_head_that_does_not_end_and_a_silent_connection_are_closed_in_time() {
    let short = Duration::from_millis(200);
    let limits = limits::Connection { head: short, idle: short, ..Default::default() };
    let running = serve(&listener(limits));
    let cases =
        [("", ""), ("PRI * HT", ""), ("GET / HTTP/1.1\r\nHost:", "408"), ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200")];
    for (begun, expected) in cases {
        let mut client = connect(&running);
        client.write_all(begun.as_bytes()).unwrap();
        let mut rest = String::new();
        client.read_to_string(&mut rest).unwrap();
        assert_eq!(status(&rest), expected, "{begun}");
    }
}

#[test]
fn a_connection_above_the_cap_is_closed_and_its_place_is_given_back() {
    let running = serve(&listener(limits::Connection { connections: 1, ..Default::default() }));
    let mut first = connect(&running);
    first.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    first.read_exact(&mut [0; 12]).unwrap();
    assert_eq!(ask(&running, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "");
    drop(first);
    let again = std::iter::repeat_with(|| ask(&running, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert!(again.take(10_000).any(|response| status(&response) == "200"));
}

#[test]
fn a_taken_address_is_an_error_that_names_it() {
    let running = serve(&listener(limits::Connection::default()));
    let taken = running.address("public").unwrap();
    let second = listener_at(Address::Socket(taken), limits::Connection::default());
    let error = start(&[second], 1, || Mirror { doors: Rc::default() }).err().unwrap().to_string();
    assert!(error.contains("public") && error.contains(&taken.to_string()), "{error}");
}

#[test]
fn a_unix_listener_serves_replaces_a_stale_socket_and_cleans_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let unix = listener_at(Address::Unix(path.clone()), limits::Connection::default());

    let running = serve(&unix);
    let mut client = std::os::unix::net::UnixStream::connect(&path).unwrap();
    client.write_all(b"GET /u HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    client.read_to_string(&mut response).unwrap();
    assert_eq!(status(&response), "200");

    assert!(start(&[unix], 1, || Mirror { doors: Rc::default() }).is_err(), "somebody listens");
    drop(running);
    assert!(!path.exists());
}

#[test]
fn closing_finishes_what_is_in_flight_and_takes_nothing_new() {
    let running = serve_with(&listener(limits::Connection::default()), 1);
    let mut client = connect(&running);
    client.write_all(b"POST /slow HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").unwrap();
    client.read_exact(&mut [0; 25]).unwrap();
    let mut idle = connect(&running);
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    idle.read_exact(&mut [0; 1]).unwrap();
    let address = running.address("public").unwrap();

    running.close();
    // It came later: when it was told, the other one was, too.
    idle.read_to_end(&mut Vec::new()).unwrap();
    while TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
    client.write_all(b"ok").unwrap();
    let mut response = String::new();
    client.read_to_string(&mut response).unwrap();

    assert_eq!(status(&response), "200", "{response}");
    assert!(response.contains("connection: close") && response.contains("body=2"), "{response}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(10), running.closed()).await }).unwrap();
}

#[tokio::test]
async fn http2_is_spoken_with_prior_knowledge_and_cookie_crumbs_are_joined() {
    let running = serve(&listener(limits::Connection::default()));
    let client = tokio::net::TcpStream::connect(running.address("public").unwrap()).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let io = hyper_util::rt::TokioIo::new(client);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let send = |uri: &str, fields: &[(&str, &str)]| {
        let request = http::Request::post(uri);
        let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(http_body_util::Full::new(Bytes::from_static(b"hello"))).unwrap()
    };

    let response = sender.send_request(send("http://a.b/x?y", &[("cookie", "a=1"), ("cookie", "b=2")])).await.unwrap();
    assert_eq!(response.status(), 200);
    let text = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&text);
    assert!(text.starts_with("POST /x?y a.b secure=false body=5") && text.contains("cookie=a=1; b=2"), "{text}");

    let response = sender.send_request(send("http://a.b/x", &[("host", "c.d")])).await.unwrap();
    assert_eq!(response.status(), 400);
}

#[test]
fn a_panic_costs_the_connection_it_happened_on_and_nothing_else() {
    let running = serve(&listener(limits::Connection { connections: 2, ..Default::default() }));
    let mut bystander = connect(&running);
    for _ in 0..8 {
        assert_eq!(ask(&running, "GET /panic HTTP/1.1\r\nHost: a\r\n\r\n"), "");
        let again = std::iter::repeat_with(|| ask(&running, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(again.take(10_000).any(|response| status(&response) == "200"), "its place is given back");
    }
    bystander.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    bystander.read_to_string(&mut response).unwrap();
    assert_eq!(status(&response), "200");
}
