//! The PROXY protocol, versions 1 and 2: a load balancer says before everything else from where it was connected.
//!
//! Source: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>

use std::net::SocketAddr;

use proxy_header::{Error, ParseConfig, Protocol, ProxyHeader};

/// Longest header that is read: addresses, and a few kilobytes of additions that nobody here looks at.
pub const MOST: usize = 4096;

const SIGNATURE: &[u8] = b"\r\n\r\n\x00\r\nQUIT\n";
/// Signature, version, family, and the length of the rest.
const FIXED: usize = 16;
/// Longest header of version 1 (§2.1).
const LINE: usize = 107;

/// What is known after some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// At most so many more may be read; there is no header yet.
    More(usize),
    /// The header is complete.
    Header {
        /// Its length in bytes; what follows is the client's.
        length: usize,
        /// For whom the sender speaks.
        client: Client,
    },
}

/// For whom a sender speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Client {
    /// For himself: a health check (`LOCAL` of version 2).
    Sender,
    /// For this one.
    Address(SocketAddr),
    /// For somebody who has no internet address, or none that the sender knows. **Threat:** a client who is taken for the balancer has
    /// whatever the balancer's network may.
    Unknown,
}

/// This is no PROXY header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no PROXY header")]
pub struct Malformed;

/// Reads a header from the first bytes of a connection. Additions (TLVs) are skipped.
pub fn read(seen: &[u8]) -> Result<Progress, Malformed> {
    let config = ParseConfig { include_tlvs: false, allow_v1: true, allow_v2: true };
    if seen.is_empty() {
        return Ok(Progress::More(FIXED));
    }
    match ProxyHeader::parse(seen, config) {
        Ok((header, length)) => {
            let strict = length <= MOST && seen.get(..length).is_some_and(is_strict);
            let client = header.proxied_address();
            let stream = client.is_none_or(|client| client.protocol == Protocol::Stream);
            let client = match client {
                Some(client) => Client::Address(client.source),
                None if is_local(seen) => Client::Sender,
                None => Client::Unknown,
            };
            if strict && stream { Ok(Progress::Header { length, client }) } else { Err(Malformed) }
        }
        Err(Error::BufferTooShort) => more(seen).map(Progress::More),
        Err(_) => Err(Malformed),
    }
}

/// Version 2, command `LOCAL` (§2.2).
fn is_local(seen: &[u8]) -> bool {
    seen.starts_with(SIGNATURE) && seen.get(SIGNATURE.len()) == Some(&0x20)
}

/// How much more may follow what is no complete header. Nothing is read beyond the end of a header of version 2.
fn more(seen: &[u8]) -> Result<usize, Malformed> {
    if seen.starts_with(b"P") {
        let begins = begins_line(seen) && is_text(seen.strip_suffix(b"\r").unwrap_or(seen));
        return LINE.checked_sub(seen.len()).filter(|left| *left > 0 && begins).ok_or(Malformed);
    }
    let begins = SIGNATURE.starts_with(seen) || seen.starts_with(SIGNATURE);
    let length = match seen.get(14..FIXED) {
        Some([high, low]) => FIXED.saturating_add(usize::from(u16::from_be_bytes([*high, *low]))),
        Some(_) | None => FIXED,
    };
    length.checked_sub(seen.len()).filter(|left| *left > 0 && begins && length <= MOST).ok_or(Malformed)
}

fn begins_line(seen: &[u8]) -> bool {
    let known: [&[u8]; 3] = [b"PROXY TCP4 ", b"PROXY TCP6 ", b"PROXY UNKNOWN"];
    known.into_iter().any(|known| known.starts_with(seen) || seen.starts_with(known))
}

