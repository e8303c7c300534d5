//! One keep-alive connection that sends its next request when the last is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, timeout_at};

use crate::report::Tally;

/// How long a connection rests when the server refuses it.
const REST: Duration = Duration::from_millis(10);
const BUFFER_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 64;

/// What all the connections of a run share.
pub struct Plan {
    /// The server.
    pub address: SocketAddr,
    /// The bytes to send, in turn.
    pub requests: Vec<Vec<u8>>,
    /// How many connections there are.
    pub connections: u16,
    /// Whether the threads never sleep.
    pub busy_poll: bool,
    /// Requests sent earlier are not counted.
    pub measure_from: Instant,
    /// No request is sent later.
    pub stop: Instant,
    /// What is not answered by then has timed out.
    pub give_up: Instant,
    /// Answers so far, warm-up included.
    pub answered: AtomicU64,
}

/// Drives the connections of one thread and sends the counts of each.
pub async fn drive(
    plan: &Arc<Plan>,
    connections: impl Iterator<Item = u16>,
    tallies: &Sender<Tally>,
) {
    let mut tasks: JoinSet<_> = connections
        .map(|connection| {
            let (plan, tallies) = (Arc::clone(plan), tallies.clone());
            async move {
                let mut tally = Tally::default();
                let all = closed_loop(&plan, connection, &mut tally);
                if timeout_at(plan.give_up.into(), all).await.is_err() {
                    tally.failure("timeout");
                }
                // Nobody listens any more only if the program is ending.
                let _ = tallies.send(tally);
            }
        })
        .collect();
    while plan.busy_poll && Instant::now() < plan.stop {
        yield_now().await;
    }
    while tasks.join_next().await.is_some() {}
}

/// Each connection walks over the same requests from another start.
async fn closed_loop(plan: &Plan, connection: u16, tally: &mut Tally) {
    let start =
        plan.requests.len() * usize::from(connection) / usize::from(plan.connections);
    let mut open = None;
    for request in plan.requests.iter().cycle().skip(start) {
        let sent = Instant::now();
        if sent >= plan.stop {
            break;
        }
        let outcome = exchange(&mut open, plan.address, request).await;
        let counts = sent >= plan.measure_from;
        match outcome {
            Ok(status) => {
                plan.answered.fetch_add(1, Ordering::Relaxed);
                if counts {
                    tally.answer(status, sent.elapsed().as_secs_f64());
                }
            }
            Err(failure) => {
                open = None;
                if counts {
                    tally.failure(failure.name());
                }
                if matches!(failure, Failure::Connect) {
                    sleep(REST).await;
                }
            }
        }
    }
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Failure {
    Connect,
    Write,
    Read,
    /// The server closed the connection instead of answering.
    Closed,
    /// The answer is not HTTP/1.1 with a Content-Length.
    NotHttp,
}

impl Failure {
    fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Write => "write",
            Self::Read => "read",
            Self::Closed => "closed",
            Self::NotHttp => "not_http",
        }
    }
}

struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

/// The status of the answer; opens the connection where there is none and leaves
/// it open for the next request unless the server closes it.
async fn exchange(
    open: &mut Option<Connection>,
    address: SocketAddr,
    request: &[u8],
) -> Result<u16, Failure> {
    let connection = match open {
        Some(connection) => connection,
        None => open.insert(connect(address).await.map_err(|_| Failure::Connect)?),
    };
    let stream = &mut connection.stream;
    stream.write_all(request).await.map_err(|_| Failure::Write)?;
    connection.answer.clear();
    loop {
        let read = stream.read_buf(&mut connection.answer).await;
        if read.map_err(|_| Failure::Read)? == 0 {
            return Err(Failure::Closed);
        }
        if let Some(answer) = parse(&connection.answer)? {
            if answer.closes {
                *open = None;
            }
            return Ok(answer.status);
        }
    }
}

async fn connect(address: SocketAddr) -> std::io::Result<Connection> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(Connection { stream, answer: Vec::with_capacity(BUFFER_BYTES) })
}

#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    closes: bool,
}

/// The answer, once `bytes` hold all of it.
fn parse(bytes: &[u8]) -> Result<Option<Answer>, Failure> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let parsed = head.parse(bytes).map_err(|_| Failure::NotHttp)?;
    let httparse::Status::Complete(head_bytes) = parsed else {
        return Ok(None);
    };
    let value = |name: &str| {
        let mut named =
            head.headers.iter().filter(|h| h.name.eq_ignore_ascii_case(name));
        named.next().and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let body_bytes: usize = value("content-length")
        .and_then(|length| length.parse().ok())
        .ok_or(Failure::NotHttp)?;
    if bytes.len() - head_bytes < body_bytes {
        return Ok(None);
    }
    Ok(Some(Answer {
        status: head.code.ok_or(Failure::NotHttp)?,
        closes: value("connection").is_some_and(|v| v.eq_ignore_ascii_case("close")),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_with_its_last_byte() {
        let bytes =
            b"HTTP/1.1 429 Busy\r\nConnection: Close\r\ncontent-length: 2\r\n\r\nno";
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes[..end]), Ok(None), "{end}");
        }
        let answer = Answer { status: 429, closes: true };
        assert_eq!(parse(bytes), Ok(Some(answer)));
    }

    #[test]
    fn what_cannot_be_delimited_is_refused() {
        for bytes in [
            &b"SSH-2.0-OpenSSH\r\n"[..],
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        ] {
            assert_eq!(parse(bytes), Err(Failure::NotHttp));
        }
    }
}
