//! The command line: one file per subcommand, one exit code per kind of failure.

mod admin;
mod check;
mod client;
mod completions;
mod demo;
mod doctor;
mod drain;
mod echo;
mod explain;
mod healthcheck;
mod keygen;
mod keys;
mod link;
mod listen;
mod man;
mod means;
mod proxy;
mod reload;
mod run;
mod schema;
mod schemes;
mod sign;
mod size;
mod sketch;
mod stage;
mod test;
#[cfg(test)]
mod tests;
mod top;
mod verify;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Problem;

/// The gateway failed while running.
const RUNTIME: u8 = 1;

/// The configuration is wrong (`EX_CONFIG` of sysexits.h).
const CONFIGURATION: u8 = 78;

/// Wrong usage; clap's own.
const USAGE: u8 = 2;

/// An HMAC gateway: only signed requests get in, everything that leaves is signed.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show it: the gateway on the example configuration, with an upstream, a certificate and a key
    Demo(demo::Demo),
    /// Serve until asked to end
    Run(run::Run),
    /// Serve without a configuration file: one upstream, one scheme, keys from the environment
    Proxy(proxy::Proxy),
    /// Stand before a service that is being written: print each request with its verdict, and why it is refused
    Listen(listen::Listen),
    /// Check a configuration and everything it names, and do nothing else
    Check(check::Check),
    /// Look at everything that a gateway needs, and say what is wrong with it
    Doctor(doctor::Doctor),
    /// Built-in schemes: list them, or show one
    Schemes(schemes::Schemes),
    /// Run test vectors through the code that serves
    Test(test::Test),
    /// Sign one request: print headers, or a curl command
    Sign(sign::Sign),
    /// Say whether a captured request is verified
    Verify(verify::Verify),
    /// Say why a captured request is refused
    Explain(explain::Explain),
    /// Make a key: an id and 32 random bytes
    Keygen(keygen::Args),
    /// Show, add, end, remove and rotate keys where they are kept
    Keys(keys::Keys),
    /// Ask a running gateway whether it is ready
    Healthcheck(healthcheck::Healthcheck),
    /// Watch a running gateway: traffic, refusals, keys, every second
    Top(top::Top),
    /// Say how many cores and how much memory a given traffic takes
    Size(size::Size),
    /// Let a running gateway read its configuration again
    Reload(reload::Reload),
    /// Let a running gateway end in order
    Drain(drain::Drain),
    /// Print the JSON Schema of the configuration, for editors
    Schema(schema::Schema),
    /// Print what a shell reads to complete command lines
    Completions(completions::Completions),
    /// Print the manual page of a command, or write those of all
    Man(man::Man),
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    Arguments::parse().command.run()
}

impl Command {
    fn run(self) -> ExitCode {
        match self {
            Self::Demo(demo) => demo.run(),
            Self::Run(run) => run.run(),
            Self::Proxy(proxy) => proxy.run(),
            Self::Listen(listen) => listen.run(),
            Self::Check(check) => check.run(),
            Self::Doctor(doctor) => doctor.run(),
            Self::Schemes(schemes) => schemes.run(),
            Self::Test(test) => test.run(),
            Self::Sign(sign) => sign.run(),
            Self::Verify(verify) => verify.run(),
            Self::Explain(explain) => explain.run(),
            Self::Keygen(args) => keygen::run(&args),
            Self::Keys(keys) => keys.run(),
            Self::Healthcheck(healthcheck) => healthcheck.run(),
            Self::Top(top) => top.run(),
            Self::Size(size) => size.run(),
            Self::Reload(reload) => reload.run(),
            Self::Drain(drain) => drain.run(),
            Self::Schema(schema) => schema.run(),
            Self::Completions(completions) => completions.run(),
            Self::Man(man) => man.run(),
        }
    }
}

/// Every mistake, one per line, with its place and what to write instead.
fn explain(problems: &[Problem]) {
    let mut out = std::io::stderr().lock();
    for problem in problems {
        // Nobody is left to tell when stderr is closed; the exit code says it still.
        let _closed = writeln!(out, "{problem}");
    }
}

/// The bytes of a file; `-` is standard input.
fn input(path: &std::path::Path) -> std::io::Result<Vec<u8>> {
    if path != std::path::Path::new("-") {
        return std::fs::read(path);
    }
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut std::io::stdin(), &mut text).map(|_length| text)
}

/// Prints text that ends as it should.
fn say(text: &str) {
    let _closed = write!(std::io::stdout(), "{text}");
}

/// Says why it ends, and with which code.
fn fail(code: u8, why: impl std::fmt::Display) -> ExitCode {
    let _closed = writeln!(std::io::stderr(), "countersign: {why}");
    ExitCode::from(code)
}
