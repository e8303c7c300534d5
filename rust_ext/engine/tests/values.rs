//! Lists, maps, optional values and initialisers that a run replaces: the model `values`
//! has one output for each of its inputs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod small_models;

use engine::{ElementType, Keys, Kind, Result, Tensor, Value};
use small_models::open;

const X: usize = 0;
const MAP: usize = 1;
const LIST: usize = 2;
const MAYBE: usize = 3;
const MORE: usize = 4;

fn floats(shape: &[usize], numbers: &[f32]) -> Tensor {
    Tensor::from_slice(shape, numbers).unwrap()
}

fn texts(texts: &[&str]) -> Value {
    Value::Tensor(Tensor::from_strings(&[texts.len()], texts).unwrap())
}

fn map(keys: &[i64], values: &[f32]) -> Value {
    let keys = Keys::Integers(keys.to_vec());
    Value::Map { keys, values: floats(&[values.len()], values) }
}

/// What is required, with x last.
fn feed(list: Vec<Value>) -> Vec<(usize, Value)> {
    let x = Value::Tensor(floats(&[1, 2], &[0.25, 0.75]));
    vec![(LIST, Value::List(list)), (MAP, map(&[3, 1], &[4.0, 5.0])), (X, x)]
}

fn tensor(value: &Value) -> &Tensor {
    if let Value::Tensor(tensor) = value { tensor } else { panic!("{value}") }
}

#[test]
fn describes_every_kind() {
    let session = open("values.onnx");
    let kinds = |ports: &[engine::Port]| {
        ports.iter().map(|port| port.kind.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        kinds(session.inputs()),
        [
            "tensor(float)",
            "map(int64,tensor(float))",
            "seq(tensor(string))",
            "optional(tensor(float))"
        ]
    );
    assert_eq!(session.outputs()[0].kind.to_string(), "seq(map(int64,tensor(float)))");
    let [more] = session.initialisers() else { panic!("one") };
    assert_eq!(more.name, "more");
    assert_eq!(more.kind, Kind::Tensor(ElementType::Float32));
    assert_eq!(session.input("more").unwrap(), MORE);
}

#[test]
fn takes_and_returns_every_kind() {
    let session = open("values.onnx");
    let inputs = feed(vec![texts(&["a", "b"]), texts(&[])]);
    let outputs = session.run_values(inputs, &[0, 1, 2, 3, 4, 5]).unwrap();
    let [
        Value::Maps { keys, rows },
        row,
        Value::List(same),
        is_there,
        Value::None,
        sum,
    ] = &outputs[..]
    else {
        panic!("{outputs:?}")
    };
    assert_eq!(**keys, Keys::Integers(vec![7, 8]));
    assert_eq!(rows.as_slice::<f32>().unwrap(), [0.25, 0.75]);
    assert_eq!(tensor(row).as_slice::<f32>().unwrap(), [5.0, 0.0, 4.0]);
    assert_eq!(tensor(&same[0]).strings().unwrap(), ["a", "b"]);
    assert_eq!(tensor(&same[1]).shape(), [0]);
    assert_eq!(tensor(is_there).as_slice::<bool>().unwrap(), [false]);
    assert_eq!(tensor(sum).as_slice::<f32>().unwrap(), [10.25, 20.75]);

    let mut inputs = feed(vec![]);
    inputs.push((MAYBE, Value::Tensor(floats(&[1], &[6.0]))));
    inputs.push((MORE, Value::Tensor(floats(&[2], &[1.0, 2.0]))));
    let outputs = session.run_values(inputs, &[2, 3, 4, 5]).unwrap();
    let [Value::List(same), is_there, again, sum] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert!(same.is_empty());
    assert_eq!(tensor(is_there).as_slice::<bool>().unwrap(), [true]);
    assert_eq!(tensor(again).as_slice::<f32>().unwrap(), [6.0]);
    assert_eq!(tensor(sum).as_slice::<f32>().unwrap(), [1.25, 2.75]);
}

#[test]
fn refuses_values_that_do_not_fit() {
    let session = open("values.onnx");
    let refusal = |position, value| {
        let mut inputs = feed(vec![]);
        inputs.retain(|(other, _)| *other != position);
        inputs.push((position, value));
        let outcome: Result<Vec<Value>> = session.run_values(inputs, &[0]);
        outcome.unwrap_err().to_string()
    };
    let numbers = || Value::Tensor(floats(&[1], &[1.0]));
    for (position, value, reason) in [
        (X, texts(&["a"]), "'x' is tensor(string) where the model takes tensor(float)"),
        (X, numbers(), "'x' has shape [1] where the model takes [rows, 2]"),
        (X, map(&[1], &[1.0]), "'x' is map(int64,tensor(float))"),
        (LIST, Value::List(vec![numbers()]), "'list' is seq(tensor(float))"),
        (
            LIST,
            Value::List(vec![map(&[1], &[1.0])]),
            "is seq(map(int64,tensor(float)))",
        ),
        (LIST, texts(&["a"]), "takes seq(tensor(string))"),
        (MAP, Value::List(vec![]), "'map' is seq()"),
        (MAYBE, texts(&["a"]), "takes optional(tensor(float))"),
        (9, numbers(), "no input '#9'"),
    ] {
        let message = refusal(position, value);
        assert!(message.contains(reason), "{message}");
    }
    let none = refusal(MAP, Value::None);
    assert!(none.starts_with("ONNX Runtime failed to run the model"), "{none}");
    let missing = session.run_values(vec![], &[0]).unwrap_err();
    assert!(missing.to_string().starts_with("the feed has no 'x', 'map', 'list';"));
    let uneven = refusal(MAP, map(&[1, 2], &[1.0]));
    assert!(uneven.contains("unequal number"), "{uneven}");
}

#[test]
fn no_two_values_are_one() {
    let session = open("values.onnx");
    let mut inputs = feed(vec![texts(&["a", "b"])]);
    inputs.push((MAYBE, Value::Tensor(floats(&[2], &[1.0, 2.0]))));
    let wanted = [4, 5, 4, 5, 2, 2];
    let mut outputs = session.run_values(inputs, &wanted).unwrap();
    for (index, output) in (0_u8..).zip(&mut outputs) {
        let tensor = match output {
            Value::Tensor(tensor) => tensor,
            Value::List(items) => {
                let Value::Tensor(tensor) = &mut items[0] else { panic!("a tensor") };
                tensor.set_string(0, &index.to_string()).unwrap();
                continue;
            }
            other => panic!("{other}"),
        };
        tensor.as_mut_slice::<f32>().unwrap()[0] = index.into();
    }
    for (index, output) in (0_u8..).zip(&outputs) {
        match output {
            Value::List(items) => {
                assert_eq!(tensor(&items[0]).strings().unwrap()[0], index.to_string());
            }
            other => {
                let first = tensor(other).as_slice::<f32>().unwrap()[0];
                assert_eq!(first.to_bits(), f32::from(index).to_bits());
            }
        }
    }
}
