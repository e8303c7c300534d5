//! What the server logs.
#![cfg(test)]
#![cfg(unix)]

mod program;

use std::io::Write;
use std::process::Command;

use program::{LAST, Server, model, plain, request, statuses};
use serde_json::Value;

/// What a server logs that answers one request, refuses one, and stops.
fn logged(options: &[&str]) -> String {
    let mut server = Server::start("plain", options);
    let mut stream = server.connect();
    let requests = request(&plain(1), "") + &request("{", LAST);
    stream.write_all(requests.as_bytes()).unwrap();
    assert_eq!(statuses(&mut stream).0, ["200", "400"]);
    server.signal("-TERM");
    assert_eq!(server.exit_code(), Some(0));
    server.log()
}

fn objects(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn start_and_stop_are_a_line_each_for_cloud_logging() {
    let lines = objects(&logged(&["--log", "json"]));
    let said: Vec<_> =
        lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(said, ["listening", "stopping", "stopped"]);
    for line in &lines {
        assert_eq!(line["severity"], "INFO");
        let time = line["time"].as_str().unwrap();
        assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
    }
    let start = &lines[0];
    assert!(start["address"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!((&start["model"], &start["ready"]), (&"plain".into(), &true.into()));
    assert_eq!(start["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(start["version"], env!("CARGO_PKG_VERSION"));
    assert!(start["onnxruntime"].as_str().unwrap().starts_with("1."));
    let counts =
        ["answered", "refused", "failed", "rows"].map(|count| &lines[2][count]);
    assert_eq!(counts, [1, 1, 0, 1]);
    assert_eq!(lines[2]["finished"], true);
}

#[test]
fn each_request_is_logged_where_that_is_asked_for() {
    let lines = objects(&logged(&["--log", "json", "--log-level", "debug"]));
    let requests: Vec<_> =
        lines.iter().filter(|line| line["message"] == "answered").collect();
    let statuses: Vec<_> = requests.iter().map(|line| &line["status"]).collect();
    assert_eq!(statuses, [200, 400]);
    for line in requests {
        assert_eq!(
            (&line["severity"], &line["route"]),
            (&"DEBUG".into(), &"/predict".into())
        );
        assert!(line["seconds"].as_f64().unwrap() < 5.0);
    }
}

#[test]
fn lines_for_people_are_the_default_and_may_be_left_out() {
    let log = logged(&[]);
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines.len(), 3, "{log}");
    assert!(
        lines[0].contains(" INFO ") && lines[0].contains("model=\"plain\""),
        "{log}"
    );
    assert_eq!(logged(&["--log-level", "warn"]), "");
}

#[test]
fn a_failed_start_is_an_object_where_the_log_is_json() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fare-server"));
    let output = command
        .args(["--model", &model("missing")])
        .envs([("LOG", "json"), ("LOG_LEVEL", "error")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let lines = objects(&String::from_utf8(output.stderr).unwrap());
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["severity"], "ERROR");
    assert!(lines[0]["message"].as_str().unwrap().contains("missing.onnx"));
}
