//! Runs ONNX models; knows neither Python nor HTTP.
