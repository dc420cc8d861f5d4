//! Who may go on with an old session: whoever is asked for the same as before.

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use super::super::fixture::client_of;
use super::*;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// A client with sessions of its own.
fn speaking(
    version: &'static SupportedProtocolVersion,
    authority: &Authority,
    identity: Option<&Issued>,
) -> Arc<ClientConfig> {
    client_of(&[version], authority, identity)
}

async fn kind(server: &Arc<ServerTls>, client: &Arc<ClientConfig>, name: &str) -> HandshakeKind {
    meet(server, client, name).await.unwrap().0.kind
}

#[tokio::test]
async fn tickets_outlive_a_reload_only_while_the_demands_stay_the_same() {
    let (authority, other) = (Authority::new(), Authority::new());
    let certificate = || authority.issue("a.example").configured();
    let make =
        |clients, old: Option<&Arc<ServerTls>>| server(&settings(vec![certificate()], clients), old.map(|old| &**old));
    let optional = |authority: &Authority| Clients::Optional { ca: authority.pem() };
    for version in VERSIONS {
        let client = speaking(version, &authority, None);
        let first = make(Clients::Ignored, None);
        let renewed = make(Clients::Ignored, Some(&first));
        let stricter = make(optional(&authority), Some(&renewed));
        let same = make(optional(&authority), Some(&stricter));
        let elsewhere = make(optional(&other), Some(&same));
        let cases = [
            (&first, HandshakeKind::Full, "nobody knows it"),
            (&first, HandshakeKind::Resumed, "known"),
            (&renewed, HandshakeKind::Resumed, "another certificate, the same demands"),
            (&stricter, HandshakeKind::Full, "another mode"),
            (&same, HandshakeKind::Resumed, "the same mode and authorities"),
            (&elsewhere, HandshakeKind::Full, "other authorities"),
        ];
        for (server, expected, why) in cases {
            assert_eq!(kind(server, &client, "a.example").await, expected, "{version:?} {why}");
        }
    }
}

#[tokio::test]
async fn who_showed_a_certificate_is_the_same_after_a_resumption() {
    let authority = Authority::new();
    let identity = authority.issue("caller");
    let demands = Clients::Required { ca: authority.pem() };
    let server = server(&settings(vec![authority.issue("a.example").configured()], demands), None);
    for version in VERSIONS {
        let client = speaking(version, &authority, Some(&identity));
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let (seen, handshake) = meet(&server, &client, "a.example").await.unwrap();
            assert_eq!(seen.kind, expected, "{version:?}");
            assert_eq!(handshake.subject().unwrap(), "CN=caller,O=Acme\\, Inc.");
        }
    }
}

#[tokio::test]
async fn hosts_with_the_same_demands_share_their_memory_before_a_reload_and_after_it() {
    let authority = Authority::new();
    let certificates = ["a.example", "b.example", "c.example"].map(|name| authority.issue(name).configured()).to_vec();
    let mut tls = settings(certificates, Clients::Ignored);
    for host in ["b.example", "c.example"] {
        tls.hosts.push((host.into(), Clients::Optional { ca: authority.pem() }));
    }
    let before = server(&tls, None);
    let after = server(&tls, Some(&before));
    for version in VERSIONS {
        for host in ["a.example", "b.example", "c.example"] {
            let client = speaking(version, &authority, None);
            assert_eq!(kind(&before, &client, host).await, HandshakeKind::Full);
            assert_eq!(kind(&after, &client, host).await, HandshakeKind::Resumed, "{version:?} {host}");
        }
    }
}

#[tokio::test]
async fn nothing_is_read_before_a_handshake_is_over() {
    let authority = Authority::new();
    let server = server(&settings(vec![authority.issue("a.example").configured()], Clients::Ignored), None);
    let mut client = ClientConfig::clone(&speaking(&TLS13, &authority, None));
    client.enable_early_data = true;
    let client = Arc::new(client);
    assert_eq!(kind(&server, &client, "a.example").await, HandshakeKind::Full);
    assert_eq!(kind(&server, &client, "a.example").await, HandshakeKind::Resumed);
    let name = ServerName::try_from("a.example").unwrap();
    let mut again = rustls::ClientConnection::new(Arc::clone(&client), name).unwrap();
    assert!(again.early_data().is_none(), "no ticket allows it");
}
