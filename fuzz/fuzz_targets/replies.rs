//! Replies of a shared store: the same however they are cut, within their bounds, and what follows a mistake is not read.
#![no_main]

use bytes::BytesMut;
use countersign::replay::redis::resp::{Malformed, Reply, next};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [size, bytes @ ..] = input else { return };
    let whole = read(bytes, bytes.len().max(1));
    assert_eq!(read(bytes, usize::from(*size).max(1)), whole, "pieces of {size}");
    assert_eq!(read(bytes, 1), whole, "byte by byte");
    for reply in &whole.0 {
        assert!(depth(reply) <= 2);
    }
});

/// The replies in pieces of this size, how much was left over, and whether that is none.
fn read(bytes: &[u8], size: usize) -> (Vec<Reply>, usize, Result<(), Malformed>) {
    let (mut read, mut replies) = (BytesMut::new(), Vec::new());
    let mut left = bytes.len();
    for piece in bytes.chunks(size) {
        read.extend_from_slice(piece);
        loop {
            let before = read.len();
            match next(&mut read) {
                Ok(Some(reply)) => {
                    assert!(read.len() < before, "a reply of nothing");
                    left -= before - read.len();
                    replies.push(reply);
                }
                Ok(None) => break,
                Err(malformed) => return (replies, left, Err(malformed)),
            }
        }
    }
    (replies, left, Ok(()))
}

fn depth(reply: &Reply) -> usize {
    match reply {
        Reply::List(members) => 1 + members.iter().map(depth).max().unwrap_or_default(),
        _ => 1,
    }
}
