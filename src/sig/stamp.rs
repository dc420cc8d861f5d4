//! Timestamps as text: read in one spelling, written in the same, judged in their own unit.

use std::time::Duration;

use super::date;
use super::time::Moment;
use crate::reject::{Code, Rejection};

/// How a moment is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Unix seconds.
    Unix,
    /// Unix milliseconds.
    UnixMs,
    /// Unix microseconds.
    UnixUs,
    /// RFC 3339 in UTC (`Z`), with or without a fraction.
    Rfc3339,
    /// RFC 9110 §5.6.7 IMF-fixdate.
    HttpDate,
    /// The same, or what Azure's library for Python writes instead: `Oct, 09 2025 08:53:20.000000 GMT`.
    AzureDate,
    /// Unix seconds in digits 0-9A-Za-z (Django).
    Base62,
    /// Unix seconds as big-endian bytes in base64url (itsdangerous).
    Be64,
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Seconds of the year 9999: beyond it no format has one spelling.
const LATEST: i64 = 253_402_300_799;

impl Format {
    /// Every format by the name it has in a scheme.
    pub const NAMES: [(&'static str, Self); 8] = [
        ("unix", Self::Unix),
        ("unix_ms", Self::UnixMs),
        ("unix_us", Self::UnixUs),
        ("rfc3339", Self::Rfc3339),
        ("http-date", Self::HttpDate),
        ("azure-date", Self::AzureDate),
        ("base62", Self::Base62),
        ("be64", Self::Be64),
    ];

    /// The format of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }

    /// The moment that `text` says, if it is written as this format writes it.
    pub fn parse(self, text: &[u8]) -> Option<Moment> {
        match self {
            Self::Unix => digits(text).map(Moment::from_secs),
            Self::UnixMs => digits(text).map(Moment::from_millis),
            Self::UnixUs => digits(text).map(|micros| Moment::from_millis(micros.div_euclid(1000))),
            Self::Rfc3339 => date::parse_rfc3339(text),
            Self::HttpDate => date::parse_http(text),
            Self::AzureDate => date::parse_http(text).or_else(|| date::parse_azure(text)),
            Self::Base62 => base62(text),
            Self::Be64 => be64(text),
        }
    }

    /// `moment` in this format; times before 1970 are written as 1970.
    pub fn print(self, moment: Moment) -> String {
        let secs = moment.secs().clamp(0, LATEST);
        match self {
            Self::Unix => secs.to_string(),
            Self::UnixMs => moment.millis().max(0).to_string(),
            Self::UnixUs => moment.millis().max(0).saturating_mul(1000).to_string(),
            Self::Rfc3339 => {
                date::print_rfc3339(Moment::from_millis(moment.millis().clamp(0, LATEST.saturating_mul(1000))))
            }
            Self::HttpDate | Self::AzureDate => date::print_http(secs),
            Self::Base62 => print_base62(secs),
            Self::Be64 => {
                let bytes = secs.to_be_bytes();
                let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len().saturating_sub(1));
                super::encoding::Encoding::Base64Url.encode(bytes.get(first..).unwrap_or_default())
            }
        }
    }

    /// The smallest step that this format can tell, in milliseconds.
    pub const fn unit(self) -> Duration {
        match self {
            Self::Unix | Self::HttpDate | Self::AzureDate | Self::Base62 | Self::Be64 => Duration::from_secs(1),
            Self::UnixMs | Self::UnixUs | Self::Rfc3339 => Duration::from_millis(1),
        }
    }
}

/// How far a stamp may lie from now; both sides inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// How old it may be; for an expiry stamp: not used.
    pub past: Duration,
    /// How far ahead it may be.
    pub future: Duration,
    /// Whether the stamp is the end of validity instead of its beginning.
    pub expiry: bool,
}

impl Bounds {
    /// Judges a stamp in its own unit: `now` is truncated to it, so that exactly `past` seconds of age pass and one more does not.
    pub fn judge(&self, stamp: Moment, format: Format, now: Moment) -> Result<(), Rejection> {
        let unit = i64::try_from(format.unit().as_millis()).unwrap_or(1).max(1);
        let now = Moment::from_millis(now.millis().div_euclid(unit).saturating_mul(unit));
        let past = if self.expiry { Duration::ZERO } else { self.past };
        let note = if now.since(stamp) > past {
            format!("{} s older than allowed", now.since(stamp).saturating_sub(past).as_secs())
        } else if stamp.since(now) > self.future {
            format!("{} s further ahead than allowed", stamp.since(now).saturating_sub(self.future).as_secs())
        } else {
            return Ok(());
        };
        Err(Rejection::from(Code::TimestampOutsideWindow).because(note))
    }

    /// The last moment at which `stamp` would still be accepted, plus one unit for truncation.
    pub fn end(&self, stamp: Moment, format: Format) -> Moment {
        let past = if self.expiry { Duration::ZERO } else { self.past };
        stamp.plus(past).plus(format.unit())
    }
}

