//! `countersign size`: how many cores and how much memory a given traffic takes, from what was measured (docs/scaling.md).

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

/// Microseconds of a core for a request without a body, on the machine of docs/scaling.md.
const REQUEST: f64 = 25.0;
/// For each KiB of a body: taken in, hashed with SHA-256, sent on.
const KIB: f64 = 1.15;
/// More where the client speaks TLS, for a request and for each KiB.
const TLS_REQUEST: f64 = 1.5;
const TLS_KIB: f64 = 0.5;
/// For a new connection with a whole TLS 1.3 handshake (ECDSA P-256).
const HANDSHAKE: f64 = 340.0;
/// For a new connection in plain.
const CONNECTION: f64 = 100.0;

/// Bytes of a process that has nothing to do.
const PROCESS: f64 = 10e6;
/// Bytes of a connection that is open: in plain, over TLS.
const OPEN: [f64; 2] = [8.5e3, 15.0e3];
/// Bytes of a claim in its table, whose size is a power of two in each of so many parts and at most seven eighths full.
const CLAIM: f64 = 49.0;
const PARTS: f64 = 16.0;
const FULL: f64 = 0.875;

/// More for a request whose claim is shared: two commands, one of which is waited for.
const SHARED: f64 = 6.0;
const COMMANDS: f64 = 2.0;
/// Bytes that a claim takes on the Redis, and of its commands on the way there.
const STORED: f64 = 180.0;
const SENT: f64 = 226.0;

/// The same for a token of a rate that is shared: a script, whose own commands the server counts, too.
const TOKEN: f64 = 3.0;
const TOKEN_COMMANDS: f64 = 4.0;
const TOKEN_SENT: f64 = 520.0;

/// A worker that is busier than this answers late when traffic is uneven.
const BUSY: f64 = 0.6;
/// Tables that grow are there twice for a moment.
const SPARE: f64 = 1.5;

/// Arguments of `size`.
#[derive(Args)]
pub(super) struct Size {
    /// Requests in a second at the busiest, over all replicas
    #[arg(long, value_name = "N", value_parser = positive)]
    rps: f64,
    /// How large a request's body is, on average
    #[arg(long, value_name = "SIZE", default_value = "1KiB", value_parser = kib)]
    body: f64,
    /// Clients speak TLS to the gateway
    #[arg(long)]
    tls: bool,
    /// New connections in a second
    #[arg(long, value_name = "N", default_value = "0", value_parser = positive)]
    connects: f64,
    /// Open connections at the busiest, over all replicas
    #[arg(long, value_name = "N", default_value = "100", value_parser = positive)]
    connections: f64,
    /// How long a client takes to send a body: it is held meanwhile
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = seconds)]
    upload: f64,
    /// How long a copy of a request is told, the window of the scheme in both directions; `0s` without replay protection
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = seconds)]
    window: f64,
    /// Processes that share the traffic evenly
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    replicas: u32,
    /// Replicas share their replay claims on a Redis
    #[arg(long)]
    shared: bool,
    /// So they do, and each verified request takes a token of a rate that is shared, too
    #[arg(long)]
    shared_rates: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// What one of the replicas takes: microseconds and cores, bytes.
struct Need {
    request: f64,
    busy: f64,
    cores: f64,
    process: f64,
    connections: f64,
    bodies: f64,
    claims: f64,
    redis: Option<Redis>,
}

/// What a store that all replicas share takes: commands and bytes in a second, bytes.
struct Redis {
    commands: f64,
    traffic: f64,
    memory: f64,
}

impl Size {
    pub(super) fn run(self) -> ExitCode {
        let need = self.need();
        let text = match self.output {
            Output::Text => need.text(self.replicas),
            Output::Json => format!("{:#}\n", need.json()),
        };
        let _closed = std::io::stdout().write_all(text.as_bytes());
        ExitCode::SUCCESS
    }

    fn need(&self) -> Need {
        let share = |whole: f64| whole / f64::from(self.replicas);
        let (tls, tls_kib, connect, open) =
            if self.tls { (TLS_REQUEST, TLS_KIB, HANDSHAKE, OPEN[1]) } else { (0.0, 0.0, CONNECTION, OPEN[0]) };
        let rates = f64::from(u8::from(self.shared_rates));
        let is_shared = self.shared || self.shared_rates;
        let shared = if is_shared { rates.mul_add(TOKEN, SHARED) } else { 0.0 };
        let request = (KIB + tls_kib).mul_add(self.body, REQUEST + tls + shared);
        let busy = share(request.mul_add(self.rps, connect * self.connects)) / 1e6;
        Need {
            request,
            busy,
            cores: busy / BUSY,
            process: PROCESS,
            connections: share(self.connections) * open,
            bodies: share(self.rps) * self.upload * self.body * 1024.0,
            claims: table(share(self.rps) * self.window),
            redis: is_shared.then_some(Redis {
                commands: self.rps * rates.mul_add(TOKEN_COMMANDS, COMMANDS),
                traffic: self.rps * rates.mul_add(TOKEN_SENT, SENT),
                memory: self.rps * self.window * STORED,
            }),
        }
    }
}

