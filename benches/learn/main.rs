//! What a compiler profile is learned from: requests of every kind that is common, sent to a gateway which counts where it passes. Nothing is timed here.
//!
//!     cargo test --bench learn -- BINARY
//!
//! `release/build` runs it. It ends with 1 where a request was not answered as it must be: a profile of failures would be worse than none.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool that fails by panicking, by the clock of the machine"
)]

mod app;
mod client;
mod gateway;
mod load;

use load::{Load, Protocol, To};

/// The scheme that most of it is signed with.
const USUAL: &str = "timestamp-body";

/// Schemes that are signed and verified here, so that no common way of writing a signature is compiled as if nobody used it.
const SCHEMES: [&str; 7] = ["github", "stripe", "standard-webhooks", "slack", "shopify", "rfc9421", "aws-sigv4"];

const REPLAYED: Load = Load { times: 2, requests: 300, expected: 409, ..SMALL };

const SMALL: Load = Load {
    to: To::Plain,
    protocol: Protocol::Http1,
    scheme: USUAL,
    method: "POST",
    body: 256,
    connections: 16,
    lanes: 1,
    requests: 500,
    times: 1,
    forged: false,
    expected: 200,
};

/// In about the proportions in which their costs matter: mostly small requests on connections that last.
const LOADS: [Load; 14] = [
    SMALL,
    Load { to: To::Tls, ..SMALL },
    Load { to: To::Signer, ..SMALL },
    Load { protocol: Protocol::Http2, connections: 4, lanes: 8, requests: 150, ..SMALL },
    Load { to: To::Tls, protocol: Protocol::Http2, connections: 4, lanes: 8, requests: 150, ..SMALL },
    Load { to: To::Tls, connections: 200, requests: 2, ..SMALL },
    Load { scheme: "aws-sigv4", method: "GET", body: 0, requests: 200, ..SMALL },
    Load { body: 16 << 10, requests: 60, ..SMALL },
    Load { to: To::Tls, body: 16 << 10, requests: 30, ..SMALL },
    Load { body: 1 << 20, requests: 3, ..SMALL },
    Load { to: To::Tls, protocol: Protocol::Http2, connections: 4, lanes: 2, body: 1 << 20, requests: 3, ..SMALL },
    Load { forged: true, expected: 401, ..SMALL },
    Load { to: To::Tls, forged: true, expected: 401, requests: 100, ..SMALL },
    REPLAYED,
];

fn main() {
    let Some(binary) = std::env::args().nth(1).filter(|argument| !argument.starts_with('-')) else {
        println!("usage: cargo test --bench learn -- BINARY");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let verifier = gateway::verifier(binary.as_ref(), directory.path(), app::start());
    let signer = gateway::signer(binary.as_ref(), directory.path(), verifier.address("plain"));
    let places = load::Places::new(&verifier, &signer, directory.path());
    let of_schemes = SCHEMES.map(|scheme| Load { scheme, requests: 40, ..SMALL });
    let sent: usize = LOADS.iter().chain(&of_schemes).map(|load| load.run(&places)).sum();
    signer.stop();
    verifier.stop();
    println!("{sent} requests were answered as they must be");
}
