//! What very many keys cost: to load them, to find one, and to try one more of those that no request names.

use std::fmt::Write as _;
use std::path::Path;

use bytes::Bytes;
use countersign::keys::{Source, load};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::sig::keyring::Keyring;
use countersign::sig::message::Head;
use divan::Bencher;
use divan::counter::ItemsCount;

use crate::common::{NOW, SITE, body, gate, ring, scheme, scheme_of, signed};

/// Without optimisation, which is a test and no measurement, a few will do.
const MANY: usize = if cfg!(debug_assertions) { 1_000 } else { 1_000_000 };

const FEW: usize = 1_000;

const NAMED: &str = "algorithm: sha256\nsignature: {header: X-Signature, encoding: hex}\nkey_id: {header: X-Key}\nmessage: \"{body}\"\n";

/// A key file with so many keys, as a program writes it.
fn written(keys: usize, directory: &Path) -> Source {
    let mut text = String::new();
    for number in 0..keys {
        writeln!(text, r#"{{"id":"partner-{number:012}","secret":"{number:011}uT3vQx9LmNpRsTuVwXyZaBcDeFgHiJkL"}}"#)
            .unwrap();
    }
    let path = directory.join("keys.jsonl");
    std::fs::write(&path, text).unwrap();
    Source::File(path)
}

fn loaded(keys: usize) -> Keyring {
    let directory = tempfile::tempdir().unwrap();
    load("partners", &written(keys, directory.path())).unwrap_or_else(|problems| panic!("{problems:?}")).ring
}

#[divan::bench(args = [FEW, MANY], sample_count = 3, sample_size = 1)]
fn load_a_key_file(bencher: Bencher<'_, '_>, keys: usize) {
    let directory = tempfile::tempdir().unwrap();
    let source = written(keys, directory.path());
    bencher.counter(ItemsCount::new(keys)).bench(|| load("partners", &source).ok().map(|loaded| loaded.ring));
}

/// Another id each time, so that nothing is at hand.
#[divan::bench(args = [FEW, MANY])]
fn find_by_id(bencher: Bencher<'_, '_>, keys: usize) {
    let ring = loaded(keys);
    let mut numbers = (0..keys).cycle().step_by(7_919);
    bencher.with_inputs(|| format!("partner-{:012}", numbers.next().unwrap())).bench_local_refs(|id| ring.place(id));
}

/// The whole verdict of a wrong signature: under a known id, another one each time.
#[divan::bench(args = [1, FEW, MANY])]
fn refuse_a_known_id(bencher: Bencher<'_, '_>, keys: usize) {
    refuse(bencher, keys, |number| format!("partner-{number:012}"));
}

/// The same under an id that nobody has: as long, or the time would tell which ids there are.
#[divan::bench(args = [1, FEW, MANY])]
fn refuse_an_unknown_id(bencher: Bencher<'_, '_>, keys: usize) {
    refuse(bencher, keys, |number| format!("unknown-{number:012}"));
}

fn refuse(bencher: Bencher<'_, '_>, keys: usize, id: impl Fn(usize) -> String) {
    let scheme = scheme_of(NAMED);
    let head = signed(&scheme, 1, b"");
    let gate = Gate::new(vec![Alternative { scheme, keys: Keys::Ring(loaded(keys).into()) }]);
    let mut numbers = (0..keys).cycle().step_by(7_919);
    bencher.with_inputs(|| naming(&head, id(numbers.next().unwrap()))).bench_local_refs(|head| {
        let check = gate.open(head, SITE, NOW, 8).unwrap();
        check.close(None).err().unwrap()
    });
}

fn naming(head: &Head, id: String) -> Head {
    let mut head = head.clone();
    head.fields.remove("x-key");
    head.fields.append(Bytes::from("x-key"), id);
    head
}

/// No id, 1 KiB: the difference between two rows is what one more key costs.
#[divan::bench(args = [1, 2, 4, 8, 16])]
fn try_without_an_id(bencher: Bencher<'_, '_>, keys: usize) {
    let scheme = scheme("github");
    let (gate, body) = (gate(&scheme, keys), body(1 << 10));
    let head = signed(&scheme, keys, &body);
    bencher.bench_local(|| {
        let mut check = gate.open(divan::black_box(&head), SITE, NOW, keys).unwrap();
        check.feed(&body);
        check.close(None).unwrap()
    });
}

/// What that is measured by: one HMAC of that size, from its key.
#[divan::bench]
fn one_hmac(bencher: Bencher<'_, '_>) {
    let (ring, body) = (ring(1..=1), body(1 << 10));
    bencher.bench_local(|| {
        let mut mac = countersign::sig::mac::Mac::keyed(
            countersign::sig::mac::Algorithm::Sha256,
            divan::black_box(&ring).at(0).unwrap().secret.expose(),
        );
        mac.update(divan::black_box(&body));
        mac.finish()
    });
}
