//! The programs as they are started, with real sockets and signals.
#![allow(dead_code)] // no test program uses all of it

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The header of the last request on a connection.
pub const LAST: &str = "Connection: close\r\n";

pub fn model(name: &str) -> String {
    format!("{}/tests/models/{name}.onnx", env!("CARGO_MANIFEST_DIR"))
}

/// A running server, killed at the end of the test at the latest.
pub struct Server {
    pub process: Child,
    pub port: u16,
}

impl Server {
    /// A server of one of the test models, at a free port.
    pub fn start(name: &str, options: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_fare-server"))
            .args(["--model", &model(name), "--port", "0"])
            .args(options)
            .env("HOST", "x86_64-conda-linux-gnu")
            .env_remove("FARE_HOST")
            .env_remove("PORT")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on http://127.0.0.1:");
        let port = address.unwrap_or_else(|| panic!("{line}")).parse().unwrap();
        Self { process, port }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(9))).unwrap();
        stream
    }

    pub fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// What it has logged, once it has stopped.
    pub fn log(&mut self) -> String {
        let mut log = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        log
    }

    /// The exit code, awaited for ten seconds.
    pub fn exit_code(&mut self) -> Option<i32> {
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn request(body: &str, header: &str) -> String {
    format!(
        "POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
         {header}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Two features for each row of `plain`, so that the answers differ.
pub fn plain(first: u8) -> String {
    format!(r#"{{"instances":[{{"X":[{first},5,0,0]}}]}}"#)
}

/// A body of so many rows for the model `slow`, which needs about 1 ms for each.
pub fn slow(rows: usize) -> String {
    format!(r#"{{"columns":{{"x":[{}]}}}}"#, vec!["1"; rows].join(","))
}

/// The next answer on a connection: its status, its head and its body.
pub fn answer(stream: &mut TcpStream) -> (String, String, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    let status = head.split(' ').nth(1).unwrap().to_owned();
    (status, head, String::from_utf8(body).unwrap())
}

/// The statuses of all answers until the server closes the connection.
pub fn statuses(stream: &mut TcpStream) -> (Vec<String>, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let heads = text.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].to_owned());
    (heads.collect(), text)
}
