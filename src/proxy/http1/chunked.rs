//! Chunked framing, byte by byte in its strict grammar (RFC 9112 §7.1).

use bytes::{Buf, Bytes, BytesMut};

use super::text::{is_text, is_token};
use crate::proxy::exchange::Broken;
use crate::sig::message::Fields;

/// Most digits of a chunk size.
const SIZE_DIGITS: u32 = 16;

/// Most bytes of all trailer lines, and most lines.
const TRAILERS: usize = 16 << 10;
const TRAILER_LINES: usize = 100;

/// Reads one chunked body.
pub(super) struct Chunked {
    place: Place,
    /// Bytes of chunk extensions that are still skipped. Where there are none, an extension breaks the body.
    extensions: usize,
    trailers: Vec<u8>,
}

/// Where the next byte stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// Within a chunk-size line: digits and value so far.
    Size(u32, u64),
    /// Within an extension of it.
    Extension(u64),
    /// After CR of a chunk-size line.
    SizeEnd(u64),
    /// This many bytes of a chunk to come.
    Data(u64),
    /// The line end after the data of a chunk.
    DataCr,
    DataLf,
    /// Within trailers: whether the line is empty so far.
    Trailer(bool),
    /// After CR of a trailer line: whether it was empty.
    TrailerEnd(bool),
    End,
    /// **Threat:** what comes behind a mistake has no meaning; read on, it could become an end, and what follows a request.
    Lost,
}

impl Chunked {
    /// The beginning of a body whose chunk-size lines hold at most so many bytes of extensions.
    pub(super) fn new(extensions: usize) -> Self {
        Self { place: Place::Size(0, 0), extensions, trailers: Vec::new() }
    }

    /// Whether the body is complete.
    pub(super) fn is_end(&self) -> bool {
        self.place == Place::End
    }

    /// The next data that `ahead` holds; `None` when it holds no more of it, or the body is complete.
    pub(super) fn next(&mut self, ahead: &mut BytesMut) -> Result<Option<Bytes>, Broken> {
        self.skip(ahead)?;
        let Place::Data(left) = self.place else { return Ok(None) };
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(ahead.len());
        if taken == 0 {
            return Ok(None);
        }
        let left = left.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX));
        self.place = if left == 0 { Place::DataCr } else { Place::Data(left) };
        let data = if taken == ahead.len() { std::mem::take(ahead) } else { ahead.split_to(taken) };
        // An end that is there already is seen with the last data; what is broken shows the next time.
        let _lost: Result<(), Broken> = self.skip(ahead);
        Ok(Some(data.freeze()))
    }

    /// Whether trailers are there that nobody has taken.
    pub(super) fn has_trailers(&self) -> bool {
        !self.trailers.is_empty()
    }

    /// The trailers of a complete body.
    pub(super) fn trailers(&mut self) -> Result<Option<Fields>, Broken> {
        let text = std::mem::take(&mut self.trailers);
        if text.is_empty() {
            return Ok(None);
        }
        let fields = fields(&text);
        if fields.is_none() {
            self.place = Place::Lost;
        }
        fields.map(Some).ok_or(Broken)
    }

    /// Reads framing up to the next data.
    fn skip(&mut self, ahead: &mut BytesMut) -> Result<(), Broken> {
        if self.place == Place::Lost {
            return Err(Broken);
        }
        let mut seen = 0_usize;
        for byte in ahead.iter() {
            if matches!(self.place, Place::Data(_) | Place::End) {
                break;
            }
            self.place = self.after(*byte).unwrap_or(Place::Lost);
            seen = seen.saturating_add(1);
            if self.place == Place::Lost {
                return Err(Broken);
            }
        }
        if seen == ahead.len() {
            *ahead = BytesMut::new();
        } else {
            ahead.advance(seen);
        }
        Ok(())
    }

    /// Where the byte behind `byte` stands; `None` where `byte` must not stand here.
    fn after(&mut self, byte: u8) -> Option<Place> {
        Some(match (self.place, byte) {
            (Place::Size(digits, size), digit) if digit.is_ascii_hexdigit() && digits < SIZE_DIGITS => {
                let value = char::from(digit).to_digit(16)?;
                Place::Size(digits.saturating_add(1), size.checked_mul(16)?.checked_add(value.into())?)
            }
            (Place::Size(1.., size) | Place::Extension(size), b'\r') => Place::SizeEnd(size),
            (Place::Size(1.., size), b';' | b' ' | b'\t') => self.extension(size, byte)?,
            (Place::Extension(size), other) => self.extension(size, other)?,
            (Place::SizeEnd(0), b'\n') => Place::Trailer(true),
            (Place::SizeEnd(size), b'\n') => Place::Data(size),
            (Place::DataCr, b'\r') => Place::DataLf,
            (Place::DataLf, b'\n') => Place::Size(0, 0),
            (Place::Trailer(empty), b'\r') => Place::TrailerEnd(empty),
            (Place::Trailer(_), other) if is_text(&[other]) => self.trailer(other, Place::Trailer(false))?,
            (Place::TrailerEnd(true), b'\n') => Place::End,
            (Place::TrailerEnd(false), b'\n') => self.trailer(b'\n', Place::Trailer(true))?,
            _ => return None,
        })
    }

    fn extension(&mut self, size: u64, byte: u8) -> Option<Place> {
        self.extensions = self.extensions.checked_sub(1)?;
        is_text(&[byte]).then_some(Place::Extension(size))
    }

    fn trailer(&mut self, byte: u8, then: Place) -> Option<Place> {
        self.trailers.push(byte);
        (self.trailers.len() <= TRAILERS).then_some(then)
    }
}

