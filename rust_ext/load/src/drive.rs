//! Who sends when: each connection after its last answer, or any by a schedule.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::connection::{Connection, Failure};
use crate::report::{Sample, Tally};
use crate::schedule::{Arrivals, Schedule};

/// How long a connection rests when the server refuses it.
const REST: Duration = Duration::from_millis(10);
/// How close an arrival is when the schedule polls the clock: timers come 1 ms late.
const NEAR: Duration = Duration::from_millis(2);

/// An open loop: requests are sent by a schedule, and not when an answer has come.
#[derive(Clone, Copy, Serialize)]
pub struct OpenLoop {
    /// Requests a second on average.
    pub rate_per_s: f64,
    /// How the gaps are spread.
    pub arrivals: Arrivals,
    /// Which schedule of that kind.
    pub seed: u64,
}

/// What all the connections of a run share.
pub struct Plan {
    /// The server.
    pub address: SocketAddr,
    /// The bytes to send, in turn.
    pub requests: Vec<Vec<u8>>,
    /// Connections, at most.
    pub connections: u16,
    /// Threads that share the connections.
    pub threads: u16,
    /// The schedule; without one, each connection sends when it has been answered.
    pub open_loop: Option<OpenLoop>,
    /// Whether the threads never sleep.
    pub busy_poll: bool,
    /// Whether each request is kept.
    pub raw: bool,
    /// When the schedule begins.
    pub start: Instant,
    /// Requests due earlier are not counted.
    pub measure_from: Instant,
    /// No request is due later.
    pub stop: Instant,
    /// What is not answered within this time of being due has timed out.
    pub timeout: Duration,
    /// Answers so far, warm-up included.
    pub answered: AtomicU64,
}

/// A request to send.
#[derive(Clone, Copy)]
struct Job {
    number: usize,
    due: Instant,
    /// Whether every connection was busy when it was due.
    queued: bool,
}

/// The connections of one thread.
struct Pool {
    plan: Arc<Plan>,
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tally: Tally,
    opened: usize,
    idle: Vec<Connection>,
    queue: VecDeque<Job>,
}

/// Drives the connections of one thread to the end of the plan, and returns its counts.
pub async fn drive(plan: Arc<Plan>, thread: u16) -> Tally {
    let mine = (thread..plan.connections).step_by(plan.threads.into());
    let state = Mutex::default();
    let pool = Arc::new(Pool { plan: Arc::clone(&plan), most: mine.len(), state });
    if let Some(OpenLoop { rate_per_s, arrivals, seed }) = plan.open_loop {
        let times = Schedule::new(rate_per_s, arrivals, seed).enumerate();
        for (number, due_s) in times.skip(thread.into()).step_by(plan.threads.into()) {
            let due = plan.start + Duration::from_secs_f64(due_s);
            if due >= plan.stop {
                break;
            }
            until(due, plan.busy_poll).await;
            pool.send(Job { number, due, queued: false });
        }
    } else {
        // Each connection walks over the same requests from another start.
        for connection in mine.map(usize::from) {
            let number =
                plan.requests.len() * connection / usize::from(plan.connections);
            pool.send(Job { number, due: Instant::now(), queued: false });
        }
    }
    while pool.is_busy() {
        if plan.busy_poll { yield_now().await } else { sleep(NEAR).await }
    }
    let mut state = pool.state();
    state.tally.opened = state.opened;
    std::mem::take(&mut state.tally)
}

/// Waits for a time while the connections work; they get a turn however late it is.
async fn until(due: Instant, busy_poll: bool) {
    yield_now().await;
    while let Some(left) = due.checked_duration_since(Instant::now()) {
        match left.checked_sub(NEAR) {
            Some(far) if !busy_poll => sleep(far).await,
            _ => yield_now().await,
        }
    }
}

impl Pool {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_busy(&self) -> bool {
        let state = self.state();
        state.idle.len() < state.opened
    }

    /// Sends a request on the connection used last of those that are free, on a new one,
    /// or on the first to become free.
    fn send(self: &Arc<Self>, job: Job) {
        let mut state = self.state();
        let connection = match state.idle.pop() {
            None if state.opened < self.most => {
                state.opened += 1;
                Some(Connection::new(self.plan.address))
            }
            free => free,
        };
        if let Some(connection) = connection {
            tokio::spawn(Arc::clone(self).work(connection, job));
        } else {
            state.queue.push_back(Job { queued: true, ..job });
        }
    }

    /// Sends a request, then others for as long as there are any.
    async fn work(self: Arc<Self>, mut connection: Connection, mut job: Job) {
        loop {
            let outcome = self.ask(&mut connection, job).await;
            let next = if self.plan.open_loop.is_some() {
                self.state().queue.pop_front()
            } else {
                if outcome == Err(Failure::Connect) {
                    sleep(REST).await;
                }
                let due = Instant::now();
                let next = Job { number: job.number + 1, due, queued: false };
                (due < self.plan.stop).then_some(next)
            };
            match next {
                Some(next) => job = next,
                None => break,
            }
        }
        self.state().idle.push(connection);
    }

    async fn ask(&self, connection: &mut Connection, job: Job) -> Result<u16, Failure> {
        let plan = &*self.plan;
        let request = &plan.requests[job.number % plan.requests.len()];
        let sent = Instant::now();
        let outcome = connection.ask(request, job.due + plan.timeout).await;
        let done = Instant::now();
        let mut state = self.state();
        if outcome.is_ok() {
            plan.answered.fetch_add(1, Ordering::Relaxed);
        }
        if outcome == Ok(200) && (plan.measure_from..plan.stop).contains(&done) {
            state.tally.answered_meanwhile += 1;
        }
        if let Some(scheduled) = job.due.checked_duration_since(plan.measure_from) {
            let sample = Sample {
                scheduled_s: scheduled.as_secs_f64(),
                waited_s: (sent - job.due).as_secs_f64(),
                latency_s: (done - job.due).as_secs_f64(),
                queued: job.queued,
                outcome,
            };
            state.tally.count(sample, plan.raw);
        }
        outcome
    }
}
