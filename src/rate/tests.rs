//! What buckets hold, under a clock that only the test moves.

use std::net::IpAddr;
use std::num::NonZeroU32;

use super::*;
use crate::policy::rate::Limit;

const FIVE: Id<'static> = Id::Caller("ring", "five");

fn pool(name: &str, every: u64, burst: u32) -> Pool {
    Pool {
        per: Per::Key,
        name: name.into(),
        limit: Limit { every: every.saturating_mul(1_000_000), burst },
        shared: false,
    }
}

/// A meter of `burst` tokens, one of which comes every `every` milliseconds.
fn meter(every: u64, burst: u32, capacity: usize) -> Arc<Meter> {
    Registry::default().meters(&[pool("p", every, burst)], capacity, at(0)).remove(0)
}

/// So many milliseconds after the start.
fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn source(text: &str) -> Id<'static> {
    Id::Source(Some(text.parse::<IpAddr>().unwrap()))
}

/// The whole seconds that the next one has to wait; 0 is none.
fn wait(meter: &Meter, id: Id<'_>, now: Duration) -> u32 {
    meter.take(id, now).err().map_or(0, NonZeroU32::get)
}

#[test]
fn a_bucket_gives_its_burst_and_then_one_token_at_a_time() {
    let meter = meter(500, 3, 100);
    for (millis, expected) in [(0, 0), (0, 0), (0, 0), (0, 1), (499, 1), (500, 0), (500, 1), (1_499, 0), (1_499, 1)] {
        assert_eq!(wait(&meter, FIVE, at(millis)), expected, "after {millis} ms");
    }
    let waits: Vec<_> = (0..4).map(|_| wait(&meter, FIVE, at(1_000_000))).collect();
    assert_eq!(waits, [0, 0, 0, 1], "an idle bucket holds no more than its burst");
}

#[test]
fn the_wait_is_told_in_whole_seconds_and_is_enough() {
    let meter = meter(90_000, 1, 100);
    assert_eq!(wait(&meter, FIVE, at(0)), 0);
    for (millis, expected) in [(0, 90), (1, 90), (1_000, 89), (88_999, 2), (89_000, 1), (89_999, 1), (90_000, 0)] {
        assert_eq!(wait(&meter, FIVE, at(millis)), expected, "after {millis} ms");
    }
}

#[test]
fn a_refused_request_costs_nothing() {
    let meter = meter(1_000, 1, 100);
    assert_eq!(wait(&meter, FIVE, at(0)), 0);
    assert!((0..1_000).all(|_| wait(&meter, FIVE, at(999)) == 1));
    assert_eq!(wait(&meter, FIVE, at(1_000)), 0);
}

#[test]
fn each_key_of_each_ring_has_a_bucket_of_its_own() {
    let meter = meter(1_000, 1, 100);
    for id in [FIVE, Id::Caller("ring", "six"), Id::Caller("other", "five"), Id::Caller("ringfive", ""), Id::All] {
        assert_eq!((wait(&meter, id, at(0)), wait(&meter, id, at(0))), (0, 1), "{id:?}");
    }
}

#[test]
fn a_source_is_an_ipv4_address_or_a_64_of_ipv6() {
    for (first, second, same) in [
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "::ffff:192.0.2.1", true),
        ("192.0.2.1", "192.0.2.2", false),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true),
        ("2001:db8::1", "2001:db8:0:1::1", false),
    ] {
        let meter = meter(1_000, 1, 100);
        assert_eq!(wait(&meter, source(first), at(0)), 0);
        assert_eq!(wait(&meter, source(second), at(0)) > 0, same, "{first} {second}");
    }
    let meter = meter(1_000, 1, 100);
    assert_eq!((wait(&meter, Id::Source(None), at(0)), wait(&meter, Id::Source(None), at(0))), (0, 1));
}

#[test]
fn a_flood_of_addresses_neither_grows_the_table_nor_frees_anybody() {
    let meter = meter(1_000, 2, 160);
    let spent = source("192.0.2.1");
    assert_eq!((wait(&meter, spent, at(0)), wait(&meter, spent, at(0)), wait(&meter, spent, at(0))), (0, 0, 1));

    let flood = (0..5_000_u32).map(|number| IpAddr::from((0x0a00_0000 | number).to_be_bytes()));
    let passed = flood.filter(|address| meter.take(Id::Source(Some(*address)), at(0)).is_ok()).count();
    // One each for the 159 that found room, and two common tokens in each of 16 places.
    assert!((150..=160 + 32).contains(&passed), "{passed}");
    assert_eq!(meter.sweep(at(0)), 160);
    assert!(meter.crowded() >= 4_800, "{}", meter.crowded());
    assert_eq!(wait(&meter, spent, at(0)), 1, "who has spent his tokens is remembered");

    assert_eq!(meter.sweep(at(1_999)), 1, "the one that spent two");
    assert_eq!(meter.sweep(at(2_000)), 0, "full buckets are forgotten");
}

