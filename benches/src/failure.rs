//! The error of the benchmark.

/// What went wrong.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;
