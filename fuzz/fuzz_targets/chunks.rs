//! Bodies signed chunk by chunk: as they come, and the example of Amazon's manual with something put into it. Only the example itself passes.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, Overrides, builtin, compile};
use countersign::policy::gate::Gate;
use countersign::sig::Site;
use countersign::sig::encoding::Encoding;
use countersign::sig::json::Json;
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::time::Moment;
use countersign_fuzz::gate_of;
use libfuzzer_sys::fuzz_target;

static EXAMPLE: LazyLock<Example> = LazyLock::new(|| {
    let text = include_str!("../../tests/vectors/aws-sigv4-chunked.jsonl");
    let mut cases = text.lines().map(|line| Json::parse(line.as_bytes()).expect("JSON"));
    let case = cases.find(|case| case.at(b"/valid") == Some(&Json::Bool(true))).expect("a case that is right");
    let example = Example::new(&case);
    assert!(example.accepts(&example.body, 7), "the example is refused");
    example
});

/// What is published, with where its parts begin and end.
struct Example {
    gate: Gate,
    head: Head,
    now: Moment,
    body: Vec<u8>,
    seams: Vec<usize>,
}

impl Example {
    fn new(case: &Json) -> Self {
        let body = Encoding::Base64.decode(text(case, "/body_b64").as_bytes(), false).expect("base64");
        let breaks = body.windows(2).enumerate().filter(|(_, pair)| *pair == b"\r\n").map(|(place, _)| place);
        let seams = [0].into_iter().chain(breaks).chain([body.len()]).collect();
        let now = Moment::from_secs(text(case, "/now").parse().expect("a time"));
        Self { gate: gate(case), head: head(case), now, seams, body }
    }

    fn accepts(&self, body: &[u8], piece: usize) -> bool {
        let site = Site { public_url: None, captures: &[] };
        let mut check = self.gate.open(&self.head, site, self.now, 8).expect("a head that is right");
        body.chunks(piece).for_each(|piece| check.feed(piece));
        check.close(None).is_ok()
    }
}

fuzz_target!(|input: &[u8]| {
    let (example, piece) = (&*EXAMPLE, usize::from(input.first().copied().unwrap_or_default()).max(1));
    assert_eq!(example.accepts(input, piece), input == example.body, "a permit for another body");

    let [seam, offset, width, rest @ ..] = input else { return };
    let seam = example.seams[usize::from(*seam) % example.seams.len()];
    let start = (seam + usize::from(*offset)).saturating_sub(128).min(example.body.len());
    let end = (start + usize::from(*width)).min(example.body.len());
    let changed = [&example.body[..start], rest, &example.body[end..]].concat();
    let accepted = example.accepts(&changed, piece * piece);
    assert_eq!(accepted, changed == example.body, "bytes {start} to {end} replaced by {rest:?}");
});

/// The built-in scheme as a route of that service has it.
fn gate(case: &Json) -> Gate {
    let yaml = builtin("aws-sigv4").expect("a built-in scheme");
    let declaration: Declaration = serde_yaml::from_str(yaml).expect("a declaration");
    let skew = Duration::from_secs(text(case, "/config/skew").parse().expect("seconds"));
    let setting = |name: &str| (name.to_owned(), text(case, &format!("/config/{name}")));
    let settings = BTreeMap::from(["region", "service"].map(setting));
    let overrides = Overrides { past: Some(skew), future: Some(skew), settings, ..Overrides::default() };
    let scheme = compile("aws-sigv4", &declaration.with(overrides)).expect("a scheme");
    gate_of(scheme.into(), &text(case, "/keys/0/id"), text(case, "/keys/0/secret").as_bytes())
}

fn head(case: &Json) -> Head {
    let (mut fields, mut authority) = (Fields::default(), Bytes::new());
    for place in (0..).take_while(|place| case.at(format!("/headers/{place}").as_bytes()).is_some()) {
        let [name, value] = [0, 1].map(|part| text(case, &format!("/headers/{place}/{part}")));
        match name.to_ascii_lowercase() {
            name if name == "host" => authority = Bytes::from(value),
            name => fields.append(name, value),
        }
    }
    let target = Bytes::from(text(case, "/target"));
    Head { method: Method::new(&text(case, "/method")), target, authority, secure: true, fields }
}

fn text(case: &Json, pointer: &str) -> String {
    let bytes = case.scalar(pointer.as_bytes()).unwrap_or_else(|| panic!("no {pointer}"));
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}
