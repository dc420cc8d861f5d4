//! What goes to the audit thread beside a line: what is looked at there, off the request's path.

use std::sync::Arc;

use super::network::Network;
use super::record::{Cause, Record, Verdict};
use super::sighting::Sighting;
use super::watch::Refusal;
use crate::policy::gate::Named;
use crate::reject::{Blame, Code, Rejection};
use crate::sig::key::State;
use crate::sig::time::Moment;

/// What a record says to those who look at many.
pub(super) struct Aside {
    /// When the request ended.
    pub(super) now: Moment,
    pub(super) about: About,
    /// Whether it was refused before a MAC matched.
    pub(super) stranger: bool,
    /// Why the proof failed, on a line that has to say so.
    pub(super) cause: Option<Cause>,
}

/// What happened.
pub(super) enum About {
    Refused(Refusal),
    Used(Sighting),
}

impl Aside {
    /// Of a refused request, or of one that is worth a look.
    pub(super) fn of(record: &mut Record, is_worth_a_look: bool) -> Option<Self> {
        let code = record.rejection.as_ref().map(Rejection::code);
        match (record.verdict, code) {
            (Verdict::Refused | Verdict::Observed, Some(code)) => Some(Self::refused(record, code)),
            (Verdict::Verified, None) if is_worth_a_look => {
                let about = About::Used(sighting(record)?);
                Some(Self { now: ended(record), about, stranger: false, cause: None })
            }
            _ => None,
        }
    }

    fn refused(record: &mut Record, code: Code) -> Self {
        let (now, network) = (ended(record), record.peer.map(Network::of));
        let (noted, cause) = record.noted.take().map_or((Named::Nobody, None), |noted| (noted.named, noted.cause));
        let named = record.key.as_ref().map_or(noted, |key| Named::Known(Arc::clone(&key.id)));
        let is_proof = code.reason().blame == Blame::Proof;
        let cause = is_proof.then(|| cause.unwrap_or_else(|| Cause::Said(crate::explain::cause_of(code))));
        Self { now, about: About::Refused(Refusal { code, network, named }), stranger: record.key.is_none(), cause }
    }
}

fn ended(record: &Record) -> Moment {
    record.started.plus(record.total)
}

fn sighting(record: &Record) -> Option<Sighting> {
    let key = record.key.as_ref()?;
    let window = record.route.as_ref().and_then(|route| route.guard.window());
    let millis = |time: std::time::Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    Some(Sighting {
        key: Arc::clone(&key.id),
        network: record.peer.map(Network::of),
        skew: record.skew,
        window: window.map(|(past, future)| (millis(past), millis(future))),
        retiring: key.state(record.started) == State::Retiring,
    })
}
