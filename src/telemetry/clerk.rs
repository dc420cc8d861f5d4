//! What becomes of each record on the audit thread: which lines are written, what is added to them, and what is found in all of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::anomaly::{Finding, Kind};
use super::aside::{About, Aside};
use super::event;
use super::limiter::{Limiter, Summary};
use super::record::Cause;
use super::watch::Watch;
use crate::policy::operations::Anomalies;
use crate::sig::time::Moment;

/// What a worker hands over.
pub(super) enum Told {
    /// A line that is written as it is.
    Line(Vec<u8>),
    /// A line, or none, and what is to be looked at.
    Judged(Box<(Vec<u8>, Aside)>),
    /// Nothing follows for now: what is counted is to be written.
    Close,
}

/// Lines that are to be written.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) lines: u64,
}

/// What was counted, for a scrape.
#[derive(Default)]
pub(super) struct Counts {
    /// Lines in a summary instead of in full.
    pub(super) limited: AtomicU64,
    /// In the order of [`Kind::ALL`].
    pub(super) anomalies: [AtomicU64; Kind::ALL.len()],
}

/// The judge of lines.
pub(super) struct Clerk {
    /// Whether anything is written; else nothing is limited either.
    writes: bool,
    limiter: Limiter,
    watch: Option<Watch>,
    counts: Arc<Counts>,
}

impl Clerk {
    pub(super) fn new(writes: bool, anomalies: Option<Anomalies>, counts: Arc<Counts>) -> Self {
        Self { writes, limiter: Limiter::default(), watch: anomalies.map(Watch::new), counts }
    }

    /// Puts into `batch` what is to be written of it.
    pub(super) fn take(&mut self, told: Told, batch: &mut Batch) {
        match told {
            Told::Line(line) => batch.add(&line),
            Told::Judged(judged) => {
                let (line, aside) = *judged;
                self.judge(line, aside, batch);
            }
            Told::Close => self.close(batch),
        }
    }

    /// Writes what is due at `now`, where nothing happens.
    pub(super) fn turn(&mut self, now: Moment, batch: &mut Batch) {
        let ended = self.limiter.turn(now);
        summarize(&ended, batch);
        if let Some(watch) = &mut self.watch {
            watch.turn(now);
        }
    }

    /// Whether time changes nothing.
    pub(super) fn is_settled(&self) -> bool {
        self.limiter.is_settled() && self.watch.as_ref().is_none_or(Watch::is_settled)
    }

    /// Writes what is counted, whatever the time is.
    pub(super) fn close(&mut self, batch: &mut Batch) {
        let ended = self.limiter.close();
        summarize(&ended, batch);
    }

    fn judge(&mut self, mut line: Vec<u8>, aside: Aside, batch: &mut Batch) {
        let Aside { now, about, stranger, cause } = aside;
        let mut is_written = !line.is_empty();
        if let (true, About::Refused(refusal)) = (stranger && self.writes, &about) {
            let ended = self.limiter.turn(now);
            summarize(&ended, batch);
            is_written = self.limiter.admits(refusal.code, refusal.network);
            self.counts.limited.fetch_add(u64::from(!is_written), Ordering::Relaxed);
        }
        if is_written {
            if let Some(cause) = cause {
                event::add_cause(&mut line, said(cause));
            }
            batch.add(&line);
        }
        let found = match (&mut self.watch, about) {
            (None, _) => Vec::new(),
            (Some(watch), About::Refused(refusal)) => watch.refused(refusal, now),
            (Some(watch), About::Used(sighting)) => watch.used(&sighting, now),
        };
        for found in &found {
            self.tell(found, now, batch);
        }
    }

    fn tell(&self, found: &Finding, now: Moment, batch: &mut Batch) {
        let counters = Kind::ALL.iter().zip(&self.counts.anomalies);
        counters.filter(|(kind, _)| **kind == found.kind).for_each(|(_, counter)| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        if self.writes {
            event::anomaly(found, now, &mut batch.bytes);
            batch.lines = batch.lines.saturating_add(1);
        }
    }
}

fn summarize(ended: &[Summary], batch: &mut Batch) {
    for summary in ended {
        event::summary(summary, &mut batch.bytes);
        batch.lines = batch.lines.saturating_add(1);
    }
}

impl Batch {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.lines = 0;
    }

    fn add(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.lines = self.lines.saturating_add(1);
    }
}

/// Who looks for a cause may fail, and no line is lost for that.
fn said(cause: Cause) -> &'static str {
    match cause {
        Cause::Said(cause) => cause,
        Cause::Late(look) => catch_unwind(AssertUnwindSafe(look)).unwrap_or(crate::explain::UNEXAMINED),
    }
}

#[cfg(test)]
mod tests;
