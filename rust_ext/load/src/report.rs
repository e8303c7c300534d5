//! What was counted, and the JSON object that says so.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::histogram::Histogram;

/// Counts of the answers and failures of requests sent in the measured time.
#[derive(Default)]
pub struct Tally {
    /// Times of the answers with status 200, no others.
    pub histogram: Histogram,
    /// How many answers had each status.
    pub statuses: BTreeMap<u16, u64>,
    /// How many requests failed, by what failed.
    pub errors: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Counts an answer.
    pub fn answer(&mut self, status: u16, seconds: f64) {
        *self.statuses.entry(status).or_default() += 1;
        if status == 200 {
            self.histogram.record(seconds);
        }
    }

    /// Counts a request without an answer.
    pub fn failure(&mut self, name: &'static str) {
        *self.errors.entry(name).or_default() += 1;
    }

    /// Counts all that `other` has counted.
    pub fn add(&mut self, other: &Self) {
        self.histogram.add(&other.histogram);
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        for (name, count) in &other.errors {
            *self.errors.entry(name).or_default() += count;
        }
    }
}

/// A run, as it is printed.
pub struct Report<'a> {
    /// What was loaded.
    pub url: &'a str,
    /// Connections at once.
    pub connections: u16,
    /// Threads that drove them.
    pub threads: u16,
    /// Seconds before the measured time.
    pub warmup_s: f64,
    /// Seconds measured: requests are counted that were sent in them.
    pub seconds: f64,
    /// The counts.
    pub tally: Tally,
}

/// `requests` and `rate_per_s` count the answers with status 200.
impl Serialize for Report<'_> {
    #[allow(clippy::cast_precision_loss)] // counts stay far under 2^53
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let requests = self.tally.histogram.count();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("url", self.url)?;
        map.serialize_entry("connections", &self.connections)?;
        map.serialize_entry("threads", &self.threads)?;
        map.serialize_entry("warmup_s", &self.warmup_s)?;
        map.serialize_entry("seconds", &self.seconds)?;
        map.serialize_entry("requests", &requests)?;
        map.serialize_entry("rate_per_s", &(requests as f64 / self.seconds))?;
        map.serialize_entry("statuses", &self.tally.statuses)?;
        map.serialize_entry("errors", &self.tally.errors)?;
        map.serialize_entry("histogram", &self.tally.histogram)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_status_200_counts_as_a_request_answered() {
        let mut tally = Tally::default();
        tally.answer(200, 0.001);
        tally.answer(200, 0.001);
        tally.answer(429, 0.000_1);
        tally.failure("read");
        let report = Report {
            url: "http://a/",
            connections: 2,
            threads: 1,
            warmup_s: 0.5,
            seconds: 4.0,
            tally,
        };
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["requests"], 2);
        assert_eq!(json["rate_per_s"], 0.5);
        assert_eq!(json["statuses"], serde_json::json!({"200": 2, "429": 1}));
        assert_eq!(json["errors"], serde_json::json!({"read": 1}));
        assert_eq!(json["histogram"].as_array().unwrap().len(), 1);
        assert_eq!(json["histogram"][0][1], 2);
    }
}
