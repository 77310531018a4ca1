//! The error of the benchmark.

/// The error.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;
