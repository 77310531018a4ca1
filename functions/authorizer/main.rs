//! The Lambda authorizer.

use std::process::ExitCode;

use functions::authorizer::{AuthorizerRequest, answer};
use lambda_runtime::{LambdaEvent, service_fn};
use shared::http::lambda;

fn main() -> ExitCode {
    lambda::start(async |latchkey| {
        lambda::warm_store(&latchkey).await;
        lambda_runtime::run(service_fn(async |event: LambdaEvent<AuthorizerRequest>| {
            // An error is API Gateway's 500, which it does not remember as it would a refusal.
            let answer = answer(&latchkey, &event.payload).await;
            answer
                .inspect_err(|error| tracing::error!(%error, "authorizer"))
                .map_err(lambda_runtime::Error::from)
        }))
        .await
    })
}
