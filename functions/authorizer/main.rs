//! The Lambda authorizer.

use std::process::ExitCode;

use functions::authorizer::{AuthorizerRequest, answer};
use lambda_runtime::{LambdaEvent, service_fn};
use shared::http::lambda;

fn main() -> ExitCode {
    lambda::start(async |latchkey| {
        lambda::warm_store(&latchkey).await;
        lambda_runtime::run(service_fn(async |event: LambdaEvent<AuthorizerRequest>| {
            // For an error, API Gateway returns 500 and does not cache it, unlike a refusal.
            let answer = answer(&latchkey, &event.payload).await;
            answer
                .inspect_err(
                    |error| tracing::error!(%error, "the authorizer could not check a token"),
                )
                .map_err(lambda_runtime::Error::from)
        }))
        .await
    })
}
