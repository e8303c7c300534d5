//! One keep-alive connection, which sends a request and awaits its answer.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout_at;

const BUFFER_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 64;

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Failure {
    /// The server takes no connection.
    Connect,
    /// The request cannot be sent.
    Write,
    /// The answer cannot be read.
    Read,
    /// The server closed the connection instead of answering.
    Closed,
    /// The answer is not HTTP/1.1 with a Content-Length.
    NotHttp,
    /// The answer was not there in time.
    Timeout,
}

impl Failure {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Write => "write",
            Self::Read => "read",
            Self::Closed => "closed",
            Self::NotHttp => "not_http",
            Self::Timeout => "timeout",
        }
    }
}

/// A connection that opens when it is first used, and again once it has been closed.
pub struct Connection {
    address: SocketAddr,
    open: Option<Open>,
}

struct Open {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    /// A connection to `address`, not opened yet.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, open: None }
    }

    /// The status of the answer to `request`, if it comes before `limit`.
    pub async fn ask(
        &mut self,
        request: &[u8],
        limit: Instant,
    ) -> Result<u16, Failure> {
        let asked = timeout_at(limit.into(), self.exchange(request)).await;
        let outcome = asked.unwrap_or(Err(Failure::Timeout));
        match outcome {
            Ok(Answer { closes: false, .. }) => {}
            Ok(_) | Err(_) => self.open = None,
        }
        outcome.map(|answer| answer.status)
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<Answer, Failure> {
        let open = match &mut self.open {
            Some(open) if !open.was_closed() => open,
            closed => {
                let stream = connect(self.address).await;
                let stream = stream.map_err(|_| Failure::Connect)?;
                let answer = Vec::with_capacity(BUFFER_BYTES);
                closed.insert(Open { stream, answer })
            }
        };
        open.stream.write_all(request).await.map_err(|_| Failure::Write)?;
        open.answer.clear();
        loop {
            let read = open.stream.read_buf(&mut open.answer).await;
            if read.map_err(|_| Failure::Read)? == 0 {
                return Err(Failure::Closed);
            }
            if let Some(answer) = parse(&open.answer)? {
                return Ok(answer);
            }
        }
    }
}

impl Open {
    /// Whether the server ended the connection while it was not in use.
    fn was_closed(&self) -> bool {
        let read = self.stream.try_read(&mut [0]);
        !read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
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
