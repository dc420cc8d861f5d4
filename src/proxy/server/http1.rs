//! One HTTP/1.1 connection: heads in, answers out, one after the other, in one task that also talks to the upstream.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::Serve;
use super::connection::Desk;
use super::lasting::Graceful;
use super::reply::Sending;
use crate::policy::limits;
use crate::proxy::exchange::{Answer, Arriving, Broken, Piece, Receiving, Tunnel};
use crate::proxy::http::{Bounds, Handover, arrived, refused};
use crate::proxy::http1::{Body, Form, Framing, Reader, Refused, Request, Stream};
use crate::reject::{Code, Rejection};

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Most bytes that are read and forgotten before a connection with an unread body is closed: closed at once it would be reset, and the
/// client might lose the answer (RFC 9112 §9.6).
const LEFTOVER: usize = 256 << 10;

/// Longest time for them.
const LEFTOVER_TIME: Duration = Duration::from_secs(1);

/// A connection that is driven by being polled.
pub(super) fn serve<S: Serve, I>(desk: Rc<Desk<S>>, io: I) -> impl Graceful
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let lane = Rc::new(Lane::new(io));
    let will = Rc::clone(&lane.will);
    Driven { future: Box::pin(travel(desk, lane)), will }
}

/// What is asked of a connection from outside.
#[derive(Default)]
pub(super) struct Will {
    finishing: Cell<bool>,
    late: Cell<bool>,
    /// A head began that has not ended.
    waiting: Cell<bool>,
}

struct Driven<F> {
    future: Pin<Box<F>>,
    will: Rc<Will>,
}

impl<F: Future<Output = io::Result<()>>> Future for Driven<F> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.future.as_mut().poll(cx)
    }
}

impl<F: Future<Output = io::Result<()>>> Graceful for Driven<F> {
    fn finish(self: Pin<&mut Self>) {
        self.will.finishing.set(true);
    }

    fn give_up(self: Pin<&mut Self>) -> bool {
        self.will.late.set(self.will.waiting.get());
        self.will.late.get()
    }
}

/// The connection, shared by its loop and the body of the request in flight.
pub(super) struct Lane<I> {
    pub(super) stream: RefCell<Stream<I>>,
    body: RefCell<Body>,
    /// The client waits for `100 Continue`.
    expects: Cell<bool>,
    /// Nothing more will come from the client.
    ended: Cell<bool>,
    will: Rc<Will>,
}

/// What a head turned out to be.
enum Arrived {
    Request(Request),
    Refused(Refused),
    /// There is no further request.
    Nothing,
}

async fn travel<S: Serve, I>(desk: Rc<Desk<S>>, lane: Rc<Lane<I>>) -> io::Result<()>
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let limits = desk.connection.listener.limits;
    let mut first = true;
    loop {
        if !lane.stream.borrow_mut().ahead().is_empty() {
            desk.activity.beat();
        }
        let head = lane.head(&limits, first).await?;
        first = false;
        let in_flight = desk.activity.begin();
        let (mut exchange, form, handover) = match head {
            Arrived::Nothing => return lane.close().await,
            Arrived::Refused(why) => {
                let form = Form { head: why.method == "HEAD", old: false, keep: false, trailers: false };
                (refused(why, Rc::clone(&desk.connection)), form, None)
            }
            Arrived::Request(request) => {
                let form = form(&request);
                let body = lane.receive(&request);
                let (exchange, handover) = arrived(request, body, Rc::clone(&desk.connection));
                (exchange, form, handover)
            }
        };
        let answer = lane.watched(pin!(desk.answer(&mut exchange))).await?;
        drop(exchange);
        if let (101, Some(handover)) = (answer.status, handover) {
            // **Threat:** what came before our 101 was said to HTTP, whoever reads it now (CVE-2026-2833).
            if !lane.stream.borrow_mut().ahead().is_empty() {
                return Err(io::Error::other("bytes came before the upgrade was granted"));
            }
            lane.send(&desk, answer, form).await?;
            drop(in_flight);
            return lane.hand_over(handover);
        }
        let kept = lane.send(&desk, answer, form).await?;
        drop(in_flight);
        if !kept {
            return lane.close().await;
        }
    }
}

fn form(request: &Request) -> Form {
    let trailers = request.fields.all("te").any(|value| value.to_ascii_lowercase().starts_with(b"trailers"));
    Form { head: request.method == "HEAD", old: request.old, keep: request.keeps(), trailers }
}

