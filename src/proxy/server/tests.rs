//! Real sockets, a handler instead of the gateway.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::policy::limits;
use crate::proxy::exchange::AnswerBody;
use crate::sig::message::Fields;

/// Answers with what it saw.
#[derive(Clone)]
struct Mirror {
    doors: Rc<RefCell<Vec<Arc<Door>>>>,
}

impl Serve for Mirror {
    fn door(&self, name: &str) -> Option<Arc<Door>> {
        self.doors.borrow().iter().find(|door| &*door.listener.name == name).cloned()
    }

    async fn serve(&self, mut exchange: Exchange) -> Answer {
        if let Some(defect) = exchange.defect {
            return answer(defect.code().reason().status, defect.code().reason().code.to_owned());
        }
        if exchange.head.path() == b"/early" {
            return answer(401, String::new());
        }
        let mut received = 0;
        while let Ok(Some(chunk)) = exchange.body.chunk().await {
            received += chunk.len();
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let head = exchange.head;
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

fn answer(status: u16, text: String) -> Answer {
    Answer { status, fields: Fields::default(), body: AnswerBody::Bytes(Bytes::from(text)) }
}

fn listener(limits: limits::Connection) -> Arc<Listener> {
    Arc::new(Listener {
        name: "public".into(),
        address: Address::Socket("127.0.0.1:0".parse().unwrap()),
        tls: None,
        public_url: None,
        trusted: Vec::new(),
        limits,
        http2: true,
        signing_hosts: None,
    })
}

fn serve(listener: &Arc<Listener>) -> Running {
    let door = Arc::new(Door { listener: Arc::clone(listener), tls: None });
    let make = move || Mirror { doors: Rc::new(RefCell::new(vec![Arc::clone(&door)])) };
    start(&[Arc::clone(listener)], 2, make).unwrap()
}

fn connect(running: &Running) -> TcpStream {
    let client = TcpStream::connect(running.address("public").unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client
}

/// Sends `request`, half-closes, and reads to the end.
fn ask(running: &Running, request: &str) -> String {
    let mut client = connect(running);
    client.write_all(request.as_bytes()).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut text = String::new();
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
        response.ends_with("POST /a//b/../%2e?q=1&q A.b:80 secure=false body=5 x-two=1|x-two=2|content-length=5"),
        "{response}"
    );
}
