//! Which permitted requests are written: decided by the request id alone, so that every gateway on the way decides alike.

use std::hash::Hasher as _;

use super::quick::Fnv;
use super::record::{Record, Verdict};
use crate::policy::operations::Audit;

/// A part of all permitted requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sample {
    /// In millionths, below a million.
    share: u32,
}

impl Sample {
    /// So many of a million; `None` where that is all of them.
    pub(super) fn of(share: u32) -> Option<Self> {
        (share < Audit::ALL).then_some(Self { share })
    }

    /// Whether the request is left out. What was refused, or would have been, never is, nor is an answer that broke off.
    pub(super) fn omits(self, record: &Record) -> bool {
        let is_permitted = match record.verdict {
            Verdict::Verified | Verdict::Public => record.rejection.is_none() && !record.truncated,
            Verdict::Refused | Verdict::Observed => false,
        };
        is_permitted && !self.takes(&record.request_id)
    }

    fn takes(self, id: &[u8]) -> bool {
        let mut hasher = Fnv::default();
        hasher.write(id);
        // Ids that differ in their last characters differ in FNV's low bits only: they are spread over all of them.
        let spread = hasher.finish().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let spread = (spread ^ (spread >> 32_u32)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32_u32;
        let place = spread.wrapping_mul(u64::from(Audit::ALL)) >> 32_u32;
        place < u64::from(self.share)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::record;
    use super::*;
    use crate::reject::Code;

    #[test]
    fn about_as_many_are_taken_as_are_wanted() {
        for (share, expected) in [(0, 0..=0), (100_000, 900..=1100), (500_000, 4800..=5200), (999_999, 9990..=10_000)] {
            let sample = Sample::of(share).unwrap();
            let taken = (0..10_000).filter(|number| sample.takes(format!("01JD-{number:06x}").as_bytes())).count();
            assert!(expected.contains(&taken), "{share}: {taken}");
        }
        assert_eq!(Sample::of(Audit::ALL), None);
    }

    #[test]
    fn an_id_is_always_taken_or_never() {
        let sample = Sample::of(300_000).unwrap();
        for number in 0..100 {
            let id = format!("request-{number}");
            assert_eq!(sample.takes(id.as_bytes()), sample.takes(id.as_bytes()));
        }
    }

    #[test]
    fn only_what_was_permitted_is_left_out() {
        let none = Sample::of(0).unwrap();
        for (verdict, code, truncated, omitted) in [
            (Verdict::Verified, None, false, true),
            (Verdict::Public, None, false, true),
            (Verdict::Verified, None, true, false),
            (Verdict::Refused, Some(Code::Replayed), false, false),
            (Verdict::Refused, Some(Code::UpstreamTimeout), false, false),
            (Verdict::Observed, Some(Code::SignatureInvalid), false, false),
        ] {
            let mut told = record();
            (told.verdict, told.rejection, told.truncated) = (verdict, code.map(Into::into), truncated);
            assert_eq!(none.omits(&told), omitted, "{verdict:?} {code:?} {truncated}");
        }
    }
}
