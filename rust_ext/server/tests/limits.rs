//! What is too large, too slow or too much, without a socket.
#![cfg(test)]

mod app;

use std::convert::Infallible;
use std::time::Duration;

use app::{ask, get, post, read, server};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::Response;
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use serde_json::json;
use tower::ServiceExt;

/// A body that comes in pieces, without a length.
async fn pieces(piece: &'static [u8], count: usize) -> Body {
    let (mut sender, body) = Channel::<Bytes, Infallible>::new(count);
    for _ in 0..count {
        sender.send_data(Bytes::from_static(piece)).await.unwrap();
    }
    Body::new(body)
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_whole_or_in_pieces() {
    let server = server("plain", &["--max-body-bytes", "20"]);
    let exact = r#"{"instances":[]     }"#;
    assert_eq!(exact.len(), 21);
    let (status, problem) = ask(&server, exact).await;
    assert_eq!(status, 413);
    assert_eq!(problem["detail"], "the body is over the limit of 20 bytes");
    assert_eq!(ask(&server, &exact.replacen(' ', "", 1)).await.0, 200);
    for (piece, count, expected) in [
        (&b"{\"instances\":[]     }"[..], 1, 413),
        (b"{\"instances\":[]    }", 1, 200),
        (b"0123456789", 3, 413),
    ] {
        let request = post(pieces(piece, count).await);
        let answer = server.clone().oneshot(request).await.unwrap();
        assert_eq!(read(answer).await.0.as_u16(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_is_408() {
    let server = server("plain", &["--timeout-s", "2.5"]);
    let (_sender, body) = Channel::<Bytes, Infallible>::new(1);
    let started = tokio::time::Instant::now();
    let answer = server.oneshot(post(Body::new(body))).await.unwrap();
    let (status, problem) = read(answer).await;
    assert_eq!(status, 408);
    assert_eq!(problem["detail"], "the body did not arrive within 2.5 s");
    assert!((2500..2600).contains(&started.elapsed().as_millis()));
}

/// A body of so many rows for the model `slow`, which needs about 1 ms for each.
fn slow(rows: usize) -> String {
    json!({ "columns": { "x": vec![1; rows] } }).to_string()
}

async fn metrics(server: &Router) -> String {
    let answer = get(server, "/metrics").await.into_body().collect().await.unwrap();
    String::from_utf8(answer.to_bytes().to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_long_request_delays_no_short_one_and_fills_its_place() {
    let server = server("slow", &["--max-inflight", "1"]);
    let long = tokio::spawn({
        let server = server.clone();
        async move { (ask(&server, &slow(1000)).await.0, std::time::Instant::now()) }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(get(&server, "/health/live").await.status(), 200);
    let metrics = metrics(&server).await;
    assert!(metrics.contains("\nfare_requests_in_flight 1\n"), "{metrics}");
    let refused = server.clone().oneshot(post(slow(1))).await.unwrap();
    assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    let (status, problem) = read(refused).await;
    assert_eq!(status, 429);
    assert_eq!(problem["detail"], "1 requests are in flight: try again");
    let refused_at = std::time::Instant::now();

    let (status, finished) = long.await.unwrap();
    assert_eq!(status, 200);
    assert!(refused_at < finished, "the short requests waited for the long one");
    assert_eq!(ask(&server, &slow(1)).await.0, 200);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_504() {
    let server = server("slow", &["--timeout-s", "0.05"]);
    let (status, problem) = ask(&server, &slow(1000)).await;
    assert_eq!(status, 504);
    assert_eq!(problem["detail"], "the answer took longer than 0.05 s");
    while !metrics(&server).await.contains("\nfare_requests_in_flight 0\n") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(ask(&server, &slow(1)).await.0, 200);
    let counted = metrics(&server).await; // without the rows that came too late
    assert!(counted.contains("\nfare_rows_total 1\n"), "{counted}");
}

/// The stages in an answer's header, in milliseconds.
fn stages(answer: &Response) -> [f64; 4] {
    let text = answer.headers()["server-timing"].to_str().unwrap();
    let stages: Vec<_> =
        text.split(", ").map(|s| s.split_once(";dur=").unwrap()).collect();
    let names: Vec<_> = stages.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["parse", "queue", "predict", "write"]);
    [0, 1, 2, 3].map(|stage| stages[stage].1.parse().unwrap())
}

#[test]
fn an_answer_tells_where_its_time_went() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let server = server("slow", &[]);
        let ask = |rows| server.clone().oneshot(post(slow(rows)));
        let (first, second) = tokio::join!(ask(300), ask(300));
        let (first, second) = (stages(&first.unwrap()), stages(&second.unwrap()));
        let [parse, queue, predict, write] = first;
        assert!(predict > 20.0 && parse + queue + write < predict, "{first:?}");
        assert!(second[1] > predict / 2.0, "{second:?} waited for {first:?}");
    });
    runtime.block_on(async {
        let none = server("plain", &[]).oneshot(post(r#"{"instances":[]}"#)).await;
        let [_, queue, predict, write] = stages(&none.unwrap());
        assert!(queue + predict + write < 0.001);
    });
}
