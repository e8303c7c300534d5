//! Runs ONNX models with ONNX Runtime on the CPU; knows neither Python nor HTTP.
//!
//! ```no_run
//! # fn main() -> engine::Result<()> {
//! use engine::{Library, Options, Session, Tensor, find_library};
//!
//! let library = Library::load(&find_library(None)?)?;
//! let session = Session::open(library, "fare.onnx".as_ref(), &Options::default())?;
//! let ride = Tensor::from_slice(&[1, 2], &[3.5_f32, 17.0])?;
//! let outputs = session.run(&[ride])?;
//! let fare_usd: &[f32] = outputs[0].as_slice()?;
//! # Ok(())
//! # }
//! ```
//!
//! A program begins its `main` with [`disable_telemetry`], or ONNX Runtime reports to its
//! maker.

mod error;
mod ffi;
mod floor;
mod graph;
mod hazards;
mod library;
mod options;
mod port;
mod protobuf;
mod schema;
mod session;
mod tensor;
mod value;

pub use half::f16;

pub use error::{Error, Result, Status};
pub use ffi::{disable_telemetry, yield_to_others};
pub use floor::Floor;
pub use library::{Library, find_library};
pub use options::{Optimisation, Options, Severity};
pub use port::{Dim, Kind, Port};
pub use schema::{Column, MISSING_TEXT, Unknown};
pub use session::{Metadata, Session};
pub use tensor::{Element, ElementType, Tensor, bytes_at_most};
pub use value::{Keys, Value};
