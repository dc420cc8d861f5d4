//! A strict look at raw HTTP/1.1 bytes before hyper reads them: what hyper would smooth over cannot be refused afterwards.
//!
//! hyper drops a Content-Length beside Transfer-Encoding, folds equal Content-Lengths, cuts a fragment off the target, takes a bare LF for a
//! line end and skips chunk extensions. A head is withheld until it is complete and strict; what breaks the framing of a body is
//! overwritten with NUL, which hyper takes for a broken body.
//!
//! **Invariant:** no byte of a refused head, and none behind it, is passed; framing is followed exactly or poisoned.

use super::Bounds;
use super::head::{Framing, Reader, Refused};
use crate::reject::{Code, Rejection};

/// Longest chunk-size line: 16 hex digits.
const SIZE_DIGITS: u32 = 16;

/// Follows the requests of one connection.
pub(super) struct Screen {
    place: Place,
    reader: Reader,
    /// What came of an unfinished head; empty when heads arrive whole, as they nearly always do.
    partial: Vec<u8>,
    bounds: Bounds,
    heads: u64,
}

/// What becomes of the bytes that were looked at.
#[derive(Default)]
pub(super) struct Passage {
    /// Withheld before, now to be passed first.
    pub(super) withheld: Vec<u8>,
    /// How many of the bytes may pass.
    pub(super) passed: usize,
    /// The head behind them, when it is refused. Nothing follows.
    pub(super) refused: Option<Refused>,
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

impl Screen {
    /// The beginning of a connection.
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { place: Place::Head, reader: Reader::default(), partial: Vec::new(), bounds, heads: 0 }
    }

    /// Whether the connection has left strict HTTP/1.1 for good.
    pub(super) fn is_lost(&self) -> bool {
        self.place == Place::Lost
    }

    /// How many heads were passed.
    pub(super) fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether a head began that has not ended.
    pub(super) fn is_waiting(&self) -> bool {
        self.place == Place::Head && self.reader.has_begun(&self.partial)
    }

    /// Refuses the head that has not ended.
    pub(super) fn give_up(&mut self, rejection: Rejection) -> Option<Refused> {
        let waiting = self.is_waiting();
        self.place = Place::Lost;
        waiting.then(|| Refused::new(rejection, &std::mem::take(&mut self.partial)))
    }

    /// Looks at the next bytes of the connection; those of a body that must not be understood are NUL afterwards.
    pub(super) fn pass(&mut self, bytes: &mut [u8]) -> Passage {
        let mut passage = Passage::default();
        while let Some(rest) = bytes.get_mut(passage.passed..).filter(|rest| !rest.is_empty()) {
            let taken = match self.place {
                Place::Lost => {
                    rest.fill(0);
                    Some(rest.len())
                }
                Place::Head => match self.head(rest) {
                    Ok(None) => break,
                    Ok(Some((withheld, taken))) => {
                        passage.withheld.extend(withheld);
                        Some(taken)
                    }
                    Err(refused) => {
                        self.place = Place::Lost;
                        passage.refused = Some(refused);
                        break;
                    }
                },
                Place::Body(left) => self.data(left, rest.len(), Place::Body, Place::Head),
                Place::Chunk(left) => self.data(left, rest.len(), Place::Chunk, Place::DataCr),
                _ => rest.first().and_then(|byte| self.line(*byte)),
            };
            match taken {
                Some(taken) => passage.passed = passage.passed.saturating_add(taken),
                None => self.place = Place::Lost,
            }
        }
        passage
    }

    /// Takes a head: what was withheld of it, and how many of `bytes` complete it; `None` when all of them are withheld.
    fn head(&mut self, bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Refused> {
        let known = self.partial.len();
        if known > 0 {
            self.partial.extend_from_slice(bytes);
        }
        let whole = if known > 0 { &self.partial } else { bytes };
        let most = self.bounds.room();
        let read = self.reader.read(whole, &self.bounds);
        let end = match read {
            Err(rejection) => Err(rejection),
            Ok(Some(head)) if head.end > most => Err(self.reader.too_long()),
            Ok(None) if whole.len() > most => Err(self.reader.too_long()),
            Ok(Some(head)) if head.upgrade && whole.len() > head.end => {
                Err(Rejection::from(Code::UpgradeRefused).because("bytes came before the upgrade was granted"))
            }
            Ok(head) => Ok(head),
        };
        let Some(head) = end.map_err(|rejection| Refused::new(rejection, whole))? else {
            if known == 0 {
                self.partial.extend_from_slice(bytes);
            }
            return Ok(None);
        };
        let mut withheld = std::mem::take(&mut self.partial);
        withheld.truncate(known);
        self.reader = Reader::default();
        self.place = Place::after(head.framing);
        self.heads = self.heads.saturating_add(1);
        Ok(Some((withheld, head.end.saturating_sub(known))))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is passed, without poison, when `text` arrives in pieces of `size` bytes, and why the rest is refused.
    fn passed(text: &str, size: usize) -> (String, Option<Code>) {
        let mut screen = Screen::new(Bounds { head: 1000, fields: 10, target: 100 });
        let (mut out, mut bytes) = (Vec::new(), text.as_bytes().to_vec());
        for piece in bytes.chunks_mut(size) {
            let passage = screen.pass(piece);
            out.extend(passage.withheld);
            out.extend_from_slice(&piece[..passage.passed]);
            if let Some(refused) = passage.refused {
                return (String::from_utf8(out).unwrap(), Some(refused.rejection.code()));
            }
        }
        (String::from_utf8(out).unwrap().trim_end_matches('\0').to_owned(), None)
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
                assert_eq!(passed(text, size), (text.to_owned(), None), "in pieces of {size}");
            }
        }
    }

    #[test]
    fn no_byte_of_a_refused_head_is_passed() {
        let before = "POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\na";
        for bad in ["GET /#f HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\n"] {
            let text = format!("{before}{bad}GET /smuggled HTTP/1.1\r\n\r\n");
            for size in 1..=text.len() {
                let (out, code) = passed(&text, size);
                assert_eq!(out, before, "{bad} in pieces of {size}");
                assert!(code.is_some(), "{bad} in pieces of {size}");
            }
        }
    }

    #[test]
    fn chunks_that_hyper_would_smooth_over_are_poisoned() {
        for body in ["1;x\r\na", "\r\n", "1\n", "1 \r\n", "11111111111111111\r\n", "1\r\nab", "0\r\nX\n", "0\r\n\n"] {
            let text = format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
            assert!(passed(&text, 1).0.len() < text.len(), "{body:?}");
        }
    }

    #[test]
    fn a_head_has_its_bound_whether_it_ends_or_not() {
        let field = |length: usize| format!("GET / HTTP/1.1\r\nX: {}", "v".repeat(length));
        assert_eq!(passed(&format!("{}\r\n\r\n", field(8000)), 100).1, None);
        assert_eq!(passed(&format!("{}\r\n\r\n", field(8200)), 10_000).1, Some(Code::HeadTooLarge));
        assert_eq!(passed(&field(8200), 100).1, Some(Code::HeadTooLarge));
        assert_eq!(passed(&format!("GET /{}", "a".repeat(8200)), 100).1, Some(Code::TargetTooLong));
    }

    #[test]
    fn bytes_before_an_upgrade_is_granted_are_refused() {
        let ask = "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";
        assert_eq!(passed(ask, 100).1, None);
        assert_eq!(passed(&format!("{ask}\u{1}"), 100).1, Some(Code::UpgradeRefused));
    }
}
