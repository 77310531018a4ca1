//! The Lambda that counts what became of texts by AWS End User Messaging.

use std::process::ExitCode;

use functions::reports::events::count;
use lambda_runtime::{LambdaEvent, service_fn};
use shared::{http::lambda, messages::DeliveryEvent};

fn main() -> ExitCode {
    lambda::start(async |latchkey| {
        lambda_runtime::run(service_fn(async |event: LambdaEvent<DeliveryEvent>| {
            count(&latchkey, event.payload).await.map_err(lambda_runtime::Error::from)
        }))
        .await
    })
}
