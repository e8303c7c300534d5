//! Whether a run keeps the GIL, Python's lock.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use engine::Tensor;
use pyo3::prelude::*;

// region: release
/// Rows from which a run releases the GIL: for fewer, a small model answers sooner than
/// two threads hand it over.
const ROWS_TO_RELEASE: usize = 10;
/// Numbers from which few rows are much: images, say.
const NUMBERS_TO_RELEASE: usize = 1 << 12;
/// What a run on few rows takes where a model is small and slow; so many such runs at
/// first, and all later ones release the GIL.
const SLOW: Duration = Duration::from_millis(1);
const SLOW_RUNS: u8 = 3;
/// Bytes from which a model is not small: it releases the GIL for one row already.
const LARGE_MODEL: u64 = 1 << 20;
// endregion: release

const QUICK: u8 = u8::MAX;

/// What is known of a session's runs.
pub struct Gil {
    rows_to_release: usize,
    /// How many runs on few rows were slow, until one was not: then [`QUICK`].
    slow_runs: AtomicU8,
}

impl Gil {
    /// For a model of so many bytes.
    pub fn of(model: u64) -> Self {
        Self {
            rows_to_release: if model < LARGE_MODEL { ROWS_TO_RELEASE } else { 0 },
            slow_runs: AtomicU8::new(0),
        }
    }

    /// Whether an input has so few rows that the run may be short.
    pub fn few_rows(&self, input: Option<&Tensor>) -> bool {
        input.is_some_and(|input| {
            let rows = input.shape().first();
            rows.is_some_and(|&rows| rows < self.rows_to_release)
                && input.len() < NUMBERS_TO_RELEASE
        })
    }

    /// Runs with the GIL where that is over before another thread would have it.
    pub fn run<T: Send>(
        &self,
        py: Python<'_>,
        few_rows: bool,
        run: impl FnOnce() -> T + Send,
    ) -> T {
        let slow_runs = self.slow_runs.load(Ordering::Relaxed);
        if !few_rows || slow_runs == SLOW_RUNS {
            return py.detach(run);
        }
        if slow_runs == QUICK {
            return run();
        }
        let start = Instant::now();
        let outcome = run();
        let seen = if start.elapsed() < SLOW { QUICK } else { slow_runs + 1 };
        self.slow_runs.store(seen, Ordering::Relaxed);
        outcome
    }
}
