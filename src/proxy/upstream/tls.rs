//! TLS towards an upstream: whom we believe, what we show, which protocols we offer.

use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use crate::policy::listen::Certificate;
use crate::policy::operations::Trust;
use crate::policy::upstream::{Endpoint, Protocol, Upstream};

/// The client settings of an upstream, `None` for a plain one. An error is for the operator: the settings are refused at load.
pub fn client_config(upstream: &Upstream) -> Result<Option<Arc<ClientConfig>>, String> {
    let Some(tls) = &upstream.tls else { return Ok(None) };
    for endpoint in &upstream.endpoints {
        server_name(upstream, endpoint)?;
    }
    let builder = believing(tls.ca.as_deref())?;
    let mut config = match &tls.client {
        None => builder.with_no_client_auth(),
        Some(certificate) => {
            let (chain, key) = identity(certificate)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| format!("{}: {error}", certificate.origin))?
        }
    };
    config.alpn_protocols = match upstream.protocol {
        Protocol::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 => vec![b"h2".to_vec()],
    };
    Ok(Some(Arc::new(config)))
}

/// The client settings towards a shared replay store.
pub fn store_config(trust: &Trust) -> Result<Arc<ClientConfig>, String> {
    Ok(Arc::new(believing(trust.ca.as_deref())?.with_no_client_auth()))
}

fn believing(ca: Option<&[u8]>) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(builder.map_err(|error| error.to_string())?.with_root_certificates(roots(ca)?))
}

/// The same settings for a connection that must speak HTTP/1.1.
pub fn without_http2(config: &ClientConfig) -> Arc<ClientConfig> {
    let mut config = config.clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// The name that the certificate of `endpoint` must bear.
pub fn server_name(upstream: &Upstream, endpoint: &Endpoint) -> Result<ServerName<'static>, String> {
    let configured = upstream.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
    let name = match (configured, endpoint) {
        (Some(name), _) => name,
        (None, Endpoint::Tcp { host, .. }) => host,
        (None, Endpoint::Unix(_)) => return Err("TLS over a unix socket needs tls.server_name".to_owned()),
    };
    ServerName::try_from(name.to_owned()).map_err(|_| format!("{name} is not a valid server name"))
}

fn roots(ca: Option<&[u8]>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    match ca {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| format!("tls.ca: {error}"))?;
                store.add(certificate).map_err(|error| format!("tls.ca: {error}"))?;
            }
        }
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if store.is_empty() { Err("tls.ca: no certificate authority found".to_owned()) } else { Ok(store) }
}

fn identity(certificate: &Certificate) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let origin = &certificate.origin;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&certificate.chain)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{origin}: {error}"))?;
    if chain.is_empty() {
        return Err(format!("{origin}: no certificate found"));
    }
    // The error of the key's parser is not passed on: it could quote what it read.
    let key = PrivateKeyDer::from_pem_slice(certificate.key.expose())
        .map_err(|_| format!("{origin}: no usable private key found"))?;
    Ok((chain, key))
}
