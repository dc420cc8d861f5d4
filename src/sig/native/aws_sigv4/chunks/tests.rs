//! Bodies in chunks: what holds, and where each of the others breaks.

use proptest::prelude::*;

use super::*;

const STAMP: &str = "20251009T085320Z";
const SCOPE: &str = "20251009/us-east-1/s3/aws4_request";

fn key() -> Mac {
    Mac::keyed(Algorithm::Sha256, b"signing key")
}

fn seed() -> Bytes {
    Bytes::from("0".repeat(64))
}

/// A signer of its own: the rule as it is documented, without the state machine.
fn chunks(parts: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut previous = String::from_utf8(seed().to_vec()).unwrap();
    let chunk = |data: &&[u8]| {
        let hash = Encoding::Hex.encode(&Algorithm::Sha256.digest(data));
        let nothing = Encoding::Hex.encode(&Algorithm::Sha256.digest(b""));
        let mut mac = key();
        let text = format!("AWS4-HMAC-SHA256-PAYLOAD\n{STAMP}\n{SCOPE}\n{previous}\n{nothing}\n{hash}");
        mac.update(text.as_bytes());
        previous = Encoding::Hex.encode(&mac.finish());
        let line = format!("{:x};chunk-signature={previous}\r\n", data.len());
        [line.as_bytes(), data, b"\r\n"].concat()
    };
    parts.iter().map(chunk).collect()
}

fn judge(body: &[u8], length: u64, step: usize) -> Result<(), Code> {
    let mut chunked = Box::new(Chunked::new(length, &seed(), (STAMP, SCOPE)));
    chunked.start(key());
    body.chunks(step).for_each(|piece| chunked.feed(piece));
    chunked.finish().map_err(|rejection| rejection.code())
}

#[test]
fn a_signed_body_holds_however_it_arrives() {
    let body = chunks(&[b"first chunk", b"\r\n0;second", b""]).concat();
    for step in 1..=body.len() {
        assert_eq!(judge(&body, 21, step), Ok(()), "{step} bytes at a time");
    }
    assert_eq!(judge(&chunks(&[b""]).concat(), 0, 1), Ok(()));
}

#[test]
fn every_flipped_bit_is_refused() {
    let body = chunks(&[b"first", b"second", b""]).concat();
    for place in 0..body.len() {
        for bit in 0..8 {
            let mut changed = body.clone();
            changed[place] ^= 1 << bit;
            assert!(judge(&changed, 11, 7).is_err(), "bit {bit} of byte {place}");
        }
    }
}

#[test]
fn what_is_cut_off_anywhere_is_refused() {
    let body = chunks(&[b"first", b"second", b""]).concat();
    for end in 0..body.len() {
        assert_eq!(judge(&body[..end], 11, 5), Err(Code::SignatureMalformed), "{end}");
    }
}

#[test]
fn chunks_keep_their_order_and_their_number() {
    let all = chunks(&[b"aaaaa", b"bbbbb", b""]);
    for (order, length) in [(&[1, 0, 2][..], 10), (&[0, 0, 2], 10), (&[0, 2], 5), (&[1, 2], 5), (&[0, 0, 1, 2], 15)] {
        let body: Vec<u8> = order.iter().flat_map(|place: &usize| all[*place].clone()).collect();
        assert_eq!(judge(&body, length, 9), Err(Code::SignatureInvalid), "{order:?}");
    }
    assert_eq!(judge(&[all.concat(), all[2].clone()].concat(), 10, 9), Err(Code::SignatureMalformed));
}

#[test]
fn the_length_is_the_one_that_was_said() {
    let body = chunks(&[b"first", b"second", b""]).concat();
    for length in [0, 5, 10, 12, u64::MAX] {
        assert_eq!(judge(&body, length, 64), Err(Code::SignatureMalformed), "{length}");
    }
}

#[test]
fn a_line_has_one_spelling() {
    let good = String::from_utf8(chunks(&[b"0123456789"]).concat()).unwrap();
    for (from, to) in [
        ("a;", "0a;"),
        ("a;", "A;"),
        ("a;", "+a;"),
        ("a;", " a;"),
        ("a;", "a ;"),
        ("a;", ";"),
        ("a;", "a;x=y;"),
        ("a;", "11111111111111111;"),
        ("chunk-signature", "Chunk-Signature"),
        ("=", "=0"),
        ("\r\n", "\n"),
    ] {
        let body = good.replacen(from, to, 1);
        assert_eq!(judge(body.as_bytes(), 10, 3), Err(Code::SignatureMalformed), "{from} -> {to}");
    }
}

#[test]
fn a_line_without_end_is_not_kept() {
    let mut chunked = Chunked::new(1, &seed(), (STAMP, SCOPE));
    chunked.start(key());
    for _ in 0..1000 {
        chunked.feed(&[b'a'; 1000]);
    }
    assert!(matches!(chunked.state, State::Failed(Code::SignatureMalformed, _)));
}

proptest! {
    #[test]
    fn what_was_changed_anywhere_is_refused(at in 0_usize..400, cut in 0_usize..40, bytes in proptest::collection::vec(any::<u8>(), 0..40), step in 1_usize..99) {
        let good = chunks(&[b"some data", b"and more of it", b""]).concat();
        let (at, end) = (at.min(good.len()), at.saturating_add(cut).min(good.len()));
        let changed = [&good[..at], &bytes, &good[end.max(at)..]].concat();
        prop_assert_eq!(judge(&changed, 23, step).is_ok(), changed == good);
    }
}
