//! Requests by a schedule: when they are sent, and what they show that others hide.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{OnceLock, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::small_server::{File, OK, Reply, report, serve};
use serde_json::{Value, json};

/// One line of the CSV file: when due, waited, latency if answered, queued, outcome.
type Line = (f64, f64, Option<f64>, bool, String);

fn lines(raw: &File) -> Vec<Line> {
    let text = std::fs::read_to_string(&raw.0).unwrap();
    let mut lines = text.lines();
    let header = "scheduled_s,waited_s,latency_s,queued,outcome";
    assert_eq!(lines.next(), Some(header));
    let fields = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let [due, waited, latency, queued, outcome] = fields[..] else {
            panic!("{line}")
        };
        let number = |text: &str| text.parse().unwrap();
        (
            number(due),
            number(waited),
            (!latency.is_empty()).then(|| number(latency)),
            queued.parse().unwrap(),
            outcome.to_owned(),
        )
    };
    lines.map(fields).collect()
}

fn with_raw(url: &str, name: &str, options: &str) -> (Value, Vec<Line>) {
    let bodies = File::new(&format!("{name}-bodies"), "{}");
    let raw = File::new(&format!("{name}.csv"), "");
    let options = format!("{options} --raw {}", raw.0.display());
    (report(url, &bodies, &options), lines(&raw))
}

#[test]
fn requests_are_sent_when_they_are_due() {
    let url = serve(|_, _| OK);
    let options = "--rate 400 --arrivals constant --seconds 0.5 --busy-poll";
    let (report, lines) = with_raw(&url, "due", options);
    // 0.1 s of warm-up is the requests 1 to 39: the 40th is due when they end.
    assert_eq!(lines.len(), 200);
    for (number, (due, waited, latency, _, outcome)) in (0_u32..).zip(&lines) {
        assert!((due - f64::from(number) / 400.0).abs() < 1e-8, "{number} at {due}");
        assert!(latency.unwrap() > *waited);
        assert_eq!(outcome, "200");
    }
    assert_eq!(report["statuses"], json!({"200": 200}));
    let kept = &report["open_loop"];
    assert_eq!(
        (&kept["scheduled"], &kept["arrivals"]),
        (&200.into(), &"constant".into())
    );
    let rate = report["rate_per_s"].as_f64().unwrap();
    assert!((rate - 400.0).abs() < 100.0, "{report}");
    let late = |which| kept[format!("lateness_{which}")].as_f64().unwrap();
    let waits = || lines.iter().filter(|line| !line.3).map(|line| line.1);
    assert!(waits().fold(f64::MAX, f64::min) < 0.001, "never sent at once: {kept}");
    assert!((waits().fold(0.0, f64::max) - late("max_s")).abs() < 1e-8, "{kept}");
    assert!(late("p50_s") <= late("p99_s"), "{kept}");
}

#[test]
fn a_seed_gives_one_schedule_however_many_threads_share_it() {
    let url = serve(|_, _| OK);
    let due = |name, options| {
        let options = format!("--rate 500 --seconds 0.4 {options}");
        let lines = with_raw(&url, name, &options).1;
        lines.iter().map(|line| line.0).collect::<Vec<_>>()
    };
    let one = due("one", "--seed 5");
    assert!((140..260).contains(&one.len()), "{}", one.len());
    assert_eq!(one, due("two", "--seed 5 --threads 2 --connections 4"));
    assert_eq!(one, due("more", "--seed 5 --threads 2 --connections 1"));
    assert_ne!(one, due("other", "--seed 6"));
}

/// A server that stands still for a second, a second after its first request.
fn stalling() -> String {
    let (first, still) = (OnceLock::new(), RwLock::new(false));
    serve(move |_, _| {
        let running = first.get_or_init(Instant::now).elapsed();
        if running > Duration::from_secs(1) && !*still.read().unwrap() {
            let mut done = still.write().unwrap();
            if !*done {
                thread::sleep(Duration::from_secs(1));
                *done = true;
            }
        }
        OK
    })
}

/// The time within which a share `q` of the answers came.
fn quantile(report: &Value, q: f64) -> f64 {
    let wanted = q * report["requests"].as_f64().unwrap();
    let mut seen = 0.0;
    let mut buckets = report["histogram"].as_array().unwrap().iter();
    let reached = buckets.find(|bucket| {
        seen += bucket[1].as_f64().unwrap();
        seen >= wanted
    });
    reached.unwrap()[0].as_f64().unwrap()
}

