//! What a request may cost, as `benches/scale.json` has it: the model of large deployments computes
//! with the same figures that the tests assert.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The request units of a request, and its longest chain of calls to AWS.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub(crate) struct Step {
    reads: f64,
    writes: f64,
    /// The most calls of which each waits for the one before.
    pub(crate) chain: usize,
}

impl Step {
    /// The (read, write) units.
    pub(crate) fn units(self) -> (f64, f64) {
        (self.reads, self.writes)
    }
}

/// The step that a Lambda serves, for a person who exists.
#[track_caller]
pub(crate) fn step(lambda: &str) -> Step {
    let inputs: BTreeMap<String, Value> =
        serde_json::from_str(include_str!("../../benches/scale.json")).unwrap();
    serde_json::from_value(inputs["steps"][lambda].clone()).unwrap()
}
