//! Our framing beside hyper's: whatever we take, hyper takes for the same requests, or we refuse it. What we take can be written down, for
//! another judge.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "dice for a test, and a longer run or an old seed by the environment"
)]

mod inputs;
mod planted;
mod told;

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io::Cursor;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::ReadBuf;

use self::inputs::{Dice, input};
use self::planted::Planted;
use self::told::Told;
use super::{Body, Reader, Stream};
use crate::policy::limits;
use crate::proxy::exchange::{Connection, Piece, Receiving};
use crate::proxy::http::{Bounds, arrived, nowhere};

/// A request as it was read.
struct Request {
    method: String,
    target: String,
    /// In the order in which they came.
    lines: Vec<(String, Vec<u8>)>,
    /// `None` where it is broken.
    body: Option<Vec<u8>>,
    /// Framed, but answered with this code before anything else looks at it.
    answered: Option<&'static str>,
}

/// What we take an input for.
#[derive(Default)]
struct Ours {
    requests: Vec<Request>,
    /// Why reading ended before the input did.
    refused: Option<&'static str>,
    /// The last request ends the connection.
    closes: bool,
}

/// How many inputs are tried, unless the environment says otherwise.
const INPUTS: u64 = 20_000;

/// What happened in a run.
#[derive(Default)]
struct Counts {
    requests: usize,
    refused: usize,
}

/// Our reading of `text`, which comes in pieces of one size.
async fn ours(text: &[u8], piece: usize, connection: &Rc<Connection>) -> Ours {
    let bounds = Bounds::from(&connection.listener.limits);
    let (mut stream, mut read) = (Stream::new(Pieces(text.to_vec(), piece)), Ours::default());
    loop {
        let mut reader = Reader::default();
        let request = loop {
            match reader.take(stream.ahead(), &bounds) {
                Ok(Some(request)) => break request,
                Ok(None) => {}
                Err(rejection) => {
                    read.refused = Some(rejection.code().reason().code);
                    return read;
                }
            }
            if poll_fn(|cx| stream.poll_fill(cx)).await.unwrap() == 0 {
                read.refused = reader.has_begun(stream.ahead()).then_some("the head ended early");
                return read;
            }
        };
        let (keeps, framing) = (request.keeps(), request.framing);
        let mut taken = Request {
            method: text_of(&request.method),
            target: text_of(&request.target),
            lines: request.fields.iter().map(|line| (text_of(&line.name), line.value.to_vec())).collect(),
            body: body(&mut Body::new(framing, 0), &mut stream).await,
            answered: None,
        };
        let (exchange, _) = arrived(request, Receiving::empty(), Rc::clone(connection));
        taken.answered = exchange.defect.map(|defect| defect.code().reason().code);
        let broken = taken.body.is_none();
        read.requests.push(taken);
        if broken || !keeps {
            read.refused = broken.then_some("the body is broken");
            read.closes = true;
            return read;
        }
    }
}

async fn body(body: &mut Body, stream: &mut Stream<Pieces>) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    while let Some(piece) = poll_fn(|cx| body.poll_piece(stream, cx)).await.ok()? {
        if let Piece::Data(data) = piece {
            whole.extend_from_slice(&data);
        }
    }
    Some(whole)
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn hypers(text: &[u8]) -> Vec<Request> {
    let requests: Rc<RefCell<Vec<Request>>> = Rc::default();
    let seen = Rc::clone(&requests);
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let seen = Rc::clone(&seen);
        async move {
            let (parts, body) = request.into_parts();
            let lines = parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
            let mut read = Request {
                method: parts.method.to_string(),
                target: parts.uri.to_string(),
                lines: lines.collect(),
                body: None,
                answered: None,
            };
            read.body = body.collect().await.ok().map(|body| body.to_bytes().to_vec());
            seen.borrow_mut().push(read);
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

/// An absolute form as hyper's words print it: `http://a` has the path `/` (RFC 9112 §3.2.1).
fn printed(target: &str) -> String {
    let origin = target.starts_with('/') || target == "*";
    if origin { target.to_owned() } else { target.parse::<Uri>().unwrap().to_string() }
}

/// Whether hyper takes each of our requests for the same one.
fn agree(ours: &[Request], hypers: &[Request]) -> bool {
    let lines = |request: &Request| {
        let mut lines = request.lines.clone();
        lines.sort();
        lines
    };
    ours.len() <= hypers.len()
        && ours.iter().zip(hypers).all(|(mine, other)| {
            // A body that we break off is refused, whatever hyper makes of it.
            (&mine.method, &printed(&mine.target), lines(mine)) == (&other.method, &other.target, lines(other))
                && (mine.body.is_none() || mine.body == other.body)
        })
}

/// Reads `inputs` inputs in both ways; the first that they read differently, or what happened.
fn run(seed: u64, inputs: u64, planted: Option<Planted>, mut told: Option<&mut Told>) -> Result<Counts, Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let connection = Rc::new(nowhere(limits::Connection::default()));
    let (mut dice, mut counts) = (Dice(seed, 8), Counts::default());
    for _ in 0..inputs {
        let text = input(&mut dice);
        let piece = 1 + dice.roll(text.len().max(1));
        let read = planted.map_or_else(|| text.clone(), |planted| planted.respell(&text));
        let mine = runtime.block_on(ours(&read, piece, &connection));
        // A planted defect that is told is for the other judge.
        let ours_alone = planted.is_some() && told.is_some();
        if let Some(told) = &mut told {
            told.tell(&text, &mine);
        }
        if !ours_alone && !agree(&mine.requests, &runtime.block_on(hypers(&text))) {
            return Err(text);
        }
        counts.requests += mine.requests.len();
        counts.refused += usize::from(mine.refused.is_some());
    }
    Ok(counts)
}

fn asked(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[test]
fn what_we_take_hyper_takes_for_the_same_requests() {
    let seed = asked("COUNTERSIGN_SEED").map_or_else(|| getrandom::u64().unwrap() | 1, |seed| seed.parse().unwrap());
    let inputs = asked("COUNTERSIGN_INPUTS").map_or(INPUTS, |inputs| inputs.parse().unwrap());
    let planted = asked("COUNTERSIGN_PLANTED").map(|name| Planted::named(&name));
    let mut told = asked("COUNTERSIGN_READINGS").map(|path| Told::to(&path));
    println!("COUNTERSIGN_SEED={seed}");
    let counts = run(seed, inputs, planted, told.as_mut()).unwrap_or_else(|text| panic!("{}", text.escape_ascii()));
    if let Some(told) = told {
        told.end();
    }
    println!("{inputs} inputs, {} requests taken, {} inputs refused", counts.requests, counts.refused);
    assert!(counts.requests > 0 && counts.refused > 0);
}

#[test]
fn a_reading_with_a_planted_defect_is_found() {
    for planted in [Planted::FirstLength, Planted::LengthOverChunked] {
        assert!(run(1, INPUTS, Some(planted), None).is_err(), "{planted:?}");
    }
}
