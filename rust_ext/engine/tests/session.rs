//! Sessions against small models: `fare` is 2.5 + 1.75 distance + passengers and returns
//! its zone; `weights` is the product with [0.5, -1.25, 2]; `positive` keeps what is.
#![allow(clippy::unwrap_used, reason = "a test fails where its preparation does")]

mod small_models;

use engine::{
    Dim, ElementType, Error, Floor, Kind, Options, Session, Status, Tensor, Unknown,
};
use small_models::{library, open, path};

fn rides(distances: &[f32], passengers: &[i64], zones: &[&str]) -> Vec<Tensor> {
    vec![
        Tensor::from_slice(&[distances.len(), 1], distances).unwrap(),
        Tensor::from_slice(&[passengers.len(), 1], passengers).unwrap(),
        Tensor::from_strings(&[zones.len(), 1], zones).unwrap(),
    ]
}

#[test]
fn answers_numbers_and_strings() {
    let outputs = open("fare.onnx")
        .run(&rides(&[2.0, 4.0], &[1, 3], &["north", "é日本🚲"]))
        .unwrap();
    assert_eq!(outputs[0].as_slice::<f32>().unwrap(), [7.0, 12.5]);
    assert_eq!(outputs[0].shape(), [2, 1]);
    assert_eq!(outputs[1].strings().unwrap(), ["north", "é日本🚲"]);
}

#[test]
fn answers_no_rows_with_no_rows() {
    let outputs = open("fare.onnx").run(&rides(&[], &[], &[])).unwrap();
    assert_eq!(outputs[0].as_slice::<f32>().unwrap(), [0.0_f32; 0]);
    assert_eq!(outputs[0].shape(), [0, 1]);
    assert_eq!(outputs[1].strings().unwrap(), [""; 0]);
}

#[test]
fn returns_the_outputs_asked_for() {
    let session = open("fare.onnx");
    let zone = session.output("zone_out").unwrap();
    let ride = rides(&[1.0], &[0], &["a"]);
    let mut outputs = Vec::new();
    session.run_into(&ride, &[zone, 0], &mut outputs).unwrap();
    assert_eq!(outputs[0].strings().unwrap(), ["a"]);
    assert_eq!(outputs[1].as_slice::<f32>().unwrap(), [4.25]);

    let unknown = session.run_into(&ride, &[7], &mut outputs).unwrap_err();
    assert_eq!(unknown.code(), "output-unknown");
    assert_eq!(session.output("tip").unwrap_err().code(), "output-unknown");
    assert_eq!(session.input("tip").unwrap_err().code(), "input-unknown");
}

#[test]
fn refills_prepared_tensors() {
    let session = open("fare.onnx");
    let mut inputs = session.prepare(1).unwrap();
    for (distance, zone) in [(1.0_f32, "a longer name than fits in place"), (2.0, "b")]
    {
        inputs[0].as_mut_slice().unwrap()[0] = distance;
        inputs[2].set_string(0, zone).unwrap();
        let outputs = session.run(&inputs).unwrap();
        assert_eq!(outputs[0].as_slice::<f32>().unwrap(), [2.5 + 1.75 * distance]);
        assert_eq!(outputs[1].strings().unwrap(), [zone]);
    }
}

#[test]
fn writes_into_earlier_outputs_where_they_fit() {
    let session = open("positive.onnx");
    let mut outputs = Vec::new();
    let mut positive = |x: &[f32]| {
        let input = Tensor::from_slice(&[x.len()], x).unwrap();
        session.run_into(&[input], &[0], &mut outputs).unwrap();
        let y: &[f32] = outputs[0].as_slice().unwrap();
        (y.as_ptr(), y.to_vec())
    };
    let (first, y) = positive(&[1.0, 2.0]);
    assert_eq!(y, [1.0, 2.0]);
    assert_eq!(positive(&[3.0, 4.0]), (first, vec![3.0, 4.0]));
    assert_eq!(positive(&[-3.0, 4.0]).1, [4.0]);
    assert_eq!(positive(&[]).1, [0.0; 0]);
}

#[test]
fn describes_the_model() {
    let session = open("fare.onnx");
    let distance = &session.inputs()[0];
    assert_eq!(distance.kind, Kind::Tensor(ElementType::Float32));
    assert_eq!(distance.shape, [Dim::Named("rows".to_owned()), Dim::Fixed(1)]);
    assert_eq!(session.metadata().producer, "engine tests");
    let schema = session.schema().unwrap();
    let names: Vec<&str> = schema.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["distance", "passengers", "zone"]);
    assert_eq!(schema[2].unknown, Some(Unknown::Ignore));
    assert_eq!(schema[2].position, 2);
}

#[test]
fn derives_a_schema_from_the_graph() {
    let column = &open("weights.onnx").schema().unwrap()[0];
    assert_eq!((column.name.as_str(), column.width), ("x", 3));
    assert_eq!((column.dtype, column.missing), (ElementType::Float32, false));
}

#[test]
fn refuses_inputs_that_do_not_fit() {
    let session = open("weights.onnx");
    let run = |tensor: engine::Result<Tensor>| {
        session.run(&[tensor.unwrap()]).map(|_| ()).unwrap_err()
    };
    assert_eq!(session.run(&[]).map(|_| ()).unwrap_err().code(), "input-missing");
    let wide = run(Tensor::from_slice(&[1, 4], &[0.0_f32; 4]));
    assert_eq!(
        wide.to_string(),
        "input 'x' has shape [1, 4] where the model takes [any, 3]; reshape it"
    );
    assert_eq!(run(Tensor::from_slice(&[3], &[0.0_f32; 3])).code(), "input-shape");
    assert_eq!(
        run(Tensor::from_slice(&[1, 3], &[0.0_f64; 3])).to_string(),
        "input 'x' is tensor(double) where the model takes tensor(float); convert it"
    );
}

