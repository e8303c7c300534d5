//! What is sent, and to whom: every request's bytes, made before the clock starts.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use http::Uri;

/// How long the first connection may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is none, or not of plain HTTP.
    #[error("'{0}' is not a URL to load: give one like http://127.0.0.1:8000/predict")]
    Url(String),
    /// The file of bodies cannot be read.
    #[error("cannot read the bodies in {path}: {why}", path = .path.display())]
    Bodies {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// The file of bodies holds none.
    #[error("{path} holds no body: write one JSON body a line", path = .0.display())]
    NoBodies(PathBuf),
    /// The file for the raw times cannot be written.
    #[error("cannot write {path}: {why}", path = .path.display())]
    Raw {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// Nobody listens.
    #[error("no server answers at {at} ({why}): start it first, or correct --url")]
    NoServer {
        /// Host and port.
        at: String,
        /// What the system says.
        why: io::Error,
    },
    /// The system refuses a thread or the output.
    #[error("cannot go on: {0}")]
    System(#[from] io::Error),
}

/// Where requests go.
pub struct Target {
    host: String,
    path: String,
}

impl Target {
    /// The target that a URL of plain HTTP names.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let refused = || Error::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| refused())?;
        let authority = uri.authority().ok_or_else(refused)?;
        if uri.scheme_str() != Some("http") || authority.as_str().contains('@') {
            return Err(refused());
        }
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self {
            host: format!("{}:{port}", authority.host()),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }

    /// The first address of the host that accepts a connection.
    pub fn reach(&self) -> Result<SocketAddr, Error> {
        let no_server = |why| Error::NoServer { at: self.host.clone(), why };
        let mut failure = io::Error::other("the host has no address");
        for address in self.host.to_socket_addrs().map_err(no_server)? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(_) => return Ok(address),
                Err(error) => failure = error,
            }
        }
        Err(no_server(failure))
    }

    /// One request for each line of `bodies` that is not blank.
    pub fn requests(&self, bodies: &Path) -> Result<Vec<Vec<u8>>, Error> {
        let text = fs::read(bodies)
            .map_err(|why| Error::Bodies { path: bodies.to_owned(), why })?;
        let requests: Vec<_> = text
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii)
            .filter(|body| !body.is_empty())
            .map(|body| self.request(body))
            .collect();
        if requests.is_empty() {
            return Err(Error::NoBodies(bodies.to_owned()));
        }
        Ok(requests)
    }

    fn request(&self, body: &[u8]) -> Vec<u8> {
        let mut request = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            self.path,
            self.host,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_host_port_and_path() {
        for (url, host, path) in [
            ("http://127.0.0.1:8000/predict", "127.0.0.1:8000", "/predict"),
            ("http://example.org", "example.org:80", "/"),
            ("http://[::1]:9/a?b=c", "[::1]:9", "/a?b=c"),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!((target.host.as_str(), target.path.as_str()), (host, path));
        }
    }

    #[test]
    fn what_is_not_a_plain_http_url_is_refused() {
        for url in ["", "predict", "127.0.0.1:8000", "https://a/", "http://u@a/"] {
            assert!(matches!(Target::parse(url), Err(Error::Url(_))), "{url}");
        }
    }

    #[test]
    fn each_line_becomes_one_request() {
        let target = Target::parse("http://a:1/p").unwrap();
        let file = std::env::temp_dir().join(format!("bodies-{}", std::process::id()));
        fs::write(&file, "{\"x\": 1}\r\n\n  {}\n").unwrap();
        let requests = target.requests(&file).unwrap();
        fs::write(&file, "\n \n").unwrap();
        let empty = target.requests(&file);
        fs::remove_file(&file).unwrap();

        assert_eq!(requests.len(), 2);
        assert!(requests[0].starts_with(b"POST /p HTTP/1.1\r\nHost: a:1\r\n"));
        assert!(requests[0].ends_with(b"Content-Length: 8\r\n\r\n{\"x\": 1}"));
        assert!(matches!(empty, Err(Error::NoBodies(_))));
        assert!(matches!(target.requests(&file), Err(Error::Bodies { .. })));
    }
}
