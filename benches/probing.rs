//! Whether time tells an unknown key id from a wrong signature: verdicts of both kinds, one after the other in random order, and their medians.

#![expect(clippy::print_stdout, clippy::arithmetic_side_effects, reason = "a report, and sums of small numbers")]

use std::time::{Duration, Instant};

use countersign::policy::gate::Gate;
use countersign::sig::Need;
use countersign::sig::message::{Fields, Head};
use divan::black_box;

use crate::common::{CHUNK, NOW, SITE, body, forged, gate, scheme, signed};

/// Schemes with key ids, in data and in code.
const SCHEMES: [&str; 5] = ["kong", "kucoin", "jwt", "rfc9421", "aws-sigv4"];

/// Keys in the ring: held whole, and packed.
const RINGS: [usize; 2] = [8, 998];

const BYTES: [usize; 3] = [0, 1 << 10, 64 << 10];

/// Medians may differ by so many hundredths of the smaller one.
const BOUND: u128 = 10;

/// A busy machine may spoil a comparison so many times before it counts.
const TRIES: usize = 8;

/// Compares every scheme with every ring and body; panics where time tells the ids apart in each try.
pub(crate) fn judge() {
    for name in SCHEMES {
        for keys in RINGS {
            for bytes in BYTES {
                compare(name, keys, bytes);
            }
        }
    }
    println!("time does not tell which key ids there are");
}

fn compare(name: &str, keys: usize, bytes: usize) {
    let (scheme, body) = (scheme(name), body(bytes));
    let gate = gate(&scheme, keys);
    let (unknown, wrong) = (signed(&scheme, keys + 1, &body), forged(&scheme, keys - 1, &body));
    let verdict = |head: &Head| refused(&gate, head, &body, keys);
    let samples = 4000 / (1 + bytes / 4096);
    let apart = || medians(samples, &|| verdict(&unknown), &|| verdict(&wrong));
    let tries: Vec<_> = std::iter::repeat_with(apart).take(TRIES).scan(false, until_near).collect();
    let (unknown, known) = tries.last().copied().unwrap_or_default();
    println!("{name}, {keys} keys, {bytes} bytes: unknown {unknown:?}, wrong {known:?}, tries {}", tries.len());
    assert!(near((unknown, known)), "{name}, {keys} keys, {bytes} bytes: {tries:?}");
    let unsigned = Head { fields: Fields::default(), ..wrong.clone() };
    let planted = medians(samples, &|| verdict(&unsigned), &|| verdict(&wrong));
    assert!(!near(planted), "a refusal that saves the MAC is not found: {planted:?}");
}

/// Goes on until a try is near, and takes that one, too.
fn until_near(done: &mut bool, medians: (Duration, Duration)) -> Option<(Duration, Duration)> {
    (!std::mem::replace(done, *done || near(medians))).then_some(medians)
}

fn near((one, other): (Duration, Duration)) -> bool {
    one.abs_diff(other).as_nanos() * 100 < BOUND * one.min(other).as_nanos()
}

/// The verdict of a request that must not pass; a scheme that signs the head alone refuses it before the body.
fn refused(gate: &Gate, head: &Head, body: &[u8], keys: usize) {
    let Ok(mut check) = gate.open(black_box(head), SITE, NOW, keys) else { return };
    let whole = (check.need() == Need::Whole).then_some(body);
    if whole.is_none() {
        body.chunks(CHUNK).for_each(|chunk| check.feed(chunk));
    }
    assert!(black_box(check.close(whole)).is_err());
}

/// The medians of so many runs of each, taken in turns that a coin decides.
fn medians(samples: usize, one: &dyn Fn(), other: &dyn Fn()) -> (Duration, Duration) {
    let (mut ones, mut others, mut coin) = (Vec::new(), Vec::new(), 0x9E37_79B9_7F4A_7C15_u64);
    while ones.len() < samples || others.len() < samples {
        coin ^= coin << 13;
        coin ^= coin >> 7;
        coin ^= coin << 17;
        let (run, times) = if coin & 1 == 0 { (one, &mut ones) } else { (other, &mut others) };
        let start = Instant::now();
        run();
        times.push(start.elapsed());
    }
    (median(ones), median(others))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
