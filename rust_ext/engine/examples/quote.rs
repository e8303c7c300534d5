//! The third program of notebook 04, and its exercise: quotes one ride. Its argument is
//! the fare model's file.
#![allow(clippy::print_stdout, reason = "it is there to be read")]

use engine::{Library, Options, Result, Session, Tensor, find_library};

// region: quote
fn main() -> Result<()> {
    let library = Library::load(&find_library(None)?)?;
    let model = std::env::args().nth(1).unwrap_or_default();
    let session = Session::open(library, model.as_ref(), &Options::default())?;
    let ride = [
        Tensor::from_slice(&[1, 1], &[2.0_f32])?, // distance_miles
        Tensor::from_strings(&[1, 1], &["3-west"])?, // pickup_zone
        Tensor::from_strings(&[1, 1], &["5-east"])?, // dropoff_zone
        Tensor::from_slice(&[1, 1], &[9_i64])?,   // hour
        Tensor::from_slice(&[1, 1], &[4_i64])?,   // weekday
        Tensor::from_slice(&[1, 1], &[1_i64])?,   // passengers
    ];
    let outputs = session.run(&ride)?;
    let fare_usd: &[f32] = outputs[0].as_slice()?;
    println!("{:.2}", rounded(fare_usd[0]));
    Ok(())
}

fn rounded(fare_usd: f32) -> f32 {
    fare_usd
}
// endregion: quote
