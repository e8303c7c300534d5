//! When requests are due in an open loop, whatever the server does.

use clap::ValueEnum;
use serde::Serialize;

/// How the gaps between requests are spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// Independent callers: exponential gaps
    Poisson,
    /// A metronome: equal gaps
    Constant,
}

/// The times at which requests are due, in seconds from the start, without end.
///
/// One seed gives the same times everywhere and in every release: the numbers come
/// from splitmix64, and not from a library that may change them.
pub struct Schedule {
    arrivals: Arrivals,
    rate_per_s: f64,
    count: f64,
    state: u64,
    due_s: f64,
}

impl Schedule {
    /// The schedule with so many requests a second on average.
    pub fn new(rate_per_s: f64, arrivals: Arrivals, seed: u64) -> Self {
        Self { arrivals, rate_per_s, count: 0.0, state: seed, due_s: 0.0 }
    }

    /// A number between 0 and 1, of which 1 is never drawn.
    #[allow(clippy::cast_precision_loss)] // 53 bits
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Iterator for Schedule {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        match self.arrivals {
            Arrivals::Poisson => {
                self.due_s -= (1.0 - self.uniform()).ln() / self.rate_per_s;
            }
            Arrivals::Constant => {
                self.count += 1.0;
                self.due_s = self.count / self.rate_per_s;
            }
        }
        Some(self.due_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f64 = 500.0;

    fn poisson(seed: u64) -> Vec<f64> {
        Schedule::new(RATE, Arrivals::Poisson, seed).take(100_000).collect()
    }

    #[test]
    fn gaps_are_exponential_with_the_mean_asked_for() {
        let times = poisson(1);
        let gaps: Vec<_> = std::iter::once(times[0])
            .chain(times.windows(2).map(|pair| pair[1] - pair[0]))
            .collect();
        // Five standard errors: the mean's is 1 / sqrt(n), a share's under 0.5 / sqrt(n).
        let relative = 5.0 / 100_000_f64.sqrt();
        assert!((times[99_999] * RATE / 1e5 - 1.0).abs() < relative);
        for means in [0.1, 0.5, 1.0, 3.0] {
            let longer = gaps.iter().filter(|gap| **gap * RATE > means).count();
            #[allow(clippy::cast_precision_loss)]
            let share = longer as f64 / 1e5;
            assert!(
                (share - (-means).exp()).abs() < relative / 2.0,
                "{means}: {share}"
            );
        }
    }

    #[test]
    fn a_seed_gives_its_times_and_no_others() {
        assert_eq!(poisson(7), poisson(7));
        assert_ne!(poisson(7)[..10], poisson(8)[..10]);
        // By hand from the generator's first published numbers for seed 0.
        let known = [0.004_296_483, 0.005_426_089, 0.005_479_668];
        for (time, known) in poisson(0).iter().zip(known) {
            assert!((time - known).abs() < 1e-9, "{:?}", &poisson(0)[..3]);
        }
    }

    #[test]
    fn constant_gaps_do_not_drift() {
        let mut schedule = Schedule::new(RATE, Arrivals::Constant, 0);
        assert_eq!(schedule.next(), Some(0.002));
        assert_eq!(schedule.nth(999_998), Some(2000.0));
    }
}
