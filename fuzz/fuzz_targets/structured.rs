//! Structured fields and what a signature can cover: what is read and written in canonical form is read back as the same, and has no second canonical form.
#![no_main]

use countersign::sig::native::rfc9421::components::Component;
use countersign::sig::native::rfc9421::structured::{canonical, dictionary, item, print_dictionary};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    if let Ok(read) = dictionary(text) {
        let printed = print_dictionary(&read);
        assert_eq!(dictionary(printed.as_bytes()), Ok(read), "{text:?} became {printed}");
        assert_eq!(canonical(text), Ok(printed), "two canonical forms");
    }
    if let Ok(read) = item(text) {
        let printed = read.to_string();
        assert_eq!(item(printed.as_bytes()), Ok(read), "{text:?} became {printed}");
    }
    if let Ok(printed) = canonical(text) {
        assert!(printed.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{printed:?} could be several lines");
        assert_eq!(canonical(printed.as_bytes()).as_ref(), Ok(&printed), "{text:?} became {printed}");
    }
    if let Some(component) = str::from_utf8(text).ok().and_then(|text| Component::parse(text).ok()) {
        let again = Component::parse(component.text()).expect("what is read is one again");
        assert_eq!((&again, again.text()), (&component, component.text()));
        assert!(again.covers(&component) && component.covers(&again), "{} does not cover itself", again.text());
    }
});
