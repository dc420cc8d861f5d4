//! The gateway under test, in this process: the one place that knows how it is started and stopped.

use std::net::SocketAddr;
use std::path::Path;

use countersign::app::App;
use countersign::clock::Clock;

/// A running gateway.
pub(crate) struct Gateway {
    app: App,
    addresses: Vec<(String, SocketAddr)>,
}

impl Gateway {
    /// Starts on a configuration; what is wrong with it, otherwise.
    pub(crate) fn start(config: &Path, clock: &Clock) -> Result<Self, String> {
        let app = App::start(config, clock.clone()).map_err(|problems| format!("{problems:?}"))?;
        let addresses = app.addresses();
        Ok(Self { app, addresses })
    }

    /// Where a listener listens.
    pub(crate) fn address(&self, listener: &str) -> SocketAddr {
        let found = self.addresses.iter().find(|(name, _)| name == listener);
        found.unwrap_or_else(|| panic!("no listener {listener} among {:?}", self.addresses)).1
    }

    /// Loads everything anew; whether it was accepted.
    pub(crate) fn reload(&self) -> bool {
        self.app.reload().is_ok()
    }

    /// Drains and stops.
    pub(crate) fn stop(self) {
        self.app.shutdown();
    }
}
