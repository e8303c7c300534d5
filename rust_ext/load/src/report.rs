//! What was counted, and the JSON object that says so.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use crate::Args;
use crate::connection::Failure;
use crate::drive::OpenLoop;
use crate::histogram::Histogram;

/// One request due in the measured time.
#[derive(Clone, Copy)]
pub struct Sample {
    /// When it was due, from the begin of the measured time.
    pub scheduled_s: f64,
    /// From then until it was sent.
    pub waited_s: f64,
    /// From when it was due until it was answered, or had failed.
    pub latency_s: f64,
    /// Whether every connection was busy when it was due.
    pub queued: bool,
    /// The status of the answer, or why there is none.
    pub outcome: Result<u16, Failure>,
}

/// Counts of the requests due in the measured time.
#[derive(Default)]
pub struct Tally {
    /// Times of the answers with status 200, no others.
    histogram: Histogram,
    /// How many answers had each status.
    statuses: BTreeMap<u16, u64>,
    /// How many requests failed, by what failed.
    errors: BTreeMap<&'static str, u64>,
    /// How long requests waited that found a free connection: the generator's fault.
    lateness: Histogram,
    max_lateness_s: f64,
    queued: u64,
    /// Answers with status 200 that came in the measured time, whenever due.
    pub answered_meanwhile: u64,
    /// Connections opened.
    pub opened: usize,
    samples: Vec<Sample>,
}

impl Tally {
    /// Counts a request, and keeps it if the tally is to be `raw`.
    pub fn count(&mut self, sample: Sample, raw: bool) {
        match sample.outcome {
            Ok(status) => *self.statuses.entry(status).or_default() += 1,
            Err(failure) => *self.errors.entry(failure.name()).or_default() += 1,
        }
        if sample.outcome == Ok(200) {
            self.histogram.record(sample.latency_s);
        }
        if sample.queued {
            self.queued += 1;
        } else {
            self.lateness.record(sample.waited_s);
            self.max_lateness_s = self.max_lateness_s.max(sample.waited_s);
        }
        if raw {
            self.samples.push(sample);
        }
    }

    /// Counts all that `other` has counted.
    pub fn add(&mut self, mut other: Self) {
        self.histogram.add(&other.histogram);
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        for (name, count) in other.errors {
            *self.errors.entry(name).or_default() += count;
        }
        self.lateness.add(&other.lateness);
        self.max_lateness_s = self.max_lateness_s.max(other.max_lateness_s);
        self.queued += other.queued;
        self.answered_meanwhile += other.answered_meanwhile;
        self.opened += other.opened;
        self.samples.append(&mut other.samples);
    }

