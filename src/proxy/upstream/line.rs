//! A connection in the hands of one request: sending it, and what becomes of the connection afterwards.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncSeekExt;
use tokio::time::timeout_at;

use super::inward;
use super::launched::{Arrived, Fault, Launched};
use super::outflow::{Outflow, Progress};
use super::outward::Shape;
use super::pool::Pool;
use super::provisional::Provisional;
use super::shared::{Load, Target};
use super::wire::{H1, Prepared, Wire};
use super::{Admission, Failure, Outgoing, Patience, Reply};
use crate::proxy::held::Held;
use crate::reject::Code;
use crate::replay::Departed;
use crate::sig::message::Head;

/// A connection that is ready to carry one request; nothing was sent yet. Dropped unused, it goes back to its pool.
pub struct Line {
    wire: Option<Wire>,
    pool: Rc<Pool>,
    /// The request's body, once it was handed to an HTTP/2 connection.
    sent: Option<Rc<Progress>>,
    load: Load,
}

impl Line {
    pub(super) fn new(wire: Wire, pool: &Rc<Pool>) -> Self {
        let load = Load::on(wire.target());
        Self { wire: Some(wire), pool: Rc::clone(pool), sent: None, load }
    }

    /// Sends a complete request and waits for the head of the answer. Marks `departed` right before anything may leave, and takes the
    /// mark back when it provably did not. Informational answers (1xx) are swallowed. The proof is not looked at: having it is the point.
    pub async fn send(
        mut self,
        _proof: &Admission,
        outgoing: Outgoing,
        patience: Patience,
        departed: &Departed,
    ) -> Result<Reply, Failure> {
        let Outgoing { head, body, upgrade } = outgoing;
        let unsent = |code, head, body| Failure::Unsent(code, Box::new(Outgoing { head, body, upgrade }));
        let (body, rewound) = rewind(body).await;
        let flow = Outflow::held(body);
        let (progress, length) = (flow.progress(), flow.length());
        let prepared = rewound.and_then(|()| self.prepare(&head, Shape { length, upgrade }));
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(code) => return Err(unsent(code, head, flow.into_held())),
        };

        departed.mark();
        let Some(launched) = self.launch(prepared, flow) else { return Err(Failure::Lost(Code::Internal)) };
        match within(launched, &progress, patience.response).await {
            Some(Ok(arrived)) => self.answer(arrived, progress, patience.idle).map_err(Failure::Lost),
            None => Err(Failure::Lost(self.silent())),
            Some(Err(Fault { code, unsent: None })) => Err(Failure::Lost(self.failed(code))),
            Some(Err(Fault { code, unsent: Some(flow) })) => {
                departed.recall();
                Err(unsent(code, head, flow.into_held()))
            }
        }
    }

    /// Begins a request whose verdict is still open. Nothing completes the message but [`Provisional::finish`]; dropping it aborts.
    pub async fn begin(self, head: Head, length: Option<u64>, departed: &Departed) -> Result<Provisional, Code> {
        Provisional::begin(self, &head, length, departed).await
    }

    pub(super) fn is_http2(&self) -> bool {
        self.wire.as_ref().is_some_and(Wire::is_http2)
    }

    /// The head as this connection says it.
    pub(super) fn prepare(&self, head: &Head, shape: Shape) -> Result<Prepared, Code> {
        self.wire.as_ref().ok_or(Code::Internal)?.prepare(head, shape)
    }

    /// Hands the request to the connection. From here on dropping what was launched, or the line, cuts what is being sent.
    pub(super) fn launch(&mut self, prepared: Prepared, flow: Outflow) -> Option<Launched> {
        match (self.wire.take()?, prepared) {
            (Wire::H1(line), Prepared::H1(words)) => Some(line.launch(words, flow)),
            (Wire::H2(seat), Prepared::H2(request)) => {
                self.sent = Some(flow.progress());
                let launched = seat.launch(request.map(|()| flow));
                self.wire = Some(Wire::H2(seat));
                Some(launched)
            }
            (Wire::H1(_), Prepared::H2(_)) | (Wire::H2(_), Prepared::H1(_)) => None,
        }
    }

    pub(super) fn answer(self, arrived: Arrived, progress: Rc<Progress>, idle: Duration) -> Result<Reply, Code> {
        self.pool.common.praise(&self.load.0);
        inward::reply(arrived, self, inward::Expected { progress, idle })
    }

    /// There was no answer in time. An HTTP/2 connection may be dead without knowing: others must not wait on it as well.
    pub(super) fn silent(&self) -> Code {
        if let Some(Wire::H2(seat)) = &self.wire {
            self.pool.distrust(seat.line());
        }
        self.failed(Code::UpstreamTimeout)
    }

    /// The upstream has had the whole request, and it is lost. What a client cuts or delays never comes here.
    pub(super) fn failed(&self, code: Code) -> Code {
        self.pool.common.blame(&self.load.0, code);
        code
    }

    /// The exchange is over on both sides: the connection, where it is one of its own, may carry another.
    pub(super) fn settle(mut self, rest: Option<Box<H1>>) {
        self.wire = None;
        if let Some(line) = rest {
            self.pool.park(line);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        match self.wire.take() {
            Some(Wire::H1(line)) => self.pool.park(line),
            // An HTTP/2 stream is reset by dropping its answer, and by a body that fails.
            Some(Wire::H2(seat)) => {
                if let Some(sent) = self.sent.take().filter(|sent| !sent.done.get()) {
                    sent.stopped.set(true);
                    self.pool.watch(seat.line(), sent);
                }
            }
            None => {}
        }
    }
}

/// Waits for an answer's head as long as the request moves, and `patience` longer: since its last piece, or since `progress` was made.
pub(super) async fn within<T>(
    mut answer: impl Future<Output = T> + Unpin,
    progress: &Progress,
    patience: Duration,
) -> Option<T> {
    loop {
        let Some(deadline) = progress.last.get().checked_add(patience) else { return Some(answer.await) };
        match timeout_at(deadline, &mut answer).await {
            Ok(outcome) => return Some(outcome),
            Err(_) if progress.last.get().checked_add(patience) > Some(deadline) => {}
            Err(_) => return None,
        }
    }
}

/// A spooled body is read from its start, also when it was read before.
async fn rewind(body: Held) -> (Held, Result<(), Code>) {
    match body {
        Held::Spooled(mut file, length) => {
            let rewound = file.rewind().await.map(|_| ()).map_err(|_| Code::Internal);
            (Held::Spooled(file, length), rewound)
        }
        Held::Empty | Held::Memory(_) => (body, Ok(())),
    }
}

impl Wire {
    fn target(&self) -> &std::sync::Arc<Target> {
        match self {
            Self::H1(line) => &line.target,
            Self::H2(seat) => &seat.line().target,
        }
    }
}

#[cfg(test)]
impl Line {
    /// Returns when the connection has noticed its end.
    pub(super) async fn died(&mut self) {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let mut closed = || match &mut self.wire {
            Some(Wire::H1(line)) => !line.is_quiet(&mut cx),
            Some(Wire::H2(seat)) => seat.line().is_closed(),
            None => true,
        };
        while !closed() {
            tokio::task::yield_now().await;
        }
    }
}
