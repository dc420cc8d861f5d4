//! What a key of a large ring costs in memory, counted by the allocator: one test, since it counts for the whole process.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking, and counts what it made"
)]

use std::fmt::Write as _;
use std::sync::Arc;

use countersign::config::scheme::{Declaration, compile};
use countersign::keys::{Source, load};
use countersign::policy::gate::{Alternative, Gate, Keys};
use peak_alloc::PeakAlloc;

#[global_allocator]
static COUNTED: PeakAlloc = PeakAlloc;

/// As many as fill the table of places least: just more than fit into the next smaller one. The arena's last block is nearly full; what is reserved of one
/// and not written yet takes no memory, though it counts here.
const KEYS: usize = 115_000;

/// Bytes of each key's id and secret.
const NAMES: usize = 20 + 43;

const NAMED: &str = "algorithm: sha256\nsignature: {header: X-Signature, encoding: hex}\nkey_id: {header: X-Key}\nmessage: \"{body}\"\n";

fn gate_of(source: &Source) -> Gate {
    let declaration: Declaration = serde_yaml::from_str(NAMED).unwrap();
    let ring = load("partners", source).ok().unwrap().ring;
    let scheme = Arc::new(compile("own", &declaration).ok().unwrap());
    Gate::new(vec![Alternative { scheme, keys: Keys::Ring(Arc::new(ring)) }])
}

fn written(path: std::path::PathBuf, keys: usize) -> Source {
    let mut text = String::new();
    for number in 0..keys {
        writeln!(text, r#"{{"id":"partner-{number:012}","secret":"{number:011}uT3vQx9LmNpRsTuVwXyZaBcDeFgHiJkL","created":"2026-11-{:02}"}}"#, number % 28 + 1).unwrap();
    }
    std::fs::write(&path, text).unwrap();
    Source::File(path)
}

#[test]
fn a_key_among_very_many_costs_hardly_more_than_its_id_and_its_secret() {
    let directory = tempfile::tempdir().unwrap();
    let one = written(directory.path().join("one.jsonl"), 1);
    let many = written(directory.path().join("many.jsonl"), KEYS);
    drop(gate_of(&one));

    let before = COUNTED.current_usage();
    let small = gate_of(&one);
    let single = COUNTED.current_usage() - before;
    COUNTED.reset_peak_usage();
    let large = gate_of(&many);
    let (after, peak) = (COUNTED.current_usage(), COUNTED.peak_usage());
    assert_eq!(large.misfits(), []);

    let each = (after - before - 2 * single) / (KEYS - 1);
    println!(
        "{each} bytes for each key, of which {NAMES} are its id and its secret; {} more at the peak",
        peak - after
    );
    assert!(each <= NAMES + 40, "{each} bytes for each key");
    assert!(peak - after < 4 << 20, "{} bytes more while it is loaded", peak - after);
    drop((small, large));
    assert!(COUNTED.current_usage() <= before + (64 << 10), "and all of it is given back");
}