/// Trailer lines, each ended by a bare LF here.
fn fields(text: &[u8]) -> Option<Fields> {
    let mut fields = Fields::default();
    for line in text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end) {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        if !is_token(name) || fields.len() >= TRAILER_LINES {
            return None;
        }
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
        fields.append(name.to_ascii_lowercase(), Bytes::copy_from_slice(value));
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data, whether it ended, its trailers, and what is left.
    fn read(text: &str, size: usize, extensions: usize) -> Result<(String, bool, usize, String), Broken> {
        let mut chunked = Chunked::new(extensions);
        let (mut ahead, mut data) = (BytesMut::new(), Vec::new());
        for piece in text.as_bytes().chunks(size) {
            ahead.extend_from_slice(piece);
            while let Some(bytes) = chunked.next(&mut ahead)? {
                data.extend_from_slice(&bytes);
            }
        }
        let trailers = if chunked.is_end() { chunked.trailers()?.map_or(0, |fields| fields.len()) } else { 0 };
        let left = String::from_utf8(ahead.to_vec()).unwrap();
        Ok((String::from_utf8(data).unwrap(), chunked.is_end(), trailers, left))
    }

    #[test]
    fn strict_bodies_are_read_in_any_pieces_and_nothing_behind_them_is_touched() {
        for (text, data, trailers) in [
            ("0\r\n\r\n", "", 0),
            ("3\r\na\nb\r\n0\r\n\r\n", "a\nb", 0),
            ("fF\r\n", "", 0),
            ("1\r\na\r\n00000000000002\r\nbc\r\n0\r\nX: y\r\nZ:#\r\n\r\n", "abc", 2),
        ] {
            let whole = text.ends_with("\r\n\r\n");
            for size in 1..=text.len() {
                assert_eq!(
                    read(text, size, 0),
                    Ok((data.into(), whole, trailers, String::new())),
                    "{text:?} by {size}"
                );
                let more = format!("{text}GET");
                let left = if whole { "GET" } else { "" };
                if whole {
                    assert_eq!(read(&more, 99, 0), Ok((data.into(), true, trailers, left.into())), "{text:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_strict_is_broken_however_it_arrives() {
        for text in [
            "\r\n",
            "x\r\n",
            "+1\r\na",
            "1\n",
            "1 \r\na",
            "1;x\r\na",
            "1;\r\na",
            ";\r\n",
            "1\r\r",
            "11111111111111111\r\n",
            "1\r\nab",
            "1\r\na\n",
            "1\r\na\r\r",
            "0\r\nX\n",
            "0\r\n\n",
            "0\r\n\rX",
            "0\r\nX: \0\r\n",
            "0\r\nX: y\rZ",
            "0\r\nno colon\r\n\r\n",
            "0\r\n: v\r\n\r\n",
            "0\r\nX : v\r\n\r\n",
            "0\r\n X: v\r\n\r\n",
        ] {
            for size in 1..=text.len() {
                assert!(read(text, size, 0).is_err(), "{text:?} by {size}");
            }
        }
    }

    #[test]
    fn nothing_behind_a_mistake_is_read() {
        for text in ["3\r\nabc\r\n0\r\n\n", "3\r\nabcX", "0\r\nno colon\r\n\r\n"] {
            let (mut chunked, mut ahead) = (Chunked::new(0), BytesMut::from(text));
            while let Ok(Some(_)) = chunked.next(&mut ahead) {}
            let broken = chunked.next(&mut ahead).is_err() || chunked.trailers().is_err();
            assert!(broken, "{text:?}");
            for more in ["\r\n", "\r\n\r\n", "0\r\n\r\n"] {
                ahead.extend_from_slice(more.as_bytes());
                assert!(chunked.next(&mut ahead).is_err(), "{text:?} and {more:?}");
                assert!(!chunked.is_end(), "{text:?} and {more:?}");
            }
        }
    }

    #[test]
    fn extensions_are_skipped_up_to_their_bound() {
        let text = "1;a=b\r\nx\r\n0 ;c\r\n\r\n";
        assert_eq!(read(text, 1, 7), Ok(("x".into(), true, 0, String::new())));
        assert!(read(text, 1, 6).is_err());
        assert!(read("1;\0\r\n", 1, 99).is_err());
    }

    #[test]
    fn trailers_have_bounds() {
        let line = |length: usize| format!("0\r\nX: {}\r\n\r\n", "v".repeat(length));
        assert!(read(&line(TRAILERS - 4), 4096, 0).is_ok());
        assert!(read(&line(TRAILERS - 3), 4096, 0).is_err());
        let lines = |count: usize| format!("0\r\n{}\r\n", "X: y\r\n".repeat(count));
        assert!(read(&lines(TRAILER_LINES), 4096, 0).is_ok());
        assert!(read(&lines(TRAILER_LINES + 1), 4096, 0).is_err());
    }
}
