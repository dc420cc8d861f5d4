//! A part of a whole: `0.1`, `1` or `10%`, exact to a millionth.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

const EXPECTED: &str = "a part of 1 such as `0.1` or `10%`";

/// The whole.
const WHOLE: u32 = 1_000_000;

/// Millionths, at most a million of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Share(pub(crate) u32);

impl Share {
    fn of_number(number: f64) -> Option<Self> {
        if !(0.0..=1.0).contains(&number) {
            return None;
        }
        let text = format!("{number:.6}");
        let (whole, part) = text.split_once('.')?;
        Some(Self(whole.parse::<u32>().ok()?.saturating_mul(WHOLE).saturating_add(part.parse().ok()?)))
    }

    fn of_text(text: &str) -> Option<Self> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        match text.strip_suffix('%') {
            Some(hundredths) if digits(hundredths) => Self::of_number(hundredths.parse::<f64>().ok()? / 100.0),
            None if digits(text) => Self::of_number(text.parse().ok()?),
            Some(_) | None => None,
        }
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl Visitor<'_> for Reader {
            type Value = Share;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Share, E> {
                Share::of_text(text).ok_or_else(|| E::custom(format!("expected {EXPECTED}")))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Share, E> {
                Share::of_number(number).ok_or_else(|| E::custom(format!("expected {EXPECTED}")))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Share, E> {
                let whole = u32::try_from(number).ok().filter(|number| *number <= 1);
                let share = whole.map(|number| Share(number.saturating_mul(WHOLE)));
                share.ok_or_else(|| E::custom(format!("expected {EXPECTED}")))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_between_nothing_and_everything() {
        for (text, share) in [
            ("0", Some(0)),
            ("1", Some(WHOLE)),
            ("0.1", Some(100_000)),
            ("10%", Some(100_000)),
            ("100%", Some(WHOLE)),
            ("0.000001", Some(1)),
            ("1.1", None),
            ("101%", None),
            ("-1", None),
            ("1e-3", None),
            ("NaN", None),
            ("%", None),
            ("", None),
        ] {
            assert_eq!(Share::of_text(text).map(|share| share.0), share, "{text}");
        }
        assert_eq!((Share::of_number(0.25), Share::of_number(f64::NAN)), (Some(Share(250_000)), None));
    }
}
