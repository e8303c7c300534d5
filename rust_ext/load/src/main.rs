//! Sends HTTP requests on a schedule and times the answers.
#![forbid(unsafe_code)]

fn main() {}
