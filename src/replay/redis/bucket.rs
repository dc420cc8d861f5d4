//! Token buckets that several gateways share: one step on the store for each token, by its clock.

use std::time::Duration;

use tokio::sync::oneshot;

use super::line::{Job, Line, Then};
use super::resp::{self, Reply};
use super::{Away, names};
use crate::policy::rate::{Limit, Pool};
use crate::rate::Id;
use crate::replay::digest;

/// A bucket is the moment at which it will be full again, in microseconds, and is forgotten then. Says whether a token was taken, and how many
/// microseconds are missing now.
///
/// No bucket lacks more than it holds: a clock that was set back empties buckets, and no more.
///
/// Times have three decimals, and doubles hold them to a quarter of a microsecond until the year 2255.
const TAKE: &[u8] = b"local t=redis.call('TIME')
local now,every,fill=t[1]*1000000+t[2],tonumber(ARGV[1]),tonumber(ARGV[2])
local full=math.min(math.max(tonumber(redis.call('GETEX',KEYS[1]) or 0),now),now+fill)
local missing=full-now+every
if missing>fill then return {0,math.ceil(full-now)} end
redis.call('SET',KEYS[1],string.format('%.3f',full+every),'PX',math.ceil(missing/1000))
return {1,math.ceil(missing)}";

/// Most commands without an answer behind which a token is asked for.
const TOKENS: usize = 1024;

/// What became of asking for a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken {
    /// Whether there was one.
    pub taken: bool,
    /// After how long the bucket is full, if nobody takes another.
    pub missing: Duration,
}

/// A bucket on the store.
pub(super) struct Bucket {
    name: Vec<u8>,
    limit: Limit,
}

impl Bucket {
    /// The bucket of `id` in `pool`. Only a digest of whom it counts leaves the process; under another limit it is another bucket.
    pub(super) fn of(namespace: &str, pool: &Pool, id: Id<'_>) -> Self {
        let (every, burst) = (pool.limit.every.to_be_bytes(), pool.limit.burst.to_be_bytes());
        let place = [&b"countersign/rate/1"[..], pool.per.name().as_bytes(), pool.name.as_bytes(), &every, &burst];
        let digest = id.with_parts(|id| digest::of_parts(place.iter().chain(id).copied()));
        Self { name: names::bucket(namespace, &digest), limit: pool.limit }
    }

    fn command(&self) -> Vec<u8> {
        let [every, fill] = [self.limit.every, self.limit.fill()].map(micros);
        let mut bytes = Vec::with_capacity(TAKE.len().saturating_add(200));
        resp::command(&mut bytes, &[b"EVAL", TAKE, b"1", &self.name, every.as_bytes(), fill.as_bytes()]);
        bytes
    }
}

impl Line {
    /// Takes a token, and waits no longer than `deadline` for the answer.
    ///
    /// **Threat:** anybody's requests may ask for tokens, and claims wait in the same line: it is never full of tokens.
    pub(super) async fn take(&self, bucket: &Bucket, deadline: Duration) -> Result<Taken, Away> {
        if self.unanswered() >= TOKENS {
            return Err(Away);
        }
        let (told, heard) = oneshot::channel();
        let job = Job { bytes: bucket.command(), answers: 1, then: Then::Take(told) };
        self.ask(job, heard, deadline).await?.ok_or(Away)
    }

    /// What it answered. A server that does not count can be asked for claims all the same: it is said once.
    pub(super) fn taken(&self, reply: Option<&Reply>, refused: Option<String>) -> Option<Taken> {
        let taken = reply.and_then(read);
        if taken.is_none() && !self.warned.replace(true) {
            let cause = refused.unwrap_or_else(|| "EVAL has another answer".to_owned());
            tracing::error!(cause, "the shared store does not count: each gateway counts for itself");
        }
        taken
    }
}

fn read(reply: &Reply) -> Option<Taken> {
    let Reply::List(parts) = reply else { return None };
    let [Reply::Number(taken @ (0 | 1)), Reply::Number(missing)] = parts.as_slice() else { return None };
    Some(Taken { taken: *taken == 1, missing: Duration::from_micros(u64::try_from(*missing).ok()?) })
}

/// Nanoseconds in microseconds with three decimals.
fn micros(nanos: u64) -> String {
    format!("{}.{:03}", nanos.div_euclid(1000), nanos.rem_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::rate::Per;

    fn bucket(per: Per, pool: &str, every: u64, id: Id<'_>) -> Vec<u8> {
        Bucket::of("shop", &Pool { per, name: pool.into(), limit: Limit { every, burst: 2 }, shared: true }, id).name
    }

    #[test]
    fn everybody_has_a_bucket_of_his_own_that_does_not_tell_who_he_is() {
        let one = bucket(Per::Key, "p", 1, Id::Caller("ring", "one"));
        assert!(one.starts_with(b"{shop}:rate:") && one.len() == 12 + 43, "{}", one.escape_ascii());
        assert_eq!(one, bucket(Per::Key, "p", 1, Id::Caller("ring", "one")));
        for other in [
            bucket(Per::Principal, "p", 1, Id::Caller("ring", "one")),
            bucket(Per::Key, "q", 1, Id::Caller("ring", "one")),
            bucket(Per::Key, "p", 2, Id::Caller("ring", "one")),
            bucket(Per::Key, "p", 1, Id::Caller("ringo", "ne")),
            bucket(Per::Key, "p", 1, Id::All),
            bucket(Per::Key, "p", 1, Id::Source(None)),
        ] {
            assert_ne!(one, other);
        }
        let source = |text: &str| bucket(Per::Source, "p", 1, Id::Source(Some(text.parse().unwrap())));
        assert_eq!(source("2001:db8::1"), source("2001:db8::2"), "one customer");
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }

    #[test]
    fn answers_are_read_and_times_written_exactly() {
        let reply = |parts: &[i64]| Reply::List(parts.iter().copied().map(Reply::Number).collect());
        let missing = Duration::from_millis(1);
        assert_eq!(read(&reply(&[1, 1000])), Some(Taken { taken: true, missing }));
        assert_eq!(read(&reply(&[0, 1000])), Some(Taken { taken: false, missing }));
        for other in [reply(&[2, 0]), reply(&[1, -1]), reply(&[1]), Reply::Nothing, Reply::Error("NOPERM".into())] {
            assert_eq!(read(&other), None, "{other:?}");
        }
        assert_eq!([1, 1_000, 16_666_666].map(micros), ["0.001", "1.000", "16666.666"]);
    }
}
