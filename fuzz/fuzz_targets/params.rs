//! Carriers with several values: what is read back from what we write is what we wrote.
#![no_main]

use bytes::Bytes;
use countersign::sig::params::{ParamList, Params, Shape};
use countersign::sig::template::Source;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let text = Bytes::copy_from_slice(text);
    let pairs = |quoted, trim| Shape::Pairs { quoted, trim, repeat: vec![Bytes::from_static(b"v1")] };
    let split = Shape::Split(["value", "ts", "sig"].map(|name| Bytes::from_static(name.as_bytes())).to_vec());
    for shape in [pairs(false, false), pairs(false, true), pairs(true, false), pairs(true, true), split] {
        let list = ParamList {
            source: Source::Header(Vec::new()),
            auth_scheme: None,
            separator: Bytes::from_static(b","),
            shape,
            fixed: Vec::new(),
            order: Vec::new(),
        };
        let Ok(params) = list.parse(&text) else { continue };
        assert!(params.0.len() <= 64, "more parameters than a signature has");
        if is_writable(&params, &list.shape) {
            let written = list.write(&params);
            assert_eq!(list.parse(&written).as_ref(), Ok(&params), "{text:?} became {written:?}");
        }
    }
});

/// Within quotes we read no `\\`, and a sender who wrote one without quotes is not us.
fn is_writable(params: &Params, shape: &Shape) -> bool {
    let quoted = matches!(shape, Shape::Pairs { quoted: true, .. });
    !quoted || params.0.iter().all(|(_, value)| !value.contains(&b'\\'))
}
