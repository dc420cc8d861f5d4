//! A body that is signed chunk by chunk: `<hex size>;chunk-signature=<hex>` CRLF, the data, CRLF; the last one is empty and signed too.
//!
//! Each signature covers the one before it, so that chunks cannot be reordered, dropped or taken from another request; the first one covers the head's.
//! Data is hashed as it arrives and never kept.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>

use bytes::Bytes;
use subtle::ConstantTimeEq;

use super::reading;
use crate::reject::{Code, Rejection};
use crate::sig::encoding::Encoding;
use crate::sig::mac::{Algorithm, Mac};
use crate::sig::native::Chunks;

/// 16 digits of size, the signature and CRLF.
const LONGEST_LINE: usize = 16 + MARK.len() + 64 + 2;

const MARK: &[u8] = b";chunk-signature=";

/// The SHA-256 of nothing: what a chunk has for a head.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Where in the body we are, and what it has to be.
pub(super) struct Chunked {
    /// Begins every string to sign.
    prefix: String,
    /// The signature before this chunk, as text.
    previous: Bytes,
    key: Option<Mac>,
    /// Data that is still to come.
    left: u64,
    state: State,
}

enum State {
    /// In the line before the data.
    Line(Vec<u8>),
    /// In the data.
    Data(Box<Chunk>),
    /// In the CRLF after the data.
    Break { cr: bool, last: bool },
    /// After the last chunk.
    End,
    /// Nothing can mend it.
    Failed(Code, &'static str),
}

struct Chunk {
    left: u64,
    last: bool,
    digest: Mac,
    signature: Bytes,
}

impl Chunked {
    /// `length` bytes of data after the head that `seed` signs, `made` then and there: stamp and scope.
    pub(super) fn new(length: u64, seed: &Bytes, (stamp, scope): (&str, &str)) -> Self {
        Self {
            prefix: format!("{}-PAYLOAD\n{stamp}\n{scope}\n", super::ALGORITHM),
            previous: seed.clone(),
            key: None,
            left: length,
            state: State::Line(Vec::new()),
        }
    }

    /// Takes what belongs to the present state; returns the rest.
    fn step<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        match &mut self.state {
            State::Line(line) => {
                let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end.saturating_add(1));
                let (part, rest) = bytes.split_at_checked(end).unwrap_or((bytes, b""));
                line.extend_from_slice(part.get(..LONGEST_LINE.saturating_add(1)).unwrap_or(part));
                if line.ends_with(b"\n") || line.len() > LONGEST_LINE {
                    self.state = self.begin().unwrap_or_else(|why| State::Failed(Code::SignatureMalformed, why));
                }
                rest
            }
            State::Data(chunk) => {
                let most = usize::try_from(chunk.left).unwrap_or(usize::MAX);
                let (part, rest) = bytes.split_at_checked(most).unwrap_or((bytes, b""));
                chunk.digest.update(part);
                chunk.left = chunk.left.saturating_sub(u64::try_from(part.len()).unwrap_or(u64::MAX));
                self.judge();
                rest
            }
            State::Break { cr, last } => {
                let (first, rest) = bytes.split_at_checked(1).unwrap_or_default();
                self.state = match (first, *cr, *last) {
                    (b"\r", false, last) => State::Break { cr: true, last },
                    (b"\n", true, true) => State::End,
                    (b"\n", true, false) => State::Line(Vec::new()),
                    _ => State::Failed(Code::SignatureMalformed, "no CRLF after a chunk"),
                };
                rest
            }
            State::End => {
                self.state = State::Failed(Code::SignatureMalformed, "bytes after the last chunk");
                b""
            }
            State::Failed(..) => b"",
        }
    }

    /// The line before the data is complete.
    fn begin(&mut self) -> Result<State, &'static str> {
        const FORM: &str = "a chunk begins with <hex size>;chunk-signature=<64 hex digits> and CRLF";
        let State::Line(line) = &self.state else { return Err(FORM) };
        let line = line.strip_suffix(b"\r\n").ok_or(FORM)?;
        let mark = line.iter().position(|byte| *byte == b';').ok_or(FORM)?;
        let (size, rest) = line.split_at_checked(mark).ok_or(FORM)?;
        let signature = rest.strip_prefix(MARK).ok_or(FORM)?;
        let size = hex(size).ok_or(FORM)?;
        reading::signature(signature).map_err(|_| FORM)?;
        self.left = self.left.checked_sub(size).ok_or("more data than X-Amz-Decoded-Content-Length says")?;
        if size == 0 && self.left > 0 {
            return Err("less data than X-Amz-Decoded-Content-Length says");
        }
        let (digest, signature) = (Mac::plain(Algorithm::Sha256), Bytes::copy_from_slice(signature));
        let chunk = Chunk { left: size, last: size == 0, digest, signature };
        self.state = State::Data(Box::new(chunk));
        self.judge();
        Ok(std::mem::replace(&mut self.state, State::End))
    }

    /// Once a chunk's data is complete its signature is.
    fn judge(&mut self) {
        let State::Data(chunk) = &self.state else { return };
        let Chunk { left: 0, last, digest, signature } = chunk.as_ref() else { return };
        let Some(mut mac) = self.key.clone() else {
            self.state = State::Failed(Code::SignatureInvalid, "a body before the head held");
            return;
        };
        mac.update(self.prefix.as_bytes());
        mac.update(&self.previous);
        mac.update(format!("\n{EMPTY}\n{}", Encoding::Hex.encode(&digest.clone().finish())).as_bytes());
        let made = Encoding::Hex.encode(&mac.finish());
        let holds = bool::from(made.as_bytes().ct_eq(signature));
        self.previous = signature.clone();
        self.state = if holds {
            State::Break { cr: false, last: *last }
        } else {
            State::Failed(Code::SignatureInvalid, "a chunk's signature")
        };
    }
}

impl Chunks for Chunked {
    fn start(&mut self, key: Mac) {
        self.key = Some(key);
    }

    fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = self.step(rest);
        }
    }

    fn finish(self: Box<Self>) -> Result<(), Rejection> {
        match self.state {
            State::End => Ok(()),
            State::Failed(code, why) => Err(Rejection::from(code).because(why)),
            State::Line(_) | State::Data(_) | State::Break { .. } => {
                Err(Rejection::from(Code::SignatureMalformed).because("the body ends before its last signed chunk"))
            }
        }
    }
}

impl std::fmt::Debug for Chunked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chunked")
    }
}

/// Lower-case digits without a leading zero.
fn hex(text: &[u8]) -> Option<u64> {
    let digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let zero_led = text.len() > 1 && text.first() == Some(&b'0');
    let good = (1..=16).contains(&text.len()) && !zero_led && text.iter().all(digit);
    good.then(|| std::str::from_utf8(text).ok().and_then(|text| u64::from_str_radix(text, 16).ok())).flatten()
}

#[cfg(test)]
mod tests {
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
        for (order, length) in [(&[1, 0, 2][..], 10), (&[0, 0, 2], 10), (&[0, 2], 5), (&[1, 2], 5), (&[0, 0, 1, 2], 15)]
        {
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
}
