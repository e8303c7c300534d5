//! Which requests find a place, with real sockets.
#![cfg(test)]
#![cfg(unix)]

mod program;

use std::io::Write;
use std::time::{Duration, Instant};

use program::{LAST, Server, answer, request, slow, statuses};

#[test]
fn who_finds_no_place_is_told_at_once_and_may_ask_again() {
    let server = Server::start("slow", &["--max-inflight", "1"]);
    let mut working = server.connect();
    working.write_all(request(&slow(1000), LAST).as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(100));

    let large = request(&" ".repeat(2_000_000), "");
    let (head, body) = large.split_at(large.find("\r\n\r\n").unwrap() + 4);
    let mut other = server.connect();
    let asked = Instant::now();
    other.write_all(head.as_bytes()).unwrap();
    let (status, head, problem) = answer(&mut other);
    let told = asked.elapsed();
    assert_eq!(status, "429");
    assert!(head.contains("\r\nretry-after: 1\r\n"), "{head}");
    assert!(problem.contains("1 requests are in flight: try again"), "{problem}");
    other.write_all(body.as_bytes()).unwrap();

    // A client that sends all before it reads gets an answer, too.
    other.write_all(large.as_bytes()).unwrap();
    assert_eq!(answer(&mut other).0, "429");
    assert_eq!(statuses(&mut working).0, ["200"]);
    other.write_all(request(&slow(1), "").as_bytes()).unwrap();
    assert_eq!(answer(&mut other).0, "200");
    assert!(told < Duration::from_millis(50), "{told:?}");
}

#[test]
fn a_body_that_comes_too_late_for_the_last_place_is_refused() {
    let server = Server::start("slow", &["--max-inflight", "1"]);
    let whole = request(&slow(1), "");
    let (begin, end) = whole.split_at(whole.len() - 1);
    let mut late = server.connect();
    late.write_all(begin.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let mut working = server.connect();
    working.write_all(request(&slow(500), LAST).as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    late.write_all(end.as_bytes()).unwrap();
    assert_eq!(answer(&mut late).0, "429");
    assert_eq!(statuses(&mut working).0, ["200"]);
}
