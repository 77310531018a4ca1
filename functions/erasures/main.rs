//! The Lambda that erases the accounts that are due.

use std::process::ExitCode;

use functions::erasures::erase_due;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::de::IgnoredAny;
use shared::http::lambda;

fn main() -> ExitCode {
    lambda::start(async |latchkey| {
        lambda_runtime::run(service_fn(async |_: LambdaEvent<IgnoredAny>| {
            let result = erase_due(&latchkey).await;
            tracing::info!(?result, "accounts that were due were erased");
            result.map_err(lambda_runtime::Error::from)
        }))
        .await
    })
}
