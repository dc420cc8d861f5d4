//! Which certificate a client is shown: by the names in the certificates themselves, the first to everybody else.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::policy::listen::Certificate;
use crate::sig::time::Moment;

/// So many names of a listener are told with the end of their certificate: those whose end comes first.
const TOLD: usize = 256;

/// Every certificate of a listener.
#[derive(Debug)]
pub(super) struct Certificates {
    first: Arc<CertifiedKey>,
    /// By lower-case DNS name; a wildcard by what follows its `*`, dot included.
    named: HashMap<String, Arc<CertifiedKey>>,
    /// When the chain ends that is shown to who asks for a name; an empty name is everybody else.
    pub(super) ends: Vec<(Arc<str>, Moment)>,
}

/// A certificate as it was read.
struct Read {
    key: Arc<CertifiedKey>,
    /// As [`Certificates::named`] keeps them.
    hosts: Vec<String>,
    /// When the first of its chain ends, where that can be read.
    ends: Option<Moment>,
}

impl Certificates {
    /// Reads and checks them all: a key that does not fit its certificate is refused here, not in a handshake.
    pub(super) fn new(certificates: &[Certificate]) -> Result<Self, String> {
        let mut first = None;
        let mut named = HashMap::new();
        let mut ends = BTreeMap::new();
        for certificate in certificates {
            let wrong = |cause: &dyn std::fmt::Display| format!("{}: {cause}", certificate.origin);
            let read = read(certificate).map_err(|cause| wrong(&cause))?;
            for host in read.hosts {
                ends.entry(told(&host)).or_insert(read.ends);
                named.entry(host).or_insert_with(|| Arc::clone(&read.key));
            }
            ends.entry(Arc::default()).or_insert(read.ends);
            first.get_or_insert(read.key);
        }
        let first = first.ok_or_else(|| "a TLS listener needs a certificate".to_owned())?;
        let mut ends: Vec<_> = ends.into_iter().filter_map(|(name, end)| Some((name, end?))).collect();
        ends.sort_by_key(|(_, end)| *end);
        ends.truncate(TOLD);
        Ok(Self { first, named, ends })
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
    earliest(&CertificateDer::pem_slice_iter(&certificate.chain).collect::<Result<Vec<_>, _>>().ok()?)
}

fn earliest(chain: &[CertificateDer<'_>]) -> Option<Moment> {
    let end = |der: &CertificateDer<'_>| {
        X509Certificate::from_der(der).map(|(_, read)| read.validity().not_after.timestamp()).ok()
    };
    chain.iter().map(end).collect::<Option<Vec<_>>>()?.into_iter().min().map(Moment::from_secs)
}

/// A name as certificates have it.
fn told(host: &str) -> Arc<str> {
    if host.starts_with('.') { format!("*{host}").into() } else { host.into() }
}

fn read(certificate: &Certificate) -> Result<Read, String> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&certificate.chain)
        .collect::<Result<_, _>>()
        .map_err(|cause| format!("the certificate is not PEM: {cause}"))?;
    let leaf = chain.first().ok_or("there is no certificate in it")?;
    let (hosts, ends) = (names(leaf)?, earliest(&chain));
    // The cause may quote what it could not read: it stays here.
    let key = PrivateKeyDer::from_pem_slice(certificate.key.expose()).map_err(|_cause| "the key is not a PEM key")?;
    let key = CertifiedKey::from_der(chain, key, super::provider()).map_err(|cause| match cause {
        rustls::Error::InconsistentKeys(_) => "the key does not belong to the certificate".to_owned(),
        other => other.to_string(),
    })?;
    Ok(Read { key: Arc::new(key), hosts, ends })
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
