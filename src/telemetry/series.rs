//! How many in a minute, and how many are usual: one count that knows its own past.

/// Parts of one that the usual number is kept in.
const PARTS: u64 = 256;

/// Over about how many minutes the usual number is taken.
const MEMORY: u64 = 16;

/// After so many minutes of silence nothing of the past is left.
const FORGOTTEN: i64 = 240;

/// When a count is unusual.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Threshold {
    /// At least so many; 0 is never.
    pub(super) least: u32,
    /// At least so many times the usual number.
    pub(super) factor: u32,
}

/// One count.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Series {
    count: u64,
    /// In [`PARTS`].
    usual: u64,
    /// Whether it was told already that this is unusual.
    told: bool,
}

impl Series {
    /// One more in this minute; whether the count becomes unusual with it. An alarm is told once, and again after it was over.
    pub(super) fn add(&mut self, threshold: Threshold) -> bool {
        self.count = self.count.saturating_add(1);
        let alarms = !self.told && self.count >= self.limit(threshold) && threshold.least > 0;
        self.told |= alarms;
        alarms
    }

    /// So many minutes are over.
    pub(super) fn turn(&mut self, minutes: i64, threshold: Threshold) {
        for _ in 0..minutes.clamp(0, FORGOTTEN) {
            // It is over when the count is clearly below what would be unusual.
            self.told &= self.count.saturating_mul(2) >= self.limit(threshold);
            let target = self.count.saturating_mul(PARTS);
            self.usual = if target >= self.usual {
                self.usual.saturating_add(target.saturating_sub(self.usual).div_ceil(MEMORY))
            } else {
                self.usual.saturating_sub(self.usual.saturating_sub(target).div_ceil(MEMORY))
            };
            self.count = 0;
        }
    }

    /// So many in this minute.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// So many are usual in a minute, rounded down.
    pub(super) const fn usual(&self) -> u64 {
        self.usual / PARTS
    }

    /// Whether it says nothing that a new one would not say.
    pub(super) const fn is_forgettable(&self) -> bool {
        self.count == 0 && self.usual == 0 && !self.told
    }

    fn limit(&self, threshold: Threshold) -> u64 {
        let many_times = self.usual.saturating_mul(threshold.factor.into()) / PARTS;
        u64::from(threshold.least).max(many_times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLD: Threshold = Threshold { least: 20, factor: 5 };

    /// Minutes of so many each; whether each of them alarmed.
    fn alarms(series: &mut Series, minutes: &[u64]) -> Vec<usize> {
        let minute = |count: &u64| {
            let alarms = (0..*count).filter(|_| series.add(THRESHOLD)).count();
            series.turn(1, THRESHOLD);
            alarms
        };
        minutes.iter().map(minute).collect()
    }

    #[test]
    fn silence_and_what_is_usual_are_no_alarm() {
        assert_eq!(alarms(&mut Series::default(), &[0, 19, 0, 19, 3, 0]), [0; 6]);
        let mut busy = Series { usual: 30 * PARTS, ..Series::default() };
        assert_eq!(alarms(&mut busy, &[30, 35, 25, 60, 30, 90, 20]), [0; 7], "three times the usual is no alarm");
    }

    #[test]
    fn a_burst_is_told_once_and_a_second_one_again() {
        assert_eq!(alarms(&mut Series::default(), &[0, 20, 40, 60, 0, 0, 200]), [0, 1, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn the_alarm_comes_on_the_exact_count() {
        let mut fresh = Series::default();
        assert_eq!((0..25).map(|_| fresh.add(THRESHOLD)).position(|alarms| alarms), Some(19));
        let mut busy = Series { usual: 30 * PARTS, ..Series::default() };
        assert_eq!((0..200).map(|_| busy.add(THRESHOLD)).position(|alarms| alarms), Some(149));
        let mut off = Series::default();
        assert!(!(0..200).any(|_| off.add(Threshold { least: 0, factor: 5 })));
    }

    #[test]
    fn what_lasts_becomes_usual_and_what_ends_is_forgotten() {
        let mut series = Series::default();
        let steady = [100; 60];
        assert_eq!(alarms(&mut series, &steady).iter().sum::<usize>(), 1, "told once, then usual");
        assert!((90..=100).contains(&series.usual()), "{}", series.usual());
        series.turn(FORGOTTEN, THRESHOLD);
        assert!(series.is_forgettable(), "{series:?}");
    }
}
