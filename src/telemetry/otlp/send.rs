//! One batch to the collector: a connection, a question, an answer.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;

use super::span::{Span, text};

/// Time for one batch.
const LIMIT: Duration = Duration::from_secs(2);

/// Where spans are sent, and as whose.
pub(super) struct Collector {
    pub(super) place: (String, u16),
    uri: Uri,
    service: String,
}

impl Collector {
    /// `http://HOST[:PORT][/PATH]`.
    pub(super) fn at(endpoint: &str, service: String) -> Option<Self> {
        let uri: Uri = endpoint.parse().ok().filter(|uri: &Uri| uri.scheme_str() == Some("http"))?;
        let host = uri.host()?.trim_matches(['[', ']']).to_owned();
        let is_plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        is_plain.then(|| Self { place: (host, uri.port_u16().unwrap_or(80)), uri, service })
    }

    /// Sends these; why that was impossible.
    pub(super) async fn send(&self, spans: &[Span]) -> Result<(), String> {
        match tokio::time::timeout(LIMIT, self.exchange(self.message(spans))).await {
            Ok(done) => done,
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    fn message(&self, spans: &[Span]) -> Bytes {
        let scope = json!({"name": "countersign", "version": env!("CARGO_PKG_VERSION")});
        let spans: Vec<_> = spans.iter().map(Span::json).collect();
        let resource = json!({"attributes": [text("service.name", &self.service)]});
        let scopes = json!([{"scope": scope, "spans": spans}]);
        json!({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}).to_string().into()
    }

    async fn exchange(&self, message: Bytes) -> Result<(), String> {
        let (host, port) = &self.place;
        let told = |cause: &dyn std::fmt::Display| cause.to_string();
        let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(|cause| told(&cause))?;
        let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(|cause| told(&cause))?;
        // It ends with this exchange, and whatever ends it is told there.
        let driven = tokio::spawn(connection);
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::post(path)
            .header(HOST, self.uri.authority().map_or("", |authority| authority.as_str()))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(message))
            .map_err(|cause| told(&cause))?;
        let answer = sender.send_request(request).await;
        driven.abort();
        let status = answer.map_err(|cause| told(&cause))?.status();
        if status.is_success() { Ok(()) } else { Err(format!("the collector answered {}", status.as_u16())) }
    }
}
