//! The Lambda that replaces the root of the hash keys.

use std::process::ExitCode;

use functions::keys::root::{Order, answer};
use lambda_runtime::{LambdaEvent, service_fn};
use shared::http::lambda;

fn main() -> ExitCode {
    lambda::start(async |latchkey| {
        lambda_runtime::run(service_fn(async |event: LambdaEvent<Order>| {
            let result = answer(&latchkey, &event.payload).await;
            tracing::info!(order = ?event.payload, ?result, "an operator's order about the root");
            result.map_err(lambda_runtime::Error::from)
        }))
        .await
    })
}
