//! The `main` of a Lambda.

use std::{pin::Pin, process::ExitCode};

use axum::Router;
use http::{HeaderValue, Uri, header};
use lambda_http::{
    Adapter,
    aws_lambda_events::apigw::ApiGatewayV2httpRequest,
    lambda_runtime::{self, LambdaEvent},
    request::LambdaRequest,
};
use tower::ServiceExt as _;
use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets, filter_fn},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};
use utoipa_axum::router::OpenApiRouter;

use super::service::REQUEST_SPAN;
use crate::{
    base::{
        Clock, Environment, Random,
        metrics::{self, EmbeddedMetrics},
    },
    identifiers::phone,
    latchkey::Latchkey,
};

/// The longest path and the longest query, percent-encoded. API Gateway accepts 10,240 bytes of
/// request line and headers.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
const MAX_URL_BYTES: usize = 15 * 1024;

/// The environment variables that are read here.
pub const VARIABLES: [&str; 1] = [LOG_LEVEL];
/// The lowest level that is logged.
const LOG_LEVEL: &str = "AWS_LAMBDA_LOG_LEVEL";

/// The work of a Lambda at a cold start, while it has a whole core: it opens connections and reads
/// keys. If that fails, the first request tries again.
///
/// It is boxed, and [`run`] has no type parameters, so that all this is compiled once. An `async
/// fn` is compiled again in each crate that awaits it: in every Lambda, for 5 s of CPU each.
pub type Warm = for<'a> fn(&'a Latchkey) -> Warming<'a>;
/// A [`Warm`] that is running.
pub type Warming<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Runs the Lambda that serves `routes`.
pub fn run(routes: OpenApiRouter<Latchkey>, warm: Warm) -> ExitCode {
    start(async |latchkey| {
        warm(&latchkey).await;
        serve_events(super::service(routes, latchkey)).await
    })
}

/// Like [`run`], for a Lambda that reads phones and texts them. It does not start with an
/// `ADMIN_PHONE` with which nobody can sign in.
pub fn run_texts(routes: OpenApiRouter<Latchkey>) -> ExitCode {
    start(async |latchkey| {
        phone::prepare();
        latchkey.settings().check_admin_phone(latchkey.clock().now())?;
        warm_texts(&latchkey).await;
        serve_events(super::service(routes, latchkey)).await
    })
}

/// Like [`run`], for routes that do not use the table: such a Lambda links no AWS SDK.
pub fn run_static(routes: OpenApiRouter<Latchkey>) -> ExitCode {
    start(async |latchkey| serve_events(super::static_service(routes.into(), latchkey)).await)
}

/// Serves the events of an HTTP API, payload format 2.0, until the runtime ends.
async fn serve_events(service: Router) -> Result<(), lambda_http::Error> {
    let service =
        Adapter::from(service).map_request(|event: LambdaEvent<ApiGatewayV2httpRequest>| {
            LambdaEvent {
                payload: LambdaRequest::ApiGatewayV2(readable(event.payload)),
                context: event.context,
            }
        });
    lambda_runtime::run(service).await
}

/// A request that `lambda_http` can read: it panics at an invalid URL, which would end the process.
///
/// Drops host and protocol, which clients control and nothing here uses. An invalid path or query
/// becomes `/`, which nothing serves.
pub fn readable(mut request: ApiGatewayV2httpRequest) -> ApiGatewayV2httpRequest {
    request.headers.insert(header::HOST, HeaderValue::from_static("localhost"));
    request.headers.remove("x-forwarded-proto");
    let is_path = |path: &String| path.starts_with('/') && path.len() <= MAX_URL_BYTES;
    let is_query = |query: &String| {
        query.len() <= MAX_URL_BYTES && format!("/?{query}").parse::<Uri>().is_ok()
    };

    if !request.raw_path.as_ref().is_some_and(is_path)
        || !request.raw_query_string.as_ref().is_none_or(is_query)
    {
        request.raw_path = Some("/".to_owned());
        request.raw_query_string = None;
    }

    request
}

/// Starts any Lambda: sets up the log, reads the settings, and runs `serve`.
pub fn start(serve: impl AsyncFnOnce(Latchkey) -> Result<(), lambda_http::Error>) -> ExitCode {
    let environment = Environment::of_process();
    let level = environment.get(LOG_LEVEL).and_then(log_level).unwrap_or(LevelFilter::INFO);

    let log = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_current_span(true)
        .with_span_list(false)
        .with_filter(filter_fn(is_shown))
        .with_filter(levels(level));

    // The settings come before the log, since the metrics carry the service's name.
    let latchkey = Latchkey::new(environment, Clock::system(), Random::system());
    let service = latchkey.as_ref().map(|latchkey| latchkey.settings().service_name.clone());
    tracing_subscriber::registry()
        .with(log)
        .with(EmbeddedMetrics::layer(service.unwrap_or_default(), Clock::system()))
        .init();

    // A panic ends the instance. Without this, its text would be plain, and no alarm reads that.
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "the function panicked")));

    let latchkey = match latchkey {
        Ok(latchkey) => latchkey,
        Err(problems) => {
            for problem in problems {
                tracing::error!(problem, "a setting is not valid");
            }
            return ExitCode::FAILURE;
        }
    };

    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the async runtime could not be built");
            return ExitCode::FAILURE;
        }
    };

    match runtime.block_on(serve(latchkey)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the Lambda runtime ended with an error");
            ExitCode::FAILURE
        }
    }
}

