//! Carriers with several values: what is read back from what we write is what we wrote.
#![no_main]

use bytes::Bytes;
use countersign::sig::params::{ParamList, Shape};
use countersign::sig::template::Source;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let text = Bytes::copy_from_slice(text);
    let pairs = |quoted, trim| Shape::Pairs { quoted, trim, repeat: vec![Bytes::from_static(b"v1")] };
    let split = Shape::Split(["value", "ts", "sig"].map(|name| Bytes::from_static(name.as_bytes())).to_vec());
    for shape in [pairs(false, false), pairs(true, true), split] {
        let list = ParamList {
            source: Source::Header(Vec::new()),
            auth_scheme: None,
            separator: Bytes::from_static(b","),
            shape,
            fixed: Vec::new(),
            order: Vec::new(),
        };
        if let Ok(params) = list.parse(&text) {
            let written = list.write(&params);
            let again = list.parse(&written).ok();
            assert!(again.is_none_or(|again| again == params), "{text:?} became {written:?}");
        }
    }
});
