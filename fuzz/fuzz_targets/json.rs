//! JSON as pointers see it: read in one way, or not at all; and what is written in one spelling has no other.
#![no_main]

use countersign::sig::canonical::Canonical;
use countersign::sig::json::Json;
use countersign_fuzz::texts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [pointer, text] = texts(input);
    let Some(json) = Json::parse(text) else { return };
    let _ = json.scalar(pointer);
    for form in [Canonical::Python, Canonical::Jcs] {
        let Some(printed) = form.print(&json) else { continue };
        let again = Json::parse(&printed).expect("what is written is read");
        assert_eq!(again.at(pointer).is_some(), json.at(pointer).is_some(), "{form:?} lost a place");
        assert_eq!(form.print(&again), Some(printed), "{form:?} has two spellings");
    }
    let padded = [b" \n", text, b"\t\r"].concat();
    assert_eq!(Json::parse(&padded), Some(json), "white space round a document changed it");
});
