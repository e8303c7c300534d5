//! Times by geometric buckets, each 1% wider than the one before.

use serde::{Serialize, Serializer};

/// The first bucket ends here, in seconds.
const FIRST: f64 = 1e-6;
const GROWTH: f64 = 1.01;
/// Enough for 100 seconds; longer times fall into the last bucket.
const BUCKETS: usize = 1853;

/// How many times fell into each bucket.
pub struct Histogram(Vec<u64>);

impl Default for Histogram {
    fn default() -> Self {
        Self(vec![0; BUCKETS])
    }
}

impl Histogram {
    /// Counts one time.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped
    pub fn record(&mut self, seconds: f64) {
        let bucket = (seconds / FIRST).ln() / GROWTH.ln();
        self.0[(bucket.ceil().max(0.0) as usize).min(BUCKETS - 1)] += 1;
    }

    /// How many times were counted.
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The time within which a share `q` of those counted lie, to 1%; none of none.
    #[allow(clippy::cast_precision_loss)] // counts stay far under 2^53
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let wanted = q * self.count() as f64;
        let mut seen = 0;
        let reached = self.buckets().find(|(_, count)| {
            seen += count;
            seen as f64 >= wanted
        });
        reached.map(|(upper, _)| upper)
    }

    /// The buckets that are not empty: upper bound in seconds, and count.
    fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let upper_bounds = std::iter::successors(Some(FIRST), |s| Some(s * GROWTH));
        upper_bounds.zip(self.0.iter().copied()).filter(|(_, count)| *count > 0)
    }

    /// Counts all that `other` has counted.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }
}

/// Serialises as `[[upper bound in seconds, count], ...]`, without empty buckets.
impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.buckets())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_lies_at_most_one_percent_under_its_upper_bound() {
        for seconds in [1.5e-6, 71e-6, 0.0123, 9.9] {
            let mut histogram = Histogram::default();
            histogram.record(seconds);
            let json = serde_json::to_string(&histogram).unwrap();
            let buckets: Vec<(f64, u64)> = serde_json::from_str(&json).unwrap();
            let [(upper, 1)] = buckets[..] else { panic!("{json}") };
            assert!(seconds <= upper * 1.000_001, "{seconds} over {upper}");
            assert!(seconds * 1.01 > upper * 0.999_999, "{seconds} under {upper}");
        }
    }

    #[test]
    fn a_quantile_is_the_time_within_which_that_share_lies() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        (1..=100).for_each(|ms| histogram.record(f64::from(ms) * 1e-3));
        for (q, seconds) in [(0.0, 0.001), (0.5, 0.05), (0.99, 0.099), (1.0, 0.1)] {
            let found = histogram.quantile(q).unwrap();
            assert!((seconds..seconds * 1.01).contains(&found), "{q}: {found}");
        }
    }

    #[test]
    fn no_time_is_lost_and_histograms_add_up() {
        let mut histogram = Histogram::default();
        for seconds in [0.0, 1e-9, 1e-6, 5.0, 1e9] {
            histogram.record(seconds);
        }
        let mut sum = Histogram::default();
        sum.add(&histogram);
        sum.add(&histogram);
        assert_eq!((histogram.count(), sum.count()), (5, 10));
    }
}
