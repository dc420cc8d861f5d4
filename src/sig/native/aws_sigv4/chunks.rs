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
mod tests;
