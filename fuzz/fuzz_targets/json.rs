//! JSON as pointers see it: read in one way, or not at all.
#![no_main]

use countersign::sig::json::Json;
use countersign_fuzz::texts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [pointer, text] = texts(input);
    if let Some(json) = Json::parse(text) {
        let _ = json.scalar(pointer);
        let padded = [b" \n", text, b"\t\r"].concat();
        assert_eq!(Json::parse(&padded), Some(json), "white space round a document changed it");
    }
});
