//! The first program of notebook 04: proves that Rust builds and runs here.
#![allow(clippy::print_stdout, reason = "it is there to be read")]

// region: nothing
fn main() {
    println!("Rust runs here");
}
// endregion: nothing
