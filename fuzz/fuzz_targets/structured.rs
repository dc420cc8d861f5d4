//! Structured fields: what is read and written in canonical form is read back as the same, and has no second canonical form.
#![no_main]

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
        assert_eq!(canonical(printed.as_bytes()).as_ref(), Ok(&printed), "{text:?} became {printed}");
    }
});
