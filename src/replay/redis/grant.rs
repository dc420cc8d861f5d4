//! A claim on the store, and what becomes of it.

use std::rc::Rc;
use std::time::Duration;

use super::State;
use super::claim::Names;
use super::line::Line;
use super::resp;
use crate::sig::time::Moment;

/// A claim that the store confirmed. Dropped, it is given back, on the connection where it was made: elsewhere it could be somebody else's.
pub(in crate::replay) struct Grant {
    line: Rc<Line>,
    names: Names,
}

impl Grant {
    /// What `line` confirmed.
    pub(super) fn new(line: Rc<Line>, names: Names) -> Self {
        Self { line, names }
    }

    /// Whether a request with this stamp may have been claimed where the primary does not know of it. `future`: how far ahead stamps are accepted.
    pub(in crate::replay) fn guards(&self, stamp: Moment, future: Duration) -> bool {
        stamp <= self.line.since().plus(future)
    }

    /// The claim stays; other gateways learn how it stands. Where the name is another's by now, that is true of it as well.
    pub(in crate::replay) fn settle(mut self, state: State) {
        let mut bytes = Vec::new();
        let names = std::mem::take(&mut self.names);
        for name in &names {
            resp::command(&mut bytes, &[b"SET", name, state.letter(), b"XX", b"KEEPTTL"]);
        }
        self.line.tell_somehow(bytes, names.len());
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if !self.names.is_empty() {
            let mut bytes = Vec::new();
            let parts: Vec<&[u8]> = std::iter::once(&b"DEL"[..]).chain(self.names.iter().map(Vec::as_slice)).collect();
            resp::command(&mut bytes, &parts);
            self.line.tell(bytes, 1);
        }
    }
}
