//! Timestamps: a moment has one spelling in every format that tells no fractions.
#![no_main]

use countersign::sig::stamp::Format;
use countersign::sig::time::Moment;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    for (name, format) in Format::NAMES {
        // What lies beyond the year 9999 is never printed: we write the present.
        let latest = Moment::from_secs(253_402_300_799);
        let Some(moment) = format.parse(text).filter(|moment| *moment <= latest) else { continue };
        let printed = format.print(moment);
        assert_eq!(format.parse(printed.as_bytes()), Some(moment), "{name}");
        let single = matches!(format, Format::UnixMs | Format::HttpDate | Format::Base62 | Format::Be64);
        assert!(!single || printed.as_bytes() == text, "{name}: {text:?} and {printed}");
    }
});
