//! A strict look at raw HTTP/1.1 bytes before hyper reads them: what hyper would smooth over cannot be refused afterwards.
//!
//! hyper drops a Content-Length beside Transfer-Encoding, folds equal Content-Lengths, cuts a fragment off the target, takes a bare LF for a
//! line end and skips chunk extensions. Here such bytes are overwritten with NUL, which hyper answers with 400 and a closed connection.
//!
//! **Invariant:** bytes are never added, removed or moved, and framing is followed exactly or poisoned.

/// Longest chunk-size line: 16 hex digits.
const SIZE_DIGITS: u32 = 16;

/// Follows the requests of one connection.
pub(super) struct Screen {
    place: Place,
    /// What came of an unfinished head; empty when heads arrive whole, as they nearly always do.
    partial: Vec<u8>,
    /// More than hyper takes of a head: it will refuse by itself.
    most: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// Before or within a head.
    Head,
    /// This many bytes of a body to come.
    Body(u64),
    /// This many bytes of a chunk to come.
    Chunk(u64),
    /// Within a chunk-size line: digits and value so far.
    Size(u32, u64),
    /// After CR of a chunk-size line.
    SizeEnd(u64),
    /// The line end after the data of a chunk.
    DataCr,
    DataLf,
    /// Within trailers: whether the line is empty so far.
    Trailer(bool),
    /// After CR of a trailer line: whether it was empty.
    TrailerEnd(bool),
    /// Everything from here on is poison.
    Lost,
}

/// What follows a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Framing {
    Sized(u64),
    Chunked,
}

impl Screen {
    /// The beginning of a connection whose heads hyper takes up to `most` bytes.
    pub(super) const fn new(most: usize) -> Self {
        Self { place: Place::Head, partial: Vec::new(), most }
    }

    /// Whether the connection has left strict HTTP/1.1 for good.
    pub(super) fn is_lost(&self) -> bool {
        self.place == Place::Lost
    }

    /// Looks at the next bytes of the connection; those that must not be understood are NUL afterwards.
    pub(super) fn pass(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            let taken = match self.place {
                Place::Lost => {
                    bytes.fill(0);
                    return;
                }
                Place::Head => self.head(bytes),
                Place::Body(left) => self.data(left, bytes.len(), Place::Body, Place::Head),
                Place::Chunk(left) => self.data(left, bytes.len(), Place::Chunk, Place::DataCr),
                _ => bytes.first().and_then(|byte| self.line(*byte)),
            };
            match taken.and_then(|taken| std::mem::take(&mut bytes).get_mut(taken..)) {
                Some(rest) => bytes = rest,
                None => self.place = Place::Lost,
            }
        }
    }

    /// Takes a head, or all there is of one; `None` when it is refused.
    fn head(&mut self, bytes: &[u8]) -> Option<usize> {
        let known = self.partial.len();
        if known == 0 {
            // Empty lines before a request are skipped (RFC 9112 §2.2).
            if bytes.starts_with(b"\r\n") {
                return Some(2);
            }
            if let Some(end) = end_of_head(bytes) {
                self.place = Place::after(framing(bytes.get(..end)?)?);
                return Some(end);
            }
        }
        if known.saturating_add(bytes.len()) > self.most.saturating_mul(2) {
            return None;
        }
        self.partial.extend_from_slice(bytes);
        if self.partial == b"\r\n" {
            self.partial.clear();
            return Some(bytes.len());
        }
        let Some(end) = end_of_head(&self.partial) else { return Some(bytes.len()) };
        let framing = framing(self.partial.get(..end)?)?;
        self.partial.clear();
        self.partial.shrink_to_fit();
        self.place = Place::after(framing);
        end.checked_sub(known)
    }

    fn data(&mut self, left: u64, there: usize, more: fn(u64) -> Place, then: Place) -> Option<usize> {
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(there);
        let left = left.checked_sub(u64::try_from(taken).ok()?)?;
        self.place = if left == 0 { then } else { more(left) };
        Some(taken)
    }

    /// One byte of chunked framing.
    fn line(&mut self, byte: u8) -> Option<usize> {
        self.place = match (self.place, byte) {
            (Place::Size(digits, size), digit) if digit.is_ascii_hexdigit() && digits < SIZE_DIGITS => {
                let value = char::from(digit).to_digit(16)?;
                Place::Size(digits.saturating_add(1), size.checked_mul(16)?.checked_add(value.into())?)
            }
            (Place::Size(1.., size), b'\r') => Place::SizeEnd(size),
            (Place::SizeEnd(0) | Place::TrailerEnd(false), b'\n') => Place::Trailer(true),
            (Place::SizeEnd(size), b'\n') => Place::Chunk(size),
            (Place::DataCr, b'\r') => Place::DataLf,
            (Place::DataLf, b'\n') => Place::Size(0, 0),
            (Place::Trailer(empty), b'\r') => Place::TrailerEnd(empty),
            (Place::Trailer(_), other) if other != b'\n' => Place::Trailer(false),
            (Place::TrailerEnd(true), b'\n') => Place::Head,
            _ => return None,
        };
        Some(1)
    }
}

