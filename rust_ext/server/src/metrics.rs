//! What the server has done, as Prometheus reads it.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::response::Response;

use crate::error::Code;

/// The routes that are told apart, and the kinds of status.
pub const ROUTES: [&str; 4] =
    ["/predict", "/v2/models/{model}/infer", "/health", "other"];
const CLASSES: [&str; 3] = ["2xx", "4xx", "5xx"];
/// Where the buckets of the histogram end, in seconds.
const BOUNDS: [f64; 17] = [
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Counts since the start.
pub struct Metrics {
    started: SystemTime,
    requests: [[Histogram; CLASSES.len()]; ROUTES.len()],
    refusals: Mutex<BTreeMap<&'static str, u64>>,
    /// Rows that were answered.
    pub rows: AtomicU64,
}

#[derive(Default)]
struct Histogram {
    /// The last one is for all that is over the last bound.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            started: SystemTime::now(),
            requests: Default::default(),
            refusals: Mutex::default(),
            rows: AtomicU64::new(0),
        }
    }
}

/// The position of a path's route in [`ROUTES`].
pub fn route(path: &str) -> usize {
    if path == "/predict" {
        0
    } else if path.starts_with("/v2/models/") && path.ends_with("/infer") {
        1
    } else if path.starts_with("/health/") || path.starts_with("/v2/health/") {
        2
    } else {
        3
    }
}

impl Metrics {
    /// Counts an answer that took so long.
    pub fn count(&self, route: usize, answer: &Response, took: Duration) {
        let class = match answer.status().as_u16() {
            ..400 => 0,
            400..500 => 1,
            _ => 2,
        };
        self.requests[route][class].record(took);
        if let Some(Code(code)) = answer.extensions().get() {
            let mut refusals =
                self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            *refusals.entry(code).or_default() += 1;
        }
    }

    /// How many requests were answered, refused, and failed.
    pub fn totals(&self) -> [u64; CLASSES.len()] {
        let mut totals = [0; CLASSES.len()];
        for classes in &self.requests {
            for (total, histogram) in totals.iter_mut().zip(classes) {
                let buckets = histogram.buckets.iter();
                *total += buckets.map(|bucket| bucket.load(Relaxed)).sum::<u64>();
            }
        }
        totals
    }

    /// Writes all that was counted.
    pub fn write(&self, text: &mut String) -> fmt::Result {
        let name = "fare_http_request_duration_seconds";
        head(text, name, "histogram", "Time from a request's head to its answer")?;
        for (route, classes) in ROUTES.iter().zip(&self.requests) {
            for (class, histogram) in CLASSES.iter().zip(classes) {
                let labels = format!(r#"route="{route}",status="{class}""#);
                histogram.write(text, name, &labels)?;
            }
        }
        head(text, "fare_refusals_total", "counter", "Problems answered, by code")?;
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        for (code, count) in &*refusals {
            writeln!(text, r#"fare_refusals_total{{code="{code}"}} {count}"#)?;
        }
        let rows = self.rows.load(Relaxed);
        single(text, "fare_rows_total", "counter", "Rows answered", rows)?;
        let start = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (name, help) = ("process_start_time_seconds", "When the server started");
        single(text, name, "gauge", help, start.as_secs_f64())?;
        let (name, help) = ("process_resident_memory_bytes", "Memory in use");
        resident_bytes()
            .map_or(Ok(()), |bytes| single(text, name, "gauge", help, bytes))
    }
}

impl Histogram {
    fn record(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.iter().take_while(|bound| seconds > **bound).count();
        self.buckets[bucket].fetch_add(1, Relaxed);
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Relaxed);
    }

    fn write(&self, text: &mut String, name: &str, labels: &str) -> fmt::Result {
        let bounds = BOUNDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        let mut count = 0;
        for (bound, bucket) in bounds.zip(&self.buckets) {
            count += bucket.load(Relaxed);
            writeln!(text, r#"{name}_bucket{{{labels},le="{bound}"}} {count}"#)?;
        }
        let sum = Duration::from_nanos(self.nanoseconds.load(Relaxed)).as_secs_f64();
        writeln!(text, "{name}_sum{{{labels}}} {sum}\n{name}_count{{{labels}}} {count}")
    }
}

/// Writes a metric that has one value.
pub fn single(
    text: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    value: impl fmt::Display,
) -> fmt::Result {
    head(text, name, kind, help)?;
    writeln!(text, "{name} {value}")
}

/// Writes a metric whose labels say all: its value is 1.
pub fn info(
    text: &mut String,
    name: &str,
    help: &str,
    labels: &[(&str, &str)],
) -> fmt::Result {
    head(text, name, "gauge", help)?;
    let escaped = |value: &str| {
        value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n")
    };
    let labels: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!(r#"{key}="{}""#, escaped(value)))
        .collect();
    writeln!(text, "{name}{{{}}} 1", labels.join(","))
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

/// The memory that the process holds, where the system says so (Linux).
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_on_a_bound_is_under_it_and_buckets_add_up() {
        let histogram = Histogram::default();
        for micros in [50, 51, 100, 20_000_000] {
            histogram.record(Duration::from_micros(micros));
        }
        let mut text = String::new();
        histogram.write(&mut text, "t", "a=\"b\"").unwrap();
        let value =
            |line: &str| text.lines().find_map(|l| l.strip_prefix(line)).unwrap();
        for (bound, count) in
            [("0.00005", "1"), ("0.0001", "3"), ("10", "3"), ("+Inf", "4")]
        {
            assert_eq!(value(&format!(r#"t_bucket{{a="b",le="{bound}"}} "#)), count);
        }
        assert_eq!(
            (value("t_sum{a=\"b\"} "), value("t_count{a=\"b\"} ")),
            ("20.000201", "4")
        );
    }

    #[test]
    fn a_label_may_hold_anything() {
        let mut text = String::new();
        info(&mut text, "t", "h", &[("a", "\\\"\n"), ("b", "é")]).unwrap();
        assert!(text.ends_with("\nt{a=\"\\\\\\\"\\n\",b=\"é\"} 1\n"), "{text}");
    }
}
