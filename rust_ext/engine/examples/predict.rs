//! Opens a fare model and asks it for two fares:
//! `cargo run --release --example predict`, where onnxruntime is installed.
#![allow(clippy::print_stdout, reason = "it is there to be read")]

use engine::{Library, Options, Result, Session, Tensor, find_library};

fn main() -> Result<()> {
    let library = Library::load(&find_library(None)?)?;
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/models/fare.onnx");
    let session = Session::open(library, model.as_ref(), &Options::default())?;

    let distance_miles = Tensor::from_slice(&[2, 1], &[1.0_f32, 12.5])?;
    let passengers = Tensor::from_slice(&[2, 1], &[1_i64, 2])?;
    let zone = Tensor::from_strings(&[2, 1], &["north", "south"])?;

    let outputs = session.run(&[distance_miles, passengers, zone])?;
    let fare_usd: &[f32] = outputs[0].as_slice()?;
    println!("{fare_usd:?}");
    Ok(())
}
