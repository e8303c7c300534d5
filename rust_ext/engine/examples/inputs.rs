//! The second program of notebook 04: opens a model and says what it takes. Its argument
//! is the model's file.
#![allow(clippy::print_stdout, reason = "it is there to be read")]

use engine::{Library, Options, Result, Session, find_library};

// region: inputs
fn main() -> Result<()> {
    let library = Library::load(&find_library(None)?)?;
    let model = std::env::args().nth(1).unwrap_or_default();
    let session = Session::open(library, model.as_ref(), &Options::default())?;
    for input in session.inputs() {
        println!("{}: {}", input.name, input.kind);
    }
    Ok(())
}
// endregion: inputs
