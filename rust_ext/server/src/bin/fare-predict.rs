//! `fare-predict`: one prediction from the command line.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use fare_server::{Model, Problem};

/// Prints the predictions of an ONNX model for one body of rows, such as
/// `{"instances": [{"distance_miles": 1.5, ...}]}`
#[derive(Parser)]
#[command(name = "fare-predict", version)]
struct Args {
    /// The ONNX model
    model: PathBuf,
    /// A file with the body, or - for standard input
    #[arg(default_value = "-")]
    body: PathBuf,
    /// ONNX Runtime's library [default: the one of the Python environment]
    #[arg(long, env = "ORT_DYLIB_PATH", value_name = "FILE")]
    ort_library: Option<PathBuf>,
    /// Write to standard error when each stage was done, in nanoseconds since 1970
    #[arg(long)]
    stages: bool,
}

/// When each stage was done, in nanoseconds since 1970.
#[derive(serde::Serialize)]
struct Stages {
    main: u128,
    library: u128,
    loaded: u128,
    predicted: u128,
}

fn main() -> ExitCode {
    let main = now();
    // SAFETY: no other thread has been started.
    #[allow(unsafe_code)]
    unsafe {
        engine::disable_telemetry();
    }
    let args = Args::parse();
    match run(&args, main) {
        // The library's teardown would take a quarter of the whole time.
        Ok(()) => signal_hook::low_level::exit(0),
        Err(problem) => {
            eprintln!("fare-predict: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args, main: u128) -> Result<(), String> {
    let library = engine::find_library(args.ort_library.as_deref())
        .and_then(|path| engine::Library::load(&path))
        .map_err(|error| error.to_string())?;
    let library_done = now();
    let model = Model::open(library, &args.model).map_err(|error| error.to_string())?;
    let loaded = now();
    let body = read(&args.body)
        .map_err(|error| format!("cannot read {}: {error}", args.body.display()))?;
    let answer = model.predict(&body).map_err(|problem| explain(&problem))?;
    let mut answer = answer.body;
    let predicted = now();
    answer.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&answer).and_then(|()| out.flush()).map_err(|e| e.to_string())?;
    if args.stages {
        let stages = Stages { main, library: library_done, loaded, predicted };
        let json = serde_json::to_string(&stages).map_err(|error| error.to_string())?;
        eprintln!("{json}");
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if path != Path::new("-") {
        return fs::read(path);
    }
    let mut body = Vec::new();
    io::stdin().read_to_end(&mut body)?;
    Ok(body)
}

/// What is wrong with the body, and where.
fn explain(problem: &Problem) -> String {
    match problem {
        Problem::WrongRows { errors, .. } if !errors.is_empty() => {
            let lines =
                errors.iter().map(|e| format!("{} at '{}'", e.detail, e.pointer));
            lines.collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}
