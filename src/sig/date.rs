//! Calendar dates as HTTP and RFC 3339 write them, without a clock: days and seconds, in one spelling.

use super::time::Moment;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// 1 January 1970 was the first of these.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

const DAY: i64 = 86_400;

/// A day and a time of day, UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Civil {
    year: i64,
    /// From 1.
    month: i64,
    /// From 1.
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
}

impl Civil {
    /// The civil time of `secs` since 1970 (Howard Hinnant, "chrono-compatible low-level date algorithms").
    const fn of(secs: i64) -> Self {
        let (days, rest) = (secs.div_euclid(DAY), secs.rem_euclid(DAY));
        let shifted = days.saturating_add(719_468);
        let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let leaps = of_era
            .div_euclid(1460)
            .saturating_sub(of_era.div_euclid(36_524))
            .saturating_add(of_era.div_euclid(146_096));
        let year_of_era = of_era.saturating_sub(leaps).div_euclid(365);
        let before = days_before(year_of_era);
        let day_of_year = of_era.saturating_sub(before);
        let march_month = day_of_year.saturating_mul(5).saturating_add(2).div_euclid(153);
        let day = day_of_year.saturating_sub(month_start(march_month)).saturating_add(1);
        let month = if march_month < 10 { march_month.saturating_add(3) } else { march_month.saturating_sub(9) };
        let year = era.saturating_mul(400).saturating_add(year_of_era);
        let year = if month <= 2 { year.saturating_add(1) } else { year };
        let (hour, minute, second) = (rest.div_euclid(3600), rest.rem_euclid(3600).div_euclid(60), rest.rem_euclid(60));
        Self { year, month, day, hour, minute, second }
    }

    /// Seconds since 1970, if there is such a day and time from 1970 to 9999; leap seconds have no number of their own.
    fn secs(self) -> Option<i64> {
        let in_range = (1970..=9999).contains(&self.year)
            && (1..=12).contains(&self.month)
            && (1..=31).contains(&self.day)
            && (0..24).contains(&self.hour)
            && (0..60).contains(&self.minute)
            && (0..60).contains(&self.second);
        let (year, march_month) = match self.month {
            1 | 2 => (self.year.saturating_sub(1), self.month.saturating_add(9)),
            month => (self.year, month.saturating_sub(3)),
        };
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = month_start(march_month).saturating_add(self.day).saturating_sub(1);
        let of_era = days_before(year_of_era).saturating_add(day_of_year);
        let days = era.saturating_mul(146_097).saturating_add(of_era).saturating_sub(719_468);
        let time = self.hour.saturating_mul(3600).saturating_add(self.minute.saturating_mul(60));
        let secs = days.saturating_mul(DAY).saturating_add(time).saturating_add(self.second);
        // 31 April would come back as 1 May.
        (in_range && Self::of(secs) == self).then_some(secs)
    }
}

/// Days of an era before its year, which begins in March.
const fn days_before(year_of_era: i64) -> i64 {
    let leaps = year_of_era.div_euclid(4).saturating_sub(year_of_era.div_euclid(100));
    year_of_era.saturating_mul(365).saturating_add(leaps)
}

/// Days of a year before its month, both counted from March.
const fn month_start(march_month: i64) -> i64 {
    march_month.saturating_mul(153).saturating_add(2).div_euclid(5)
}

/// IMF-fixdate (RFC 9110 §5.6.7): `Thu, 09 Oct 2025 08:53:20 GMT`.
pub(crate) fn print_http(secs: i64) -> String {
    let Civil { year, month, day, hour, minute, second } = Civil::of(secs);
    let name = |names: &[&'static str], place: i64| {
        usize::try_from(place).ok().and_then(|place| names.get(place)).copied().unwrap_or_default()
    };
    let weekday = name(&WEEKDAYS, secs.div_euclid(DAY).rem_euclid(7));
    let month = name(&MONTHS, month.saturating_sub(1));
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// Exactly what [`print_http`] writes: the weekday is checked, the obsolete forms are not read.
pub(super) fn parse_http(text: &[u8]) -> Option<Moment> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() == 29 && text.is_ascii())?;
    let month = MONTHS.iter().position(|name| text.get(8..11) == Some(*name))?;
    let civil = Civil {
        year: number(text, 12, 16)?,
        month: i64::try_from(month).ok()?.saturating_add(1),
        day: number(text, 5, 7)?,
        hour: number(text, 17, 19)?,
        minute: number(text, 20, 22)?,
        second: number(text, 23, 25)?,
    };
    let secs = civil.secs()?;
    (print_http(secs) == text).then(|| Moment::from_secs(secs))
}

