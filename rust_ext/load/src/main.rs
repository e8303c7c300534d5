//! Loads an HTTP server and prints the times of its answers.
//!
//! In a closed loop each of N keep-alive connections sends its next request when its
//! last one is answered, so a slow server is asked less often: the times say how long
//! an answer takes, not how long a caller waits who comes on a schedule of their own.
//! In an open loop (`--rate`) requests are due at their times whatever the server does,
//! and each is timed from when it was due.
#![forbid(unsafe_code)]

mod connection;
mod drive;
mod histogram;
mod report;
mod requests;
mod schedule;

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;

use drive::{OpenLoop, Plan, drive};
use report::{Report, Tally};
use requests::{Error, Target};
use schedule::Arrivals;

/// Sends many different bodies over keep-alive connections and prints one JSON object
/// with the times of the answers. Each connection sends its next request when it has
/// its answer, unless --rate says when requests are due.
#[derive(Parser)]
#[command(name = "fare-load", version)]
struct Args {
    /// Where to POST, such as `http://127.0.0.1:8000/predict`
    #[arg(long)]
    url: String,
    /// JSON lines: one request body a line, sent in turn
    #[arg(long, value_name = "FILE")]
    bodies: PathBuf,
    /// Keep-alive connections; with --rate, as many as are needed up to this, and
    /// requests that find all of them busy wait
    #[arg(long, default_value = "16")]
    connections: NonZeroU16,
    /// Threads that share the connections, no more than there are of these
    #[arg(long, default_value = "1")]
    threads: NonZeroU16,
    /// Never sleep while waiting: spends a whole core for each thread, but the server
    /// does not pay for waking this program with each answer (about 9 us in a virtual
    /// machine). For programs that have cores of their own
    #[arg(long)]
    busy_poll: bool,
    /// Requests a second on average, sent by a schedule and timed from when they were
    /// due; the last 2 ms before each are spent polling the clock
    #[arg(long, value_name = "PER_S", value_parser = rate)]
    rate: Option<f64>,
    /// How the gaps of the schedule are spread
    #[arg(long, default_value = "poisson", requires = "rate")]
    arrivals: Arrivals,
    /// Which schedule of that kind
    #[arg(long, default_value = "0", requires = "rate")]
    seed: u64,
    /// How long to measure
    #[arg(long, default_value = "2", value_parser = seconds)]
    seconds: Duration,
    /// How long to send before measuring
    #[arg(long, default_value = "0.5", value_parser = seconds)]
    warmup_s: Duration,
    /// How long to wait for an answer, from when the request was due
    #[arg(long, default_value = "10", value_parser = seconds)]
    timeout_s: Duration,
    /// Also write each request as a line of CSV: when it was due, how long it waited to
    /// be sent, its latency, whether all connections were busy, and its status or error
    #[arg(long, value_name = "FILE")]
    raw: Option<PathBuf>,
}

impl Args {
    /// The schedule, if there is one.
    fn open_loop(&self) -> Option<OpenLoop> {
        let Self { arrivals, seed, .. } = *self;
        self.rate.map(|rate_per_s| OpenLoop { rate_per_s, arrivals, seed })
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    if seconds > 86_400.0 {
        return Err("more than a day".to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (1e-3..=1e6).contains(&rate) => Ok(rate),
        _ => Err("not a rate from 0.001 to 1000000 a second".to_owned()),
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fare-load: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<(), Error> {
    let target = Target::parse(&args.url)?;
    let requests = target.requests(&args.bodies)?;
    let create = |path: &PathBuf| {
        File::create(path).map_err(|why| Error::Raw { path: path.clone(), why })
    };
    let raw = args.raw.as_ref().map(create).transpose()?;
    let address = target.reach()?;
    let start = Instant::now();
    let measure_from = start + args.warmup_s;
    let plan = Arc::new(Plan {
        address,
        requests,
        connections: args.connections.get(),
        threads: args.threads.min(args.connections).get(),
        open_loop: args.open_loop(),
        busy_poll: args.busy_poll,
        raw: raw.is_some(),
        start,
        measure_from,
        stop: measure_from + args.seconds,
        timeout: args.timeout_s,
        answered: AtomicU64::new(0),
    });
    let mut tally = load(&plan)?;
    if let Some(file) = raw {
        tally.write_samples(BufWriter::new(file))?;
    }
    let mut out = std::io::stdout().lock();
    let report = Report::new(args, tally);
    serde_json::to_writer(&mut out, &report).map_err(std::io::Error::from)?;
    Ok(writeln!(out)?)
}

/// Counts of all the connections.
fn load(plan: &Arc<Plan>) -> Result<Tally, Error> {
    let (sender, tallies) = mpsc::channel();
    for thread in 0..plan.threads {
        let (plan, sender) = (Arc::clone(plan), sender.clone());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::spawn(move || {
            // Nobody listens any more only if the program is ending.
            let _ = sender.send(runtime.block_on(drive(plan, thread)));
        });
    }
    drop(sender);
    if std::io::stderr().is_terminal() {
        show_progress(plan);
    }
    let mut total = Tally::default();
    for tally in tallies {
        total.add(tally);
    }
    Ok(total)
}

/// Writes the rate of each second to standard error until the plan ends.
fn show_progress(plan: &Plan) {
    let mut before = 0;
    let mut next = Instant::now() + Duration::from_secs(1);
    while next < plan.stop {
        thread::sleep(next.saturating_duration_since(Instant::now()));
        let answered = plan.answered.load(Ordering::Relaxed);
        let phase = if next < plan.measure_from { "warm-up" } else { "measuring" };
        eprintln!("fare-load: {phase}, {} answers/s", answered - before);
        before = answered;
        next += Duration::from_secs(1);
    }
}
