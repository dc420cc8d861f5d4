//! TLS towards clients: certificates by name, client certificates by host, tickets that never cross from one setting to another.

mod certificates;
mod clients;
#[cfg(test)]
pub(in crate::proxy) mod fixture;
mod handshake;
mod subject;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{Acceptor, ClientHello, ResolvesServerCert};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use self::certificates::Certificates;
use self::clients::{Memory, Settings};
use crate::policy::listen;
use crate::sig::time::Moment;
pub use certificates::ends;
pub use handshake::Handshake;

/// TLS of one listener, checked and ready.
pub struct ServerTls {
    /// For hosts without settings of their own, and for clients without SNI.
    common: Profile,
    hosts: HashMap<Arc<str>, Profile>,
    certificates: Arc<Certificates>,
}

/// One setting for client certificates.
struct Profile {
    settings: Settings,
    memory: Memory,
    config: Arc<ServerConfig>,
}

/// A client that said what it wants, and has no answer yet.
pub(in crate::proxy) struct Greeted<I> {
    tls: Arc<ServerTls>,
    start: StartHandshake<I>,
}

/// Builds the TLS of a listener. Session memory is taken over from `old` where the client-certificate settings are the same, and is
/// forgotten where they are not: a ticket proves only what was demanded when it was issued (CVE-2025-23419). Every worker has the same.
pub fn server_config(tls: &listen::Tls, http2: bool, old: Option<&ServerTls>) -> Result<ServerTls, String> {
    let certificates = Arc::new(Certificates::new(&tls.certificates)?);
    let mut memories = HashMap::new();
    let mut profile = |clients: &listen::Clients| {
        let settings = Settings::of(clients);
        let memory = match memories.entry(settings) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(match old.and_then(|old| old.memory(settings)) {
                Some(kept) => kept,
                None => Memory::new()?,
            }),
        };
        profile(tls, &certificates, clients, http2, memory)
    };
    let common = profile(&tls.clients)?;
    let hosts = tls.hosts.iter().map(|(host, clients)| Ok((Arc::clone(host), profile(clients)?)));
    let hosts = hosts.collect::<Result<_, String>>()?;
    Ok(ServerTls { common, hosts, certificates })
}

fn profile(
    tls: &listen::Tls,
    certificates: &Arc<Certificates>,
    clients: &listen::Clients,
    http2: bool,
    memory: &Memory,
) -> Result<Profile, String> {
    let resolver: Arc<dyn ResolvesServerCert> = Arc::<Certificates>::clone(certificates);
    let all: &[_] = &[&rustls::version::TLS13, &rustls::version::TLS12];
    let versions = if tls.only_tls13 { all.get(..1).unwrap_or(all) } else { all };
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider()))
        .with_protocol_versions(versions)
        .map_err(|cause| cause.to_string())?
        .with_client_cert_verifier(clients::verifier(clients)?)
        .with_cert_resolver(resolver);
    memory.install(&mut config);
    // Replayable by anyone who saw it (RFC 8446 §8): never accepted.
    config.max_early_data_size = 0;
    // Each is sealed and sent in every handshake. Whoever opens several connections at once gets as many with them.
    config.send_tls13_tickets = 1;
    config.alpn_protocols = if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    Ok(Profile { settings: Settings::of(clients), memory: memory.clone(), config: Arc::new(config) })
}

/// The one set of algorithms of this process.
pub(in crate::proxy) fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: std::sync::OnceLock<Arc<CryptoProvider>> = std::sync::OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
}

impl ServerTls {
    /// Hears what the client says first. Costs little, and waits for the client only.
    pub(in crate::proxy) async fn greet<I>(self: &Arc<Self>, io: I) -> std::io::Result<Greeted<I>>
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        let start = LazyConfigAcceptor::new(Acceptor::default(), io).await?;
        Ok(Greeted { tls: Arc::clone(self), start })
    }

    /// When certificates end, by the name that is asked for; an empty one is who names none of them. Those that end first, 256 at most.
    pub fn ends(&self) -> &[(Arc<str>, Moment)] {
        &self.certificates.ends
    }

    /// The client-certificate settings of `host` (lower-case, without port).
    pub fn settings_of(&self, host: &str) -> Settings {
        self.profile(Some(host)).settings
    }

    fn profile(&self, host: Option<&str>) -> &Profile {
        host.and_then(|host| self.hosts.get(host)).unwrap_or(&self.common)
    }

    fn memory(&self, settings: Settings) -> Option<Memory> {
        let mut profiles = std::iter::once(&self.common).chain(self.hosts.values());
        profiles.find(|profile| profile.settings == settings).map(|profile| profile.memory.clone())
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Greeted<I> {
    /// Completes the handshake under the settings of the host that the client names. The first step is the costly one: keys are agreed on
    /// and a signature is made.
    pub(in crate::proxy) async fn answer(self) -> std::io::Result<(TlsStream<I>, Handshake)> {
        let Self { tls, start } = self;
        let profile = tls.profile(server_name(&start.client_hello()).as_deref());
        let (config, settings) = (Arc::clone(&profile.config), profile.settings);
        let stream = start.into_stream(config).await?;
        let handshake = Handshake::new(tls, settings, stream.get_ref().1);
        Ok((stream, handshake))
    }
}

fn server_name(hello: &ClientHello<'_>) -> Option<String> {
    hello.server_name().map(str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests;
