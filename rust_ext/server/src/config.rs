//! The options, each from the command line or else from the environment.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, value_parser};
use tracing::Level;

use crate::log::Format;

/// Serves an ONNX model of a table over HTTP: POST /predict, GET /health/live,
/// GET /health/ready
#[derive(Debug, Clone, Parser)]
#[command(name = "fare-server", version)]
pub struct Config {
    /// The ONNX model
    #[arg(long, env = "MODEL", value_name = "FILE")]
    pub model: PathBuf,
    /// The address to listen on [default: 127.0.0.1; 0.0.0.0 where PORT is set]
    // Not HOST: conda's compilers set that to the name of their target.
    #[arg(long, env = "FARE_HOST")]
    pub host: Option<String>,
    /// The port to listen on; 0 takes a free one
    #[arg(long, env = "PORT", default_value_t = 8000)]
    pub port: u16,
    /// Larger bodies are refused
    #[arg(long, env = "MAX_BODY_BYTES", default_value_t = 2_097_152)]
    pub max_body_bytes: usize,
    /// Seconds that a body may take to arrive, and an answer to be made
    #[arg(long, env = "TIMEOUT_S", default_value = "30", value_parser = seconds)]
    pub timeout_s: Duration,
    /// More requests than this at once are refused
    #[arg(long, env = "MAX_INFLIGHT", default_value = "256")]
    pub max_inflight: NonZeroU32,
    /// Threads that answer, 1 to 256; as many more take the long requests
    #[arg(long, env = "WORKERS", default_value = "1")]
    #[arg(value_parser = value_parser!(u16).range(1..=256))]
    pub workers: u16,
    /// ONNX Runtime's library [default: the one of the Python environment]
    #[arg(long, env = "ORT_DYLIB_PATH", value_name = "FILE")]
    pub ort_library: Option<PathBuf>,
    /// How the log on standard error is written
    #[arg(long, env = "LOG", value_enum, default_value = "text")]
    pub log: Format,
    /// What is logged: error, warn, info (starts and stops) or debug (each request)
    #[arg(long, env = "LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    pub log_level: Level,
    /// Read and check bodies, but answer 0.0 for each row
    #[arg(long)]
    pub noop: bool,
    /// Stop when standard input reaches its end
    #[arg(long)]
    pub exit_on_stdin_close: bool,
}

impl Config {
    /// The address to listen on: where the platform sets PORT, it expects all of them.
    #[must_use]
    pub fn host(&self) -> &str {
        let by_platform = std::env::var_os("PORT").is_some();
        let usual = if by_platform { "0.0.0.0" } else { "127.0.0.1" };
        self.host.as_deref().unwrap_or(usual)
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(Duration::ZERO) => Err("must be more than 0".to_owned()),
        Ok(duration) if seconds <= 86_400.0 => Ok(duration),
        Ok(_) => Err("more than a day".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_256_threads_at_most() {
        let workers = |count: &str| {
            let options = ["fare-server", "--model", "a", "--workers", count];
            Config::try_parse_from(options).map(|config| config.workers)
        };
        assert_eq!((workers("1").unwrap(), workers("256").unwrap()), (1, 256));
        for count in ["0", "257", "3000"] {
            let refused = workers(count).unwrap_err().to_string();
            assert!(refused.contains("is not in 1..=256"), "{refused}");
        }
    }
}