#[test]
fn refuses_columns_of_unequal_length() {
    let error = open("fare.onnx")
        .run(&rides(&[1.0, 2.0], &[1, 2, 3], &["a", "b"]))
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.code(), "runtime");
}

#[test]
fn refuses_files_that_are_no_models() {
    let options = Options::default();
    let missing = Session::open(library(), &path("none.onnx"), &options);
    assert_eq!(missing.map(|_| ()).unwrap_err().code(), "model-not-found");
    let page = Session::from_bytes(library(), b"<html>404</html>", &options);
    let Error::ModelRefused { status, .. } = page.map(|_| ()).unwrap_err() else {
        panic!("another cause")
    };
    assert_eq!(status, Status::InvalidProtobuf);
}

#[test]
fn refuses_tensors_read_or_filled_wrongly() {
    let mut tensor = Tensor::from_slice(&[2], &[1_i64, 2]).unwrap();
    assert_eq!(tensor.as_slice::<f64>().unwrap_err().code(), "tensor-type");
    assert_eq!(tensor.set_string(0, "a").unwrap_err().code(), "tensor-type");
    let short = Tensor::from_slice(&[3], &[1_i64, 2]).map(|_| ());
    assert_eq!(short.unwrap_err().code(), "tensor-size");
    let mut text = Tensor::from_strings(&[1], &["a"]).unwrap();
    assert_eq!(text.set_string(1, "b").unwrap_err().code(), "tensor-size");
}

#[test]
fn threads_share_a_session_and_get_their_own_answers() {
    let session = open("fare.onnx");
    std::thread::scope(|scope| {
        for thread in 0..8_i16 {
            let session = &session;
            scope.spawn(move || {
                for call in 0..500_i16 {
                    let distance = f32::from(thread) + f32::from(call) / 512.0;
                    let zone = format!("{thread} {call}");
                    let inputs = rides(&[distance], &[thread.into()], &[&zone]);
                    let outputs = session.run(&inputs).unwrap();
                    let fare = outputs[0].as_slice::<f32>().unwrap()[0];
                    let expected = distance * 1.75 + 2.5 + f32::from(thread);
                    assert_eq!(fare.to_bits(), expected.to_bits());
                    assert_eq!(outputs[1].strings().unwrap(), [zone]);
                }
            });
        }
    });
}

#[test]
fn no_two_tensors_are_one() {
    let session = open("passing.onnx");
    let mut tensors = vec![Tensor::from_slice(&[2], &[1.0_f32, 2.0]).unwrap()];
    let other = [Tensor::from_slice(&[2], &[8.0_f32, 9.0]).unwrap()];
    let mut outputs = Vec::new();
    for wanted in [&[1, 2, 3][..], &[0, 1], &[0, 1, 1, 3, 0]] {
        session.run_into(&other, wanted, &mut outputs).unwrap();
        // This run finds outputs that it could write into.
        session.run_into(&tensors[..1], wanted, &mut outputs).unwrap();
        assert_eq!(outputs.len(), wanted.len());
        tensors.append(&mut outputs);
    }
    tensors.extend(open("twice.onnx").run(&tensors[..1]).unwrap());
    for (index, tensor) in (0_u8..).zip(&mut tensors) {
        let negative = if index < 11 { 1.0 } else { -1.0 };
        let numbers = tensor.as_mut_slice::<f32>().unwrap();
        assert_eq!(numbers, [negative, 2.0 * negative]);
        numbers.fill(index.into());
    }
    let firsts = tensors.iter().map(|tensor| tensor.as_slice::<f32>().unwrap()[0]);
    let expected: Vec<f32> = (0_u8..13).map(f32::from).collect();
    assert_eq!(firsts.collect::<Vec<_>>(), expected);
}

#[test]
fn truth_values_are_true_or_false_whatever_the_file_holds() {
    let session = open("truths.onnx");
    let mut outputs = Vec::new();
    for _ in 0..2 {
        let all = Tensor::from_slice(&[4], &[0_i64, 1, 2, 3]).unwrap();
        session.run_into(&[all], &[0], &mut outputs).unwrap();
        let truths = outputs[0].as_slice::<bool>().unwrap().iter();
        assert_eq!(
            truths.map(|&truth| u8::from(truth)).collect::<Vec<_>>(),
            [0, 1, 1, 1]
        );
    }
}

#[test]
fn the_floor_answers_each_feed_as_a_run_does() {
    let session = open("fare.onnx");
    let feeds = vec![rides(&[2.0], &[1], &["north"]), rides(&[4.0], &[3], &["south"])];
    let mut floor = Floor::new(&session, feeds).unwrap();
    for _ in 0..2 {
        let outputs = floor.run().unwrap();
        assert_eq!(outputs[0].as_slice::<f32>().unwrap(), [12.5]);
        assert_eq!(outputs[1].strings().unwrap(), ["south"]);
    }
    assert_eq!(Floor::new(&session, Vec::new()).unwrap().run().unwrap().len(), 0);

    let code = |feeds| Floor::new(&session, feeds).err().unwrap().code();
    let one = || rides(&[2.0], &[1], &["a"]);
    assert_eq!(code(vec![one(), rides(&[], &[], &[])]), "tensor-size");
    assert_eq!(code(vec![one(), Vec::new()]), "input-missing");
    let some = Tensor::from_slice(&[2], &[1.0_f32, -1.0]).unwrap();
    let refused = Floor::new(&open("positive.onnx"), vec![vec![some]]).err().unwrap();
    assert_eq!(refused.code(), "unsupported");
}
