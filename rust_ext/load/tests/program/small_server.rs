//! A server of a few lines, and the program run against it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;

/// An answer of the server with status 200.
pub const OK: Reply = Reply::Answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");

/// What the server does with a request.
#[derive(Clone, Copy)]
pub enum Reply {
    /// It sends these bytes.
    Answer(&'static str),
    /// It sends these bytes and closes the connection, without saying so.
    AnswerAndClose(&'static str),
    /// It sends nothing.
    Silence,
    /// It closes the connection.
    Close,
}

/// The URL of a server that asks `reply` about the nth request body of a connection.
pub fn serve(reply: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/predict", listener.local_addr().unwrap());
    let reply = Arc::new(reply);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, reply) = (stream.unwrap(), Arc::clone(&reply));
            thread::spawn(move || {
                let (mut buffer, mut number) = ([0; 4096], 0);
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    let request = String::from_utf8_lossy(&buffer[..read]);
                    let body = request.split("\r\n\r\n").nth(1).unwrap_or_default();
                    let reply = reply(number, body);
                    match reply {
                        Reply::Answer(text) | Reply::AnswerAndClose(text) => {
                            let _ = stream.write_all(text.as_bytes()); // it may have gone
                        }
                        Reply::Silence | Reply::Close => {}
                    }
                    if matches!(reply, Reply::Close | Reply::AnswerAndClose(_)) {
                        break;
                    }
                    number += 1;
                }
            });
        }
    });
    url
}

/// A file of its own for a test, removed at its end.
pub struct File(pub PathBuf);

impl File {
    /// A file that holds `text`.
    pub fn new(name: &str, text: &str) -> Self {
        let name = format!("load-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What the program says with these options, `more` of which are parted by spaces.
pub fn fare_load(url: &str, bodies: &File, more: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fare-load"))
        .args(["--url", url, "--warmup-s", "0.1", "--bodies"])
        .arg(&bodies.0)
        .args(more.split_whitespace())
        .output()
        .unwrap()
}

/// The report that the program prints.
pub fn report(url: &str, bodies: &File, more: &str) -> serde_json::Value {
    let output = fare_load(url, bodies, more);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}