/// Printable ASCII: another line feed would be another end of the line.
fn is_text(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Whether a header is spelled as the text says: the parser puts up with signs, leading zeros and other words in version 1.
fn is_strict(header: &[u8]) -> bool {
    if !header.starts_with(b"P") {
        return true;
    }
    let Some(line) = header.strip_suffix(b"\r\n").filter(|_| header.len() <= LINE) else { return false };
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let is_port = |word: &[u8]| word == b"0" || !word.starts_with(b"0") && word.iter().all(u8::is_ascii_digit);
    match words.as_slice() {
        [b"PROXY", b"UNKNOWN", ..] => is_text(line),
        [b"PROXY", b"TCP4" | b"TCP6", _, _, source, destination] => is_port(source) && is_port(destination),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: &[u8] = b"\xc0\x00\x02\x01\x7f\x00\x00\x01\x30\x39\x01\xbb";

    /// A header of version 2: command and family, and what follows.
    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, rest].concat()
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn both_versions_name_the_client() {
        let six = [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1], &[0; 16], &[0x30, 0x39, 1, 0xbb]].concat();
        let added = [FOUR, b"\x04\x00\x03abc\xea\x00"].concat();
        for (header, expected) in [
            (binary(0x21, 0x11, FOUR), Client::Address(address("192.0.2.1:12345"))),
            (binary(0x21, 0x11, &added), Client::Address(address("192.0.2.1:12345"))),
            (binary(0x21, 0x21, &six), Client::Address(address("[2001:db8::1]:12345"))),
            (binary(0x20, 0x00, b""), Client::Sender),
            (binary(0x20, 0x11, FOUR), Client::Sender),
            (binary(0x21, 0x00, b"anything"), Client::Unknown),
            (binary(0x21, 0x31, &[b'a'; 216]), Client::Unknown),
            (b"PROXY TCP4 192.0.2.1 127.0.0.1 12345 443\r\n".to_vec(), Client::Address(address("192.0.2.1:12345"))),
            (b"PROXY TCP6 2001:db8::1 ::1 12345 0\r\n".to_vec(), Client::Address(address("[2001:db8::1]:12345"))),
            (b"PROXY UNKNOWN\r\n".to_vec(), Client::Unknown),
            (b"PROXY UNKNOWN a b 1 2\r\n".to_vec(), Client::Unknown),
        ] {
            let length = header.len();
            let whole = [&header[..], b"GET / HTTP/1.1"].concat();
            assert_eq!(read(&whole), Ok(Progress::Header { length, client: expected }), "{header:?}");
            for cut in 0..length {
                let more = read(&header[..cut]);
                assert!(matches!(more, Ok(Progress::More(left)) if left > 0), "{cut} of {header:?}: {more:?}");
                let exact = header[0] != b'\r' || matches!(more, Ok(Progress::More(left)) if cut + left <= length);
                assert!(exact, "{cut} of {header:?}: {more:?}");
            }
        }
    }

    #[test]
    fn whatever_else_comes_first_is_refused() {
        for wrong in [
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            b"POST / HTTP/1.1\r\n\r\n".to_vec(),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            b"\r\nGET / HTTP/1.1\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 127.0.0.1 +12345 443\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 127.0.0.1 012345 443\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 127.0.0.1 65536 443\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.01 127.0.0.1 1 443\r\n".to_vec(),
            b"PROXY TCP4 2001:db8::1 ::1 1 443\r\n".to_vec(),
            b"PROXY TCP6 192.0.2.1 127.0.0.1 1 443\r\n".to_vec(),
            b"PROXY TCP4  192.0.2.1 127.0.0.1 1 443\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 127.0.0.1 1 443 \r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 127.0.0.1 1 443\n".to_vec(),
            b"PROXY-TCP4 192.0.2.1 127.0.0.1 1 443\r\n".to_vec(),
            b"PROXY UDP4 192.0.2.1 127.0.0.1 1 443\r\n".to_vec(),
            b"PROXY UNKNOWNS\r\n".to_vec(),
            b"PROXY UNKNOWN a\nb\r\n".to_vec(),
            b"PROXY UNKNOWN a\0\r\n".to_vec(),
            b"proxy TCP4 192.0.2.1 127.0.0.1 1 443\r\n".to_vec(),
            [b"PROXY UNKNOWN ", &[b'x'; 100][..]].concat(),
            binary(0x11, 0x11, FOUR),
            binary(0x22, 0x11, FOUR),
            binary(0x21, 0x12, FOUR),
            binary(0x21, 0x13, FOUR),
            binary(0x21, 0x41, FOUR),
            binary(0x21, 0x11, &FOUR[..11]),
            binary(0x21, 0x31, &[0; 215]),
            binary(0x21, 0x11, &[0; 4096]),
        ] {
            assert_eq!(read(&wrong), Err(Malformed), "{:?}", String::from_utf8_lossy(&wrong));
        }
    }

    #[test]
    fn a_long_header_is_refused_before_it_is_read() {
        let long = binary(0x21, 0x11, &[0; 5000]);
        assert_eq!(read(&long[..16]), Err(Malformed));
        let longest = [FOUR, &[0; MOST - FIXED - 12][..]].concat();
        assert!(matches!(read(&binary(0x21, 0x11, &longest)), Ok(Progress::Header { length: MOST, .. })));
    }
}
