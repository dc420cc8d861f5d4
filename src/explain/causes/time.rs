//! Mistakes about the time: told before others, for they need no trial and error.

use std::sync::Arc;

use bytes::Bytes;

use super::{Candidate, Cause, Found, Subject, attempt};
use crate::explain::{PLAUSIBLE, holds, is_about_time};
use crate::reject::Rejection;
use crate::sig::declared::vary::Change;
use crate::sig::keyring::Keyring;
use crate::sig::scheme::Scheme;
use crate::sig::stamp::Format;
use crate::sig::time::Moment;

/// The cause, where it is one of time alone or the digest of the body.
pub(super) fn judge(
    subject: &Subject<'_>,
    (scheme, ring): (&Arc<Scheme>, &Arc<Keyring>),
    refusal: Option<&Rejection>,
) -> Option<Found> {
    let mut found = formats(subject, scheme).filter_map(|candidate| attempt(subject, (scheme, ring), candidate));
    if let Some(found) = found.next() {
        return Some(found);
    }
    let refusal = refusal?;
    if !is_about_time(refusal) {
        return None;
    }
    // Its own stamp is a time at which its age is none.
    let key = holds(scheme, ring, subject.whole, subject.time).ok()?;
    Some(Found { cause: Cause::Stale, detail: refusal.note().unwrap_or_default().to_owned(), key: Some(key) })
}

/// Formats in which the stamp is a time of these years, where it is none in its own.
fn formats(subject: &Subject<'_>, scheme: &Arc<Scheme>) -> impl Iterator<Item = Candidate> {
    let plausible = |stamp: Option<Moment>| {
        stamp.is_some_and(|stamp| stamp.millis().saturating_sub(subject.clock.millis()).saturating_abs() < PLAUSIBLE)
    };
    let own = scheme.stamp_format().filter(|_| !plausible(scheme.stamp(subject.whole)));
    let mut all = Vec::new();
    for (name, format) in Format::NAMES {
        let Some(own) = own.filter(|own| *own != format) else { continue };
        let Some(varied) = scheme.varied(&[Change::Stamp(format)]) else { continue };
        let Some(stamp) = varied.stamp(subject.whole).filter(|stamp| plausible(Some(*stamp))) else { continue };
        let cause = match (own, format) {
            (Format::Unix, Format::UnixMs | Format::UnixUs) => Cause::Milliseconds,
            (Format::UnixMs | Format::UnixUs, Format::Unix) => Cause::Seconds,
            _ => Cause::TimestampFormat,
        };
        let detail = format!("it reads as `{name}`");
        let at = |candidate| Candidate { time: Some(stamp), ..candidate };
        all.extend(Candidate::changed(cause, &*detail, scheme, &[Change::Stamp(format)]).map(at));
        let text = Change::StampText(Bytes::from(own.print(stamp)));
        all.extend(Candidate::changed(cause, detail, scheme, &[Change::Stamp(format), text]).map(at));
    }
    all.into_iter()
}

/// Other spellings of the stamp within the signed bytes.
pub(super) fn texts(subject: &Subject<'_>, scheme: &Arc<Scheme>) -> Vec<Candidate> {
    let Some(stamp) = scheme.stamp(subject.whole) else { return Vec::new() };
    let candidate = |(name, format): (&str, Format)| {
        let text = Change::StampText(Bytes::from(format.print(stamp)));
        Candidate::changed(Cause::TimestampText, format!("signed as `{name}`"), scheme, &[text])
    };
    Format::NAMES.into_iter().filter_map(candidate).collect()
}
