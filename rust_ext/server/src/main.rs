//! `fare-server`: serves an ONNX model of a table over HTTP.

use std::process::ExitCode;

use clap::Parser;
use fare_server::Format;

fn main() -> ExitCode {
    // SAFETY: no other thread has been started.
    #[allow(unsafe_code)]
    unsafe {
        engine::disable_telemetry();
    }
    let config = fare_server::Config::parse();
    let log = config.log;
    log.begin(config.log_level);
    match fare_server::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            match log {
                Format::Text => eprintln!("fare-server: {error}"),
                Format::Json => tracing::error!("{error}"),
            }
            ExitCode::from(2)
        }
    }
}
