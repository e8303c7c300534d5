//! How long each stage of an answer took, as the header `Server-Timing` tells it.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::header::{HeaderName, HeaderValue};

/// The header's name.
pub const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The stages of an answer, once the whole body is there. Not in them: the network.
pub struct Stages {
    last: Instant,
    queue: Duration,
    parse: Duration,
    predict: Duration,
    write: Duration,
}

impl Stages {
    /// All of them at nothing; the first begins.
    pub fn begin() -> Self {
        let none = Duration::ZERO;
        Self {
            last: Instant::now(),
            queue: none,
            parse: none,
            predict: none,
            write: none,
        }
    }

    /// The body waited so long for a thread.
    pub fn queued(&mut self, time: Duration) {
        self.queue = time;
    }

    /// The body is checked, and its values are in the model's inputs.
    pub fn parsed(&mut self) {
        self.parse = self.lap();
    }

    /// The model's outputs are there.
    pub fn predicted(&mut self) {
        self.predict = self.lap();
    }

    /// The answer's body is there.
    pub fn written(&mut self) {
        self.write = self.lap();
    }

    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.last, now)
    }

    /// The header's value: each stage in milliseconds, with three decimals.
    pub fn header(&self) -> HeaderValue {
        let mut text = Vec::with_capacity(80);
        for (name, time) in [
            ("parse;dur=", self.parse),
            (", queue;dur=", self.queue),
            (", predict;dur=", self.predict),
            (", write;dur=", self.write),
        ] {
            text.extend(name.as_bytes());
            push_milliseconds(&mut text, time);
        }
        // Digits and names: no byte that a header does not take.
        HeaderValue::from_maybe_shared(Bytes::from(text))
            .unwrap_or(HeaderValue::from_static(""))
    }
}

/// Appends a time, without `fmt`: it would take longer than to write a row's answer.
fn push_milliseconds(text: &mut Vec<u8>, time: Duration) {
    let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
    let mut digits = [b'0'; 11];
    let (mut rest, mut first) = (micros, digits.len());
    while rest > 0 || first > digits.len() - 5 {
        first -= 1;
        if first == digits.len() - 4 {
            digits[first] = b'.';
        } else {
            digits[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
    text.extend(&digits[first..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_milliseconds_with_three_decimals() {
        for (micros, expected) in [
            (0, "0.000"),
            (7, "0.007"),
            (12_345, "12.345"),
            (100_000, "100.000"),
            (u64::MAX, "4294967.295"),
        ] {
            let mut text = Vec::new();
            push_milliseconds(&mut text, Duration::from_micros(micros));
            assert_eq!(String::from_utf8(text).unwrap(), expected);
        }
    }

    #[test]
    fn the_header_has_each_stage() {
        let mut stages = Stages::begin();
        stages.queued(Duration::from_micros(1500));
        let header = stages.header();
        let expected =
            "parse;dur=0.000, queue;dur=1.500, predict;dur=0.000, write;dur=0.000";
        assert_eq!(header, expected);
    }
}
