//! Templates: read, or refused with a reason; every text can be a literal, and stands beside values as it is.
#![no_main]

use countersign::sig::template::{Names, Part, Template};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (lets, settings) = (["digest".to_owned()], [("salt".to_owned(), "s".to_owned())]);
    let names = Names { lets: &lets, settings: &settings };
    let literal = text.replace('{', "{{").replace('}', "}}");
    let parts = if text.is_empty() { Vec::new() } else { vec![Part::Literal(text.to_owned().into())] };
    assert_eq!(Template::parse(&literal, names), Ok(Template(parts)), "{literal} is not {text}");
    match Template::parse(text, names) {
        Err(why) => assert!(!why.is_empty(), "refused without a reason"),
        Ok(template) => {
            assert!(template.values().count() <= text.len());
            let beside = Template::parse(&[literal.as_str(), text].concat(), names).expect("a literal before it");
            assert!(beside.values().eq(template.values()), "{text} is another behind {literal}");
        }
    }
});