/// `Oct, 09 2025 08:53:20.123456 GMT`, its microseconds cut off: what azure-appconfiguration for Python puts where HTTP wants its own date.
pub(super) fn parse_azure(text: &[u8]) -> Option<Moment> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() == 32 && text.is_ascii())?;
    let month = MONTHS.iter().position(|name| text.get(..3) == Some(*name))?;
    let civil = Civil {
        year: number(text, 8, 12)?,
        month: i64::try_from(month).ok()?.saturating_add(1),
        day: number(text, 5, 7)?,
        hour: number(text, 13, 15)?,
        minute: number(text, 16, 18)?,
        second: number(text, 19, 21)?,
    };
    number(text, 22, 28)?;
    let marks = [(3, ", "), (7, " "), (12, " "), (15, ":"), (18, ":"), (21, "."), (28, " GMT")];
    let is_spelled =
        marks.into_iter().all(|(place, mark)| text.get(place..).is_some_and(|rest| rest.starts_with(mark)));
    civil.secs().filter(|_| is_spelled).map(Moment::from_secs)
}

/// RFC 3339 in UTC with milliseconds: `2025-10-09T08:53:20.000Z`.
pub(super) fn print_rfc3339(moment: Moment) -> String {
    let Civil { year, month, day, hour, minute, second } = Civil::of(moment.secs());
    let millis = moment.millis().rem_euclid(1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The same with a fraction of up to nine digits or none; below milliseconds it is cut off.
pub(super) fn parse_rfc3339(text: &[u8]) -> Option<Moment> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii() && text.len() <= 30)?;
    let (whole, rest) = text.split_at_checked(19)?;
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.into_iter().any(|(place, mark)| whole.as_bytes().get(place) != Some(&mark)) {
        return None;
    }
    let civil = Civil {
        year: number(whole, 0, 4)?,
        month: number(whole, 5, 7)?,
        day: number(whole, 8, 10)?,
        hour: number(whole, 11, 13)?,
        minute: number(whole, 14, 16)?,
        second: number(whole, 17, 19)?,
    };
    let millis = match rest.strip_suffix('Z')? {
        "" => 0,
        fraction => {
            let digits = fraction.strip_prefix('.').filter(|digits| (1..=9).contains(&digits.len()))?;
            number(digits, 0, digits.len())?;
            number(&format!("{digits}00"), 0, 3)?
        }
    };
    Some(Moment::from_millis(civil.secs()?.saturating_mul(1000).saturating_add(millis)))
}

/// The digits from `from` to `to`, nothing but digits.
fn number(text: &str, from: usize, to: usize) -> Option<i64> {
    let digits = text.get(from..to).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_from_1970_to_9999_is_read_back() {
        for day in (0..=2_932_896).step_by(11).chain([2_932_896]) {
            let secs = day * DAY + 86_399;
            assert_eq!(parse_http(print_http(secs).as_bytes()), Some(Moment::from_secs(secs)), "day {day}");
            let moment = Moment::from_millis(secs * 1000 + 999);
            assert_eq!(parse_rfc3339(print_rfc3339(moment).as_bytes()), Some(moment), "day {day}");
        }
    }

    #[test]
    fn dates_are_those_of_the_standards() {
        assert_eq!(print_http(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT", "RFC 9110 §5.6.7");
        assert_eq!(print_rfc3339(Moment::from_millis(482_196_050_520)), "1985-04-12T23:20:50.520Z", "RFC 3339 §5.8");
        assert_eq!(print_http(253_402_300_799), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn both_sides_of_every_edge_of_a_date() {
        for (text, good) in [
            ("2024-02-29T00:00:00Z", true),
            ("2025-02-29T00:00:00Z", false),
            ("2100-02-29T00:00:00Z", false),
            ("2000-02-29T00:00:00Z", true),
            ("2025-04-30T23:59:59Z", true),
            ("2025-04-31T00:00:00Z", false),
            ("2025-04-30T24:00:00Z", false),
            ("2025-04-30T23:60:00Z", false),
            ("2016-12-31T23:59:60Z", false),
            ("2025-00-01T00:00:00Z", false),
            ("2025-13-01T00:00:00Z", false),
            ("2025-01-00T00:00:00Z", false),
            ("1969-12-31T23:59:59Z", false),
            ("1970-01-01T00:00:00Z", true),
            ("9999-12-31T23:59:59Z", true),
            ("2025-01-01T00:00:00.Z", false),
            ("2025-01-01T00:00:00.1Z", true),
            ("2025-01-01T00:00:00.123456789Z", true),
            ("2025-01-01T00:00:00.1234567890Z", false),
            ("2025-01-01T00:00:00.-1Z", false),
            ("2025-01-01T00:00:00z", false),
            ("2025-01-01t00:00:00Z", false),
            ("2025-+1-01T00:00:00Z", false),
            ("2025-01-01T00:00:00", false),
            ("2025-01-01T00:00:0é", false),
        ] {
            assert_eq!(parse_rfc3339(text.as_bytes()).is_some(), good, "{text}");
        }
        assert_eq!(parse_rfc3339(b"1970-01-01T00:00:00.5Z"), Some(Moment::from_millis(500)));
        for text in [
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse_http(text.as_bytes()), None, "{text}");
        }
    }
}
