//! Certificates made for a test.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use super::provider;
use crate::policy::listen::{Certificate, Clients, Tls};
use crate::sig::secret::Secret;

/// A certificate authority and what it issues.
pub(in crate::proxy) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub(in crate::proxy) struct Issued {
    pub(in crate::proxy) certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    pub(in crate::proxy) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(in crate::proxy) fn issue(&self, name: &str) -> Issued {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Acme, Inc.");
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Issued { certificate: params.signed_by(&key, &self.0).unwrap(), key }
    }

    pub(in crate::proxy) fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }
}

impl Issued {
    pub(in crate::proxy) fn configured(&self) -> Certificate {
        let key = Secret::new(self.key.serialize_pem().into_bytes());
        Certificate { chain: self.certificate.pem().into_bytes(), key, origin: "tls.crt".into() }
    }
}

pub(in crate::proxy) fn settings(certificates: Vec<Certificate>, clients: Clients) -> Tls {
    Tls { certificates, clients, hosts: Vec::new(), only_tls13: false }
}

/// A client that trusts `authority` and shows `identity`.
pub(in crate::proxy) fn client(authority: &Authority, identity: Option<&Issued>) -> Arc<ClientConfig> {
    client_of(rustls::DEFAULT_VERSIONS, authority, identity)
}

/// The same, which speaks `versions` only.
pub(in crate::proxy) fn client_of(
    versions: &[&'static SupportedProtocolVersion],
    authority: &Authority,
    identity: Option<&Issued>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.0.der().clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(issued) => {
            let key = PrivateKeyDer::try_from(issued.key.serialize_der()).unwrap();
            builder.with_client_auth_cert(vec![issued.certificate.der().clone()], key).unwrap()
        }
    };
    Arc::new(config)
}