#[test]
fn a_full_table_makes_room_by_itself_as_buckets_fill() {
    let meter = meter(1_000, 1, 16);
    let ids: Vec<_> = (0..=255_u8).map(|last| Id::Source(Some(IpAddr::from([192, 0, 2, last])))).collect();
    let taken = |now| ids.iter().filter(|id| meter.take(**id, now).is_ok()).count();
    let first = taken(at(0));
    assert!((16..=32).contains(&first), "one for each place, and the common ones: {first}");
    assert_eq!(taken(at(999)), 0);
    assert_eq!(taken(at(2_000)), first, "the old ones are gone, as many are taken in");
}

#[test]
fn buckets_survive_a_reload_and_their_debt_a_new_limit() {
    let registry = Registry::default();
    let load = |every, burst, now| registry.meters(&[pool("p", every, burst)], 100, now).remove(0);
    let before = load(1_000, 4, at(0));
    assert!((0..4).all(|_| wait(&before, FIVE, at(0)) == 0));
    let same = load(1_000, 4, at(0));
    assert!(Arc::ptr_eq(&before, &same));
    assert_eq!(wait(&same, FIVE, at(0)), 1);

    // Four tokens are missing still: they come twice as fast, and eight would fit.
    let faster = load(500, 8, at(0));
    assert!((0..4).all(|_| wait(&faster, FIVE, at(0)) == 0));
    assert_eq!(wait(&faster, FIVE, at(0)), 1);
    let slower = load(60_000, 2, at(0));
    assert_eq!(wait(&slower, FIVE, at(0)), 60, "no more can be missing than fits");
    assert_eq!(wait(&slower, FIVE, at(60_000)), 0);
}

#[test]
fn a_pool_that_nobody_names_is_remembered_until_its_buckets_are_full() {
    let registry = Registry::default();
    let named = |pools: &[Pool], now| registry.meters(pools, 100, now);
    let first = named(&[pool("p", 1_000, 1)], at(0)).remove(0);
    assert_eq!(wait(&first, FIVE, at(0)), 0);
    assert!(named(&[], at(500)).is_empty());
    let again = named(&[pool("p", 1_000, 1)], at(500)).remove(0);
    assert_eq!(wait(&again, FIVE, at(500)), 1);

    named(&[], at(5_000));
    assert_eq!(registry.sweep(at(5_000)), Vec::new());
}

#[test]
fn a_clock_that_stands_or_steps_back_gives_no_tokens() {
    let meter = meter(1_000, 1, 100);
    assert_eq!(wait(&meter, FIVE, at(10_000)), 0);
    assert_eq!(wait(&meter, FIVE, at(10_000)), 1);
    assert!(wait(&meter, FIVE, at(0)) >= 10, "the token is where it was");
    assert_eq!(wait(&meter, FIVE, at(11_000)), 0);
}

#[test]
fn what_is_counted_is_told() {
    let registry = Registry::default();
    let pools = [pool("b", 1_000, 1), Pool { per: Per::Source, ..pool("a", 1_000, 1) }];
    let meters = registry.meters(&pools, 100, at(0));
    assert!(meters[1].take(source("192.0.2.1"), at(0)).is_ok());
    let told: Vec<_> = registry
        .sweep(at(1))
        .into_iter()
        .map(|one| (one.per, one.pool.to_string(), one.buckets, one.capacity))
        .collect();
    assert_eq!(told, [(Per::Key, "b".to_owned(), 0, 100), (Per::Source, "a".to_owned(), 1, 100)]);
}

#[test]
fn a_bucket_that_is_shared_elsewhere_is_followed() {
    let meter = meter(1_000, 3, 100);
    assert_eq!(wait(&meter, FIVE, at(0)), 0);
    meter.follow(FIVE, at(3_000), at(0));
    assert_eq!(wait(&meter, FIVE, at(0)), 1, "others have taken the rest");
    meter.follow(FIVE, at(1_000), at(0));
    assert_eq!([(); 3].map(|()| wait(&meter, FIVE, at(0))), [0, 0, 1], "one is missing there");
    meter.follow(Id::Caller("ring", "six"), at(3_000), at(0));
    assert_eq!(wait(&meter, Id::Caller("ring", "six"), at(0)), 0, "who was not asked for is not remembered");
    let waits = [3_000, 2_001, 2_000, 0].map(|missing| meter.wait(at(missing)).get());
    assert_eq!(waits, [1, 1, 1, 1], "at least a second, and enough");
    assert_eq!(meter.wait(at(9_500)).get(), 8);
    meter.follow(FIVE, Duration::from_hours(1), at(0));
    assert_eq!(
        [0, 999, 1_000].map(|millis| wait(&meter, FIVE, at(millis))),
        [1, 1, 0],
        "no bucket lacks more than it holds"
    );
}

#[test]
fn who_shares_the_common_bucket_is_told_apart() {
    let meter = meter(60_000, 2, 16);
    let of = |number: u32| meter.take(Id::Caller("ring", &number.to_string()), at(0));
    let all: Vec<_> = (0..1_000).map(of).collect();
    let count = |wanted: Of| all.iter().filter(|of| **of == Ok(wanted)).count();
    assert_eq!((count(Of::One), count(Of::Everybody)), (16, 32), "two in each sixteenth");
}
