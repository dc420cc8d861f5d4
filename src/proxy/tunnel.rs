//! A WebSocket after its 101: bytes in both directions, bounded in age and silence, ending with the key that opened it.
//!
//! Nothing in the tunnel is signed: what is verified is the request that opened it.

use std::rc::Rc;
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::exchange::Upgrade;
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
pub fn open(
    visit: &Visit,
    (client, upstream): (Upgrade, OnUpgrade),
    admission: &Admission,
    bounds: (Duration, Duration),
) {
    let key = match admission {
        Admission::Verified(permit) => Some(permit.key().as_ref().clone()),
        Admission::Observed(_) | Admission::Public => None,
    };
    let worker = Rc::clone(&visit.worker);
    let bounds = Bounds { age: bounds.0, idle: bounds.1 };
    tokio::task::spawn_local(async move {
        tokio::select! {
            () = run(client.inner, upstream, bounds) => {}
            () = key_ends(&worker, key.as_ref()) => {}
        }
    });
}

async fn run(client: OnUpgrade, upstream: OnUpgrade, bounds: Bounds) {
    let Some(end) = Instant::now().checked_add(bounds.age) else { return };
    let Ok((Ok(client), Ok(upstream))) = timeout_at(end, async { tokio::join!(client, upstream) }).await else {
        return;
    };
    let (client_read, client_write) = tokio::io::split(TokioIo::new(client));
    let (upstream_read, upstream_write) = tokio::io::split(TokioIo::new(upstream));
    let both = async {
        tokio::join!(copy(client_read, upstream_write, bounds.idle), copy(upstream_read, client_write, bounds.idle))
    };
    drop(timeout_at(end, both).await);
}

/// Copies until the end, an error, or silence of `idle`; then says so to the other side.
async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, idle: Duration) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let Ok(Ok(read)) = tokio::time::timeout(idle, from.read(&mut buffer)).await else { break };
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else { break };
        let Ok(Ok(())) = tokio::time::timeout(idle, to.write_all(chunk)).await else { break };
    }
    drop(to.shutdown().await);
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
    let same = |known: &Key| known.secret.expose() == key.secret.expose() && known.verify.contains(now);
    let generation = worker.generation();
    generation.policy.keyrings.iter().any(|ring| ring.by_id(&key.id).is_some_and(|known| same(known)))
}
