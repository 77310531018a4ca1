//! How many samples are taken, and their statistics.

use std::time::Duration;

use serde::Serialize;

/// How many samples are taken.
#[derive(Clone, Copy)]
pub(crate) struct Amount {
    /// Processes of each Lambda.
    pub(crate) rounds: usize,
    /// Warm requests of each process.
    pub(crate) warm: usize,
}

/// The statistics of one figure's samples, in its unit.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Summary {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) p99: f64,
    pub(crate) samples: usize,
}

impl Summary {
    /// Of no samples, all is zero.
    pub(crate) fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let at =
            |percent: usize| samples.get(samples.len().saturating_sub(1) * percent / 100).copied();

        Self {
            min: at(0).unwrap_or_default(),
            median: at(50).unwrap_or_default(),
            p99: at(99).unwrap_or_default(),
            samples: samples.len(),
        }
    }
}

/// A duration in ms.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// A number of KiB as a float. Beyond 4 TiB it is [`f64::MAX`].
pub(crate) fn kib(kib: u64) -> f64 {
    u32::try_from(kib).map_or(f64::MAX, f64::from)
}