    /// Writes the requests that were kept as CSV, in the order in which they were due;
    /// what was not answered has no latency.
    pub fn write_samples(&mut self, mut out: impl Write) -> io::Result<()> {
        self.samples.sort_by(|a, b| a.scheduled_s.total_cmp(&b.scheduled_s));
        writeln!(out, "scheduled_s,waited_s,latency_s,queued,outcome")?;
        for sample in &self.samples {
            let Sample { scheduled_s, waited_s, latency_s, queued, outcome } = sample;
            write!(out, "{scheduled_s:.9},{waited_s:.9},")?;
            match outcome {
                Ok(status) => writeln!(out, "{latency_s:.9},{queued},{status}")?,
                Err(failure) => writeln!(out, ",{queued},{}", failure.name())?,
            }
        }
        out.flush()
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
    timeout_s: f64,
    /// Requests are counted that were due in these.
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_loop: Option<Schedule>,
    /// Requests answered with status 200: what the histogram holds.
    requests: u64,
    /// Answers with status 200 that came in each of the measured seconds.
    rate_per_s: f64,
    histogram: Histogram,
    statuses: BTreeMap<u16, u64>,
    errors: BTreeMap<&'static str, u64>,
}

/// How the schedule of an open loop was kept.
#[derive(Serialize)]
struct Schedule {
    #[serde(flatten)]
    asked: OpenLoop,
    /// Requests due in the measured time, whatever became of them.
    scheduled: u64,
    /// How many of them found every connection busy.
    queued: u64,
    /// Connections opened.
    opened: usize,
    /// By how much requests were sent late although a connection was free.
    lateness_p50_s: Option<f64>,
    lateness_p99_s: Option<f64>,
    lateness_max_s: f64,
}

impl<'a> Report<'a> {
    /// The report of a run that counted `tally`.
    #[allow(clippy::cast_precision_loss)] // counts stay far under 2^53
    pub fn new(args: &'a Args, tally: Tally) -> Self {
        let seconds = args.seconds.as_secs_f64();
        let open_loop = args.open_loop().map(|asked| Schedule {
            asked,
            scheduled: tally.statuses.values().chain(tally.errors.values()).sum(),
            queued: tally.queued,
            opened: tally.opened,
            lateness_p50_s: tally.lateness.quantile(0.5),
            lateness_p99_s: tally.lateness.quantile(0.99),
            lateness_max_s: tally.max_lateness_s,
        });
        Self {
            url: &args.url,
            connections: args.connections.get(),
            threads: args.threads.get(),
            busy_poll: args.busy_poll,
            warmup_s: args.warmup_s.as_secs_f64(),
            timeout_s: args.timeout_s.as_secs_f64(),
            seconds,
            open_loop,
            requests: tally.histogram.count(),
            rate_per_s: tally.answered_meanwhile as f64 / seconds,
            histogram: tally.histogram,
            statuses: tally.statuses,
            errors: tally.errors,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn sample(scheduled_s: f64, outcome: Result<u16, Failure>) -> Sample {
        Sample { scheduled_s, waited_s: 0.25, latency_s: 0.5, queued: false, outcome }
    }

    fn tally() -> Tally {
        let mut tally = Tally { answered_meanwhile: 2, opened: 1, ..Tally::default() };
        tally.count(sample(3.0, Ok(200)), true);
        tally.count(sample(1.0, Err(Failure::Timeout)), true);
        let mut other = Tally { answered_meanwhile: 4, opened: 2, ..Tally::default() };
        other.count(sample(2.0, Ok(429)), true);
        other.count(Sample { queued: true, ..sample(0.0, Ok(200)) }, true);
        tally.add(other);
        tally
    }

    fn report(options: &str) -> serde_json::Value {
        let args =
            format!("fare-load --url http://a/ --bodies b --seconds 4 {options}");
        let args = Args::parse_from(args.split_whitespace());
        serde_json::to_value(Report::new(&args, tally())).unwrap()
    }

    #[test]
    fn only_status_200_counts_as_a_request_answered() {
        let json = report("");
        assert_eq!((&json["requests"], &json["rate_per_s"]), (&2.into(), &1.5.into()));
        assert_eq!(json["statuses"], serde_json::json!({"200": 2, "429": 1}));
        assert_eq!(json["errors"], serde_json::json!({"timeout": 1}));
        assert_eq!(json["histogram"].as_array().unwrap().len(), 1);
        assert_eq!(json["histogram"][0][1], 2);
        assert_eq!(json.get("open_loop"), None);
    }

    #[test]
    fn a_wait_for_a_connection_is_not_the_generators_lateness() {
        let kept = &report("--rate 100 --seed 3")["open_loop"];
        assert_eq!((&kept["rate_per_s"], &kept["seed"]), (&100.0.into(), &3.into()));
        assert_eq!(kept["arrivals"], "poisson");
        assert_eq!((&kept["scheduled"], &kept["queued"]), (&4.into(), &1.into()));
        assert_eq!(kept["opened"], 3);
        assert_eq!(kept["lateness_max_s"], 0.25);
        assert!((0.25..0.253).contains(&kept["lateness_p50_s"].as_f64().unwrap()));
    }

    #[test]
    fn requests_are_written_in_the_order_of_the_schedule() {
        let mut out = Vec::new();
        tally().write_samples(&mut out).unwrap();
        let expected = "scheduled_s,waited_s,latency_s,queued,outcome\n\
            0.000000000,0.250000000,0.500000000,true,200\n\
            1.000000000,0.250000000,,false,timeout\n\
            2.000000000,0.250000000,0.500000000,false,429\n\
            3.000000000,0.250000000,0.500000000,false,200\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
