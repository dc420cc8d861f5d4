//! Envoy's question in protobuf: read in one way or not at all, and what is written by the specification is read as it was meant.
#![no_main]

use bytes::Bytes;
use countersign::proxy::forward_auth::check::{Asked, read};
use countersign_fuzz::texts;
use libfuzzer_sys::fuzz_target;

const MOST: usize = 8;

fuzz_target!(|input: &[u8]| {
    if let Ok(asked) = read(Bytes::copy_from_slice(input), MOST) {
        assert!(asked.lines.as_ref().is_none_or(|lines| lines.len() <= MOST));
        assert_eq!(read(written(&asked), MOST).as_ref(), Ok(&asked), "what was read reads differently");
        let twice = [input, &written(&asked)].concat();
        assert!(read(twice.into(), MOST).is_err(), "two questions in one");
    }
    let [method, path, host, body, name, value] = texts(input).map(Bytes::copy_from_slice);
    let lines = Some(vec![(name.clone(), value.clone()), (value, name)]);
    let asked = Asked { method, path, host, scheme: Bytes::from("https"), body, lines };
    assert_eq!(read(written(&asked), MOST), Ok(asked));
});

/// A `CheckRequest` by its field numbers.
fn written(asked: &Asked) -> Bytes {
    let parts = [(2, &asked.method), (4, &asked.path), (5, &asked.host), (6, &asked.scheme), (12, &asked.body)];
    let mut http: Vec<u8> = parts.into_iter().flat_map(|(number, value)| field(number, value)).collect();
    if let Some(lines) = &asked.lines {
        let line = |(name, value): &(Bytes, Bytes)| field(1, &[field(1, name), field(3, value)].concat());
        http.extend(field(13, &lines.iter().flat_map(line).collect::<Vec<u8>>()));
    }
    field(1, &field(4, &field(2, &http))).into()
}

fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = value.len();
    while length > 0x7f {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(value);
    out
}
