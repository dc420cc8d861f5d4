//! What is asked of a client's certificate, and the session memory that belongs to the answer.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    NoClientAuth, ProducesTickets, ServerSessionMemoryCache, StoresServerSessions, WebPkiClientVerifier,
};
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};

use crate::policy::listen::Clients;

/// TLS 1.2 sessions without tickets that are remembered per setting.
const SESSIONS: usize = 1024;

/// Which client-certificate settings: equal exactly when mode and authorities are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Settings([u8; 32]);

impl Settings {
    pub(super) fn of(clients: &Clients) -> Self {
        let (mode, ca): (&[u8], &[u8]) = match clients {
            Clients::Ignored => (b"ignored", b""),
            Clients::Optional { ca } => (b"optional", ca),
            Clients::Required { ca } => (b"required", ca),
        };
        Self(Sha256::new().chain_update(mode).chain_update(b"\0").chain_update(ca).finalize().into())
    }
}

/// Sessions and ticket keys of one setting. A clone is the same memory.
#[derive(Clone)]
pub(super) struct Memory {
    sessions: Arc<dyn StoresServerSessions>,
    tickets: Arc<dyn ProducesTickets>,
}

impl Memory {
    /// Remembers nothing yet.
    pub(super) fn new() -> Result<Self, String> {
        let tickets = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(|cause| cause.to_string())?;
        Ok(Self { sessions: ServerSessionMemoryCache::new(SESSIONS), tickets })
    }

    pub(super) fn install(&self, config: &mut ServerConfig) {
        config.session_storage = Arc::clone(&self.sessions);
        config.ticketer = Arc::clone(&self.tickets);
    }
}

/// Checks what a client shows.
pub(super) fn verifier(clients: &Clients) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let (ca, optional) = match clients {
        Clients::Ignored => return Ok(Arc::new(NoClientAuth)),
        Clients::Optional { ca } => (ca, true),
        Clients::Required { ca } => (ca, false),
    };
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(ca)?), Arc::clone(super::provider()));
    let builder = if optional { builder.allow_unauthenticated() } else { builder };
    builder.build().map_err(|cause| format!("client CA: {cause}"))
}

fn roots(ca: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca) {
        let certificate = certificate.map_err(|cause| format!("the client CA is not PEM: {cause}"))?;
        roots.add(certificate).map_err(|cause| format!("client CA: {cause}"))?;
    }
    Ok(roots)
}
