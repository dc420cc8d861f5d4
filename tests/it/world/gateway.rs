//! The gateway under test, in this process: the one place that knows how it is started and stopped.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use countersign::app::App;
use countersign::clock::Clock;
use countersign::policy::listen::Address;

/// A running gateway.
pub(crate) struct Gateway {
    app: App,
}

impl Gateway {
    /// Starts on a configuration; what is wrong with it, otherwise.
    pub(crate) fn start(config: &Path, clock: &Clock) -> Result<Self, String> {
        let app = App::start(config, clock.clone()).map_err(|error| format!("{error:?}"))?;
        Ok(Self { app })
    }

    /// Where a listener (or operations listener) listens.
    pub(crate) fn address(&self, listener: &str) -> SocketAddr {
        let found = self.app.addresses().iter().find(|(name, _)| name.as_ref() == listener);
        match found {
            Some((_, Address::Socket(address))) => *address,
            _ => panic!("no TCP listener `{listener}`"),
        }
    }

    /// Loads everything anew; whether it was accepted.
    pub(crate) fn reload(&self) -> bool {
        self.app.reload().is_ok()
    }

    /// Drains and stops; every audit line is written.
    pub(crate) fn stop(self) {
        wait(self.app.drain());
        self.app.process().telemetry.flush(Duration::from_secs(2));
    }

    /// Ends at once.
    pub(crate) fn end(self) {
        wait(self.app.shutdown());
    }
}

fn wait(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
}
