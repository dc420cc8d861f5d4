//! Timestamps: a moment has one spelling in every format that tells no fractions, and what is fresh now is stale at the end that is told.
#![no_main]

use std::time::Duration;

use countersign::sig::stamp::{Bounds, Format};
use countersign::sig::time::Moment;
use countersign_fuzz::NOW;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    for (name, format) in Format::NAMES {
        let Some(moment) = format.parse(text) else { continue };
        // What lies beyond the year 9999 is never printed: we write the present.
        if moment > Moment::from_secs(253_402_300_799) {
            continue;
        }
        remembered(moment, format);
        let printed = format.print(moment);
        assert_eq!(format.parse(printed.as_bytes()), Some(moment), "{name}");
        let single = matches!(format, Format::UnixMs | Format::HttpDate | Format::Base62 | Format::Be64);
        assert!(!single || printed.as_bytes() == text, "{name}: {text:?} and {printed}");
    }
});

/// A claim is kept until the end: were the stamp fresh for longer, a replay would pass.
fn remembered(stamp: Moment, format: Format) {
    let (past, future) = (Duration::from_secs(300), Duration::from_secs(60));
    for expiry in [false, true] {
        let bounds = Bounds { past, future, expiry };
        // As long as it can be fresh, whenever it is sent.
        let begin = if expiry { stamp } else { stamp.plus(past) };
        for now in [NOW, stamp, begin] {
            if bounds.judge(stamp, format, now).is_ok() {
                let end = bounds.end(stamp, format);
                assert!(end > now, "{format:?}: fresh at {now:?}, over at {end:?}");
                assert!(bounds.judge(stamp, format, end).is_err(), "{format:?}: fresh at {end:?}, its end");
            }
        }
    }
}