impl Place {
    const fn after(framing: Framing) -> Self {
        match framing {
            Framing::Sized(0) => Self::Head,
            Framing::Sized(length) => Self::Body(length),
            Framing::Chunked => Self::Size(0, 0),
        }
    }
}

/// Just behind the empty line that ends a head. hyper would also take bare LF: such a head is refused, wherever it is thought to end.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut line = 0_usize;
    while let Some(length) = bytes.get(line..)?.iter().position(|byte| *byte == b'\n') {
        let next = line.checked_add(length)?.checked_add(1)?;
        let text = bytes.get(line..next)?;
        if text == b"\r\n" || text == b"\n" {
            return Some(next);
        }
        line = next;
    }
    None
}

/// What follows a complete head; `None` when it is not strict HTTP/1.1.
fn framing(head: &[u8]) -> Option<Framing> {
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    let request = lines.next()?.strip_suffix(b"\r\n")?;
    let target = request.split(|byte| *byte == b' ').nth(1)?;
    if target.contains(&b'#') {
        return None;
    }
    let (mut length, mut chunked) = (None, false);
    for line in lines {
        let line = line.strip_suffix(b"\r\n")?;
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (line.get(..colon)?, line.get(colon.checked_add(1)?..)?);
        if name.eq_ignore_ascii_case(b"content-length") && length.replace(digits(value.trim_ascii())?).is_some() {
            return None;
        }
        chunked |= name.eq_ignore_ascii_case(b"transfer-encoding");
    }
    match (length, chunked) {
        (Some(_), true) => None,
        (Some(length), false) => Some(Framing::Sized(length)),
        (None, true) => Some(Framing::Chunked),
        (None, false) => Some(Framing::Sized(0)),
    }
}

/// A Content-Length in its one spelling.
fn digits(value: &[u8]) -> Option<u64> {
    let canonical = value == b"0" || value.first().is_some_and(|first| (b'1'..=b'9').contains(first));
    let plain = canonical && value.iter().all(u8::is_ascii_digit);
    plain.then(|| std::str::from_utf8(value).ok()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left unpoisoned when `text` arrives in pieces of `size` bytes.
    fn passed(text: &str, size: usize) -> String {
        let mut screen = Screen::new(1000);
        let mut bytes = text.as_bytes().to_vec();
        bytes.chunks_mut(size).for_each(|piece| screen.pass(piece));
        String::from_utf8(bytes).unwrap().trim_end_matches('\0').to_owned()
    }

    #[test]
    fn strict_requests_pass_untouched_in_any_pieces() {
        let good = [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n#\n\nabGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\nfF\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\nZ: #\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ];
        for text in good {
            for size in 1..=text.len() {
                assert_eq!(passed(text, size), text, "in pieces of {size}");
            }
        }
    }

    #[test]
    fn what_hyper_would_smooth_over_is_poisoned_before_it_is_complete() {
        let bad = [
            "GET /#f HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
            "POST / HTTP/1.1\r\nContent-Length: 01\r\n\r\na",
            "POST / HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\na",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: x\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        ];
        for text in bad {
            for size in 1..=text.len() {
                assert!(passed(text, size).len() < text.trim_end_matches('a').len(), "{text} in pieces of {size}");
            }
        }
        for body in ["1;x\r\na", "\r\n", "1\n", "1 \r\n", "11111111111111111\r\n", "1\r\nab", "0\r\nX\n", "0\r\n\n"] {
            let text = format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
            assert!(passed(&text, 1).len() < text.len(), "{body:?}");
        }
    }
}
