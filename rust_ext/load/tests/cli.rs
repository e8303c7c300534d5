//! The program against small servers of its own.
#![cfg(test)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;

struct Bodies(PathBuf);

impl Bodies {
    fn new(name: &str, text: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("load-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for Bodies {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn fare_load(url: &str, bodies: &Bodies, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fare-load"))
        .args(["--url", url, "--seconds", "0.3", "--warmup-s", "0.1"])
        .arg("--bodies")
        .arg(&bodies.0)
        .args(more)
        .output()
        .unwrap()
}

/// Answers every request with `answer` and notes the first bodies of each connection.
fn serve(answer: &'static str) -> (String, Arc<Mutex<Vec<Vec<String>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/predict", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, notes) = (stream.unwrap(), Arc::clone(&notes));
            thread::spawn(move || {
                let (mut buffer, mut bodies) = ([0; 4096], Vec::new());
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    let request = String::from_utf8_lossy(&buffer[..read]);
                    let body = request.split("\r\n\r\n").nth(1).unwrap_or_default();
                    bodies.push(body.to_owned());
                    stream.write_all(answer.as_bytes()).unwrap();
                    if bodies.len() == 6 {
                        notes.lock().unwrap().push(bodies.clone());
                    }
                }
            });
        }
    });
    (url, seen)
}

fn json(output: &Output) -> serde_json::Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn times_the_answers_and_walks_over_all_bodies() {
    let (url, seen) = serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    let bodies = Bodies::new("walk", "1\n2\n3\n4\n5\n");
    let report = json(&fare_load(
        &url,
        &bodies,
        &["--connections", "4", "--threads", "2", "--busy-poll"],
    ));

    let requests = report["requests"].as_u64().unwrap();
    assert!(requests > 10, "{report}");
    assert_eq!(report["statuses"]["200"], requests);
    assert_eq!(report["errors"], serde_json::json!({}));
    assert_eq!(report["busy_poll"], true);
    let buckets = report["histogram"].as_array().unwrap();
    assert_eq!(buckets.iter().map(|b| b[1].as_u64().unwrap()).sum::<u64>(), requests);
    let rate = report["rate_per_s"].as_f64().unwrap();
    #[allow(clippy::cast_precision_loss)]
    let expected = requests as f64 / 0.3;
    assert!((rate - expected).abs() < 1e-6, "{report}");

    let mut seen: Vec<String> =
        seen.lock().unwrap().iter().map(|b| b.concat()).collect();
    seen.sort();
    assert_eq!(seen, ["123451", "234512", "345123", "451234"]);
}

#[test]
fn other_statuses_and_failures_are_counted_apart() {
    let bodies = Bodies::new("busy", "{}");
    let (url, _) = serve("HTTP/1.1 429 Busy\r\nContent-Length: 0\r\n\r\n");
    let busy = json(&fare_load(&url, &bodies, &[]));
    assert!(busy["statuses"]["429"].as_u64().unwrap() > 10, "{busy}");
    assert_eq!(
        (&busy["requests"], &busy["histogram"]),
        (&0.into(), &vec![(); 0].into())
    );

    let (url, _) = serve("garbage\r\n\r\n");
    let garbled = json(&fare_load(&url, &bodies, &[]));
    assert!(garbled["errors"]["not_http"].as_u64().unwrap() > 10, "{garbled}");
    assert_eq!(garbled["requests"], 0);
}

#[test]
fn what_cannot_be_measured_is_one_line_and_code_2() {
    let bodies = Bodies::new("some", "{}");
    let empty = Bodies::new("empty", "\n");
    let missing = Bodies(PathBuf::from("no such file"));
    let nobody = "http://127.0.0.1:1/predict";
    for (url, bodies, says) in [
        (nobody, &bodies, "no server answers at 127.0.0.1:1"),
        ("predict", &bodies, "is not a URL"),
        (nobody, &empty, "holds no body"),
        (nobody, &missing, "no such file"),
    ] {
        let output = fare_load(url, bodies, &[]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
        assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
        assert!(output.stdout.is_empty());
    }
}
