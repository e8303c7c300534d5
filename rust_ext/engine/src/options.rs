//! How a session is to work.

use std::path::PathBuf;

/// How grave a message of ONNX Runtime is.
pub use ort::logging::LogLevel as Severity;
/// How far ONNX Runtime rewrites a graph to make it faster.
pub use ort::session::builder::GraphOptimizationLevel as Optimisation;
use ort::session::builder::SessionBuilder;

/// How a session works; its threads wait for work without spinning, unless told to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "so many switches has ONNX Runtime")]
pub struct Options {
    /// Threads inside one operator; 0 takes a thread for each physical core.
    pub intra_threads: usize,
    /// Threads across operators.
    pub inter_threads: usize,
    /// Whether operators that do not wait for each other run at once.
    pub parallel: bool,
    /// How far ONNX Runtime rewrites the graph.
    pub optimisation: Optimisation,
    /// Where to write the graph as rewritten.
    pub optimised_model: Option<PathBuf>,
    /// Whether memory is kept for later runs.
    pub arena: bool,
    /// Whether memory is laid out by what runs of the same shapes used.
    pub memory_pattern: bool,
    /// Whether a result must not depend on the threads.
    pub deterministic: bool,
    /// The least grave messages to log.
    pub severity: Severity,
    /// How much to log of the least grave kind.
    pub verbosity: i32,
    /// The session's name in the log.
    pub log_id: String,
    /// Anything else, by ONNX Runtime's own keys.
    pub entries: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            intra_threads: 1,
            inter_threads: 1,
            parallel: false,
            optimisation: Optimisation::All,
            optimised_model: None,
            arena: true,
            memory_pattern: true,
            deterministic: false,
            severity: Severity::Warning,
            verbosity: 0,
            log_id: String::new(),
            entries: Vec::new(),
        }
    }
}

impl Options {
    pub(crate) fn builder(&self) -> ort::Result<SessionBuilder> {
        let cpu = ort::ep::CPU::default().with_arena_allocator(self.arena).build();
        let mut builder = SessionBuilder::new()?
            .with_execution_providers([cpu.error_on_failure()])?
            .with_intra_threads(self.intra_threads)?
            .with_inter_threads(self.inter_threads)?
            .with_parallel_execution(self.parallel)?
            .with_optimization_level(self.optimisation)?
            .with_memory_pattern(self.memory_pattern)?
            .with_deterministic_compute(self.deterministic)?
            .with_log_level(self.severity)?
            .with_log_verbosity(self.verbosity)?
            .with_log_id(&self.log_id)?;
        if let Some(path) = &self.optimised_model {
            builder = builder.with_optimized_model_path(path)?;
        }
        for spinning in
            ["session.intra_op.allow_spinning", "session.inter_op.allow_spinning"]
        {
            if !self.entries.iter().any(|(key, _)| key == spinning) {
                builder = builder.with_config_entry(spinning, "0")?;
            }
        }
        for (key, value) in &self.entries {
            builder = builder.with_config_entry(key, value)?;
        }
        Ok(builder)
    }
}
