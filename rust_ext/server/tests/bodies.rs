//! Many bodies, most of them odd: each gets the answer that its making implies.
//!
//! The bodies come by seed, so that a failure repeats. Millions of them, by hand:
//! `cargo test --release -p server --test bodies -- --ignored`
#![cfg(test)]

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use clap::Parser;
use fare_server::{Config, Model, State, app};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

const IN_CI: u64 = 20_000;

fn server(model: &str) -> Router {
    let path = format!("{}/tests/models/{model}.onnx", env!("CARGO_MANIFEST_DIR"));
    let config = Config::parse_from(["fare-server", "--model", &path]);
    let library = engine::Library::load(&engine::find_library(None).unwrap()).unwrap();
    app(State::new(Model::open(library, &config.model).unwrap(), config))
}

/// The status of the answer to a body, and the answer.
async fn ask(server: &Router, body: Vec<u8>) -> (u16, Value) {
    let request = Request::post("/predict");
    let request = request.header(header::CONTENT_TYPE, "application/json");
    let request = request.body(Body::from(body)).unwrap();
    let response = server.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let answer = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&answer).unwrap())
}

/// Numbers by splitmix64, from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % end as u64).unwrap()
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// A column of `rides`: spellings of its name, values with what they add to the fare
/// (nothing where that is unknown), and values that it does not take.
type Column = (Texts, &'static [(&'static str, Option<f64>)], Texts);
type Texts = &'static [&'static str];

