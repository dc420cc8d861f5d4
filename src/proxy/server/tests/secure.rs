//! The same over TLS.

use std::sync::Mutex;

use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::policy::listen::{Clients, Tls};
use crate::proxy::tls::fixture::{Authority, client as client_of, settings};
use crate::proxy::tls::server_config;

/// The door in force, as a reload would change it.
type Current = Arc<Mutex<Arc<Door>>>;

#[derive(Clone)]
struct Reloading(Current, Mirror);

impl Serve for Reloading {
    fn door(&self, _name: &str) -> Option<Arc<Door>> {
        Some(Arc::clone(&self.0.lock().unwrap()))
    }

    fn now(&self) -> Moment {
        Moment::from_secs(1_760_000_000)
    }

    async fn serve(&self, exchange: &mut Exchange) -> Answer {
        self.1.serve(exchange).await
    }
}

fn door(tls: &Tls, old: Option<&Door>) -> Arc<Door> {
    let before = old.and_then(|door| door.tls.as_deref());
    let tls = server_config(tls, true, before).unwrap();
    Arc::new(Door { listener: listener(limits::Connection::default()), tls: Some(Arc::new(tls)) })
}

fn serve_tls(door: Arc<Door>) -> (Running, Current) {
    serve_tls_with(door, 1)
}

fn serve_tls_with(door: Arc<Door>, workers: usize) -> (Running, Current) {
    let listener = Arc::clone(&door.listener);
    let current = Current::new(Mutex::new(door));
    let shared = Arc::clone(&current);
    let make = move || Reloading(Arc::clone(&shared), Mirror { doors: Rc::default() });
    (start(&[listener], workers, make).unwrap(), current)
}

async fn handshake(running: &Running, client: &ClientConfig, alpn: &[u8]) -> TlsStream<tokio::net::TcpStream> {
    let mut client = client.clone();
    client.alpn_protocols = vec![alpn.to_vec()];
    let stream = tokio::net::TcpStream::connect(running.address("public").unwrap()).await.unwrap();
    let name = ServerName::try_from("a.example").unwrap();
    TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap()
}

#[tokio::test]
async fn both_versions_are_agreed_on_and_requests_are_known_to_be_secure() {
    let authority = Authority::new();
    let tls = settings(vec![authority.issue("a.example").configured()], Clients::Ignored);
    let (running, _) = serve_tls(door(&tls, None));
    let client = client_of(&authority, None);

    let stream = TokioIo::new(handshake(&running, &client, b"h2").await);
    let (mut second, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("https://a.example/two").body(Empty::<Bytes>::new()).unwrap();
    let text = second.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(text, "GET /two a.example secure=true body=0 ");

    let stream = TokioIo::new(handshake(&running, &client, b"http/1.1").await);
    let (mut first, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("/one").header("host", "a.example").body(Empty::<Bytes>::new()).unwrap();
    let text = first.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(text, "GET /one a.example secure=true body=0 ");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_new_connections_and_the_old_ones_live_on() {
    let authority = Authority::new();
    let [old, new] = [(); 2].map(|()| authority.issue("a.example"));
    let (running, current) = serve_tls(door(&settings(vec![old.configured()], Clients::Ignored), None));
    let client = client_of(&authority, None);
    let before = handshake(&running, &client, b"http/1.1").await;

    let renewed = door(&settings(vec![new.configured()], Clients::Ignored), Some(&current.lock().unwrap().clone()));
    *current.lock().unwrap() = renewed;
    let fresh = client_of(&authority, None);
    let after = handshake(&running, &fresh, b"http/1.1").await;
    assert_eq!(after.get_ref().1.peer_certificates().unwrap()[0], *new.certificate.der());

    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(before)).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("/").header("host", "a.example").body(Empty::<Bytes>::new()).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_connection_from_before_a_stricter_reload_is_misdirected() {
    let authority = Authority::new();
    let certificate = authority.issue("a.example").configured();
    let (running, current) = serve_tls(door(&settings(vec![certificate.clone()], Clients::Ignored), None));
    let stream = TokioIo::new(handshake(&running, &client_of(&authority, None), b"h2").await);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let request = || http::Request::get("https://a.example/").body(Empty::<Bytes>::new()).unwrap();
    assert_eq!(sender.send_request(request()).await.unwrap().status(), 200);

    let stricter = settings(vec![certificate], Clients::Required { ca: authority.pem() });
    *current.lock().unwrap() = door(&stricter, None);
    assert_eq!(sender.send_request(request()).await.unwrap().status(), 421);
}

#[tokio::test]
async fn a_session_goes_on_at_whichever_worker_gets_the_next_connection() {
    let authority = Authority::new();
    let tls = settings(vec![authority.issue("a.example").configured()], Clients::Ignored);
    let (running, _) = serve_tls_with(door(&tls, None), 4);
    let client = client_of(&authority, None);
    let (mut workers, mut kept) = (Vec::new(), Vec::new());
    for place in 0..4 {
        let stream = handshake(&running, &client, b"http/1.1").await;
        let kind = stream.get_ref().1.handshake_kind();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = http::Request::get("/worker").header("host", "a.example").body(Empty::<Bytes>::new()).unwrap();
        let worker = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        assert!(!workers.contains(&worker), "every connection is at another worker");
        assert_eq!(kind == Some(rustls::HandshakeKind::Resumed), place > 0, "{worker:?}");
        workers.push(worker);
        kept.push(sender);
    }
}

#[tokio::test]
async fn a_flood_of_handshakes_leaves_those_who_are_connected_alone_and_is_answered_whole() {
    let authority = Authority::new();
    let tls = settings(vec![authority.issue("a.example").configured()], Clients::Ignored);
    let (running, _) = serve_tls(door(&tls, None));
    let client = client_of(&authority, None);
    let stream = TokioIo::new(handshake(&running, &client, b"http/1.1").await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);

    let mut silent: Vec<_> = (0..100).map(|_| connect(&running)).collect();
    let mut fresh = ClientConfig::clone(&client);
    fresh.resumption = rustls::client::Resumption::disabled();
    let mut hello = rustls::ClientConnection::new(Arc::new(fresh), ServerName::try_from("a.example").unwrap()).unwrap();
    let mut first = Vec::new();
    hello.write_tls(&mut first).unwrap();
    let mut flood: Vec<_> = (0..200).map(|_| connect(&running)).collect();
    for one in &mut flood {
        one.write_all(&first).unwrap();
    }
    let request = http::Request::get("/").header("host", "a.example").body(Empty::<Bytes>::new()).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
    for one in &mut flood {
        let mut record = [0; 3];
        one.read_exact(&mut record).unwrap();
        assert_eq!(record, [22, 3, 3], "an answer to its greeting");
    }
    assert!(silent.iter_mut().all(|one| one.write_all(b"\x16").is_ok()), "they still have their time");
}
