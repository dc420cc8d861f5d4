//! What a completed handshake says of its connection, and of which hosts it may ask for.

use std::sync::Arc;

use bytes::Bytes;
use rustls::ServerConnection;

use super::clients::Settings;
use super::{ServerTls, subject};

/// A completed TLS handshake.
pub struct Handshake {
    tls: Arc<ServerTls>,
    settings: Settings,
    server_name: Option<Arc<str>>,
    subject: Option<Bytes>,
    http2: bool,
}

impl Handshake {
    pub(super) fn new(tls: Arc<ServerTls>, settings: Settings, connection: &ServerConnection) -> Self {
        let leaf = connection.peer_certificates().and_then(<[_]>::first);
        Self {
            tls,
            settings,
            server_name: connection.server_name().map(|name| name.to_ascii_lowercase().into()),
            subject: leaf.and_then(|leaf| subject::of(leaf)),
            http2: connection.alpn_protocol() == Some(b"h2"),
        }
    }

    /// SNI, lower-case.
    pub const fn server_name(&self) -> Option<&Arc<str>> {
        self.server_name.as_ref()
    }

    /// Subject of the verified client certificate (RFC 4514), safe as a header value.
    pub const fn subject(&self) -> Option<&Bytes> {
        self.subject.as_ref()
    }

    /// Whether HTTP/2 was agreed on.
    pub const fn http2(&self) -> bool {
        self.http2
    }

    /// Whether `authority` demands other client-certificate settings than this handshake had.
    pub fn misdirected(&self, authority: &[u8]) -> bool {
        self.differs(&self.tls, authority)
    }

    /// The same, by the settings of another generation.
    pub(in crate::proxy) fn differs(&self, tls: &ServerTls, authority: &[u8]) -> bool {
        tls.settings_of(&host(authority)) != self.settings
    }
}

/// The host of an authority: lower-case, without port and final dot.
fn host(authority: &[u8]) -> String {
    let text = String::from_utf8_lossy(authority);
    let host = match text.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => &text,
    };
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_compared_without_port_case_and_final_dot() {
        let cases = [("A.b", "a.b"), ("a.b:443", "a.b"), ("a.b.:443", "a.b"), ("[::1]:1", "[::1]"), ("[::1]", "[::1]")];
        for (authority, expected) in cases {
            assert_eq!(host(authority.as_bytes()), expected);
        }
    }
}
