//! Request ids: ours, or the one of a peer that the listener trusts.
//!
//! The rule for a client's `X-Request-Id`: it is kept when the peer's address is in the listener's `trusted` list and the value is
//! 1 to 128 visible ASCII characters; from anybody else it is replaced, since an id that a stranger chooses can be made to collide.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use data_encoding::HEXLOWER;

/// The header that carries it.
pub const HEADER: &str = "x-request-id";

/// A worker's ids: a random start, then counting. Unique, not secret.
pub struct Ids {
    worker: u64,
    next: Cell<u64>,
}

impl Ids {
    /// Starts at a random place. Without randomness ids are unique within the process only.
    pub fn new() -> Self {
        static WORKERS: AtomicU64 = AtomicU64::new(0);
        let ordinal = WORKERS.fetch_add(1, Ordering::Relaxed);
        let random = || getrandom::u64().unwrap_or_default();
        Self { worker: random().wrapping_add(ordinal), next: Cell::new(random()) }
    }

    /// The next id: 32 hexadecimal digits.
    pub fn next(&self) -> Bytes {
        let number = self.next.get();
        self.next.set(number.wrapping_add(1));
        let mut text = [0; 32];
        let (front, back) = text.split_at_mut(16);
        HEXLOWER.encode_mut(&self.worker.to_be_bytes(), front);
        HEXLOWER.encode_mut(&number.to_be_bytes(), back);
        // Told, forwarded and answered: made once and shared.
        Bytes::from_owner(text)
    }
}

impl Default for Ids {
    fn default() -> Self {
        Self::new()
    }
}

/// A peer's id, if it is one that can be kept.
pub fn acceptable(value: &Bytes) -> Option<Bytes> {
    let fits = (1..=128).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic);
    fits.then(|| value.clone())
}

/// The trace id of a `traceparent` (W3C Trace Context §3.2): 32 lower-case hexadecimal digits, not all zero.
pub fn trace_id(traceparent: &Bytes) -> Option<Bytes> {
    id::<32>(traceparent, traceparent.split(|byte| *byte == b'-').nth(1)?)
}

/// The span id of a `traceparent` whose `sampled` flag is set (W3C Trace Context §3.2.2.5): 16 digits, not all zero.
pub fn sampled_parent(traceparent: &Bytes) -> Option<Bytes> {
    let mut fields = traceparent.split(|byte| *byte == b'-').skip(2);
    let (parent, flags) = (fields.next()?, fields.next()?);
    let [_, last] = flags else { return None };
    let sampled = char::from(*last).to_digit(16)? & 1 == 1;
    id::<16>(traceparent, parent).filter(|_| sampled)
}

fn id<const DIGITS: usize>(whole: &Bytes, id: &[u8]) -> Option<Bytes> {
    let hex = id.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte));
    (id.len() == DIGITS && hex && id.iter().any(|byte| *byte != b'0')).then(|| whole.slice_ref(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_and_keep_their_form() {
        let ids = Ids { worker: 1, next: Cell::new(u64::MAX) };
        assert_eq!(ids.next(), "0000000000000001ffffffffffffffff");
        assert_eq!(ids.next(), "00000000000000010000000000000000");
    }

    #[test]
    fn a_peers_id_is_kept_only_in_visible_ascii_of_1_to_128() {
        let long = "x".repeat(129);
        for (value, kept) in
            [("a", true), (&long[..128], true), (&long, false), ("", false), ("a b", false), ("a\u{1b}", false)]
        {
            assert_eq!(acceptable(&Bytes::copy_from_slice(value.as_bytes())).is_some(), kept, "{value:?}");
        }
    }

    #[test]
    fn a_trace_id_is_read_from_a_traceparent_only() {
        let good = Bytes::from("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert_eq!(trace_id(&good), Some(Bytes::from("4bf92f3577b34da6a3ce929d0e0e4736")));
        for bad in ["", "00", "00-4BF92F3577B34DA6A3CE929D0E0E4736-1-01", "00-00000000000000000000000000000000-1-01"] {
            assert_eq!(trace_id(&Bytes::from(bad)), None, "{bad}");
        }
    }

    #[test]
    fn a_span_is_read_where_its_trace_is_sampled() {
        let parent = |end: &str| sampled_parent(&Bytes::from(format!("00-4bf92f3577b34da6a3ce929d0e0e4736{end}")));
        for (end, sampled) in [
            ("-00f067aa0ba902b7-01", true),
            ("-00f067aa0ba902b7-03", true),
            ("-00f067aa0ba902b7-01-more", true),
            ("-00f067aa0ba902b7-00", false),
            ("-00f067aa0ba902b7-02", false),
            ("-00f067aa0ba902b7-1", false),
            ("-00f067aa0ba902b7-0g", false),
            ("-00f067aa0ba902b7", false),
            ("-0000000000000000-01", false),
            ("-00F067AA0BA902B7-01", false),
        ] {
            assert_eq!(parent(end).is_some_and(|id| id == "00f067aa0ba902b7"), sampled, "{end}");
        }
    }
}
