//! Real handshakes over a socket pair, with certificates made here.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, HandshakeKind};
use tokio_rustls::TlsConnector;

use super::fixture::{Authority, Issued, client, settings};
use super::*;
use crate::policy::listen::{Certificate, Clients};
use crate::sig::secret::Secret;

mod resumption;

fn server(settings: &listen::Tls, old: Option<&ServerTls>) -> Arc<ServerTls> {
    Arc::new(server_config(settings, true, old).unwrap())
}

/// What a client saw of a handshake.
struct Seen {
    leaf: CertificateDer<'static>,
    kind: HandshakeKind,
}

async fn meet(server: &Arc<ServerTls>, client: &Arc<ClientConfig>, name: &str) -> Option<(Seen, Handshake)> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (near, far) = tokio::io::duplex(64 << 10);
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connector = TlsConnector::from(Arc::clone(client));
    let visit = async {
        let mut stream = connector.connect(name, near).await.ok()?;
        stream.read_exact(&mut [0; 2]).await.ok()?;
        let connection = stream.get_ref().1;
        let leaf = connection.peer_certificates()?.first()?.clone().into_owned();
        Some(Seen { leaf, kind: connection.handshake_kind()? })
    };
    let host = async {
        let (mut stream, handshake) = server.greet(far).await.ok()?.answer().await.ok()?;
        stream.write_all(b"ok").await.ok()?;
        stream.shutdown().await.ok()?;
        Some(handshake)
    };
    let (seen, handshake) = tokio::join!(visit, host);
    seen.zip(handshake)
}

/// A self-signed certificate for `names` that ends in this year, and its key.
fn ending(year: i32, names: &[String]) -> (String, String) {
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn ends(chains: &[(String, String)]) -> Vec<(String, i64)> {
    let configured = chains.iter().map(|(chain, key)| Certificate {
        chain: chain.clone().into_bytes(),
        key: Secret::new(key.clone().into_bytes()),
        origin: "tls.crt".into(),
    });
    let server = server(&settings(configured.collect(), Clients::Ignored), None);
    server.ends().iter().map(|(name, end)| (name.to_string(), end.secs())).collect()
}

#[test]
fn a_name_ends_with_the_first_certificate_of_the_chain_that_is_shown_for_it() {
    let (leaf, key) = ending(2040, &["a.example".into()]);
    let chain = leaf + &ending(2030, &["issuer.example".into()]).0;
    let told = ends(&[(chain, key), ending(2035, &["b.example".into()]), ending(2031, &["a.example".into()])]);
    let (y2030, y2035) = (1_893_456_000, 2_051_222_400);
    let expected = [("", y2030), ("a.example", y2030), ("b.example", y2035)];
    assert_eq!(told, expected.map(|(name, end)| (name.to_owned(), end)));
}

#[test]
fn of_very_many_names_those_are_told_that_end_first() {
    let many: Vec<String> = (0..300).map(|number| format!("n{number}.example")).collect();
    let told = ends(&[ending(2040, &many), ending(2030, &["soon.example".into()])]);
    assert_eq!((told.len(), &*told[0].0), (256, "soon.example"));
}

#[tokio::test]
async fn a_client_is_shown_the_certificate_of_the_name_it_asks_for() {
    let authority = Authority::new();
    let [first, exact, wildcard] = ["a.example", "b.example", "*.c.example"].map(|name| authority.issue(name));
    let all = [&first, &exact, &wildcard].map(Issued::configured).to_vec();
    let (server, client) = (server(&settings(all, Clients::Ignored), None), client(&authority, None));
    for (name, expected) in [("a.example", &first), ("b.example", &exact), ("x.c.example", &wildcard)] {
        let (seen, handshake) = meet(&server, &client, name).await.unwrap();
        assert_eq!(seen.leaf, *expected.certificate.der(), "{name}");
        assert_eq!(handshake.server_name().map(|name| &**name), Some(name));
    }
    assert!(meet(&server, &client, "x.y.c.example").await.is_none(), "the first one does not bear this name");
    let names: Vec<&str> = server.ends().iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["", "*.c.example", "a.example", "b.example"], "each name has its end, and so has no name");
}

#[tokio::test]
async fn a_required_client_certificate_is_required_and_an_optional_one_is_checked() {
    let (authority, foreign) = (Authority::new(), Authority::new());
    let certificate = authority.issue("a.example").configured();
    let ca = authority.pem();
    let required = server(&settings(vec![certificate.clone()], Clients::Required { ca: ca.clone() }), None);
    let optional = server(&settings(vec![certificate], Clients::Optional { ca }), None);
    let (ours, theirs) = (authority.issue("caller"), foreign.issue("caller"));
    let cases = [
        (&required, Some(&ours), true),
        (&required, Some(&theirs), false),
        (&required, None, false),
        (&optional, Some(&ours), true),
        (&optional, Some(&theirs), false),
        (&optional, None, true),
    ];
    for (server, identity, accepted) in cases {
        let met = meet(server, &client(&authority, identity), "a.example").await;
        assert_eq!(met.is_some(), accepted);
        let subject = met.and_then(|(_, handshake)| handshake.subject().cloned());
        assert_eq!(subject.is_some(), accepted && identity.is_some());
        assert!(subject.is_none_or(|subject| subject == "CN=caller,O=Acme\\, Inc."));
    }
}

#[tokio::test]
async fn a_host_with_other_client_certificate_settings_is_misdirected() {
    let authority = Authority::new();
    let certificates = ["open.example", "closed.example"].map(|name| authority.issue(name).configured()).to_vec();
    let mut tls = settings(certificates, Clients::Ignored);
    tls.hosts.push(("closed.example".into(), Clients::Required { ca: authority.pem() }));
    let server = server(&tls, None);
    let identity = authority.issue("caller");

    let (_, open) = meet(&server, &client(&authority, None), "open.example").await.unwrap();
    assert!(meet(&server, &client(&authority, None), "closed.example").await.is_none());
    let (_, closed) = meet(&server, &client(&authority, Some(&identity)), "closed.example").await.unwrap();
    let cases = [
        (&open, "open.example", false),
        (&open, "unknown.example", false),
        (&open, "closed.example", true),
        (&open, "Closed.example.:443", true),
        (&closed, "closed.example", false),
        (&closed, "open.example", true),
    ];
    for (handshake, authority, expected) in cases {
        assert_eq!(handshake.misdirected(authority.as_bytes()), expected, "{authority}");
    }
}

#[test]
fn what_is_wrong_with_a_certificate_is_said_with_its_place() {
    let authority = Authority::new();
    let (one, two) = (authority.issue("a"), authority.issue("b"));
    let mixed = Certificate { key: two.configured().key, ..one.configured() };
    let garbage = Certificate { chain: b"x".to_vec(), ..one.configured() };
    let keyless = Certificate { key: Secret::new(b"s3cret".to_vec()), ..one.configured() };
    let cases = [
        (mixed, "tls.crt: the key does not belong to the certificate"),
        (garbage, "tls.crt: there is no certificate in it"),
        (keyless, "tls.crt: the key is not a PEM key"),
    ];
    for (certificate, expected) in cases {
        assert_eq!(
            server_config(&settings(vec![certificate], Clients::Ignored), true, None).err().as_deref(),
            Some(expected)
        );
    }
    let foolish = settings(vec![one.configured()], Clients::Required { ca: b"x".to_vec() });
    assert!(server_config(&foolish, true, None).is_err(), "an authority that is none");
}
