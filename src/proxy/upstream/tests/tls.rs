//! TLS towards upstreams: what both sides know, whom we trust, what we show.

use std::rc::Rc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::checks::{active, checked};
use super::http2::{Seen, speak};
use super::*;
use crate::policy::listen::Certificate;
use crate::policy::upstream::Tls;
use crate::proxy::upstream::health::Symptom;
use crate::proxy::upstream::tls::client_config;
use crate::sig::secret::Secret;

/// A certificate for `app.test`, its key, and a server that shows it.
fn server(protocols: &[&[u8]]) -> (TlsAcceptor, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(["app.test".to_owned()]).unwrap();
    let pem = made.cert.pem().into_bytes();
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).unwrap();
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    (TlsAcceptor::from(Arc::new(config)), pem)
}

fn secured(peer: &Peer, ca: Vec<u8>, name: &str, protocol: Protocol) -> Arc<Upstream> {
    let tls = Tls { ca: Some(ca), client: None, server_name: Some(name.into()) };
    Arc::new(Upstream { tls: Some(tls), protocol, ..peer.settings() })
}

/// ALPN of the server, protocol of the settings, for an upgrade; whether HTTP/2 is spoken.
type Case<'a> = (&'a [&'a [u8]], Protocol, bool, Result<bool, Code>);

#[test]
fn tls_speaks_what_both_sides_know() {
    let (h2, h1): (&[u8], &[u8]) = (b"h2", b"http/1.1");
    let cases: [Case<'_>; 7] = [
        (&[h2, h1], Protocol::Auto, false, Ok(true)),
        (&[h1], Protocol::Auto, false, Ok(false)),
        (&[], Protocol::Auto, false, Ok(false)),
        (&[h2, h1], Protocol::Http1, false, Ok(false)),
        (&[h2, h1], Protocol::Http2, false, Ok(true)),
        (&[], Protocol::Http2, false, Err(Code::UpstreamTls)),
        (&[h2, h1], Protocol::Auto, true, Ok(false)),
    ];
    for (offered, protocol, upgrade, expected) in cases {
        worker(async {
            let (peer, upstreams, (acceptor, ca)) = (Peer::new().await, upstreams(), server(offered));
            let settings = secured(&peer, ca, "app.test", protocol);
            let client = async {
                if upgrade { upstreams.upgradeable(&settings, 0).await } else { upstreams.line(&settings, 0).await }
            };
            let server = async { acceptor.accept(peer.accept().await).await };
            let (line, stream) = tokio::join!(client, server);
            assert_eq!(line.as_ref().map(super::super::Line::is_http2).map_err(|code| *code), expected);
            drop(stream);
        });
    }
}

#[test]
fn a_request_crosses_tls_and_http2() {
    worker(async {
        let (peer, upstreams, (acceptor, ca)) = (Peer::new().await, upstreams(), server(&[b"h2"]));
        let (settings, seen) = (secured(&peer, ca, "app.test", Protocol::Auto), Seen::default());
        let server = async { speak(acceptor.accept(peer.accept().await).await.unwrap(), Rc::clone(&seen)).await };
        tokio::select! {
            reply = async { text(exchange(&upstreams, &settings, get("/")).await).await } => assert_eq!(reply, "ok"),
            () = server => panic!("the server ended"),
        }
    });
}

#[test]
fn a_certificate_for_another_name_or_from_another_authority_is_refused() {
    for (name, own) in [("other.test", true), ("app.test", false)] {
        worker(async {
            let (peer, upstreams, (acceptor, ca)) = (Peer::new().await, upstreams(), server(&[]));
            let ca = if own { ca } else { server(&[]).1 };
            let settings = secured(&peer, ca, name, Protocol::Auto);
            let accept = async { drop(acceptor.accept(peer.accept().await).await) };
            let line = tokio::join!(accept, upstreams.line(&settings, 0)).1;
            assert_eq!(line.err(), Some(Code::UpstreamTls));
        });
    }
}

#[test]
fn tls_settings_that_cannot_work_are_refused_at_load() {
    let (_, ca) = server(&[]);
    let client = |chain: &[u8], key: &[u8]| {
        Some(Certificate { chain: chain.to_vec(), key: Secret::new(key.to_vec()), origin: "client.pem".into() })
    };
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let unix = || Endpoint::Unix("/run/app.sock".into());
    let named = || Endpoint::Tcp { host: "app.test".into(), port: 443 };
    let cases = [
        (named(), Some(ca.clone()), None, None, true),
        (named(), Some(b"no pem".to_vec()), None, None, false),
        (named(), Some(ca.clone()), None, Some("not a name"), false),
        (unix(), Some(ca.clone()), None, None, false),
        (unix(), Some(ca.clone()), None, Some("app.test"), true),
        (named(), Some(ca.clone()), client(b"no pem", b"no key"), None, false),
        (named(), Some(ca.clone()), client(&ca, b"s3cret"), None, false),
        (named(), Some(ca.clone()), client(&ca, other.as_bytes()), None, false),
    ];
    for (place, (endpoint, ca, client, name, works)) in cases.into_iter().enumerate() {
        let tls = Tls { ca, client, server_name: name.map(Arc::from) };
        let loaded = client_config(&Upstream { tls: Some(tls), ..settings(vec![endpoint]) });
        assert_eq!(loaded.is_ok(), works, "case {place}");
        assert!(!loaded.err().unwrap_or_default().contains("s3cret"));
    }
}

#[test]
fn a_client_certificate_is_shown_to_an_upstream_that_asks() {
    for shown in [true, false] {
        worker(async {
            let client = rcgen::generate_simple_self_signed(["gateway.test".to_owned()]).unwrap();
            let server = rcgen::generate_simple_self_signed(["app.test".to_owned()]).unwrap();
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let mut roots = rustls::RootCertStore::empty();
            roots.add(client.cert.der().clone()).unwrap();
            let roots = Arc::new(roots);
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider));
            let key = PrivateKeyDer::from_pem_slice(server.signing_key.serialize_pem().as_bytes()).unwrap();
            let builder = rustls::ServerConfig::builder_with_provider(provider);
            let config = builder
                .with_protocol_versions(&[&rustls::version::TLS12])
                .unwrap()
                .with_client_cert_verifier(verifier.build().unwrap())
                .with_single_cert(vec![server.cert.der().clone()], key)
                .unwrap();
            let acceptor = TlsAcceptor::from(Arc::new(config));
            let certificate = Certificate {
                chain: client.cert.pem().into_bytes(),
                key: Secret::new(client.signing_key.serialize_pem().into_bytes()),
                origin: "client.pem".into(),
            };
            let tls = Tls {
                ca: Some(server.cert.pem().into_bytes()),
                client: shown.then_some(certificate),
                server_name: Some("app.test".into()),
            };
            let (peer, upstreams) = (Peer::new().await, upstreams());
            let settings = Arc::new(Upstream { tls: Some(tls), ..peer.settings() });
            let accept = async { acceptor.accept(peer.accept().await).await };
            let (stream, line) = tokio::join!(accept, upstreams.line(&settings, 0));
            assert_eq!((stream.is_ok(), line.err()), (shown, (!shown).then_some(Code::UpstreamTls)));
        });
    }
}

#[test]
fn a_health_check_trusts_whom_requests_trust() {
    for (name, expected) in [("app.test", Ok(())), ("other.test", Err(Symptom::Fault(Code::UpstreamTls)))] {
        worker(async {
            let (peer, (acceptor, ca)) = (Peer::new().await, server(&[b"http/1.1"]));
            let settings = secured(&peer, ca, name, Protocol::Auto);
            let settings = Arc::try_unwrap(settings).ok().unwrap();
            let server = async {
                let Ok(mut stream) = acceptor.accept(peer.accept().await).await else { return };
                read_head(&mut stream).await;
                write(&mut stream, OK).await;
            };
            assert_eq!(checked(settings, &active(), server).await, expected);
        });
    }
}
