//! A WebSocket after its 101: bytes in both directions, bounded in age and silence, ending with the key that opened it.
//!
//! Nothing in the tunnel is signed: what is verified is the request that opened it.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::exchange::{Tunnel, Upgrade};
use super::upstream::Admission;
use super::visit::Visit;
use super::worker::Worker;
use crate::sig::key::Key;

/// How often the key is looked at: a tunnel ends within this time of its key's end.
const KEY_CHECK: Duration = Duration::from_secs(4);

/// Bounds of a tunnel.
#[derive(Clone, Copy)]
struct Bounds {
    age: Duration,
    idle: Duration,
}

/// Starts the tunnel; it runs beside the request that opened it.
pub fn open(visit: &Visit, (client, upstream): (Upgrade, Tunnel), admission: &Admission, bounds: (Duration, Duration)) {
    let key = match admission {
        Admission::Verified(permit) => Some(permit.key().as_ref().clone()),
        Admission::Observed(_) | Admission::Public => None,
    };
    let worker = Rc::clone(&visit.worker);
    let bounds = Bounds { age: bounds.0, idle: bounds.1 };
    tokio::task::spawn_local(async move {
        tokio::select! {
            () = run(client, upstream, bounds) => {}
            () = key_ends(&worker, key.as_ref()) => {}
        }
    });
}

async fn run(client: Upgrade, upstream: Tunnel, bounds: Bounds) {
    let Some(end) = Instant::now().checked_add(bounds.age) else { return };
    let Ok(Ok(client)) = timeout_at(end, client.taken).await else { return };
    let (client_read, client_write) = tokio::io::split(client.io);
    let (upstream_read, upstream_write) = tokio::io::split(upstream.io);
    let silence = Silence { since: Cell::new(Instant::now()), most: bounds.idle };
    let both = async {
        tokio::join!(
            copy((client.ahead, client_read), upstream_write, &silence),
            copy((upstream.ahead, upstream_read), client_write, &silence)
        )
    };
    drop(timeout_at(end, both).await);
}

/// How long neither direction has moved: a client that only listens is not idle.
struct Silence {
    since: Cell<Instant>,
    most: Duration,
}

impl Silence {
    /// What `work` yields; `None` on an error, and when the tunnel has been silent for too long meanwhile.
    async fn during<T>(&self, work: impl Future<Output = io::Result<T>>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            let deadline = self.since.get().checked_add(self.most)?;
            match timeout_at(deadline, work.as_mut()).await {
                Ok(done) => {
                    self.since.set(Instant::now());
                    return done.ok();
                }
                Err(_) if self.since.get().checked_add(self.most)? > deadline => {}
                Err(_) => return None,
            }
        }
    }
}

/// Copies what was read `ahead` and what comes, until the end, an error, or silence; then says so to the other side.
async fn copy((ahead, mut from): (Bytes, impl AsyncRead + Unpin), mut to: impl AsyncWrite + Unpin, silence: &Silence) {
    if silence.during(pass(&mut to, &ahead)).await.is_none() {
        return;
    }
    let mut buffer = vec![0; 16 << 10];
    while let Some(read) = silence.during(from.read(&mut buffer)).await {
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else { break };
        if silence.during(pass(&mut to, chunk)).await.is_none() {
            break;
        }
    }
    drop(to.shutdown().await);
}

/// TLS keeps what the socket did not take: without a flush the end of a message would wait for the next one.
async fn pass(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}

/// Returns when the key that opened the tunnel is gone or expired; never for a tunnel without one.
async fn key_ends(worker: &Worker, key: Option<&Key>) {
    let Some(key) = key else { return std::future::pending().await };
    let mut ticks = interval(KEY_CHECK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if !still_valid(worker, key) {
            return;
        }
    }
}

fn still_valid(worker: &Worker, key: &Key) -> bool {
    let now = worker.process.clock.now();
    let generation = worker.generation();
    generation.policy.keyrings.iter().any(|ring| ring.holds(key, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_connection_holds_back_is_pushed_on() {
        let silence = Silence { since: Cell::new(Instant::now()), most: Duration::from_mins(5) };
        let (mut sender, from) = tokio::io::duplex(64);
        let (to, mut receiver) = tokio::io::duplex(64);
        let talk = async {
            let mut seen = [0; 6];
            receiver.read_exact(&mut seen[..3]).await.unwrap();
            sender.write_all(b"def").await.unwrap();
            receiver.read_exact(&mut seen[3..]).await.unwrap();
            assert_eq!(&seen, b"abcdef");
        };
        tokio::select! {
            () = copy((Bytes::from_static(b"abc"), from), tokio::io::BufWriter::new(to), &silence) => panic!("it ended"),
            () = talk => {}
        }
    }

    #[test]
    fn a_tunnel_is_idle_when_neither_direction_moves() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let silence = Silence { since: Cell::new(Instant::now()), most: Duration::from_mins(5) };
            let (listener, _client) = tokio::io::duplex(64);
            let (mut upstream, talker) = tokio::io::duplex(64);
            let (quiet_end, mut quiet_seen) = tokio::io::duplex(64);
            let (busy_end, _busy_seen) = tokio::io::duplex(64);
            let talk = async {
                let mut every = interval(Duration::from_secs(200));
                every.tick().await;
                for _ in 0..4 {
                    every.tick().await;
                    upstream.write_all(b"x").await.unwrap();
                }
            };
            let start = Instant::now();
            let ended = async {
                let at_end = quiet_seen.read(&mut [0; 1]).await.unwrap();
                (at_end, start.elapsed().as_secs())
            };
            let copies = async {
                tokio::join!(
                    copy((Bytes::new(), listener), quiet_end, &silence),
                    copy((Bytes::new(), talker), busy_end, &silence)
                )
            };
            let ((), _both, ended) = tokio::join!(talk, copies, ended);
            assert_eq!(ended, (0, 4 * 200 + 300));
        });
    }
}