#[test]
fn a_stall_shows_in_an_open_loop_and_hides_in_a_closed_one() {
    let (open, closed) = (stalling(), stalling());
    let bodies = File::new("stall", "{}");
    let open = thread::scope(|scope| {
        let run = "--seconds 4 --connections 8 --rate 200 --arrivals constant";
        let open = scope.spawn(|| report(&open, &bodies, run));
        let closed = report(&closed, &bodies, "--seconds 4 --connections 8");
        // Of thousands of requests 8 met the stall.
        assert!(quantile(&closed, 0.99) < 0.1, "{closed}");
        assert!(quantile(&closed, 1.0) > 0.9, "{closed}");
        open.join().unwrap()
    });
    // Of 800 requests 200 fell into the second that stood still, evenly: each waited for
    // the rest of it, so a share q of all waited up to 1 s - 4 s (1 - q).
    for (q, seconds) in [(0.8, 0.2), (0.9, 0.6), (0.95, 0.8), (0.99, 0.96)] {
        let found = quantile(&open, q);
        assert!((found - seconds).abs() < 0.1, "p{q}: {found}, not {seconds}");
    }
    assert!(quantile(&open, 0.5) < 0.1);
    assert_eq!(open["requests"], 800);
    // Those behind the first 8 waited for a connection: not the generator's fault.
    assert!(open["open_loop"]["queued"].as_u64().unwrap() >= 150, "{open}");
    assert_eq!(open["open_loop"]["opened"], 8);
    assert!(open["open_loop"]["lateness_p99_s"].as_f64().unwrap() < 0.1, "{open}");
}

#[test]
fn whatever_happens_every_request_is_counted_once() {
    let number = AtomicUsize::new(0);
    let url = serve(move |_, _| match number.fetch_add(1, Ordering::Relaxed) % 5 {
        0 => Reply::Answer("HTTP/1.1 429 Busy\r\nContent-Length: 0\r\n\r\n"),
        1 => Reply::Answer("HTTP/1.1 503 Off\r\nContent-Length: 0\r\n\r\n"),
        2 => Reply::Close,
        3 => Reply::Silence,
        _ => OK,
    });
    let options = "--rate 200 --arrivals constant --seconds 0.5 --timeout-s 0.2";
    let (report, lines) =
        with_raw(&url, "apart", &format!("{options} --connections 64"));
    assert_eq!(report["open_loop"]["scheduled"], 100);
    let mut counted = 0;
    for (outcome, count) in ["statuses", "errors"]
        .into_iter()
        .flat_map(|kind| report[kind].as_object().unwrap())
    {
        let count = count.as_u64().unwrap();
        assert!((18..=22).contains(&count), "{outcome} {count}");
        let written = lines.iter().filter(|line| line.4 == *outcome);
        let answered = outcome.parse::<u16>().is_ok();
        assert!(written.clone().all(|line| line.2.is_some() == answered), "{outcome}");
        assert_eq!(written.count() as u64, count, "{outcome}");
        counted += count;
    }
    assert_eq!(counted, 100);
    assert_eq!(report["requests"], report["statuses"]["200"]);
}

#[test]
fn a_connection_that_the_server_closed_while_it_rested_is_opened_again() {
    let closing = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    let url = serve(move |number, _| {
        // The second request finds the connection closed.
        if number == 0 { Reply::AnswerAndClose(closing) } else { Reply::Silence }
    });
    let bodies = File::new("rested", "{}");
    let options = "--rate 20 --arrivals constant --seconds 0.5 --timeout-s 1";
    let report = report(&url, &bodies, options);
    assert_eq!((&report["errors"], &report["requests"]), (&json!({}), &10.into()));
}

#[test]
fn who_waits_too_long_for_a_connection_has_gone() {
    let url = serve(|_, _| Reply::Silence);
    let options = "--rate 100 --arrivals constant --seconds 0.5 --timeout-s 0.3";
    let bodies = File::new("gone", "{}");
    let report = report(&url, &bodies, &format!("{options} --connections 1"));
    assert_eq!(report["errors"], json!({"timeout": 50}));
    assert_eq!((&report["requests"], &report["rate_per_s"]), (&0.into(), &0.0.into()));
}
