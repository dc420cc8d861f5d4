//! What it costs to be the first: claims of one and two threads, in an empty store and in one that holds a million.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use countersign::policy::gate::Gate;
use countersign::policy::route::{Replay, ReplayBy};
use countersign::reject::Rejection;
use countersign::replay::{Attempt, Claim, Departed, Memory, Store};
use countersign::sig::message::Method;
use countersign::sig::permit::Permit;
use countersign::sig::scheme::Scheme;
use divan::Bencher;

use crate::common::{NOW, SITE, gate, scheme, signed};

const THREADS: [usize; 2] = [1, 2];

/// Without optimisation, which is a test and no measurement, a few will do.
const MANY: usize = if cfg!(debug_assertions) { 1_000 } else { 1_000_000 };

#[divan::bench(threads = THREADS, sample_count = 50, sample_size = 500)]
fn claim_in_an_empty_store(bencher: Bencher<'_, '_>) {
    claims(bencher, 0);
}

#[divan::bench(threads = THREADS, sample_count = 50, sample_size = 500)]
fn claim_beside_a_million(bencher: Bencher<'_, '_>) {
    claims(bencher, MANY);
}

#[divan::bench(threads = THREADS, sample_count = 50, sample_size = 500)]
fn refuse_a_replay_beside_a_million(bencher: Bencher<'_, '_>) {
    let (client, store) = (Client::new(), filled(MANY));
    let permit = client.permit();
    settle(claim(&store, &permit).unwrap());
    bencher.bench(|| claim(&store, &permit).err().unwrap());
}

/// Every claim is of another request, and is settled as an answered one.
fn claims(bencher: Bencher<'_, '_>, held: usize) {
    let (client, store) = (Client::new(), filled(held));
    bencher.with_inputs(|| client.permit()).bench_refs(|permit| settle(claim(&store, permit).unwrap()));
}

fn filled(held: usize) -> Store {
    let (client, store) = (Client::new(), Store::of(Memory::new(4_000_000, None)));
    for _ in 0..held {
        settle(claim(&store, &client.permit()).unwrap());
    }
    store
}

fn claim(store: &Store, permit: &Permit) -> Result<Claim, Rejection> {
    let rule = Replay {
        by: ReplayBy::Signature,
        methods: Vec::new(),
        spares_head: false,
        keep: None,
        beyond: Duration::ZERO,
        ahead: Duration::from_mins(1),
        duplicate: None,
        release_on: Vec::new(),
        open: false,
        chosen: true,
    };
    let minute = Duration::from_mins(1);
    let attempt = Attempt { permit, method: &Method::POST, total: minute, link: None };
    let departed = Departed::default();
    let claim = pin!(store.claim(&attempt, &rule, NOW, &departed));
    match claim.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("the memory answers at once"),
    }
}

fn settle(claim: Claim) {
    claim.settle(200);
}

/// Makes permits in the only way there is: by signing requests and verifying them.
struct Client {
    scheme: Arc<Scheme>,
    gate: Gate,
}

impl Client {
    fn new() -> Self {
        let scheme = scheme("timestamp-body");
        Self { gate: gate(&scheme, 1), scheme }
    }

    /// Proved for a request that nobody sent before.
    fn permit(&self) -> Permit {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let body = NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let head = signed(&self.scheme, 1, &body);
        let mut check = self.gate.open(&head, SITE, NOW, 1).unwrap();
        check.feed(&body);
        check.close(None).unwrap()
    }
}
