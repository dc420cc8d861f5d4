//! A gateway, an upstream and a clock: real sockets, real TLS, a time that only the test moves.

mod client;
mod config;
mod gateway;
mod h2;
mod identity;
mod keys;
mod response;
mod schema;
mod sign;
pub(crate) mod tls;
mod upstream;
mod wire;

use std::path::Path;

use countersign::clock::Clock;
use countersign::sig::time::Moment;

pub(crate) use client::{Connection, Request, get, post, request};
pub(crate) use config::Config;
use gateway::Gateway;
pub(crate) use identity::{Identity, identity};
pub(crate) use keys::Keys;
pub(crate) use response::Response;
pub(crate) use sign::{Signing, mac};
pub(crate) use upstream::{Nobody, Seen, Upstream};

/// When every test begins (2025-10-09).
pub(crate) const NOW: i64 = 1_760_000_000;

/// The secret of key `k1`, which every ring holds at first.
pub(crate) const SECRET: &str = "sZ95IhH8zGDRvUTL23tlX3lOMoSAWl89";

/// Another secret, of nobody until a test gives it to a key.
pub(crate) const OTHER: &str = "another-secret-that-nobody-holds-";

/// A running gateway with everything around it. Dropped, everything stops.
pub(crate) struct World {
    pub(crate) upstream: Upstream,
    pub(crate) keys: Keys,
    clock: Clock,
    config: Config,
    gateway: Option<Gateway>,
    directory: tempfile::TempDir,
}

impl World {
    /// One listener, one route: signed by `timestamp-body`, everything else as it comes.
    pub(crate) fn verifying() -> Self {
        Self::with(|config| config.route("path: /**, verify: {scheme: timestamp-body, keys: partners}, upstream: app"))
    }

    /// As [`World::verifying`], and no signature counts twice.
    pub(crate) fn without_replays() -> Self {
        Self::with(|config| {
            config.route(
                "path: /**, verify: {scheme: timestamp-body, keys: partners}, replay: {by: signature}, upstream: app",
            )
        })
    }

    /// Signs what comes in by plain HTTP.
    pub(crate) fn signing() -> Self {
        Self::with(|config| config.route("path: /**, sign: {scheme: timestamp-body, keys: partners}, upstream: app"))
    }

    /// Whatever the configuration says.
    pub(crate) fn with(write: impl FnOnce(Config) -> Config) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let upstream = Upstream::start();
        let keys = Keys::in_directory(&directory.path().join("keys"));
        keys.swap(&[("k1", SECRET)]);
        let config = write(Config::new(directory.path(), upstream.address()));
        config.write();
        let clock = Clock::manual(Moment::from_secs(NOW));
        let gateway = Some(Gateway::start(&config.path(), &clock).expect("the configuration is right"));
        Self { upstream, keys, clock, config, gateway, directory }
    }

    /// Moves the clock to `seconds` after the beginning.
    pub(crate) fn at(&self, seconds: i64) -> &Self {
        self.clock.set(Moment::from_secs(NOW + seconds));
        self
    }

    /// Sends on a connection of its own and waits for the answer.
    pub(crate) fn send(&self, request: impl Into<Request>) -> Response {
        self.connect().exchange(&request.into())
    }

    /// A plain connection to the listener `public`.
    pub(crate) fn connect(&self) -> Connection {
        self.connect_to("public")
    }

    /// A plain connection to the listener (or operations listener) of that name.
    pub(crate) fn connect_to(&self, listener: &str) -> Connection {
        Connection::open(self.running().address(listener))
    }

    /// A TLS connection to the listener `public` that offers `alpn`.
    pub(crate) fn connect_tls(&self, server_name: &str, alpn: &[&str]) -> Connection {
        Connection::open_tls(self.running().address("public"), self.directory.path(), server_name, alpn)
    }

    /// A TLS client with a memory: each call connects once, and says whether it went on with an earlier session.
    pub(crate) fn remembering(&self) -> impl Fn(&Self) -> bool + use<> {
        let config = tls::trusting(self.directory.path(), &["http/1.1"]);
        move |world| tls::resumes(std::net::TcpStream::connect(world.address()).unwrap(), &config)
    }

    /// Sends over HTTP/2 and TLS.
    pub(crate) fn send_h2(&self, request: impl Into<Request>) -> Response {
        h2::send(self.running().address("public"), self.directory.path(), &request.into())
    }

    /// Where the listener `public` is.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.running().address("public")
    }

    /// Where the listener (or operations listener) of that name is.
    pub(crate) fn address_of(&self, listener: &str) -> std::net::SocketAddr {
        self.running().address(listener)
    }

    /// Asks an operations listener.
    pub(crate) fn ask(&self, listener: &str, question: impl Into<Request>) -> Response {
        self.connect_to(listener).exchange(&question.into())
    }

    /// Asks the operations listener `health` until `is_right` likes the answer; not for ever.
    pub(crate) fn told(&self, target: &str, is_right: impl Fn(&str) -> bool) {
        let begun = std::time::Instant::now();
        loop {
            let told = String::from_utf8(self.ask("health", get(target)).body).unwrap();
            if is_right(&told) {
                return;
            }
            assert!(begun.elapsed() < 6 * client::PATIENCE, "{target} says {told}");
            // Every question takes a port for a minute: asked without a pause, they run out for all tests.
            std::thread::park_timeout(std::time::Duration::from_millis(5));
        }
    }

    /// A TLS connection for localhost behind bytes that come before TLS, by a client with or without an identity.
    pub(crate) fn connect_tls_after(&self, first: &[u8], who: Option<&Identity>) -> Connection {
        Connection::open_after(first, self.address(), self.directory(), who)
    }

    /// Changes the configuration file; nothing happens until a reload.
    pub(crate) fn rewrite(&mut self, change: impl FnOnce(Config) -> Config) {
        self.config = change(self.config.clone());
        self.config.write();
    }

    /// Puts any text where the configuration is.
    pub(crate) fn overwrite(&self, text: &str) {
        std::fs::write(self.config.path(), text).unwrap();
    }

    /// Loads everything anew; whether it was accepted.
    pub(crate) fn reload(&self) -> bool {
        self.running().reload()
    }

    /// Stops cleanly and starts again on the same files.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.gateway = Some(Gateway::start(&self.config.path(), &self.clock).expect("the configuration is right"));
    }

    /// Drains and stops.
    pub(crate) fn stop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.stop();
        }
    }

    /// Begins to drain while requests are in flight; returns when told to by the caller's drop of the handle.
    pub(crate) fn begin_to_stop(&mut self) -> std::thread::JoinHandle<()> {
        let gateway = self.gateway.take().expect("it runs");
        std::thread::spawn(move || gateway.stop())
    }

    /// The audit lines so far: complete once the gateway has stopped.
    pub(crate) fn audit(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.config.audit()).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("a JSON object per line")).collect()
    }

    /// Where certificates, keys and the configuration are.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn running(&self) -> &Gateway {
        self.gateway.as_ref().expect("it runs")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.upstream.release_everything();
        if let Some(gateway) = self.gateway.take() {
            gateway.end();
        }
        if !std::thread::panicking() {
            schema::hold(&std::fs::read_to_string(self.config.audit()).unwrap_or_default());
        }
    }
}