impl<I> Lane<I> {
    fn new(io: I) -> Self {
        Self {
            stream: RefCell::new(Stream::new(io)),
            body: RefCell::new(Body::new(Framing::Sized(0), 0)),
            expects: Cell::new(false),
            ended: Cell::new(false),
            will: Rc::default(),
        }
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin + 'static> Lane<I> {
    /// The next head. At rest a connection that shall finish does, once it has had its first request.
    async fn head(&self, limits: &limits::Connection, first: bool) -> io::Result<Arrived> {
        let (mut reader, bounds) = (Reader::default(), Bounds::from(limits));
        let no = |rejection, ahead: &[u8]| Arrived::Refused(Refused::new(rejection, ahead));
        poll_fn(|cx| {
            let stream = &mut *self.stream.borrow_mut();
            loop {
                match reader.take(stream.ahead(), &bounds) {
                    Ok(Some(request)) => return Poll::Ready(Ok(Arrived::Request(request))),
                    Ok(None) => {}
                    Err(rejection) => return Poll::Ready(Ok(no(rejection, stream.ahead()))),
                }
                let begun = reader.has_begun(stream.ahead());
                self.will.waiting.set(begun);
                if self.will.late.replace(false) {
                    return Poll::Ready(Ok(no(Code::HeadTimeout.into(), stream.ahead())));
                }
                if self.ended.get() && !begun {
                    return Poll::Ready(Ok(Arrived::Nothing));
                }
                match stream.poll_fill(cx)? {
                    Poll::Ready(0) if begun => {
                        let early = Rejection::from(Code::BadRequest).because("the head ended early");
                        return Poll::Ready(Ok(no(early, stream.ahead())));
                    }
                    Poll::Ready(0) => return Poll::Ready(Ok(Arrived::Nothing)),
                    Poll::Ready(_) => {}
                    Poll::Pending if self.will.finishing.get() && !begun && !first => {
                        return Poll::Ready(Ok(Arrived::Nothing));
                    }
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
    }

    /// The body that follows `request`.
    fn receive(self: &Rc<Self>, request: &Request) -> Receiving {
        self.body.replace(Body::new(request.framing, 0));
        self.expects.set(!request.old && request.fields.contains("expect"));
        let declared = match request.framing {
            Framing::Sized(length) => Some(length),
            Framing::Chunked | Framing::UntilClose => None,
        };
        Receiving::arriving(Rc::<Self>::clone(self), declared)
    }

    /// The answer, unless the client is gone before it is there: then nobody works for it any longer.
    async fn watched(&self, mut answering: Pin<&mut impl Future<Output = Answer>>) -> io::Result<Answer> {
        poll_fn(|cx| match answering.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Ok(answer)),
            Poll::Pending => self.poll_gone(cx).map(Err),
        })
        .await
    }

    /// Reads on behind the request, one piece at most, and so notices that the client has reset the connection.
    pub(super) fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let stream = &mut *self.stream.borrow_mut();
        if self.ended.get() || !self.body.borrow().is_done() || !stream.ahead().is_empty() {
            return Poll::Pending;
        }
        match ready!(stream.poll_fill(cx)) {
            Err(gone) => return Poll::Ready(gone),
            // Half-closed: it still wants its answer.
            Ok(0) => self.ended.set(true),
            Ok(_) => {}
        }
        Poll::Pending
    }

    /// Sends the answer; whether another request may follow.
    async fn send<S: Serve>(&self, desk: &Desk<S>, answer: Answer, form: Form) -> io::Result<bool> {
        self.discard();
        let over = self.body.borrow().is_done();
        let keep = form.keep && over && !self.will.finishing.get();
        let mut sending = Sending::start(self, answer, Form { keep, ..form }, desk.site.serve.now());
        desk.activity.open_ended(sending.ends_with_the_connection());
        let until_close = poll_fn(|cx| sending.poll(self, cx)).await?;
        desk.activity.open_ended(false);
        Ok(keep && !until_close)
    }

    /// Takes what is there of a body that nobody wanted.
    fn discard(&self) {
        let body = &mut *self.body.borrow_mut();
        if !body.is_done() {
            body.discard(self.stream.borrow_mut().ahead());
        }
    }

    /// Ends the connection; waits a little for a client that is still sending.
    async fn close(&self) -> io::Result<()> {
        poll_fn(|cx| self.stream.borrow_mut().poll_shutdown(cx)).await?;
        if self.body.borrow().is_done() && self.stream.borrow_mut().ahead().is_empty() {
            return Ok(());
        }
        let rest = async {
            let mut left = LEFTOVER;
            loop {
                self.stream.borrow_mut().ahead().clear();
                let read = poll_fn(|cx| self.stream.borrow_mut().poll_fill(cx)).await.unwrap_or_default();
                let Some(less) = left.checked_sub(read).filter(|_| read > 0) else { return };
                left = less;
            }
        };
        let _all_or_late = timeout(LEFTOVER_TIME, rest).await;
        Ok(())
    }

    /// The connection has left HTTP.
    fn hand_over(self: Rc<Self>, handover: Handover) -> io::Result<()> {
        let lane = Rc::try_unwrap(self).map_err(|_| io::Error::other("the connection is still in use"))?;
        let (io, ahead) = lane.stream.into_inner().into_parts();
        // Nobody takes it where the tunnel has ended meanwhile.
        let _unwanted = handover.send(Tunnel { io: Box::new(io), ahead });
        Ok(())
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Arriving for Lane<I> {
    fn poll_piece(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Piece>, Broken>> {
        let stream = &mut *self.stream.borrow_mut();
        if self.expects.replace(false) && stream.ahead().is_empty() {
            stream.lead().extend_from_slice(CONTINUE);
        }
        if !stream.is_written() {
            ready!(stream.poll_written(cx)).map_err(|_| Broken)?;
        }
        self.body.borrow_mut().poll_piece(stream, cx)
    }

    fn is_end(&self) -> bool {
        self.body.borrow().is_done()
    }
}
