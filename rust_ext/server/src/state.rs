//! What the requests of a server share.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyper::body::{Buf, Bytes};
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::config::Config;
use crate::error::Problem;
use crate::metrics::Metrics;
use crate::model::{Answer, Model};

/// A request that takes longer than this is worth the 10 us of a hand-over.
const SHORT: Duration = Duration::from_micros(500);
/// Rows of the bodies that are timed to find out what takes so long.
const SAMPLE_ROWS: usize = 16;

/// A model, and the limits within which it answers.
pub struct State {
    /// The options.
    pub config: Config,
    /// Bodies of up to so many bytes are answered on the thread that read them.
    pub inline_bytes: usize,
    /// The model.
    pub model: Model,
    /// The SHA-256 of the model's file, in hexadecimal digits.
    pub sha256: String,
    /// What was done so far.
    pub metrics: Metrics,
    places: Arc<Semaphore>,
    answered: AtomicBool,
    stopping: AtomicBool,
}

impl State {
    /// The state of a server whose model has made its first predictions; where it
    /// could not, the server is not ready until one succeeds.
    #[must_use]
    pub fn new(model: Model, config: Config) -> Arc<Self> {
        let row = model.sample(1).to_string();
        let first = model.predict(row.as_bytes());
        if let Err(problem) = &first {
            tracing::warn!(%problem, "a made-up row has no answer: not ready");
        }
        Arc::new(Self {
            inline_bytes: short_body(&model),
            places: Arc::new(Semaphore::new(config.max_inflight.get() as usize)),
            answered: AtomicBool::new(first.is_ok()),
            stopping: AtomicBool::new(false),
            metrics: Metrics::default(),
            sha256: sha256(&config.model).unwrap_or_default(),
            config,
            model,
        })
    }

    /// The model's answer to a body: at once where that takes no time, else from a
    /// thread that keeps a place until it has finished.
    ///
    /// # Errors
    /// What is wrong with the body, or with the model; [`Problem::Overloaded`] where no
    /// place is free; [`Problem::Timeout`].
    pub async fn answer(
        self: Arc<Self>,
        mut body: impl Buf + Send + 'static,
        work: impl FnOnce(&Model, &[u8]) -> Result<Answer, Problem> + Send + 'static,
    ) -> Result<Answer, Problem> {
        let place = self.admit()?;
        let answer = if body.remaining() <= self.inline_bytes {
            self.note(work(&self.model, &whole(&mut body)))
        } else {
            Arc::clone(&self).in_turn(place, body, work).await
        };
        if let Ok(answer) = &answer {
            self.metrics.rows.fetch_add(answer.rows as u64, Ordering::Relaxed);
        }
        answer
    }

    /// The answer from another thread, in its turn.
    async fn in_turn(
        self: Arc<Self>,
        place: OwnedSemaphorePermit,
        mut body: impl Buf + Send + 'static,
        work: impl FnOnce(&Model, &[u8]) -> Result<Answer, Problem> + Send + 'static,
    ) -> Result<Answer, Problem> {
        let (limit, asked) = (self.config.timeout_s, Instant::now());
        let mut job = spawn_blocking(move || {
            let (_place, queued) = (place, asked.elapsed());
            // Short requests share the processor, and would wait for a whole slice of
            // the scheduler's time.
            if let Err(error) = engine::yield_to_others() {
                tracing::debug!(%error, "long requests run beside short ones");
            }
            // Putting it together takes as long as some short requests.
            let mut answer = self.note(work(&self.model, &whole(&mut body)))?;
            answer.stages.queued(queued);
            Ok(answer)
        });
        let finished = timeout(limit, &mut job).await.map_err(|_| {
            job.abort(); // if it has not begun
            Problem::Timeout { seconds: limit.as_secs_f64() }
        })?;
        finished.map_err(|_| Problem::Internal)?
    }

    fn note(&self, answer: Result<Answer, Problem>) -> Result<Answer, Problem> {
        let rows = answer.as_ref().map_or(0, |answer| answer.rows);
        if rows > 0 && !self.answered.load(Ordering::Relaxed) {
            self.answered.store(true, Ordering::Relaxed);
            tracing::info!("ready: the model has answered a row");
        }
        answer
    }

    /// Whether a request may begin to send its body.
    ///
    /// # Errors
    /// [`Problem::Overloaded`] where all places are taken.
    pub fn has_place(&self) -> Result<(), Problem> {
        let limit = self.config.max_inflight;
        let free = self.places.available_permits() > 0;
        free.then_some(()).ok_or(Problem::Overloaded { limit })
    }

    /// A place among the requests in flight: taken once the body is there, so that
    /// slow clients take none, and held until the answer is made.
    fn admit(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let limit = self.config.max_inflight;
        let place = Arc::clone(&self.places).try_acquire_owned();
        place.map_err(|_| Problem::Overloaded { limit })
    }

    /// How many places are taken.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        let limit = self.config.max_inflight.get() as usize;
        limit - self.places.available_permits()
    }

    /// Whether the server can be sent requests.
    ///
    /// # Errors
    /// [`Problem::NotReady`] where it cannot.
    pub fn ready(&self) -> Result<(), Problem> {
        let stopping = self.stopping.load(Ordering::Relaxed);
        let ready = self.answered.load(Ordering::Relaxed) && !stopping;
        if ready { Ok(()) } else { Err(Problem::NotReady) }
    }

    /// Makes the server not ready for good.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

/// The bytes of a body in one piece: copied where they are not.
fn whole(body: &mut impl Buf) -> Bytes {
    body.copy_to_bytes(body.remaining())
}

fn sha256(path: &Path) -> io::Result<String> {
    let digest = Sha256::digest(fs::read(path)?);
    let digits = |byte: &u8| {
        [byte >> 4, byte & 15].map(|half| char::from_digit(half.into(), 16))
    };
    Ok(digest.iter().flat_map(digits).flatten().collect())
}

/// The size of a body that takes about [`SHORT`], by the best of three tries.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)] // a size of some kilobytes
fn short_body(model: &Model) -> usize {
    let sample = model.sample(SAMPLE_ROWS).to_string();
    let time = |_| {
        let start = Instant::now();
        model.predict(sample.as_bytes()).map_or(Duration::MAX, |_| start.elapsed())
    };
    let best = (0..3).map(time).min().unwrap_or(Duration::MAX);
    (sample.len() as f64 * SHORT.as_secs_f64() / best.as_secs_f64()) as usize
}
