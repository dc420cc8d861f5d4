//! Templates: read, or refused with a reason.
#![no_main]

use countersign::sig::template::{Names, Template};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (lets, settings) = (["digest".to_owned()], [("salt".to_owned(), "s".to_owned())]);
    match Template::parse(text, Names { lets: &lets, settings: &settings }) {
        Ok(template) => assert!(template.values().count() <= text.len()),
        Err(why) => assert!(!why.is_empty(), "refused without a reason"),
    }
});
