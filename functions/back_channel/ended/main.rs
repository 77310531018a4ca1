//! The Lambda that finds the sessions of apps that have ended.

use std::process::ExitCode;

use functions::back_channel::ended::queue_ended;
use lambda_runtime::{LambdaEvent, service_fn};
use shared::{back_channel::StreamEvent, http::lambda};

fn main() -> ExitCode {
    lambda::start(async |latchkey| {
        lambda_runtime::run(service_fn(async |event: LambdaEvent<StreamEvent>| {
            queue_ended(&latchkey, event.payload).await.map_err(lambda_runtime::Error::from)
        }))
        .await
    })
}
