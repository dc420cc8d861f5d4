//! Inputs: requests from every way of spelling framing that is known to be misread, by dice.

/// A small generator (xorshift64*): the same seed, the same inputs. One choice in so many is an odd one.
pub(super) struct Dice(pub(super) u64, pub(super) usize);

impl Dice {
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % sides
    }

    fn one<'a>(&mut self, of: &[&'a [u8]]) -> &'a [u8] {
        of[self.roll(of.len())]
    }

    fn one_pair<'a>(&mut self, of: &[(&'a [u8], &'a [u8])]) -> (&'a [u8], &'a [u8]) {
        of[self.roll(of.len())]
    }

    fn mostly(&mut self, usual: &'static [u8], others: &[&'static [u8]]) -> &'static [u8] {
        if self.roll(self.1) == 0 { self.one(others) } else { usual }
    }
}

const ENDS: [&[u8]; 5] = [b"\n", b"\r", b"\r\r\n", b" \r\n", b"\n\r"];
const NAMES: [&[u8]; 16] = [
    b"Content-Length",
    b"Transfer-Encoding",
    b"content-length",
    b"TRANSFER-ENCODING",
    b"Connection",
    b"Host",
    b"Expect",
    b"Content-Length ",
    b" Content-Length",
    b"Content_Length",
    b"Trailer",
    b"X",
    b"",
    b"X\x00",
    b"Upgrade",
    b"TE",
];
const VALUES: [&[u8]; 26] = [
    b"0",
    b"1",
    b"3",
    b"5",
    b"+3",
    b"-1",
    b"03",
    b"3, 3",
    b"3,4",
    b"0x3",
    b"18446744073709551616",
    b"chunked",
    b"Chunked",
    b"gzip, chunked",
    b"chunked, chunked",
    b"identity",
    b"chunked\x0b",
    b"\x00chunked",
    b"close",
    b"keep-alive",
    b"a",
    b"100-continue",
    b"",
    b"  3  ",
    b"3\r\n 4",
    b"\xff",
];
const TARGETS: [&[u8]; 10] =
    [b"/", b"/a?b", b"http://a/", b"*", b"//", b"/#f", b"/\xe9", b"a:80", b"/a b", b"http://b/x?y#z"];
/// A second opinion about the length.
const AGAIN: [(&[u8], &[u8]); 8] = [
    (b"Content-Length", b"0"),
    (b"Content-Length", b"3"),
    (b"content-length", b"5"),
    (b"Transfer-Encoding", b"chunked"),
    (b"transfer-encoding", b"identity"),
    (b"Transfer-Encoding", b"x"),
    (b"Content_Length", b"5"),
    (b"ContentLength", b"5"),
];
const CHUNKS: [&[u8]; 22] = [
    b"0\r\n\r\n",
    b"3\r\nabc\r\n",
    b"3\r\nabc\r\n0\r\n\r\n",
    b"3;x=y\r\nabc\r\n",
    b"03\r\nabc\r\n",
    b"3 \r\nabc\r\n",
    b"3\nabc\n",
    b"3\r\nabcd\r\n",
    b"3\r\nab\r\n",
    b"+3\r\nabc\r\n",
    b"0x3\r\nabc\r\n",
    b"-1\r\n",
    b"ffffffffffffffff\r\n",
    b"10000000000000003\r\nabc\r\n",
    b"0\r\nX: y\r\n\r\n",
    b"0\r\nContent-Length: 3\r\n\r\n",
    b"0\r\n\n",
    b"0\n\r\n",
    b"\r\n",
    b"3\r\r\nabc\r\n",
    b"abc",
    b"0\r\nX\r\n\r\n",
];

/// Some requests, one after the other, spelled in every way that is known to be misread; some inputs are odder than others.
pub(super) fn input(dice: &mut Dice) -> Vec<u8> {
    dice.1 = *[6, 24, 96].get(dice.roll(3)).unwrap_or(&6);
    let mut text = Vec::new();
    for _ in 0..=dice.roll(4) {
        request(dice, &mut text);
    }
    for _ in 0..dice.roll(12).saturating_sub(9) {
        let place = dice.roll(text.len().max(1));
        match dice.roll(3) {
            0 => text.insert(place.min(text.len()), u8::try_from(dice.roll(256)).unwrap()),
            1 if place < text.len() => drop(text.remove(place)),
            _ => text.truncate(place),
        }
    }
    text
}

fn request(dice: &mut Dice, text: &mut Vec<u8>) {
    text.extend_from_slice(dice.mostly(b"", &[b"\r\n", b"\n", b" ", b"\r\n\r\n"]));
    text.extend_from_slice(dice.mostly(b"POST", &[b"GET", b"HEAD", b"P(ST", b"", b"get", b"CONNECT"]));
    text.extend_from_slice(dice.mostly(b" ", &[b"\t", b"  ", b""]));
    text.extend_from_slice(dice.mostly(b"/", &TARGETS));
    text.extend_from_slice(dice.mostly(b" ", &[b"\t", b"  ", b""]));
    text.extend_from_slice(
        dice.mostly(b"HTTP/1.1", &[b"HTTP/1.0", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b""]),
    );
    text.extend_from_slice(dice.mostly(b"\r\n", &ENDS));
    text.extend_from_slice(
        dice.mostly(b"Host: a\r\n", &[b"", b"Host: a\r\nHost: a\r\n", b"Host: a\n", b"Host : a\r\n"]),
    );
    let framing = dice.roll(4);
    for _ in 0..dice.roll(8).saturating_sub(5) {
        wild(dice, text);
    }
    match framing {
        0 => line(dice, b"Content-Length", b"3", text),
        1 => line(dice, b"Transfer-Encoding", b"chunked", text),
        _ => {}
    }
    if framing < 2 && dice.roll(8) == 0 {
        let (name, value) = dice.one_pair(&AGAIN);
        line(dice, name, value, text);
    }
    text.extend_from_slice(dice.mostly(b"\r\n", &ENDS));
    match framing {
        0 => text.extend_from_slice(dice.mostly(b"abc", &CHUNKS)),
        1 => {
            for _ in 0..dice.roll(3) {
                text.extend_from_slice(dice.mostly(b"3\r\nabc\r\n", &CHUNKS));
            }
            text.extend_from_slice(dice.mostly(b"0\r\n\r\n", &CHUNKS));
        }
        2 => {}
        _ => {
            for _ in 0..dice.roll(6).saturating_sub(3) {
                text.extend_from_slice(dice.one(&CHUNKS));
            }
        }
    }
}

/// Any name with any value.
fn wild(dice: &mut Dice, text: &mut Vec<u8>) {
    let (name, value) = (dice.one(&NAMES), dice.one(&VALUES));
    line(dice, name, value, text);
}

fn line(dice: &mut Dice, name: &[u8], value: &[u8], text: &mut Vec<u8>) {
    text.extend_from_slice(name);
    text.extend_from_slice(dice.mostly(b": ", &[b":", b" : ", b":\t", b"", b":\r\n "]));
    text.extend_from_slice(value);
    text.extend_from_slice(dice.mostly(b"\r\n", &ENDS));
}
