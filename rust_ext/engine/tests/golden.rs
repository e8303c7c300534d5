//! The small fare model gives the golden answers of scikit-learn.
#![allow(clippy::unwrap_used, reason = "a test fails where its preparation does")]

mod golden_file;

use engine::{Library, Options, Session, Tensor, find_library};
use serde::de::DeserializeOwned;

fn column<T: DeserializeOwned>(rows: &serde_json::Value, name: &str) -> Vec<T> {
    serde_json::from_value(rows[name].clone()).unwrap()
}

#[test]
fn the_engine_gives_the_golden_answers() {
    let golden = golden_file::read();
    let library = Library::load(&find_library(None).unwrap()).unwrap();
    let model = golden_file::path("fare_small.onnx");
    let session = Session::open(library, &model, &Options::default()).unwrap();

    let miles = column::<Option<f32>>(&golden.rows, "distance_miles");
    let miles: Vec<f32> = miles.iter().map(|each| each.unwrap_or(f32::NAN)).collect();
    let shape = [miles.len(), 1];
    let zones =
        |name| Tensor::from_strings(&shape, &column::<String>(&golden.rows, name));
    let whole = |name| Tensor::from_slice(&shape, &column::<i64>(&golden.rows, name));
    let inputs = [
        Tensor::from_slice(&shape, &miles),
        zones("pickup_zone"),
        zones("dropoff_zone"),
        whole("hour"),
        whole("weekday"),
        whole("passengers"),
    ];
    let outputs = session.run(&inputs.map(Result::unwrap)).unwrap();
    let fares = outputs[0].as_slice::<f32>().unwrap();
    golden.check(&fares.iter().copied().map(f64::from).collect::<Vec<_>>());
}