/// Whether an event or a span is for the log. The spans of the SDK and of the Lambda runtime are not:
/// making them costs CPU, and ours has the request's id.
fn is_shown(metadata: &tracing::Metadata<'_>) -> bool {
    metrics::is_log(metadata) && (metadata.is_event() || metadata.target() == REQUEST_SPAN)
}

/// The filter of the log at `level`, with libraries at `INFO` at most. Below that, the AWS SDK logs
/// the bodies of its requests to DynamoDB and SNS, which have phones in clear.
fn levels(level: LevelFilter) -> Targets {
    let own = ["shared", "functions", REQUEST_SPAN].map(|target| (target, level));
    Targets::new().with_default(level.min(LevelFilter::INFO)).with_targets(own)
}

/// Lambda's name of a log level.
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>
fn log_level(name: &str) -> Option<LevelFilter> {
    if name == "FATAL" { Some(LevelFilter::ERROR) } else { name.parse().ok() }
}

/// Prepares nothing.
pub fn nothing(_: &Latchkey) -> Warming<'_> {
    Box::pin(async {})
}

/// Opens the connection to the table.
pub fn warm_store(latchkey: &Latchkey) -> Warming<'_> {
    Box::pin(async { log_failure(latchkey.store().ping().await) })
}

/// Opens the connection to the table and reads the hash keys.
pub fn warm_hash_keys(latchkey: &Latchkey) -> Warming<'_> {
    Box::pin(async {
        let (ping, keys) = futures_util::join!(latchkey.store().ping(), latchkey.hash_keys());
        log_failure(ping);
        log_failure(keys);
    })
}

/// Like [`warm_hash_keys`], and prepares the client for pictures in S3.
pub fn warm_avatars(latchkey: &Latchkey) -> Warming<'_> {
    Box::pin(async {
        let (ping, avatars) = futures_util::join!(latchkey.store().ping(), latchkey.avatars());
        log_failure(ping);
        log_failure(avatars);
    })
}

/// Opens the connections to the table and for texts, and reads the hash keys.
fn warm_texts(latchkey: &Latchkey) -> Warming<'_> {
    Box::pin(async {
        let connect = async {
            match latchkey.messenger().await {
                Ok(messenger) => messenger.connect().await,
                Err(error) => log_failure::<()>(Err(error)),
            }
        };
        let ((), ()) = futures_util::join!(connect, warm_hash_keys(latchkey));
    })
}

/// Opens the connection to the table, and reads the hash keys and the signing key.
pub fn warm_sessions(latchkey: &Latchkey) -> Warming<'_> {
    Box::pin(async {
        let (ping, sessions) = futures_util::join!(latchkey.store().ping(), latchkey.sessions());
        log_failure(ping);
        log_failure(sessions);
    })
}

fn log_failure<T>(result: Result<T, crate::base::Error>) {
    if let Err(error) = result {
        tracing::warn!(%error, "preparing the Lambda failed; the first request tries again");
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use serde_json::Value;

    use super::*;

    const SETTINGS: [(&str, &str); 2] =
        [("ISSUER", "https://id.example.com"), ("TABLE_NAME", "latchkey")];

    /// The output of a process that runs [`a_lambda_that_panics`].
    fn output_of_a_panic() -> String {
        let test = std::env::current_exe().unwrap();
        let output = Command::new(test)
            .args([
                "--exact",
                "http::lambda::tests::a_lambda_that_panics",
                "--nocapture",
                "--ignored",
            ])
            .env_clear()
            .envs(SETTINGS)
            .output()
            .unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }

    #[test]
    #[ignore = "the test below runs it in a separate process"]
    fn a_lambda_that_panics() {
        start(async |_| panic!("an index is out of bounds"));
    }

    #[test]
    fn a_panic_is_one_line_of_json_that_the_alarm_for_errors_counts() {
        let output = output_of_a_panic();
        let mut lines = output.lines().filter(|line| line.contains("an index is out of bounds"));
        let line: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
        assert_eq!(
            (&line["level"], &line["message"]),
            (&"ERROR".into(), &"the function panicked".into())
        );
        assert!(line["panic"].as_str().unwrap().contains("lambda.rs:"), "{line}");
        assert_eq!(lines.next(), None, "{output}");
    }
}
