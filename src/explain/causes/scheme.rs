//! Mistakes about what is signed, and with what.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;

use super::{Candidate, Cause, Subject, time};
use crate::config::named;
use crate::config::scheme::builtins;
use crate::sig::declared::vary::Change;
use crate::sig::mac::Algorithm;
use crate::sig::scheme::Scheme;

/// Every built-in scheme, compiled when the first refusal is explained.
static BUILT_IN: LazyLock<Vec<Arc<Scheme>>> =
    LazyLock::new(|| builtins().iter().filter_map(|(name, _)| named::built_in(name)).collect());

const SEPARATORS: [(&str, &str); 14] = [
    (".", "a dot"),
    (":", "a colon"),
    ("\n", "a newline"),
    ("", "nothing"),
    ("|", "a bar"),
    (",", "a comma"),
    ("-", "a hyphen"),
    ("_", "an underscore"),
    (" ", "a space"),
    ("&", "an ampersand"),
    (";", "a semicolon"),
    ("/", "a slash"),
    ("+", "a plus"),
    ("\r\n", "CRLF"),
];

/// Other hash functions, and none of HMAC.
pub(super) fn algorithms(scheme: &Arc<Scheme>) -> Vec<Candidate> {
    let algorithm = |(name, algorithm): (&str, Algorithm)| {
        Candidate::changed(Cause::Algorithm, format!("it is {name}"), scheme, &[Change::Algorithm(algorithm)])
    };
    let plain = [(true, "secret first"), (false, "secret last")].into_iter();
    let plain = plain.filter_map(|(first, told)| {
        Candidate::changed(Cause::PlainDigest, told, scheme, &[Change::PlainDigest(first)])
    });
    Algorithm::NAMES.into_iter().filter_map(algorithm).chain(plain).collect()
}

/// The same parts, put together otherwise.
pub(super) fn messages(subject: &Subject<'_>, scheme: &Arc<Scheme>) -> Vec<Candidate> {
    let mut all = Vec::new();
    for (place, origin) in scheme.origins().iter().enumerate() {
        let cause = if origin == "{timestamp}" { Cause::TimestampNotSigned } else { Cause::PartNotSigned };
        all.extend(Candidate::changed(cause, format!("without {origin}"), scheme, &[Change::Without(place)]));
    }
    for (separator, told) in SEPARATORS {
        let change = Change::Separator(Bytes::from_static(separator.as_bytes()));
        all.extend(Candidate::changed(
            Cause::Separator,
            format!("{told} instead"),
            scheme,
            std::slice::from_ref(&change),
        ));
        all.extend(Candidate::changed(Cause::PartOrder, "reversed", scheme, &[Change::Reversed, change]));
    }
    all.extend(Candidate::changed(Cause::PartOrder, "reversed", scheme, &[Change::Reversed]));
    all.extend(time::texts(subject, scheme));
    all
}

/// The other schemes of the route, then every built-in one.
pub(super) fn others<'a>(subject: &'a Subject<'a>) -> impl Iterator<Item = Candidate> + 'a {
    let doors = subject.doors.iter().filter(|(scheme, _)| !Arc::ptr_eq(scheme, subject.scheme));
    let doors = doors.map(|(scheme, _)| Arc::clone(scheme));
    let members = BUILT_IN.iter().flat_map(|scheme| match scheme.alternatives() {
        [] => vec![Arc::clone(scheme)],
        members => members.to_vec(),
    });
    doors.chain(members).map(|scheme| {
        let told = format!("it is `{}`", scheme.name());
        let timeless = scheme.varied(&[]).map_or_else(|| Arc::clone(&scheme), Arc::new);
        Candidate { scheme: Some(timeless), ..Candidate::new(Cause::AnotherScheme, told) }
    })
}

/// The carriers of the scheme with the signed bytes of a built-in one.
pub(super) fn borrowed(scheme: &Arc<Scheme>) -> Vec<Candidate> {
    let like = |other: &Arc<Scheme>| {
        let told = format!("those of `{}`", other.name());
        Candidate::changed(Cause::SignedLike, told, scheme, &[Change::SignedAs(Arc::clone(other))])
    };
    BUILT_IN.iter().filter_map(like).collect()
}
