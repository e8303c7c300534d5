//! Loads an HTTP server in a closed loop and prints the times of its answers.
//!
//! Each of N keep-alive connections sends its next request when its last one is
//! answered, so a slow server is asked less often: the times say how long an
//! answer takes, not how long a caller waits who comes on a schedule of their own.
#![forbid(unsafe_code)]

mod connection;
mod histogram;
mod report;
mod requests;

use std::io::{IsTerminal, Write};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;

use connection::Plan;
use report::{Report, Tally};
use requests::{Error, Target};

/// How long an answer may take after the last request is sent.
const GRACE: Duration = Duration::from_secs(10);

/// Sends many different bodies over keep-alive connections, each connection
/// waiting for its answer, and prints one JSON object with the times.
#[derive(Parser)]
#[command(name = "fare-load", version)]
struct Args {
    /// Where to POST, such as `http://127.0.0.1:8000/predict`
    #[arg(long)]
    url: String,
    /// JSON lines: one request body a line, sent in turn
    #[arg(long, value_name = "FILE")]
    bodies: PathBuf,
    /// Keep-alive connections
    #[arg(long, default_value = "16")]
    connections: NonZeroU16,
    /// Threads that the connections share
    #[arg(long, default_value = "1")]
    threads: NonZeroU16,
    /// Never sleep while waiting: spends a whole core for each thread, but the server
    /// does not pay for waking this program with each answer (about 9 us in a virtual
    /// machine). For programs that have cores of their own
    #[arg(long)]
    busy_poll: bool,
    /// How long to measure
    #[arg(long, default_value = "2", value_parser = seconds)]
    seconds: Duration,
    /// How long to send before measuring
    #[arg(long, default_value = "0.5", value_parser = seconds)]
    warmup_s: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    if seconds > 86_400.0 {
        return Err("more than a day".to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
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
    let measure_from = Instant::now() + args.warmup_s;
    let stop = measure_from + args.seconds;
    let plan = Arc::new(Plan {
        address: target.reach()?,
        requests,
        connections: args.connections.get(),
        busy_poll: args.busy_poll,
        measure_from,
        stop,
        give_up: stop + GRACE,
        answered: AtomicU64::new(0),
    });
    let report = Report::new(args, load(&plan, args.threads.get())?);
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &report).map_err(std::io::Error::from)?;
    Ok(writeln!(out)?)
}

/// Counts of all the connections, driven by `threads` threads.
fn load(plan: &Arc<Plan>, threads: u16) -> Result<Tally, Error> {
    let (sender, tallies) = mpsc::channel();
    for thread in 0..threads {
        let (plan, sender) = (Arc::clone(plan), sender.clone());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::spawn(move || {
            let share = (thread..plan.connections).step_by(usize::from(threads));
            runtime.block_on(connection::drive(&plan, share, &sender));
        });
    }
    drop(sender);
    if std::io::stderr().is_terminal() {
        show_progress(plan);
    }
    let mut total = Tally::default();
    for tally in tallies {
        total.add(&tally);
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
