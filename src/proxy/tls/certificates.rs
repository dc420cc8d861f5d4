//! Which certificate a client is shown: by the names in the certificates themselves, the first to everybody else.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::policy::listen::Certificate;
use crate::sig::time::Moment;

/// Every certificate of a listener.
#[derive(Debug)]
pub(super) struct Certificates {
    first: Arc<CertifiedKey>,
    /// By lower-case DNS name; a wildcard by what follows its `*`, dot included.
    named: HashMap<String, Arc<CertifiedKey>>,
}

impl Certificates {
    /// Reads and checks them all: a key that does not fit its certificate is refused here, not in a handshake.
    pub(super) fn new(certificates: &[Certificate]) -> Result<Self, String> {
        let mut first = None;
        let mut named = HashMap::new();
        for certificate in certificates {
            let wrong = |cause: &dyn std::fmt::Display| format!("{}: {cause}", certificate.origin);
            let (key, hosts) = read(certificate).map_err(|cause| wrong(&cause))?;
            for host in hosts {
                named.entry(host).or_insert_with(|| Arc::clone(&key));
            }
            first.get_or_insert(key);
        }
        let first = first.ok_or_else(|| "a TLS listener needs a certificate".to_owned())?;
        Ok(Self { first, named })
    }

    fn choose(&self, name: &str) -> &Arc<CertifiedKey> {
        let exact = self.named.get(name);
        let wildcard = || name.find('.').and_then(|dot| name.get(dot..)).and_then(|rest| self.named.get(rest));
        exact.or_else(wildcard).unwrap_or(&self.first)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(match hello.server_name() {
            Some(name) => Arc::clone(self.choose(&name.to_ascii_lowercase())),
            None => Arc::clone(&self.first),
        })
    }
}

/// When the first certificate of the chain ends, where that can be read.
pub fn ends(certificate: &Certificate) -> Option<Moment> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&certificate.chain).collect::<Result<_, _>>().ok()?;
    let end = |der: &CertificateDer<'_>| {
        X509Certificate::from_der(der).map(|(_, read)| read.validity().not_after.timestamp()).ok()
    };
    chain.iter().map(end).collect::<Option<Vec<_>>>()?.into_iter().min().map(Moment::from_secs)
}

fn read(certificate: &Certificate) -> Result<(Arc<CertifiedKey>, Vec<String>), String> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&certificate.chain)
        .collect::<Result<_, _>>()
        .map_err(|cause| format!("the certificate is not PEM: {cause}"))?;
    let leaf = chain.first().ok_or("there is no certificate in it")?;
    let names = names(leaf)?;
    // The cause may quote what it could not read: it stays here.
    let key = PrivateKeyDer::from_pem_slice(certificate.key.expose()).map_err(|_cause| "the key is not a PEM key")?;
    let key = CertifiedKey::from_der(chain, key, super::provider()).map_err(|cause| match cause {
        rustls::Error::InconsistentKeys(_) => "the key does not belong to the certificate".to_owned(),
        other => other.to_string(),
    })?;
    Ok((Arc::new(key), names))
}

/// DNS names of a leaf, as [`Certificates::named`] keeps them.
fn names(leaf: &CertificateDer<'_>) -> Result<Vec<String>, String> {
    let (_, parsed) = X509Certificate::from_der(leaf).map_err(|cause| format!("not an X.509 certificate: {cause}"))?;
    let Ok(Some(alternative)) = parsed.subject_alternative_name() else { return Ok(Vec::new()) };
    let names = alternative.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.strip_prefix('*').unwrap_or(name).to_ascii_lowercase()),
        _ => None,
    });
    Ok(names.collect())
}
