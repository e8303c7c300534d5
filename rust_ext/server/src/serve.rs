//! From the options to a server that listens, and to its end.

use std::convert::Infallible;
use std::io::{self, Write};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use axum::http::Request;
use axum::response::Response;
use engine::{Library, find_library};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, lookup_host};
use tokio::signal;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutWriter;

use crate::app;
use crate::config::Config;
use crate::metrics;
use crate::model::Model;
use crate::state::State;
use crate::unread::drained;

/// So many connections may wait to be accepted; more stall their clients for a second.
const BACKLOG: u32 = 2048;
/// A connection on which no request arrives, or no answer is taken, for so long is
/// closed.
const SILENCE: Duration = Duration::from_secs(20);
/// How long the requests in flight may take once the server is told to stop.
const GRACE: Duration = Duration::from_secs(8);
/// The pause after a connection that could not be accepted.
const REST: Duration = Duration::from_millis(50);

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The model or the library cannot be used.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {host} port {port}: {why}; \
         choose another --host or --port (0 takes a free one)"
    )]
    Bind {
        /// The address as given.
        host: String,
        /// The port as given.
        port: u16,
        /// What the system says.
        why: io::Error,
    },
    /// The system gives fewer threads.
    #[error("cannot start {threads} threads: {why}; choose fewer --workers")]
    Threads {
        /// The threads as given.
        threads: u16,
        /// What the system says.
        why: io::Error,
    },
    /// The system refuses signals or the output.
    #[error("cannot go on: {0}")]
    System(#[from] io::Error),
}

/// Logs and serves until told to stop, by a signal or the end of standard input.
///
/// # Errors
/// [`StartError`] where the server does not start.
pub fn run(config: Config) -> Result<(), StartError> {
    let threads = 2 * config.workers;
    try_threads(threads).map_err(|why| StartError::Threads { threads, why })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.workers.into())
        .max_blocking_threads(config.workers.into())
        .enable_all()
        .build()?;
    let (host, port) = (config.host(), config.port);
    let bound = runtime.block_on(listen(host, port));
    let listener =
        bound.map_err(|why| StartError::Bind { host: host.to_owned(), port, why })?;
    let library = Library::load(&find_library(config.ort_library.as_deref())?)?;
    let state = State::new(Model::open(library, &config.model)?, config);
    let stop = {
        let _context = runtime.enter();
        told_to_stop(state.config.exit_on_stdin_close)?
    };
    let (mut out, address) = (io::stdout(), listener.local_addr()?);
    writeln!(out, "listening on http://{address}")?;
    out.flush()?;
    tracing::info!(
        %address,
        model = state.model.name(),
        sha256 = state.sha256,
        version = env!("CARGO_PKG_VERSION"),
        onnxruntime = library.version(),
        ready = state.ready().is_ok(),
        "listening"
    );
    // On a worker, where the connections are: this thread is none.
    let served = runtime.block_on(runtime.spawn(serve(listener, state, stop)));
    runtime.shutdown_background(); // what still runs has had its time
    Ok(served.map_err(io::Error::other)?)
}

/// Starts so many threads and lets them end: where they cannot be, tokio would panic and
/// then wait for them for ever.
fn try_threads(count: u16) -> io::Result<()> {
    let gate = Mutex::new(());
    thread::scope(|scope| {
        let _closed = gate.lock();
        for _ in 0..count {
            thread::Builder::new().spawn_scoped(scope, || drop(gate.lock()))?;
        }
        Ok(())
    })
}

/// A socket that listens at the first address of a host.
async fn listen(host: &str, port: u16) -> io::Result<TcpListener> {
    let address = lookup_host((host, port)).await?.next();
    let address = address.ok_or_else(|| io::Error::other("it has no address"))?;
    let socket =
        if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    #[cfg(unix)] // on Windows a second server could take the same port
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Ends at the first signal to stop, or at the end of standard input if that counts.
fn told_to_stop(stdin_counts: bool) -> io::Result<impl Future<Output = ()> + Send> {
    let ended = Arc::new(Notify::new());
    if stdin_counts {
        let ended = Arc::clone(&ended);
        thread::spawn(move || {
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            ended.notify_one();
        });
    }
    #[cfg(unix)]
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    #[cfg(windows)]
    let mut terminate = signal::windows::ctrl_close()?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = signal::ctrl_c() => {}
            () = ended.notified() => {}
        }
    })
}

/// Counts an answer by its route.
async fn counted(
    state: Arc<State>,
    route: usize,
    answer: impl Future<Output = Result<Response, Infallible>>,
) -> Result<Response, Infallible> {
    let begun = Instant::now();
    let answer = answer.await?;
    let took = begun.elapsed();
    state.metrics.count(route, &answer, took);
    tracing::debug!(
        route = metrics::ROUTES[route],
        status = answer.status().as_u16(),
        seconds = took.as_secs_f64(),
        "answered"
    );
    Ok(answer)
}

/// Answers connections until told to stop, then lets the requests in flight finish.
async fn serve(
    listener: TcpListener,
    state: Arc<State>,
    stop: impl Future<Output = ()>,
) {
    let router = TowerToHyperService::new(app(Arc::clone(&state)));
    let shared = Arc::clone(&state);
    let service = service_fn(move |request: Request<Incoming>| {
        let route = metrics::route(request.uri().path());
        counted(Arc::clone(&shared), route, router.call(drained(request)))
    });
    let connections = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    // Who has sent all and says so still waits for the answer.
    http.timer(TokioTimer::new()).header_read_timeout(SILENCE).half_close(true);
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let Ok((stream, _)) = accepted else {
            sleep(REST).await; // too many open files, or the client has gone again
            continue;
        };
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(SILENCE));
        let stream = TokioIo::new(Box::pin(stream));
        let connection = http.serve_connection(stream, service.clone());
        tokio::spawn(connections.watch(connection));
    }
    drop(listener);
    state.stop();
    tracing::info!(connections = connections.count(), "stopping");
    let finished = timeout(GRACE, connections.shutdown()).await.is_ok();
    let [answered, refused, failed] = state.metrics.totals();
    let rows = state.metrics.rows.load(Ordering::Relaxed);
    tracing::info!(finished, answered, refused, failed, rows, "stopped");
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use clap::Parser;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::time::Instant;

    use super::*;

    /// The address of a server that runs with this runtime.
    async fn served() -> SocketAddr {
        let model = format!("{}/tests/models/plain.onnx", env!("CARGO_MANIFEST_DIR"));
        let config = Config::parse_from(["fare-server", "--model", &model]);
        let library = Library::load(&find_library(None).unwrap()).unwrap();
        let state = State::new(Model::open(library, &config.model).unwrap(), config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, state, std::future::pending()));
        address
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_sends_nothing_is_closed() {
        let mut silent = TcpStream::connect(served().await).await.unwrap();
        let started = Instant::now();
        assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0);
        assert!((19..=25).contains(&started.elapsed().as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_takes_no_answer_is_closed() {
        let mut greedy = TcpStream::connect(served().await).await.unwrap();
        let asked = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
        let started = Instant::now();
        let until_closed = async { while greedy.write_all(&asked).await.is_ok() {} };
        timeout(Duration::from_secs(120), until_closed).await.unwrap();
        assert!((19..=25).contains(&started.elapsed().as_secs()));
    }
}
