//! The programs as they are started, with real sockets and signals.
#![cfg(test)]
#![cfg(unix)]

mod program;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use program::{LAST, Server, model, plain, request, slow, statuses};

#[test]
fn requests_on_one_connection_are_answered_in_order() {
    let server = Server::start("plain", &[]);
    let mut stream = server.connect();
    let two = request(&plain(1), "") + &request(&plain(9), LAST);
    stream.write_all(two.as_bytes()).unwrap();
    let (codes, text) = statuses(&mut stream);
    assert_eq!(codes, ["200", "200"]);
    let place = |label| text.find(&format!(r#""label":{label}"#)).unwrap();
    assert!(place(1) < place(0), "{text}");

    let mut stream = server.connect();
    let broken_then_good = request("{", "") + &request(&plain(1), LAST);
    stream.write_all(broken_then_good.as_bytes()).unwrap();
    assert_eq!(statuses(&mut stream).0, ["400", "200"]);

    let mut stream = server.connect();
    let closed = request(&plain(1), LAST) + &request(&plain(9), "");
    stream.write_all(closed.as_bytes()).unwrap();
    assert_eq!(statuses(&mut stream).0, ["200"]);
}

#[test]
fn what_was_answered_is_counted() {
    let server = Server::start("plain", &[]);
    let mut stream = server.connect();
    let get = |path, header| format!("GET {path} HTTP/1.1\r\nHost: a\r\n{header}\r\n");
    let two_rows = r#"{"columns":{"X":[[1,0,0,0],[2,0,0,0]]}}"#;
    let requests = [
        request(two_rows, ""),
        request(&plain(1), ""),
        request("{", ""),
        request("{}", ""),
        request("[]", ""),
        request("{}", "").replace("/predict", "/v2/models/plain/infer"),
        get("/v2/health/live", ""),
        get("/x", ""),
        get("/metrics", LAST),
    ];
    stream.write_all(requests.concat().as_bytes()).unwrap();
    let text = statuses(&mut stream).1;
    let duration = "fare_http_request_duration_seconds";
    for (name, value) in [
        (r#"_bucket{route="/predict",status="2xx",le="10"}"#, "2"),
        (r#"_count{route="/predict",status="2xx"}"#, "2"),
        (r#"_count{route="/predict",status="4xx"}"#, "3"),
        (r#"_count{route="/predict",status="5xx"}"#, "0"),
        (r#"_count{route="/v2/models/{model}/infer",status="4xx"}"#, "1"),
        (r#"_count{route="/health",status="2xx"}"#, "1"),
        (r#"_count{route="other",status="4xx"}"#, "1"),
    ] {
        let line = format!("\n{duration}{name} {value}\n");
        assert!(text.contains(&line), "{line} is not in {text}");
    }
    let sha256 = "9c1f9b1b09e8e859ee620a29c1e9de003cc6d41b2f747ea881fef95100846664";
    for line in [
        "fare_refusals_total{code=\"not-json\"} 1",
        "fare_refusals_total{code=\"wrong-rows\"} 3",
        "fare_rows_total 3",
        "fare_requests_in_flight 0",
        &format!(r#"fare_model_info{{name="plain",sha256="{sha256}",onnxruntime="1."#),
        "process_start_time_seconds 1",
    ] {
        assert!(text.contains(&format!("\n{line}")), "{line} is not in {text}");
    }
}

#[test]
fn who_asks_first_is_told_to_go_on_or_not() {
    let server = Server::start("plain", &["--max-body-bytes", "1000"]);
    let asks_first = format!("Expect: 100-continue\r\n{LAST}");
    let whole = request(&plain(1), &asks_first);
    let (head, body) = whole.split_once("\r\n\r\n").unwrap();
    let mut stream = server.connect();
    write!(stream, "{head}\r\n\r\n").unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).unwrap();
    assert_eq!(statuses(&mut stream).0, ["200"]);

    let large = request(&"x".repeat(1001), &asks_first);
    let (head, _) = large.split_once("\r\n\r\n").unwrap();
    let mut stream = server.connect();
    write!(stream, "{head}\r\n\r\n").unwrap();
    assert_eq!(statuses(&mut stream).0, ["413"]);
}

#[test]
fn who_sends_too_much_can_read_the_refusal() {
    let server = Server::start("plain", &[]);
    let megabyte = "x".repeat(1 << 20);
    let mut stream = server.connect();
    stream.write_all(request(&megabyte.repeat(20), LAST).as_bytes()).unwrap();
    assert_eq!(statuses(&mut stream).0, ["413"]);

    let mut stream = server.connect();
    let head = request("", &format!("Transfer-Encoding: chunked\r\n{LAST}"));
    stream.write_all(head.replace("Content-Length: 0\r\n", "").as_bytes()).unwrap();
    for _ in 0..20 {
        write!(stream, "100000\r\n{megabyte}\r\n").unwrap();
    }
    write!(stream, "0\r\n\r\n").unwrap();
    assert_eq!(statuses(&mut stream).0, ["413"]);
}

#[test]
fn who_sends_what_nobody_reads_can_read_the_answer() {
    let server = Server::start("plain", &[]);
    let large = request(&"x".repeat(10 << 20), LAST);
    for (line, status) in [
        ("POST /nope ", "404"),
        ("POST /v2/models/other/infer ", "404"),
        ("POST /health/live ", "405"),
        ("GET /metrics ", "200"),
    ] {
        let mut stream = server.connect();
        let large = large.replacen("POST /predict ", line, 1);
        stream.write_all(large.as_bytes()).unwrap();
        assert_eq!(statuses(&mut stream).0, [status]);
    }
}

#[test]
fn a_head_that_cannot_be_read_has_an_empty_answer() {
    let server = Server::start("plain", &[]);
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(65_536));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: a\r\n".repeat(101));
    for (head, status) in
        [("GET / HTTP/1.1\r\nno header\r\n\r\n", "400"), (&long, "414"), (&many, "431")]
    {
        let mut stream = server.connect();
        stream.write_all(head.as_bytes()).unwrap();
        let (codes, text) = statuses(&mut stream);
        assert_eq!(codes, [status]);
        assert!(text.contains("\r\ncontent-length: 0\r\n"), "{text}");
    }
}

#[test]
fn who_was_told_to_go_on_can_read_the_refusal() {
    let server = Server::start("plain", &[]);
    let header =
        format!("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n{LAST}");
    let head = request("", &header).replace("Content-Length: 0\r\n", "");
    let mut stream = server.connect();
    stream.write_all(head.as_bytes()).unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    let chunk = format!("100000\r\n{}\r\n", "x".repeat(1 << 20));
    stream.write_all((chunk.repeat(10) + "0\r\n\r\n").as_bytes()).unwrap();
    assert_eq!(statuses(&mut stream).0, ["413"]);
}

#[test]
#[cfg(target_os = "linux")] // other systems let no more than 128 wait
fn a_burst_of_clients_waits_to_be_accepted() {
    let server = Server::start("plain", &[]);
    let address = ([127, 0, 0, 1], server.port).into();
    server.signal("-STOP");
    let clients = (0..300)
        .map(|_| TcpStream::connect_timeout(&address, Duration::from_millis(300)));
    let clients: Vec<_> = clients.map(Result::unwrap).collect();
    server.signal("-CONT");
    let mut last = &clients[299];
    last.write_all(request(&plain(1), LAST).as_bytes()).unwrap();
    assert!(last.read(&mut [0; 12]).unwrap() > 0);
}

#[test]
fn who_has_sent_all_and_says_so_is_answered() {
    let server = Server::start("slow", &[]);
    let mut stream = server.connect();
    stream.write_all(request(&slow(200), "").as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(statuses(&mut stream).0, ["200"]);
}

#[test]
fn a_signal_lets_the_request_in_flight_finish() {
    let mut server = Server::start("slow", &[]);
    let mut idle = server.connect();
    let health = "GET /health/ready HTTP/1.1\r\nHost: a\r\n\r\n";
    idle.write_all(health.as_bytes()).unwrap();
    idle.read_exact(&mut [0; 15]).unwrap();
    let silent = server.connect();
    let mut working = server.connect();
    working.write_all(request(&slow(500), LAST).as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(100));

    server.signal("-TERM");
    idle.read_to_string(&mut String::new()).unwrap();
    assert!(TcpStream::connect(("127.0.0.1", server.port)).is_err());
    let (codes, text) = statuses(&mut working);
    assert_eq!(codes, ["200"]);
    assert_eq!(text.matches("1.0").count(), 500);
    assert_eq!(server.exit_code(), Some(0));
    drop(silent);
}

#[test]
fn the_end_of_standard_input_stops_the_server_that_is_told_so() {
    let mut server = Server::start("plain", &["--exit-on-stdin-close"]);
    std::thread::sleep(Duration::from_millis(100));
    assert!(server.process.try_wait().unwrap().is_none());
    drop(server.process.stdin.take());
    assert_eq!(server.exit_code(), Some(0));

    let mut server = Server::start("plain", &[]);
    drop(server.process.stdin.take());
    std::thread::sleep(Duration::from_millis(100));
    assert!(server.process.try_wait().unwrap().is_none());
}

#[test]
fn what_cannot_be_served_is_one_line_and_code_2() {
    let (plain, manifest) = (model("plain"), env!("CARGO_MANIFEST_DIR"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (toml, missing) = (format!("{manifest}/Cargo.toml"), model("missing"));
    for (options, says) in [
        (["--model", &missing, "--port", "0"], "missing.onnx"),
        (["--model", &toml, "--port", "0"], "Cargo.toml"),
        (["--model", &plain, "--port", &port], "cannot listen on 0.0.0.0 port"),
        (["--model", &plain, "--host", "a host"], "cannot listen on a host port 0"),
        (["--model", &plain, "--ort-library", "no.so"], "no.so"),
        (["--model", &plain, "--ort-library", &toml], "Cargo.toml"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fare-server"));
        let output = command
            .env("PORT", "0")
            .env_remove("FARE_HOST")
            .args(options)
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
        assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    }
}

#[test]
#[cfg(target_os = "linux")] // others do not hold to the limit
fn more_threads_than_the_system_gives_are_one_line_and_code_2() {
    let program = env!("CARGO_BIN_EXE_fare-server");
    let options = format!("--model {} --port 0 --workers 256", model("plain"));
    let limited = format!("ulimit -v 600000 && exec {program} {options}");
    let output = Command::new("sh").args(["-c", &limited]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.starts_with("fare-server: cannot start 512 threads: "), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
}

fn fare_predict(arguments: &[&str], body: &str) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_fare-predict"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    process.wait_with_output().unwrap()
}

#[test]
fn fare_predict_prints_what_the_server_would_answer() {
    let output = fare_predict(&[&model("plain"), "-", "--stages"], &plain(1));
    assert!(output.status.success());
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["predictions"][0]["label"], 1);
    let stages: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    let order = ["main", "library", "loaded", "predicted"];
    let times = order.map(|stage| stages[stage].as_u64().unwrap());
    assert!(times.is_sorted() && times[0] > 1_600_000_000_000_000_000, "{stages}");
}

#[test]
fn fare_predict_says_what_is_wrong_and_where() {
    for (body, says) in [
        ("{", "the body is not JSON"),
        (
            r#"{"instances": [{"X": 1}]}"#,
            "'X' must be a list of 4 numbers at '/instances/0/X'",
        ),
    ] {
        let output = fare_predict(&[&model("plain")], body);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
        assert!(output.stdout.is_empty());
    }
}
