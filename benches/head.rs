//! From raw bytes to a verdict: a request as it stands on the wire is read, routed and judged.

use countersign::config::load_with;
use countersign::explain::{Question, Verdict, request, verdict};
use countersign::policy::Policy;
use divan::Bencher;
use divan::counter::BytesCount;
use tokio::runtime::{Builder, Runtime};

use crate::common::{NOW, body, scheme, signed};

const CONFIG: &str = r#"
version: 1
listeners: {public: {address: "127.0.0.1:8080"}}
upstreams: {app: {url: "http://127.0.0.1:9000"}}
keyrings: {partners: {keys: [{id: key-1, secret: "000000000000000000000000000000000000000000000001"}]}}
routes:
  - {path: "/api/v1/**", verify: {scheme: timestamp-body, keys: partners}, replay: off, upstream: app}
  - {path: "/**", public: true, upstream: app}
"#;

/// Header lines beside those of the scheme.
const LINES: [usize; 3] = [0, 8, 32];

#[divan::bench(args = LINES)]
fn verified(bencher: Bencher<'_, '_>, lines: usize) {
    let judge = Judge::new();
    let raw = raw(lines, b"");
    let verdict = || judge.verdict(divan::black_box(&raw));
    assert!(matches!(verdict(), Verdict::Verified(_)));
    bencher.counter(BytesCount::of_slice(&raw)).bench_local(verdict);
}

#[divan::bench(args = LINES)]
fn refused(bencher: Bencher<'_, '_>, lines: usize) {
    let judge = Judge::new();
    let raw = raw(lines, b"another body");
    let verdict = || judge.verdict(divan::black_box(&raw));
    assert!(matches!(verdict(), Verdict::Refused(_)));
    bencher.counter(BytesCount::of_slice(&raw)).bench_local(verdict);
}

/// A configuration in force, and what it takes to read requests.
struct Judge {
    policy: Policy,
    runtime: Runtime,
}

impl Judge {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("countersign.yaml");
        std::fs::write(&path, CONFIG).unwrap();
        let loaded = load_with(&path, &|_| None, NOW).unwrap_or_else(|problems| panic!("{problems:?}"));
        Self { policy: loaded.policy, runtime: Builder::new_current_thread().build().unwrap() }
    }

    fn verdict(&self, raw: &[u8]) -> Verdict {
        let request::Captured { head, body, .. } = self.runtime.block_on(request::read(raw, 0, None)).unwrap();
        verdict(
            Question { policy: &self.policy, listener: None, head, body, now: Some(NOW), clock: NOW, expected: false },
            None,
        )
    }
}

/// A signed request with so many more lines; `instead` is sent in place of what was signed where it is not empty.
fn raw(lines: usize, instead: &[u8]) -> Vec<u8> {
    let signed_body = body(256);
    let head = signed(&scheme("timestamp-body"), 1, &signed_body);
    let sent = if instead.is_empty() { &signed_body } else { instead };
    let mut raw =
        format!("POST /api/v1/orders?page=2 HTTP/1.1\r\nhost: api.example.com\r\ncontent-length: {}\r\n", sent.len());
    let more = (0..lines).map(|line| format!("x-line-{line}: the value of line {line}\r\n"));
    let own = head.fields.iter().map(|field| {
        let [name, value] = [&field.name, &field.value].map(|text| String::from_utf8_lossy(text));
        format!("{name}: {value}\r\n")
    });
    raw.extend(own.chain(more));
    [raw.as_bytes(), b"\r\n", sent].concat()
}
