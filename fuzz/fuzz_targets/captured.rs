//! Captured requests, raw, as HAR or as a curl command: read, or refused with a reason; what is read and written anew is read alike.
#![no_main]

use std::io::ErrorKind;
use std::path::Path;

use countersign::explain::request::{Captured, read};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::Builder;

fuzz_target!(|text: &[u8]| {
    // The one file that a command may name.
    let files =
        |path: &Path| if path == Path::new("f") { Ok(b"a\r\nb".to_vec()) } else { Err(ErrorKind::NotFound.into()) };
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let command = [b"curl ", text].concat();
    for text in [text, command.as_slice()] {
        match runtime.block_on(read(text, 0, Some(&files))) {
            Err(why) => assert!(!why.is_empty(), "refused without a reason"),
            Ok(captured) => {
                assert!(captured.head.target.starts_with(b"/") || captured.head.target.as_ref() == b"*");
                // Such a method would make a command of it.
                if captured.head.method.as_str() != "curl" {
                    let again = runtime.block_on(read(&written(&captured), 0, None)).expect("what was read, anew");
                    assert_eq!((again.head, again.body), (captured.head, captured.body));
                }
            }
        }
    }
});

/// As HTTP/1.1, with the framing that is in the head, or else by length.
fn written(captured: &Captured) -> Vec<u8> {
    let Captured { head, body, .. } = captured;
    let host = [b" HTTP/1.1\r\nhost: ", head.authority.as_ref(), b"\r\n"].concat();
    let end = if head.authority.is_empty() { b" HTTP/1.0\r\n".as_slice() } else { host.as_slice() };
    let mut text = [head.method.as_str().as_bytes(), b" ", &head.target, end].concat();
    for field in &head.fields {
        text.extend([field.name.as_ref(), b": ", &field.value, b"\r\n"].concat());
    }
    let chunked = head.fields.contains("transfer-encoding");
    let chunk = [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat();
    let (body, end) = match (chunked, body.is_empty()) {
        (false, _) => (body.as_ref(), b"".as_slice()),
        (true, true) => (b"".as_slice(), b"0\r\n\r\n".as_slice()),
        (true, false) => (chunk.as_slice(), b"0\r\n\r\n".as_slice()),
    };
    [text.as_slice(), b"\r\n", body, end].concat()
}
