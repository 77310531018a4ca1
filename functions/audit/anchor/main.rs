//! The Lambda that anchors the audit trail.

use std::process::ExitCode;

use functions::audit::anchor::anchor;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use shared::http::lambda;

fn main() -> ExitCode {
    lambda::start(async |latchkey| {
        lambda_runtime::run(service_fn(async |_: LambdaEvent<Value>| {
            let result = anchor(&latchkey).await;
            tracing::info!(?result, "the audit trail was anchored");
            result.map_err(lambda_runtime::Error::from)
        }))
        .await
    })
}