/// Bytes of the table that holds so many claims.
fn table(claims: f64) -> f64 {
    let places = (claims / PARTS / FULL).max(1.0).log2().ceil().exp2();
    if claims > 0.0 { places * PARTS * CLAIM } else { 0.0 }
}

impl Need {
    fn memory(&self) -> f64 {
        self.process + self.connections + self.bodies + self.claims
    }

    fn text(&self, replicas: u32) -> String {
        let mib = |bytes: f64| bytes / f64::from(1 << 20);
        let redis = self.redis.as_ref().map_or_else(String::new, |redis| {
            let (commands, traffic) = (redis.commands, redis.traffic / 1e6);
            format!(
                "redis   {:8.0} MiB  {commands:.0} commands in a second, {traffic:.1} MB\n",
                mib(redis.memory * SPARE)
            )
        });
        let each = if replicas > 1 { format!(", for each of {replicas} replicas") } else { String::new() };
        format!(
            "cores   {:8.2}      {:.2} busy, {:.0} µs for each request{each}\n\
             memory  {:8.0} MiB  {:.0} used: {:.0} process, {:.0} connections, {:.0} bodies, {:.0} claims\n\
             {redis}As measured on one machine (docs/scaling.md); yours may be half as fast or twice.\n",
            self.cores,
            self.busy,
            self.request,
            mib(self.memory()) * SPARE,
            mib(self.memory()),
            mib(self.process),
            mib(self.connections),
            mib(self.bodies),
            mib(self.claims),
        )
    }

    fn json(&self) -> Value {
        json!({
            "microseconds_per_request": self.request,
            "cores": {"busy": self.busy, "recommended": self.cores},
            "memory_bytes": {
                "process": self.process.round(),
                "connections": self.connections.round(),
                "bodies": self.bodies.round(),
                "claims": self.claims.round(),
                "used": self.memory().round(),
                "recommended": (self.memory() * SPARE).round(),
            },
            "redis": self.redis.as_ref().map(|redis| json!({
                "commands_per_second": redis.commands.round(),
                "bytes_per_second": redis.traffic.round(),
                "memory_bytes": redis.memory.round(),
            })),
        })
    }
}

fn positive(text: &str) -> Result<f64, &'static str> {
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_finite() && *number >= 0.0)
        .ok_or("expected a number, not below 0")
}

fn kib(text: &str) -> Result<f64, &'static str> {
    let size = text.parse::<bytesize::ByteSize>().ok().and_then(|size| u32::try_from(size.as_u64()).ok());
    size.map(|bytes| f64::from(bytes) / 1024.0).ok_or("expected a size such as `64KiB`, below 4 GiB")
}

fn seconds(text: &str) -> Result<f64, &'static str> {
    let expected = "expected a duration with its unit, such as `500ms`, `30s` or `5m`";
    humantime::parse_duration(text).map(|time| time.as_secs_f64()).map_err(|_| expected)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        size: Size,
    }

    fn need(line: &str) -> Need {
        Line::try_parse_from(std::iter::once("size").chain(line.split(' '))).unwrap().size.need()
    }

    #[test]
    fn twice_the_traffic_on_twice_the_replicas_is_the_same_for_each() {
        let (one, two) =
            (need("--rps 5000 --body 4KiB"), need("--rps 10000 --body 4KiB --connections 200 --replicas 2"));
        assert!((one.busy - two.busy).abs() < 1e-9 && (one.memory() - two.memory()).abs() < 1.0);
    }

    #[test]
    fn every_part_of_the_traffic_adds_to_what_it_takes() {
        let least = need("--rps 1000");
        for (more, costs) in [
            ("--tls", true),
            ("--shared", true),
            ("--connects 100", true),
            ("--connections 1000", false),
            ("--window 1h", false),
        ] {
            let need = need(&format!("--rps 1000 {more}"));
            let (cpu, memory) = (need.busy > least.busy, need.memory() > least.memory());
            assert!(if costs { cpu } else { memory && !cpu }, "{more}");
        }
        assert!(need("--rps 1000 --window 0s").claims.abs() < f64::EPSILON);
        assert!(need("--rps 1000 --body 1MiB --upload 1s").bodies > 1000.0 * f64::from(1 << 20) - 1.0);
    }

    #[test]
    fn a_million_claims_take_a_table_of_the_next_power_of_two() {
        assert!((table(1e6) - 49.0 * 16.0 * 131_072.0).abs() < 1.0);
    }

    #[test]
    fn what_is_no_number_size_or_time_is_refused() {
        for line in
            ["", "--rps x", "--rps -1", "--rps inf", "--rps 1 --body 1", "--rps 1 --window 5", "--rps 1 --replicas 0"]
        {
            let words = std::iter::once("size").chain(line.split(' ').filter(|word| !word.is_empty()));
            assert_eq!(Line::try_parse_from(words).is_err(), line != "--rps 1 --body 1", "{line}");
        }
    }
}
