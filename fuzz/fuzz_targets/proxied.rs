//! PROXY headers: what is one is one at its first complete byte, whatever follows; nothing is read beyond it, and never too much.
#![no_main]

use countersign::proxy::server::proxied::{Client, MOST, Malformed, Progress, read};
use libfuzzer_sys::fuzz_target;

const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20";

fuzz_target!(|bytes: &[u8]| {
    match arrive(bytes) {
        Some((length, Ok(Progress::Header { length: told, client }))) => {
            assert!(told <= length && length <= MOST);
            // Who speaks for himself says so: version 2, command LOCAL.
            assert_eq!(client == Client::Sender, bytes.starts_with(LOCAL));
            assert_eq!(read(&bytes[..told]), Ok(Progress::Header { length: told, client }));
            // Version 2 says its length: not a byte of the client's is taken.
            assert!(bytes.starts_with(b"P") || told == length);
            for cut in 0..told {
                assert!(matches!(read(&bytes[..cut]), Ok(Progress::More(_))), "{cut} of {told}");
            }
        }
        Some((_, Ok(Progress::More(_)))) => unreachable!("it went on"),
        Some((length, Err(Malformed))) => assert!(length <= MOST),
        None => {}
    }
});

/// As a socket gives it: never more than was asked for. How much was taken until the verdict; `None` where it ended before.
fn arrive(bytes: &[u8]) -> Option<(usize, Result<Progress, Malformed>)> {
    let mut taken = 0;
    loop {
        match read(bytes.get(..taken)?) {
            Ok(Progress::More(most)) => {
                assert!(most > 0 && taken + most <= MOST);
                if taken == bytes.len() {
                    return None;
                }
                taken = bytes.len().min(taken + most);
            }
            verdict => return Some((taken, verdict)),
        }
    }
}
