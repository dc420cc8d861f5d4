//! The protocol of Redis, version 2: commands as they are sent, and replies within small bounds.
//!
//! **Threat:** whoever sits between may answer anything: a reply is bounded in size, in length and in depth before it is believed.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

/// More bytes than any reply has that was asked for.
const REPLY: usize = 64 << 10;
/// Most members of a list.
const MEMBERS: usize = 1024;

/// What was answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// `+OK`
    Status(Bytes),
    /// `-CODE text`
    Error(Bytes),
    /// `:1`
    Number(i64),
    /// A value.
    Text(Bytes),
    /// No value.
    Nothing,
    /// Of one level.
    List(Vec<Self>),
}

/// Something that is no reply, or none that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("it does not answer like a Redis")]
pub struct Malformed;

/// Writes a command.
pub(super) fn command(out: &mut Vec<u8>, parts: &[&[u8]]) {
    length(out, b'*', parts.len());
    for part in parts {
        length(out, b'$', part.len());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
}

fn length(out: &mut Vec<u8>, kind: u8, length: usize) {
    out.push(kind);
    out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Takes the next reply from what was read; `None` where it is not complete.
pub fn next(read: &mut BytesMut) -> Result<Option<Reply>, Malformed> {
    let mut cursor = Cursor { bytes: read, at: 0 };
    let Some(outline) = cursor.outline(true)? else {
        return if read.len() > REPLY { Err(Malformed) } else { Ok(None) };
    };
    let end = cursor.at;
    let bytes = read.split_to(end).freeze();
    Ok(Some(outline.over(&bytes)))
}

/// A reply as places in what was read.
enum Outline {
    Status(usize, usize),
    Error(usize, usize),
    Number(i64),
    Text(usize, usize),
    Nothing,
    List(Vec<Self>),
}

impl Outline {
    fn over(self, bytes: &Bytes) -> Reply {
        match self {
            Self::Status(from, to) => Reply::Status(bytes.slice(from..to)),
            Self::Error(from, to) => Reply::Error(bytes.slice(from..to)),
            Self::Number(number) => Reply::Number(number),
            Self::Text(from, to) => Reply::Text(bytes.slice(from..to)),
            Self::Nothing => Reply::Nothing,
            Self::List(members) => Reply::List(members.into_iter().map(|member| member.over(bytes)).collect()),
        }
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    /// `None` where more has to come.
    fn outline(&mut self, lists: bool) -> Result<Option<Outline>, Malformed> {
        let Some((from, to)) = self.line()? else { return Ok(None) };
        let (kind, rest) = self.bytes.get(from..to).and_then(<[u8]>::split_first).ok_or(Malformed)?;
        let from = from.saturating_add(1);
        match kind {
            b'+' => Ok(Some(Outline::Status(from, to))),
            b'-' => Ok(Some(Outline::Error(from, to))),
            b':' => Ok(Some(Outline::Number(number(rest)?))),
            b'$' | b'*' if rest == b"-1" => Ok(Some(Outline::Nothing)),
            b'$' => self.text(usize::try_from(number(rest)?).map_err(|_| Malformed)?),
            b'*' if lists => self.list(usize::try_from(number(rest)?).map_err(|_| Malformed)?),
            _ => Err(Malformed),
        }
    }

    fn text(&mut self, length: usize) -> Result<Option<Outline>, Malformed> {
        if length > REPLY {
            return Err(Malformed);
        }
        let (from, to) = (self.at, self.at.saturating_add(length));
        let end = to.saturating_add(2);
        match self.bytes.get(to..end) {
            None => Ok(None),
            Some(b"\r\n") => {
                self.at = end;
                Ok(Some(Outline::Text(from, to)))
            }
            Some(_) => Err(Malformed),
        }
    }

    fn list(&mut self, length: usize) -> Result<Option<Outline>, Malformed> {
        if length > MEMBERS {
            return Err(Malformed);
        }
        let mut members = Vec::with_capacity(length);
        for _ in 0..length {
            let Some(member) = self.outline(false)? else { return Ok(None) };
            members.push(member);
        }
        Ok(Some(Outline::List(members)))
    }

    /// The next line without its end.
    fn line(&mut self) -> Result<Option<(usize, usize)>, Malformed> {
        let from = self.at;
        let rest = self.bytes.get(from..).unwrap_or_default();
        let Some(length) = memchr::memchr(b'\n', rest) else { return Ok(None) };
        self.at = from.saturating_add(length).saturating_add(1);
        let line = rest.get(..length).and_then(|line| line.strip_suffix(b"\r")).ok_or(Malformed)?;
        Ok(Some((from, from.saturating_add(line.len()))))
    }
}

/// What `TIME` answers, in milliseconds.
pub(super) fn time(reply: &Reply) -> Option<u64> {
    let Reply::List(parts) = reply else { return None };
    let [Reply::Text(seconds), Reply::Text(micros)] = parts.as_slice() else { return None };
    let number = |text: &[u8]| number(text).ok().and_then(|number| u64::try_from(number).ok());
    number(seconds)?.checked_mul(1000)?.checked_add(number(micros)?.div_euclid(1000))
}

/// How long ago a moment in milliseconds was that was written down.
pub(super) fn since(written: &[u8], now: u64) -> Option<Duration> {
    let written = u64::try_from(number(written).ok()?).ok()?;
    Some(Duration::from_millis(now.saturating_sub(written)))
}

fn number(digits: &[u8]) -> Result<i64, Malformed> {
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEVERAL: &[u8] = b"+OK\r\n-ERR no\r\n:-7\r\n$5\r\na\r\nbc\r\n$-1\r\n*3\r\n$-1\r\n$1\r\np\r\n:1\r\n*0\r\n";

    fn several() -> Vec<Reply> {
        let text = |text: &'static str| Reply::Text(Bytes::from(text));
        vec![
            Reply::Status("OK".into()),
            Reply::Error("ERR no".into()),
            Reply::Number(-7),
            text("a\r\nbc"),
            Reply::Nothing,
            Reply::List(vec![Reply::Nothing, text("p"), Reply::Number(1)]),
            Reply::List(Vec::new()),
        ]
    }

    #[test]
    fn replies_are_read_however_they_are_cut() {
        for size in 1..SEVERAL.len() {
            let (mut read, mut replies) = (BytesMut::new(), Vec::new());
            for piece in SEVERAL.chunks(size) {
                read.extend_from_slice(piece);
                while let Some(reply) = next(&mut read).unwrap() {
                    replies.push(reply);
                }
            }
            assert_eq!((replies, read.len()), (several(), 0), "pieces of {size}");
        }
    }

    #[test]
    fn what_nobody_asked_for_is_refused() {
        let deep = b"*1\r\n".repeat(10_000);
        for bad in [
            &deep[..],
            b"*1025\r\n",
            b"$65537\r\n",
            b"$-2\r\n",
            b":x\r\n",
            b"!3\r\n",
            b"OK\r\n",
            b"\r\n",
            b"+OK\n",
            b"$1\r\nab\r\n",
            b"HTTP/1.1 400 Bad Request\r\n",
        ] {
            assert_eq!(next(&mut BytesMut::from(bad)), Err(Malformed), "{bad:?}");
        }
        let endless = vec![b'+'; REPLY + 1];
        assert_eq!(next(&mut BytesMut::from(&endless[..])), Err(Malformed));
    }

    #[test]
    fn times_are_read_in_milliseconds() {
        let reply = next(&mut BytesMut::from(&b"*2\r\n$2\r\n17\r\n$6\r\n250999\r\n"[..])).unwrap().unwrap();
        assert_eq!((time(&reply), time(&Reply::Number(17))), (Some(17_250), None));
        assert_eq!(since(b"17000", 17_250), Some(Duration::from_millis(250)));
        assert_eq!((since(b"18000", 17_250), since(b"x", 17_250)), (Some(Duration::ZERO), None));
    }

    #[test]
    fn a_command_is_a_list_of_its_parts() {
        let mut out = Vec::new();
        command(&mut out, &[b"SET", b"key", b""]);
        assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$0\r\n\r\n");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut read = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = next(&mut read) {}
        }
    }
}
