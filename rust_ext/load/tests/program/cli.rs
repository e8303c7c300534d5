//! The program against small servers: what it prints, and what it cannot do.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::small_server::{File, OK, Reply, fare_load, report, serve};
use serde_json::json;

#[test]
fn times_the_answers_and_walks_over_all_bodies() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let url = serve(move |number, body| {
        if number < 6 {
            notes.lock().unwrap().push(format!("{number}:{body}"));
        }
        OK
    });
    let bodies = File::new("walk", "1\n2\n3\n4\n5\n");
    let options = "--seconds 0.3 --connections 4 --threads 2 --busy-poll";
    let report = report(&url, &bodies, options);

    let requests = report["requests"].as_u64().unwrap();
    assert!(requests > 10, "{report}");
    assert_eq!(report["statuses"]["200"], requests);
    assert_eq!(report["errors"], json!({}));
    assert_eq!(report["busy_poll"], true);
    let buckets = report["histogram"].as_array().unwrap();
    assert_eq!(buckets.iter().map(|b| b[1].as_u64().unwrap()).sum::<u64>(), requests);
    // Each connection may have a request under way at either end of the 0.3 s.
    let answered = report["rate_per_s"].as_f64().unwrap() * 0.3;
    #[allow(clippy::cast_precision_loss)]
    let difference = answered - requests as f64;
    assert!(difference.abs() < 4.001, "{report}");

    let mut seen = seen.lock().unwrap().clone();
    seen.sort();
    let starts = ["1", "2", "3", "4"].map(|body| format!("0:{body}"));
    assert_eq!(seen[..4], starts);
    let sixth = ["1", "2", "3", "4"].map(|body| format!("5:{body}"));
    assert_eq!(seen[20..], sixth);
}

#[test]
fn other_statuses_and_failures_are_counted_apart() {
    let bodies = File::new("busy", "{}");
    let busy = "HTTP/1.1 429 Busy\r\nContent-Length: 0\r\n\r\n";
    let busy = serve(move |_, _| Reply::Answer(busy));
    let busy = report(&busy, &bodies, "--seconds 0.3");
    assert!(busy["statuses"]["429"].as_u64().unwrap() > 10, "{busy}");
    assert_eq!((&busy["requests"], &busy["histogram"]), (&0.into(), &json!([])));

    let garbled = serve(|_, _| Reply::Answer("garbage\r\n\r\n"));
    let garbled = report(&garbled, &bodies, "--seconds 0.3");
    assert!(garbled["errors"]["not_http"].as_u64().unwrap() > 10, "{garbled}");
    assert_eq!(garbled["requests"], 0);

    let silent = serve(|_, _| Reply::Silence);
    let options = "--seconds 0.3 --timeout-s 0.1 --connections 2";
    let silent = report(&silent, &bodies, options);
    let timeouts = silent["errors"]["timeout"].as_u64().unwrap();
    assert!((4..=6).contains(&timeouts), "{silent}");
}

#[test]
fn what_cannot_be_measured_is_one_line_and_code_2() {
    let bodies = File::new("some", "{}");
    let empty = File::new("empty", "\n");
    let missing = File(PathBuf::from("no such file"));
    let nobody = "http://127.0.0.1:1/predict";
    let raw = "--raw no/such/folder/raw.csv";
    for (url, bodies, options, says) in [
        (nobody, &bodies, "", "no server answers at 127.0.0.1:1"),
        ("predict", &bodies, "", "is not a URL"),
        (nobody, &empty, "", "holds no body"),
        (nobody, &missing, "", "no such file"),
        (nobody, &bodies, raw, "cannot write no/such/folder/raw.csv"),
    ] {
        let output = fare_load(url, bodies, options);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
        assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn options_that_mean_nothing_are_refused() {
    let bodies = File::new("options", "{}");
    for (options, says) in [
        ("--rate 0", "not a rate"),
        ("--rate nan", "not a rate"),
        ("--rate 10 --arrivals often", "poisson, constant"),
        ("--seed 1", "--rate"),
        ("--arrivals constant", "--rate"),
        ("--timeout-s never", "not a number of seconds"),
    ] {
        let output = fare_load("http://127.0.0.1:1/", &bodies, options);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{options}: {stderr}");
        assert!(stderr.contains(says), "{options}: {stderr}");
    }
}
