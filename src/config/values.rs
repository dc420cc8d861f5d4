//! Scalars with a meaning: sizes, durations, addresses, networks, header names. Read strictly, explained when wrong.

mod places;

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::url::Url;

/// Text with a form of its own.
pub(crate) trait FromText: Sized {
    /// What to write, as in "expected …".
    const EXPECTED: &'static str;

    /// The value, or `None` where the text has not this form.
    fn from_text(text: &str) -> Option<Self>;

    /// The value of a bare number, where that has a meaning.
    fn from_number(_: u64) -> Option<Self> {
        None
    }
}

/// A scalar that is read by [`FromText`].
#[derive(Clone, Debug)]
pub(crate) struct Of<T>(pub(crate) T);

impl<'de, T: FromText> Deserialize<'de> for Of<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);

        impl<T: FromText> Visitor<'_> for Reader<T> {
            type Value = Of<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Of<T>, E> {
                T::from_text(text).map(Of).ok_or_else(|| E::custom(format!("expected {}", T::EXPECTED)))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Of<T>, E> {
                T::from_number(number).map(Of).ok_or_else(|| E::custom(format!("expected {}", T::EXPECTED)))
            }
        }

        deserializer.deserialize_any(Reader(PhantomData))
    }
}

/// Bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size(pub(crate) u64);

impl FromText for Size {
    const EXPECTED: &'static str = "a size such as `64KiB`, `10MiB` or a number of bytes";

    fn from_text(text: &str) -> Option<Self> {
        text.parse::<bytesize::ByteSize>().ok().map(|size| Self(size.as_u64()))
    }

    fn from_number(number: u64) -> Option<Self> {
        Some(Self(number))
    }
}

impl FromText for Duration {
    const EXPECTED: &'static str = "a duration with its unit, such as `500ms`, `30s`, `5m` or `90d`";

    fn from_text(text: &str) -> Option<Self> {
        humantime::parse_duration(text).ok()
    }

    fn from_number(number: u64) -> Option<Self> {
        (number == 0).then_some(Self::ZERO)
    }
}

/// The lower-case name of a header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct HeaderName(pub(crate) Bytes);

impl FromText for HeaderName {
    const EXPECTED: &'static str = "a header name";

    fn from_text(text: &str) -> Option<Self> {
        is_token(text).then(|| Self(text.to_ascii_lowercase().into()))
    }
}

/// A method's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct MethodName(pub(crate) crate::sig::message::Method);

impl FromText for MethodName {
    const EXPECTED: &'static str = "a method in capitals, such as `GET` or `POST`";

    fn from_text(text: &str) -> Option<Self> {
        let known = is_token(text) && !text.bytes().any(|byte| byte.is_ascii_lowercase());
        known.then(|| Self(crate::sig::message::Method::new(text)))
    }
}

/// `scheme://host[:port]` without path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Origin(pub(crate) String);

impl FromText for Origin {
    const EXPECTED: &'static str = "`https://host` or `https://host:port`, without a path";

    fn from_text(text: &str) -> Option<Self> {
        Url::parse(text).filter(|url| url.rest.is_empty()).map(|_| Self(text.to_owned()))
    }
}

/// `tchar` of RFC 9110 §5.6.2, at least one.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// A field value of RFC 9110 §5.5, without `obs-text`: visible ASCII with spaces and tabs within.
pub(crate) fn is_field_value(text: &str) -> bool {
    text.trim_matches([' ', '\t']) == text && text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

/// An HTTP status that a client may be answered with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Status(pub(crate) u16);

impl FromText for Status {
    const EXPECTED: &'static str = "a status from 200 to 599";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().and_then(Self::from_number)
    }

    fn from_number(number: u64) -> Option<Self> {
        u16::try_from(number).ok().filter(|status| (200..600).contains(status)).map(Self)
    }
}

/// So many in a second, a minute or an hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Frequency {
    /// How many.
    pub(crate) count: u32,
    /// Nanoseconds from one to the next, rounded up.
    pub(crate) every: u64,
}

impl FromText for Frequency {
    const EXPECTED: &'static str = "a rate such as `20/s`, `100/m` or `1000/h`, at most 1000000 of them";

    fn from_text(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once('/')?;
        let seconds: u64 = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return None,
        };
        let digits = !count.starts_with('0') && count.bytes().all(|byte| byte.is_ascii_digit());
        let count = count.parse::<u32>().ok().filter(|count| digits && (1..=1_000_000).contains(count))?;
        Some(Self { count, every: seconds.saturating_mul(1_000_000_000).div_ceil(count.into()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_a_count_and_a_unit() {
        for (text, every) in [
            ("1/s", Some(1_000_000_000)),
            ("3/s", Some(333_333_334)),
            ("1000000/s", Some(1_000)),
            ("90/m", Some(666_666_667)),
            ("1/h", Some(3_600_000_000_000)),
            ("0/s", None),
            ("01/s", None),
            ("+1/s", None),
            ("1000001/s", None),
            ("1/d", None),
            ("1 / s", None),
            ("/s", None),
            ("10", None),
            ("1/s/s", None),
        ] {
            assert_eq!(Frequency::from_text(text).map(|found| found.every), every, "{text}");
        }
    }

    #[test]
    fn sizes_and_durations_need_their_unit() {
        assert_eq!(Size::from_text("1MiB").map(|size| size.0), Some(1 << 20));
        assert_eq!(Size::from_number(7).map(|size| size.0), Some(7));
        assert!(Size::from_text("lots").is_none());
        assert_eq!(Duration::from_text("5m"), Some(Duration::from_mins(5)));
        assert_eq!(Duration::from_text("90d"), Some(Duration::from_hours(90 * 24)));
        assert!(Duration::from_text("5").is_none() && Duration::from_number(5).is_none());
    }

    #[test]
    fn names_and_values_of_headers_cannot_end_a_line() {
        for (text, name, value) in [
            ("X-A", true, true),
            ("x_1!~", true, true),
            ("", false, true),
            ("a b", false, true),
            ("a:b", false, true),
            ("a\tb", false, true),
            (" a", false, false),
            ("a\nb", false, false),
            ("a\rb", false, false),
            ("a\0", false, false),
            ("é", false, false),
        ] {
            assert_eq!((is_token(text), is_field_value(text)), (name, value), "{text:?}");
        }
        assert_eq!(HeaderName::from_text("X-A"), Some(HeaderName("x-a".into())));
    }

    #[test]
    fn a_public_url_has_no_path() {
        for (text, good) in [
            ("https://hooks.acme.com", true),
            ("http://h:8080", true),
            ("https://h/", false),
            ("https://h/x", false),
            ("https://u@h", false),
            ("ftp://h", false),
            ("h", false),
        ] {
            assert_eq!(Origin::from_text(text).is_some(), good, "{text}");
        }
    }
}