/// 1–17 ASCII digits without sign, space or leading zero: `parse` alone would take `+5` and `007`.
fn digits(text: &[u8]) -> Option<i64> {
    let zero_led = text.len() > 1 && text.first() == Some(&b'0');
    if text.is_empty() || text.len() > 17 || zero_led || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn base62(text: &[u8]) -> Option<Moment> {
    if text.is_empty() || text.len() > 8 || (text.len() > 1 && text.first() == Some(&b'0')) {
        return None;
    }
    let value = text.iter().try_fold(0_i64, |sum, digit| {
        let place = BASE62.iter().position(|known| known == digit)?;
        sum.checked_mul(62)?.checked_add(i64::try_from(place).ok()?)
    })?;
    (value <= LATEST).then(|| Moment::from_secs(value))
}

fn print_base62(mut secs: i64) -> String {
    let mut text = Vec::new();
    loop {
        let place = usize::try_from(secs.rem_euclid(62)).unwrap_or(0);
        text.push(char::from(BASE62.get(place).copied().unwrap_or(b'0')));
        secs = secs.div_euclid(62);
        if secs == 0 {
            return text.into_iter().rev().collect();
        }
    }
}

fn be64(text: &[u8]) -> Option<Moment> {
    let bytes = super::encoding::Encoding::Base64Url.decode(text, false)?;
    if bytes.is_empty() || bytes.len() > 6 || (bytes.len() > 1 && bytes.first() == Some(&0)) {
        return None;
    }
    let value = bytes.iter().fold(0_i64, |sum, byte| sum.saturating_mul(256).saturating_add(i64::from(*byte)));
    (value <= LATEST).then(|| Moment::from_secs(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        let table = [
            ("0", true),
            ("1", true),
            ("1760000000", true),
            ("99999999999999999", true),
            ("999999999999999999", false),
            ("", false),
            ("+5", false),
            ("-5", false),
            ("007", false),
            ("00", false),
            (" 5", false),
            ("5 ", false),
            ("5.0", false),
            ("5e3", false),
            ("0x5", false),
            ("1_000", false),
            ("٥", false),
        ];
        for (text, accepted) in table {
            assert_eq!(Format::Unix.parse(text.as_bytes()).is_some(), accepted, "{text:?}");
        }
    }

    #[test]
    fn what_is_printed_is_read_back() {
        for (name, format) in Format::NAMES {
            for secs in [0, 61, 62, 1_760_000_000, 4_102_444_800] {
                let moment = Moment::from_secs(secs);
                assert_eq!(format.parse(format.print(moment).as_bytes()), Some(moment), "{name} {secs}");
            }
        }
    }

    #[test]
    fn dates_have_one_spelling() {
        let table = [
            (Format::HttpDate, "Thu, 09 Oct 2025 08:53:20 GMT", true),
            (Format::HttpDate, "Fri, 09 Oct 2025 08:53:20 GMT", false),
            (Format::HttpDate, "Thursday, 09-Oct-25 08:53:20 GMT", false),
            (Format::HttpDate, "Oct, 09 2025 08:53:20.000000 GMT", false),
            (Format::AzureDate, "Thu, 09 Oct 2025 08:53:20 GMT", true),
            (Format::AzureDate, "Oct, 09 2025 08:53:20.000000 GMT", true),
            (Format::AzureDate, "Oct, 09 2025 08:53:20 GMT", false),
            (Format::AzureDate, "Oct, 32 2025 08:53:20.000000 GMT", false),
            (Format::AzureDate, "Oct, 09 2025 08:53:20.00000x GMT", false),
            (Format::AzureDate, "oct, 09 2025 08:53:20.000000 GMT", false),
            (Format::AzureDate, "Oct, 9 2025 08:53:20.0000000 GMT", false),
            (Format::Rfc3339, "2025-10-09T08:53:20Z", true),
            (Format::Rfc3339, "2025-10-09T08:53:20.123Z", true),
            (Format::Rfc3339, "2025-10-09T08:53:20+00:00", false),
            (Format::Rfc3339, "2025-10-09 08:53:20Z", false),
            (Format::Base62, "1v6O7k", true),
            (Format::Base62, "01v6O7k", false),
            (Format::Base62, "1v6O-k", false),
        ];
        for (format, text, accepted) in table {
            assert_eq!(format.parse(text.as_bytes()).is_some(), accepted, "{text}");
        }
    }

    #[test]
    fn the_window_is_inclusive_on_both_sides_and_counts_whole_units() {
        let bounds = Bounds { past: Duration::from_mins(1), future: Duration::from_mins(1), expiry: false };
        let stamp = Moment::from_secs(1000);
        for (now, fresh) in [(939_999, false), (940_000, true), (1_060_999, true), (1_061_000, false)] {
            assert_eq!(bounds.judge(stamp, Format::Unix, Moment::from_millis(now)).is_ok(), fresh, "at {now}");
        }
        for (now, fresh) in [(939_999, false), (940_000, true), (1_060_000, true), (1_060_001, false)] {
            assert_eq!(bounds.judge(stamp, Format::UnixMs, Moment::from_millis(now)).is_ok(), fresh, "at {now}");
        }
    }

    #[test]
    fn an_expiry_stamp_is_good_until_it_is_reached_and_not_too_far_ahead() {
        let bounds = Bounds { past: Duration::from_mins(1), future: Duration::from_secs(100), expiry: true };
        let stamp = Moment::from_secs(1000);
        for (now, fresh) in [(899, false), (900, true), (1000, true), (1001, false)] {
            assert_eq!(bounds.judge(stamp, Format::Unix, Moment::from_secs(now)).is_ok(), fresh, "at {now}");
        }
    }
}
