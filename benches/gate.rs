//! What a verdict costs: scheme × size of the body × number of keys, from the head that was read to the permit.

use countersign::sig::Need;
use divan::Bencher;
use divan::counter::BytesCount;

use crate::common::{CHUNK, NOW, SITE, body, gate, scheme, signed};

const BYTES: [usize; 4] = [0, 1 << 10, 64 << 10, 1 << 20];

const KEYS: [usize; 4] = [1, 2, 4, 8];

#[divan::bench(args = BYTES, consts = KEYS)]
fn timestamp_body<const N: usize>(bencher: Bencher<'_, '_>, bytes: usize) {
    verdict(bencher, "timestamp-body", N, bytes);
}

#[divan::bench(args = BYTES, consts = KEYS)]
fn github<const N: usize>(bencher: Bencher<'_, '_>, bytes: usize) {
    verdict(bencher, "github", N, bytes);
}

#[divan::bench(args = BYTES, consts = KEYS)]
fn stripe<const N: usize>(bencher: Bencher<'_, '_>, bytes: usize) {
    verdict(bencher, "stripe", N, bytes);
}

#[divan::bench(args = BYTES, consts = KEYS)]
fn standard_webhooks<const N: usize>(bencher: Bencher<'_, '_>, bytes: usize) {
    verdict(bencher, "standard-webhooks", N, bytes);
}

#[divan::bench(args = BYTES, consts = KEYS)]
fn rfc9421<const N: usize>(bencher: Bencher<'_, '_>, bytes: usize) {
    verdict(bencher, "rfc9421", N, bytes);
}

#[divan::bench(args = BYTES, consts = KEYS)]
fn aws_sigv4<const N: usize>(bencher: Bencher<'_, '_>, bytes: usize) {
    verdict(bencher, "aws-sigv4", N, bytes);
}

/// Evidence read, body fed as it would arrive, verdict. The request is signed with the last of `keys` keys: one that is found by its id
/// costs the same wherever it stands, one that has to be tried costs all before it.
fn verdict(bencher: Bencher<'_, '_>, name: &str, keys: usize, bytes: usize) {
    let scheme = scheme(name);
    let gate = gate(&scheme, keys);
    let body = body(bytes);
    let head = signed(&scheme, keys, &body);
    bencher.counter(BytesCount::new(bytes)).bench_local(|| {
        let mut check = gate.open(divan::black_box(&head), SITE, NOW, keys).unwrap();
        let whole = (check.need() == Need::Whole).then_some(&*body);
        if whole.is_none() {
            body.chunks(CHUNK).for_each(|chunk| check.feed(chunk));
        }
        check.close(whole).unwrap()
    });
}
