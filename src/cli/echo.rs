//! The demo's upstream: answers with what it was asked.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

/// Largest body that is repeated.
const BODY_MAX: usize = 16 << 20;

/// Starts it on a free loopback port; it serves until the process ends.
pub(super) fn start() -> io::Result<SocketAddr> {
    let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("echo".into()).spawn(move || runtime.block_on(serve(socket)))?;
    Ok(address)
}

async fn serve(socket: std::net::TcpListener) {
    let Ok(listener) = TcpListener::from_std(socket) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(echo));
        tokio::spawn(connection);
    }
}

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let mut response = Response::new(Full::default());
    let Ok(body) = Limited::new(body, BODY_MAX).collect().await else {
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return Ok(response);
    };
    let mut headers: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (name, value) in &head.headers {
        headers.entry(name.as_str()).or_default().push(String::from_utf8_lossy(value.as_bytes()));
    }
    let told = json!({
        "method": head.method.as_str(),
        "target": head.uri.to_string(),
        "headers": headers.into_iter().map(|(name, values)| (name, values.join(", "))).collect::<BTreeMap<_, _>>(),
        "body": String::from_utf8_lossy(&body.to_bytes()),
    });
    *response.body_mut() = Full::from(format!("{told:#}\n"));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn it_answers_with_what_it_was_asked() {
        let mut stream = std::net::TcpStream::connect(start().unwrap()).unwrap();
        let request =
            "POST /a?b=c HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nX-A: 2\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let told: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((&told["method"], &told["target"], &told["body"]), (&"POST".into(), &"/a?b=c".into(), &"hi".into()));
        assert_eq!(told["headers"]["x-a"], "1, 2");
    }
}