const COLUMNS: [Column; 6] = [
    (
        &["distance (mi)", r"distance\u0020(mi)"],
        &[
            ("1.5", Some(3.0)),
            ("0", Some(0.0)),
            ("-2", Some(-4.0)),
            ("1E1", Some(20.0)),
            ("25e-1", Some(5.0)),
        ],
        &["null", "true", r#""1.5""#, "[1.5]", "1e39", "-3.5e38", "{}"],
    ),
    (
        &["zone", r"zon\u0065"],
        &[(r#""a""#, Some(10.0)), (r#""b""#, Some(20.0)), (r#""\u0061""#, Some(10.0))],
        &[r#""z""#, r#""A""#, r#""""#, r#""a\u0000""#, "null", "1", r#"["a"]"#],
    ),
    (
        &["hour"],
        &[("0", Some(0.0)), ("23", Some(23.0)), ("-1", Some(-1.0))],
        &["1.0", "1e3", r#""1""#, "null", "true", "9223372036854775808", "-1e19", "[]"],
    ),
    (
        &["wait/min", r"wait\/min"],
        &[("2", Some(2.0)), ("0.5", Some(0.5)), ("null", None)],
        &["false", r#""2""#, "[null]", "1e39"],
    ),
    (
        &["member"],
        &[("true", Some(1.0)), ("false", Some(0.0))],
        &["1", "0", "null", r#""true""#],
    ),
    (
        &["pet"],
        &[
            (r#""dog""#, Some(100.0)),
            (r#""d\u006fg""#, Some(100.0)),
            (r#""cat""#, Some(0.0)),
            (r#""\ud83d\udc15""#, Some(0.0)),
            (r#""""#, Some(0.0)),
            ("null", Some(0.0)),
        ],
        &["1", "true", "[]", r#"{"dog": 1}"#],
    ),
];

/// A body for `rides`, and its predictions unless something is wrong with it.
fn body(dice: &mut Dice) -> (String, Option<Value>) {
    let rows = dice.below(4);
    let mut good = true;
    let mut fares = vec![Some(0.0); rows];
    let mut values = vec![vec![""; COLUMNS.len()]; rows];
    for (row, fare) in values.iter_mut().zip(&mut fares) {
        for ((_, takes, refuses), value) in COLUMNS.iter().zip(row) {
            if dice.one_in(40) {
                good = false;
                *value = *dice.pick(refuses);
            } else {
                let (text, adds) = dice.pick(takes);
                *value = text;
                *fare = fare.zip(*adds).map(|(fare, adds)| fare + adds);
            }
        }
    }
    let by_column = dice.one_in(2);
    let content = if by_column {
        let column = |at: usize| list(values.iter().map(|row| row[at].to_owned()));
        let mut lists: Vec<String> = (0..COLUMNS.len()).map(column).collect();
        if dice.one_in(20) {
            good = false;
            lists[dice.below(COLUMNS.len())] = list(vec!["1".to_owned(); rows + 1]);
        }
        object(dice, &lists, &mut good)
    } else {
        let row = |row: &Vec<&str>| {
            let texts: Vec<String> = row.iter().map(ToString::to_string).collect();
            if dice.one_in(40) {
                good = false;
                return list(texts);
            }
            object(dice, &texts, &mut good)
        };
        list(values.iter().map(row).collect::<Vec<_>>())
    };
    let form = if by_column { "columns" } else { "instances" };
    let field = format!(r#""{form}" :{content}"#);
    let also =
        [r#""columns": {}"#, r#""instances": []"#, r#""parameters": {}"#, &field];
    let body = if dice.one_in(20) {
        good = false;
        format!("{{{field}, {}}}", dice.pick(&also))
    } else {
        format!("\t{{{field}\r\n}} ")
    };
    let predictions = || fares.iter().map(|fare| json!(fare)).collect();
    (body, good.then(predictions))
}

fn list(values: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", values.into_iter().collect::<Vec<_>>().join(" ,"))
}

/// An object of the columns in any order, now and then with one too few or too many.
fn object(dice: &mut Dice, values: &[String], good: &mut bool) -> String {
    let name = |dice: &mut Dice, (names, ..): &Column| (*dice.pick(names)).to_owned();
    let mut fields: Vec<(String, &str)> = COLUMNS
        .iter()
        .zip(values)
        .map(|(column, value)| (name(dice, column), value.as_str()))
        .collect();
    if dice.one_in(40) {
        *good = false;
        match dice.below(3) {
            0 => drop(fields.swap_remove(dice.below(COLUMNS.len()))),
            1 => fields.push(("tip".to_owned(), "1")),
            _ => {
                let column = dice.pick(&COLUMNS);
                fields.push((name(dice, column), fields[0].1));
            }
        }
    }
    dice.shuffle(&mut fields);
    let fields = fields.into_iter().map(|(name, value)| format!("\"{name}\": {value}"));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

/// Some bytes changed, left out, repeated or put in.
fn spoil(dice: &mut Dice, body: &mut Vec<u8>) {
    const BYTES: &[u8] = b"\"\\{}[]:,-+.eE0123456789 ntf/u\x00\x1f\x7f\x80\xc3\xed\xff";
    for _ in 0..=dice.below(3) {
        let from = dice.below(body.len().max(1));
        let to = (from + dice.below(8)).min(body.len());
        match dice.below(5) {
            0 => drop(body.drain(from..to)),
            1 => {
                let again = body[from..to].to_vec();
                drop(body.splice(from..from, again));
            }
            2 => body.insert(from, *dice.pick(BYTES)),
            3 => body.truncate(from),
            _ if body.is_empty() => {}
            _ => body[from] = *dice.pick(BYTES),
        }
    }
}

/// Asks so many bodies and returns how many got each status: 200, 400 and 422.
async fn ask_many(server: &Router, seeds: std::ops::Range<u64>) -> [u64; 3] {
    let mut counts = [0; 3];
    for seed in seeds {
        let dice = &mut Dice(seed.wrapping_mul(0xD129_0D3A_4F5B_27C1));
        let (text, predictions) = body(dice);
        let mut sent = text.into_bytes();
        let spoilt = dice.one_in(2);
        if spoilt {
            spoil(dice, &mut sent);
        }
        let is_json = serde_json::from_slice::<Value>(&sent).is_ok();
        let told = String::from_utf8_lossy(&sent).into_owned();
        let (status, answer) = ask(server, sent).await;
        match status {
            200 => assert!(answer["predictions"].is_array(), "{told}"),
            _ => assert_eq!(answer["status"], status, "{told}"),
        }
        assert_eq!(status == 400, !is_json, "{told}: {answer}");
        if !spoilt {
            let expected = if predictions.is_some() { 200 } else { 422 };
            assert_eq!(status, expected, "{told}: {answer}");
            assert_eq!(predictions.as_ref(), answer.get("predictions"), "{told}");
        }
        let place = [200, 400, 422].iter().position(|known| *known == status);
        counts[place.unwrap_or_else(|| panic!("{status}: {told}"))] += 1;
    }
    counts
}

#[tokio::test]
async fn a_body_gets_the_answer_that_its_making_implies() {
    let counts = ask_many(&server("rides"), 0..IN_CI).await;
    assert!(counts.iter().all(|count| *count > IN_CI / 10), "{counts:?}");
}

#[tokio::test]
async fn numbers_keep_their_digits() {
    let (server, dice) = (server("plain"), &mut Dice(1));
    for _ in 0..IN_CI / 4 {
        let texts: Vec<String> = (0..4).map(|_| number(dice)).collect();
        let body = format!(r#"{{"instances": [{{"X": [{}]}}]}}"#, texts.join(","));
        #[allow(clippy::cast_possible_truncation)] // as numpy converts
        let twice = texts.iter().map(|text| 2.0 * text.parse::<f64>().unwrap() as f32);
        let twice: Vec<f32> = twice.collect();
        let (status, answer) = ask(&server, body.clone().into_bytes()).await;
        assert_eq!(status, 200, "{body}: {answer}");
        let answered = &answer["predictions"][0]["twice"];
        let answered: Vec<f32> = serde_json::from_value(answered.clone()).unwrap();
        assert_eq!(answered, twice, "{body}");
    }
}

/// A number of up to 25 digits with its point anywhere, twice of which float32 holds.
fn number(dice: &mut Dice) -> String {
    const DIGITS: [char; 10] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
    let digits = 1 + dice.below(25);
    let digits: String = (0..digits).map(|_| *dice.pick(&DIGITS)).collect();
    let (whole, fraction) = digits.split_at(dice.below(digits.len()));
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let sign = if dice.one_in(2) { "-" } else { "" };
    let exponent = i32::try_from(dice.below(50)).unwrap() - 38;
    format!("{sign}{whole}.{fraction}e{exponent}")
}

#[tokio::test]
#[ignore = "minutes, and only Linux tells how much memory is held"]
async fn millions_of_bodies_leave_the_memory_as_it_was() {
    let held_kb = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim_end_matches("kB").trim().parse::<u64>().unwrap()
    };
    let server = server("rides");
    let mut held = Vec::new();
    for part in 1..=10 {
        let seeds = part * 1_000_000..(part + 1) * 1_000_000;
        let counts = ask_many(&server, seeds).await;
        held.push(held_kb());
        eprintln!("{part} million: {counts:?} got 200, 400, 422; {} kB", held_kb());
    }
    assert!(held[9] < held[0] + 1024, "{held:?}");
}
