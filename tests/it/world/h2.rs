//! One request over HTTP/2 and TLS, by hyper.

use std::net::SocketAddr;
use std::path::Path;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::client::PATIENCE;
use super::{Request, Response, tls};

/// Sends on a connection of its own and waits for the answer.
pub(crate) fn send(address: SocketAddr, directory: &Path, request: &Request) -> Response {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, exchange(address, directory, request)).await.unwrap() })
}

async fn exchange(address: SocketAddr, directory: &Path, request: &Request) -> Response {
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(tls::trusting(directory, &["h2"]));
    let stream = connector.connect("localhost".try_into().unwrap(), socket).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let answer = sender.send_request(message(request)).await.unwrap();
    let (head, body) = answer.into_parts();
    let collected = body.collect().await;
    driver.abort();
    let complete = collected.is_ok();
    let trailers = collected.as_ref().ok().and_then(|body| body.trailers()).map(lines).unwrap_or_default();
    let body = collected.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    Response { status: head.status.as_u16(), fields: lines(&head.headers), body, complete, trailers }
}

fn lines(fields: &hyper::HeaderMap) -> Vec<(String, Vec<u8>)> {
    fields.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect()
}

fn message(request: &Request) -> hyper::Request<Full<Bytes>> {
    let uri = format!("https://{}{}", request.value("host"), request.target);
    let mut builder = hyper::Request::builder().method(request.method.as_str()).uri(uri);
    for (name, value) in request.fields.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
        builder = builder.header(name.as_str(), value.as_slice());
    }
    builder.body(Full::new(Bytes::copy_from_slice(&request.body))).unwrap()
}
