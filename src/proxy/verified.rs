//! A verified answer on its way to the client: bytes leave while the MAC runs, the last ones and the end wait for the verdict.
//!
//! **Invariant:** an answer that does not hold is never complete: it lacks its last bytes and its end.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::exchange::{Broken, Piece, Streaming};
use super::told::Told;
use crate::policy::upkeep::Direction;
use crate::reject::{Code, Rejection};
use crate::replay::Claim;
use crate::sig::check::Check;
use crate::sig::message::Fields;
use crate::sig::permit::Permit;
use crate::sig::time::Moment;
use crate::telemetry::Shard;

/// A body that is verified as it passes, one piece behind.
pub struct Verified {
    inner: Box<dyn Streaming>,
    /// `None` after the verdict.
    check: Option<Check>,
    /// Whether the signature is in the trailers.
    behind: bool,
    /// The last bytes so far; those of an answer that does not hold stay here.
    kept_back: Bytes,
    why: Option<Rejection>,
    /// The request's, with the status that settles it.
    claim: Option<(Claim, u16)>,
    /// Where the use of the key is counted, and when the request began.
    uses: (Arc<Shard>, Moment),
}

impl Verified {
    /// `check` was opened on the head of the answer that `inner` follows.
    pub fn new(inner: Box<dyn Streaming>, (check, behind): (Check, bool), told: &Told) -> Self {
        let (check, uses) = (Some(check), (told.shard(), told.record.started));
        Self { inner, check, behind, kept_back: Bytes::new(), why: None, claim: None, uses }
    }

    /// The end has come: what was kept back goes out, or never will. No signature covers trailers: they stay behind.
    fn close(&mut self, trailers: &Fields, cx: &Context<'_>) -> Poll<Option<Result<Piece, Broken>>> {
        let Some(check) = self.check.take() else { return Poll::Ready(None) };
        match judge(check, self.behind.then_some(trailers)) {
            Ok(permit) => self.uses.0.used(Direction::Verify, permit.ring(), permit.kept(), self.uses.1),
            Err(why) => {
                self.why = Some(unverified(&why));
                // What the client may have of it leaves first: an answer that breaks off, not a connection without one.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        if let Some((claim, status)) = self.claim.take() {
            claim.settle(status);
        }
        let last = std::mem::take(&mut self.kept_back);
        Poll::Ready((!last.is_empty()).then_some(Ok(Piece::Data(last))))
    }
}

/// The verdict on a body that was fed; where the signature followed it, with the trailers that hold it.
pub fn judge(mut check: Check, trailers: Option<&Fields>) -> Result<Permit, Rejection> {
    if let Some(trailers) = trailers {
        check.learn(trailers)?;
    }
    check.close(None)
}

/// What is told of an answer that does not hold.
pub fn unverified(why: &Rejection) -> Rejection {
    let note = format!("{}: {}", why.code().reason().code, why.note().unwrap_or_default());
    Rejection::from(Code::AnswerUnverified).because(note)
}

impl Streaming for Verified {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Broken>>> {
        while let Some(check) = &mut self.check {
            match ready!(self.inner.poll_piece(cx)) {
                Some(Ok(Piece::Data(data))) if data.is_empty() => {}
                Some(Ok(Piece::Data(data))) => {
                    check.feed(&data);
                    let before = std::mem::replace(&mut self.kept_back, data);
                    if !before.is_empty() {
                        return Poll::Ready(Some(Ok(Piece::Data(before))));
                    }
                }
                Some(Ok(Piece::Trailers(trailers))) => return self.close(&trailers, cx),
                None => return self.close(&Fields::default(), cx),
                Some(Err(broken)) => return Poll::Ready(Some(Err(broken))),
            }
        }
        Poll::Ready(self.why.is_some().then_some(Err(Broken)))
    }

    fn remaining(&self) -> Option<u64> {
        let kept_back = u64::try_from(self.kept_back.len()).unwrap_or(u64::MAX);
        self.inner.remaining().map(|remaining| remaining.saturating_add(kept_back))
    }

    fn why(&self) -> Option<&Rejection> {
        self.why.as_ref()
    }

    fn settle(&mut self, claim: Claim, status: u16) -> Option<Claim> {
        self.claim = Some((claim, status));
        None
    }
}
