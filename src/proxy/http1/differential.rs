//! Our framing beside hyper's: whatever we take, hyper takes for the same requests, or we refuse it.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "dice for a test, and a longer run or an old seed by the environment"
)]

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io::Cursor;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::ReadBuf;

use super::{Body, Reader, Stream};
use crate::policy::limits;
use crate::proxy::exchange::Piece;
use crate::proxy::http::Bounds;

/// A request as one of the two has read it: method, target, lines in order of their names, and the body, unless it is broken.
type Read = (String, String, Vec<(String, Vec<u8>)>, Option<Vec<u8>>);

/// How many inputs are tried, unless the environment says otherwise.
const INPUTS: u64 = 20_000;

/// A small generator (xorshift64*): the same seed, the same inputs.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % sides
    }

    fn one<'a>(&mut self, of: &[&'a [u8]]) -> &'a [u8] {
        of[self.roll(of.len())]
    }

    fn mostly(&mut self, usual: &'static [u8], others: &[&'static [u8]]) -> &'static [u8] {
        if self.roll(8) == 0 { self.one(others) } else { usual }
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

fn input(dice: &mut Dice) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..=dice.roll(3) {
        text.extend_from_slice(dice.mostly(b"", &[b"\r\n", b"\n", b" ", b"\r\n\r\n"]));
        text.extend_from_slice(dice.mostly(b"POST", &[b"GET", b"HEAD", b"P(ST", b"", b"get", b"CONNECT"]));
        text.extend_from_slice(dice.mostly(b" ", &[b"\t", b"  ", b""]));
        text.extend_from_slice(dice.mostly(b"/", &TARGETS));
        text.extend_from_slice(dice.mostly(b" ", &[b"\t", b"  ", b""]));
        text.extend_from_slice(dice.mostly(b"HTTP/1.1", &[b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b""]));
        text.extend_from_slice(dice.mostly(b"\r\n", &ENDS));
        text.extend_from_slice(
            dice.mostly(b"Host: a\r\n", &[b"", b"Host: a\r\nHost: a\r\n", b"Host: a\n", b"Host : a\r\n"]),
        );
        for _ in 0..dice.roll(4) {
            let (name, value) = (dice.one(&NAMES), dice.one(&VALUES));
            text.extend_from_slice(name);
            text.extend_from_slice(dice.mostly(b": ", &[b":", b" : ", b":\t", b"", b":\r\n "]));
            text.extend_from_slice(value);
            text.extend_from_slice(dice.mostly(b"\r\n", &ENDS));
        }
        text.extend_from_slice(dice.mostly(b"\r\n", &ENDS));
        for _ in 0..dice.roll(4) {
            text.extend_from_slice(dice.one(&CHUNKS));
        }
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

/// Our reading, and whether it went on to the end without a refusal.
async fn ours(text: &[u8], piece: usize) -> (Vec<Read>, bool) {
    let limits = limits::Connection::default();
    let (mut stream, mut requests) = (Stream::new(Pieces(text.to_vec(), piece)), Vec::new());
    loop {
        let mut reader = Reader::default();
        let request = loop {
            match reader.take(stream.ahead(), &Bounds::from(&limits)) {
                Ok(Some(request)) => break request,
                Ok(None) => {}
                Err(_) => return (requests, false),
            }
            if poll_fn(|cx| stream.poll_fill(cx)).await.unwrap() == 0 {
                return (requests, !reader.has_begun(stream.ahead()));
            }
        };
        let mut lines: Vec<_> = request.fields.iter().map(|line| (text_of(&line.name), line.value.to_vec())).collect();
        lines.sort();
        let keeps = request.keeps();
        let (method, target) = (text_of(&request.method), text_of(&request.target));
        let (mut body, mut whole) = (Body::new(request.framing, 0), Some(Vec::new()));
        loop {
            match poll_fn(|cx| body.poll_piece(&mut stream, cx)).await {
                Ok(Some(Piece::Data(data))) => whole.as_mut().unwrap().extend_from_slice(&data),
                Ok(Some(Piece::Trailers(_))) => {}
                Ok(None) => break,
                Err(_) => {
                    whole = None;
                    break;
                }
            }
        }
        let broken = whole.is_none();
        requests.push((method, target, lines, whole));
        if broken || !keeps {
            return (requests, !broken);
        }
    }
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn hypers(text: &[u8]) -> Vec<Read> {
    let requests: Rc<RefCell<Vec<Read>>> = Rc::default();
    let seen = Rc::clone(&requests);
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let seen = Rc::clone(&seen);
        async move {
            let (parts, body) = request.into_parts();
            let mut lines: Vec<_> = parts
                .headers
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
                .collect();
            lines.sort();
            let body = body.collect().await.ok().map(|body| body.to_bytes().to_vec());
            seen.borrow_mut().push((parts.method.to_string(), parts.uri.to_string(), lines, body));
            Ok::<_, Infallible>(hyper::Response::new(Empty::<Bytes>::new()))
        }
    });
    let io = TokioIo::new(tokio::io::join(Cursor::new(text.to_vec()), tokio::io::sink()));
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.half_close(true).max_headers(200).header_read_timeout(None);
    let _ended = builder.serve_connection(io, service).await;
    requests.take()
}

/// Bytes in pieces of one size.
struct Pieces(Vec<u8>, usize);

impl tokio::io::AsyncRead for Pieces {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, space: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let size = self.1.min(self.0.len()).min(space.remaining());
        space.put_slice(&self.0.drain(..size).collect::<Vec<u8>>());
        Poll::Ready(Ok(()))
    }
}

fn compare(text: &[u8], ours: &[Read], hypers: &[Read]) {
    let shown = text.escape_ascii();
    assert!(ours.len() <= hypers.len(), "hyper sees {} of {} requests in {shown}", hypers.len(), ours.len());
    for (place, (mine, other)) in ours.iter().zip(hypers).enumerate() {
        // A body that we break off is refused, whatever hyper makes of it.
        let (body, others) = if mine.3.is_none() { (&None, &None) } else { (&mine.3, &other.3) };
        assert_eq!((&mine.0, &mine.1, &mine.2, body), (&other.0, &other.1, &other.2, others), "{place} of {shown}");
    }
}

#[test]
fn what_we_take_hyper_takes_for_the_same_requests() {
    let seed = std::env::var("COUNTERSIGN_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| getrandom::u64().unwrap() | 1);
    let inputs = std::env::var("COUNTERSIGN_INPUTS").ok().and_then(|inputs| inputs.parse().ok()).unwrap_or(INPUTS);
    println!("COUNTERSIGN_SEED={seed}");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut dice = Dice(seed);
    let (mut requests, mut refused) = (0, 0);
    for _ in 0..inputs {
        let text = input(&mut dice);
        let piece = 1 + dice.roll(text.len().max(1));
        let (mine, whole) = runtime.block_on(ours(&text, piece));
        let others = runtime.block_on(hypers(&text));
        compare(&text, &mine, &others);
        requests += mine.len();
        refused += usize::from(!whole);
    }
    println!("{inputs} inputs, {requests} requests taken, {refused} inputs refused");
    assert!(requests > 0 && refused > 0);
}
