//! Certificates made for one test, and a client that trusts them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};

/// Writes `name.crt` and `name.key`: self-signed, for localhost, 127.0.0.1 and two more names.
pub(crate) fn write_certificate(directory: &Path, name: &str) {
    let names = ["localhost", "127.0.0.1", "a.example", "b.example"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    std::fs::write(directory.join(format!("{name}.crt")), made.cert.pem()).unwrap();
    std::fs::write(directory.join(format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
}

/// What a client believes that was given `tls.crt` of the directory.
pub(crate) fn trusting(directory: &Path, alpn: &[&str]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(directory.join("tls.crt")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// A TLS session over a socket.
pub(crate) fn client(
    socket: TcpStream,
    directory: &Path,
    server_name: &str,
    alpn: &[&str],
) -> StreamOwned<ClientConnection, TcpStream> {
    let name = ServerName::try_from(server_name.to_owned()).unwrap();
    StreamOwned::new(ClientConnection::new(trusting(directory, alpn), name).unwrap(), socket)
}

/// Whether a handshake went on with a session that `config` remembers; the connection lives for one request.
pub(crate) fn resumes(socket: TcpStream, config: &Arc<ClientConfig>) -> bool {
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = StreamOwned::new(ClientConnection::new(Arc::clone(config), name).unwrap(), socket);
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let _closed = stream.read_to_end(&mut Vec::new());
    stream.conn.handshake_kind() == Some(HandshakeKind::Resumed)
}
