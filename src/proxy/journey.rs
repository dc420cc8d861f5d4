//! The life of a request.

use std::rc::Rc;

use super::exchange::{Answer, AnswerBody, Exchange};
use super::worker::Worker;
use crate::sig::message::Fields;

/// Answers a request; never fails.
#[expect(clippy::unused_async, reason = "judging and forwarding wait")]
pub async fn serve(_exchange: Exchange, _worker: &Rc<Worker>) -> Answer {
    Answer { status: 404, fields: Fields::default(), body: AnswerBody::Empty }
}
