//! What is known in the end: of a Lambda, and of a whole sign-in. This is what a run keeps.

use serde::Serialize;

use crate::samples::{Summary, kib};

/// What is known of a Lambda in the end. Times are in ms.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Figures {
    pub(crate) name: String,
    pub(crate) binary_bytes: u64,
    /// From the start of the process to its first poll.
    pub(crate) poll_wall: Summary,
    pub(crate) poll_cpu: Summary,
    /// From the first event to its answer; without what AWS took; and until the next poll.
    pub(crate) first_wall: Summary,
    pub(crate) first_own_wall: Summary,
    pub(crate) first_cpu: Summary,
    /// The same of all later events.
    pub(crate) warm_wall: Summary,
    pub(crate) warm_cpu: Summary,
    pub(crate) peak_memory_kib: Summary,
    /// Connections that a first request had to make.
    pub(crate) first_connections: Summary,
    /// Per warm request.
    pub(crate) read_units: Summary,
    pub(crate) write_units: Summary,
    pub(crate) calls: Vec<String>,
    /// As a share of the same figure of `hello`, and of the CPU time of one `GetItem`.
    pub(crate) poll_cpu_per_hello: f64,
    pub(crate) warm_cpu_per_get_item: f64,
}

impl Figures {
    /// The size of the binary, in MB.
    pub(crate) fn binary_mb(&self) -> f64 {
        kib(self.binary_bytes / 1000) / 1000.0
    }
}

/// What is known of a service in the end. Times are in ms.
#[derive(Serialize)]
pub(crate) struct FlowFigures {
    pub(crate) name: &'static str,
    /// A flow that finds no process of any function.
    pub(crate) cold_wall: Summary,
    pub(crate) cold_cpu: Summary,
    /// Later flows.
    pub(crate) warm_wall: Summary,
    pub(crate) warm_cpu: Summary,
    /// Of the function that needs most.
    pub(crate) peak_memory_kib: Summary,
}
