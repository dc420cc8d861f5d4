//! How much, how many, how long: every bound has a default and is never absent.

use std::path::PathBuf;
use std::time::Duration;

/// Bounds of one request on a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// Largest request body in bytes; above it 413.
    pub body_max: u64,
    /// Above this many bytes a held body is spooled to disk.
    pub memory: usize,
    /// Largest body for schemes that need it whole, in bytes.
    pub whole_max: usize,
    /// Time for the whole exchange, from the head to the last response byte.
    pub total: Option<Duration>,
    /// A request body that pauses longer is 408.
    pub body_idle: Duration,
    /// Slowest acceptable request body in bytes per second, after a grace of `body_idle`; 0 is no bound.
    pub body_rate: u64,
    /// Time from the request's last byte to the response head.
    pub response: Duration,
    /// A response body that pauses longer is cut.
    pub response_idle: Duration,
    /// A tunnel (WebSocket) is closed at this age.
    pub tunnel_age: Duration,
    /// A tunnel that is silent for this long is closed.
    pub tunnel_idle: Duration,
    /// Most MACs computed for one request (keys × contents).
    pub macs: usize,
}

/// Bounds of one listener's connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Connection {
    /// Largest request head in bytes; above it 431.
    pub head_max: usize,
    /// Most header lines in a head.
    pub fields_max: usize,
    /// Longest request target in bytes; above it 414.
    pub target_max: usize,
    /// Time for the TLS handshake.
    pub handshake: Duration,
    /// Time for a complete request head.
    pub head: Duration,
    /// An idle connection is closed after this time.
    pub idle: Duration,
    /// A client that takes no response byte for this long is cut off.
    pub write: Duration,
    /// Most connections of this listener, over all workers.
    pub connections: usize,
    /// Most connections of this listener that come from one source, an IPv4 address or a /64 of IPv6. Trusted proxies are exempt.
    pub per_source: usize,
    /// Most concurrent HTTP/2 streams of one connection.
    pub h2_streams: u32,
}

/// Bounds of the whole process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Process {
    /// Bytes of held bodies in memory; `None`: a quarter of the cgroup's `memory.max`, 64 MiB without one.
    pub memory_budget: Option<u64>,
    /// Bytes of held bodies on disk.
    pub spool_budget: u64,
    /// Where spooled bodies live (unlinked files); `None`: the system's temporary directory.
    pub spool_directory: Option<PathBuf>,
    /// Time for requests in flight after SIGTERM.
    pub drain: Duration,
    /// Time between readiness turning off and the listeners closing.
    pub drain_delay: Duration,
    /// Most sources, keys or principals that one pool of token buckets tells apart.
    pub buckets: usize,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            body_max: 10 << 20,
            memory: 64 << 10,
            whole_max: 1 << 20,
            total: None,
            body_idle: Duration::from_secs(30),
            body_rate: 1024,
            response: Duration::from_secs(30),
            response_idle: Duration::from_mins(1),
            tunnel_age: Duration::from_hours(24),
            tunnel_idle: Duration::from_mins(5),
            macs: 8,
        }
    }
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            head_max: 64 << 10,
            fields_max: 100,
            target_max: 16 << 10,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            idle: Duration::from_mins(1),
            write: Duration::from_secs(30),
            connections: 10_000,
            per_source: 5_000,
            h2_streams: 100,
        }
    }
}

impl Default for Process {
    fn default() -> Self {
        Self {
            memory_budget: None,
            spool_budget: 1 << 30,
            spool_directory: None,
            drain: Duration::from_secs(30),
            drain_delay: Duration::ZERO,
            buckets: 100_000,
        }
    }
}
