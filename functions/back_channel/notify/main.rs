//! The Lambda that tells apps of the end of their sessions.

use std::process::ExitCode;

use functions::back_channel::notify::notify;
use lambda_runtime::{LambdaEvent, service_fn};
use shared::{back_channel::QueueEvent, http::lambda};

fn main() -> ExitCode {
    lambda::start(async |latchkey| {
        lambda_runtime::run(service_fn(async |event: LambdaEvent<QueueEvent>| {
            notify(&latchkey, event.payload).await.map_err(lambda_runtime::Error::from)
        }))
        .await
    })
}
