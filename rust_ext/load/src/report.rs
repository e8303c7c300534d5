//! What was counted, and the JSON object that says so.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Args;
use crate::histogram::Histogram;

/// Counts of the answers and failures of requests sent in the measured time.
#[derive(Default, Serialize)]
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
#[derive(Serialize)]
pub struct Report<'a> {
    url: &'a str,
    connections: u16,
    threads: u16,
    busy_poll: bool,
    warmup_s: f64,
    /// Requests are counted that were sent in these.
    seconds: f64,
    /// Answers with status 200.
    requests: u64,
    rate_per_s: f64,
    #[serde(flatten)]
    tally: Tally,
}

impl<'a> Report<'a> {
    /// The report of a run that counted `tally`.
    #[allow(clippy::cast_precision_loss)] // counts stay far under 2^53
    pub fn new(args: &'a Args, tally: Tally) -> Self {
        let (seconds, requests) = (args.seconds.as_secs_f64(), tally.histogram.count());
        Self {
            url: &args.url,
            connections: args.connections.get(),
            threads: args.threads.get(),
            busy_poll: args.busy_poll,
            warmup_s: args.warmup_s.as_secs_f64(),
            seconds,
            requests,
            rate_per_s: requests as f64 / seconds,
            tally,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn only_status_200_counts_as_a_request_answered() {
        let mut tally = Tally::default();
        tally.answer(200, 0.001);
        tally.answer(200, 0.001);
        tally.answer(429, 0.000_1);
        tally.failure("read");
        let args = "fare-load --url http://a/ --bodies b --seconds 4";
        let args = Args::parse_from(args.split(' '));
        let report = Report::new(&args, tally);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["requests"], 2);
        assert_eq!(json["rate_per_s"], 0.5);
        assert_eq!(json["statuses"], serde_json::json!({"200": 2, "429": 1}));
        assert_eq!(json["errors"], serde_json::json!({"read": 1}));
        assert_eq!(json["histogram"].as_array().unwrap().len(), 1);
        assert_eq!(json["histogram"][0][1], 2);
    }
}
