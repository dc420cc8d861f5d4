//! Dates and times as people write them into key files: RFC 3339, or a date alone.

use std::time::{Duration, UNIX_EPOCH};

use crate::sig::time::Moment;

/// The last second of the years that RFC 3339 can write.
const LAST: u64 = 253_402_300_799;

/// `2026-11-22` (midnight UTC), `2026-11-22T10:00:00Z`, `2026-11-22T11:00:00.5+01:00`; `None` for anything else.
pub(crate) fn parse(text: &str) -> Option<Moment> {
    if text.len() == 10 {
        return utc(&format!("{text}T00:00:00Z"));
    }
    if text.ends_with('Z') {
        return utc(text);
    }
    let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let here = utc(&format!("{local}Z"))?;
    let away = offset_of(offset.get(1..)?)?;
    match offset.as_bytes().first()? {
        b'+' => Some(here.minus(away)),
        b'-' => Some(here.plus(away)),
        _ => None,
    }
}

/// A moment as it is written into key files, to the second.
pub(crate) fn written(moment: Moment) -> String {
    let seconds = u64::try_from(moment.secs()).unwrap_or(0).min(LAST);
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_seconds(time).to_string()
}

/// `hh:mm` east or west of Greenwich (RFC 3339 §5.6).
fn offset_of(text: &str) -> Option<Duration> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |digits: &str, most: u64| {
        let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|number| plain && *number <= most)
    };
    let minutes = number(minutes, 59)?.saturating_add(number(hours, 23)?.saturating_mul(60));
    Some(Duration::from_secs(minutes.saturating_mul(60)))
}

fn utc(text: &str) -> Option<Moment> {
    let time = humantime::parse_rfc3339(text).ok()?;
    Some(Moment::default().plus(time.duration_since(UNIX_EPOCH).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_midnight_utc_and_an_offset_is_counted() {
        for (text, millis) in [
            ("1970-01-02", 86_400_000),
            ("1970-01-01T00:00:01Z", 1_000),
            ("1970-01-01T00:00:01.250Z", 1_250),
            ("1970-01-01T01:00:00+01:00", 0),
            ("1970-01-01T00:00:00-00:30", 1_800_000),
            ("2026-11-22T00:00:00Z", 1_795_305_600_000),
        ] {
            assert_eq!(parse(text), Some(Moment::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_date_is_none() {
        for text in [
            "",
            "Z",
            "2026",
            "2026-13-01",
            "2026-02-30",
            "22.11.2026",
            "2026-11-22T10:00",
            "2026-11-22T10:00:00",
            "2026-11-22T10:00:00+24:00",
            "2026-11-22T10:00:00+1:000",
            "2026-11-22T10:00:00*01:00",
            "zwölf Uhr",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
