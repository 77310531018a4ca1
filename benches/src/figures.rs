//! The results: of a Lambda, and of a whole sign-in. figures.json has them under these names.

use serde::Serialize;

use crate::samples::{Summary, kib};

/// The results of a Lambda. Times are in ms.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Figures {
    pub(crate) name: String,
    pub(crate) binary_bytes: u64,
    /// From the start of the process to its first poll.
    pub(crate) poll_wall: Summary,
    pub(crate) poll_cpu: Summary,
    /// From the first event to its response.
    pub(crate) first_wall: Summary,
    /// The same without the time that AWS took.
    pub(crate) first_own_wall: Summary,
    /// From the first event to the next poll.
    pub(crate) first_cpu: Summary,
    /// The same for all later events.
    pub(crate) warm_wall: Summary,
    pub(crate) warm_cpu: Summary,
    pub(crate) peak_memory_kib: Summary,
    /// The connections that the first request had to open.
    pub(crate) first_connections: Summary,
    /// The request units of a warm request.
    pub(crate) read_units: Summary,
    pub(crate) write_units: Summary,
    /// The longest chain of calls to AWS, each of which waits for the one before.
    pub(crate) chain: Summary,
    /// The calls to AWS of the last warm request.
    pub(crate) calls: Vec<String>,
    /// `poll_cpu` as a multiple of that of `hello`.
    pub(crate) poll_cpu_per_hello: f64,
    /// `warm_cpu` as a multiple of the CPU time of one `GetItem`.
    pub(crate) warm_cpu_per_get_item: f64,
}

impl Figures {
    /// The size of the binary, in MB.
    pub(crate) fn binary_mb(&self) -> f64 {
        kib(self.binary_bytes / 1000) / 1000.0
    }
}

/// The results of a service that signs people in. Times are in ms.
#[derive(Serialize)]
pub(crate) struct FlowFigures {
    pub(crate) name: &'static str,
    /// The first flow, which includes the start of every function.
    pub(crate) cold_wall: Summary,
    pub(crate) cold_cpu: Summary,
    /// Later flows.
    pub(crate) warm_wall: Summary,
    pub(crate) warm_cpu: Summary,
    /// The peak of the function that needs most.
    pub(crate) peak_memory_kib: Summary,
}
