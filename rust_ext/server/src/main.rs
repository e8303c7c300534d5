//! Serves an ONNX model over HTTP.
#![forbid(unsafe_code)]

fn main() {}
