//! The Lambda that rotates the signing keys.

use std::process::ExitCode;

use functions::keys::rotate::{RotationEvent, rotate};
use lambda_runtime::{LambdaEvent, service_fn};
use shared::http::lambda;

fn main() -> ExitCode {
    lambda::start(async |latchkey| {
        lambda_runtime::run(service_fn(async |event: LambdaEvent<RotationEvent>| {
            let result = rotate(&latchkey, &event.payload).await;
            tracing::info!(step = ?event.payload.step, ?result, "a step of the key rotation ran");
            result.map_err(lambda_runtime::Error::from)
        }))
        .await
    })
}
