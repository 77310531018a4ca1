//! A Lambda's main.

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
    filter::{LevelFilter, filter_fn},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    base::{
        Clock, Environment, Random,
        metrics::{self, EmbeddedMetrics},
    },
    identifiers::phone,
    latchkey::Latchkey,
};

/// API Gateway takes 10,240 bytes of request line and headers; percent-encoded this is what a URI may have.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
const MAX_URL_BYTES: usize = 15 * 1024;

/// What is read of the environment here.
pub const VARIABLES: [&str; 1] = [LOG_LEVEL];
/// The least level of the log.
const LOG_LEVEL: &str = "AWS_LAMBDA_LOG_LEVEL";

/// What a Lambda prepares while it is given a whole core: opens connections, reads keys. Where that
/// fails the first request tries again.
///
/// Boxed, and [`run`] without type parameters, so that all this is compiled once: an `async fn` is
/// compiled anew by whoever awaits it, here by every Lambda, for 5 s of CPU each.
pub type Warm = for<'a> fn(&'a Latchkey) -> Warming<'a>;
/// A [`Warm`] under way.
pub type Warming<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Runs the Lambda that answers `routes`.
pub fn run(routes: OpenApiRouter<Latchkey>, warm: Warm) -> ExitCode {
    start(async |latchkey| {
        warm(&latchkey).await;
        answer(super::service(routes, latchkey)).await
    })
}

/// As [`run`], for what touches no table: such a Lambda links no AWS SDK.
pub fn run_static(routes: OpenApiRouter<Latchkey>) -> ExitCode {
    start(async |latchkey| answer(super::static_service(routes.into(), latchkey)).await)
}

/// Answers the events of an HTTP API, payload format 2.0, until the runtime ends.
async fn answer(service: Router) -> Result<(), lambda_http::Error> {
    let service =
        Adapter::from(service).map_request(|event: LambdaEvent<ApiGatewayV2httpRequest>| {
            LambdaEvent {
                payload: LambdaRequest::ApiGatewayV2(readable(event.payload)),
                context: event.context,
            }
        });
    lambda_runtime::run(service).await
}

/// A request as `lambda_http` can read it, which panics at a URL that is none, and that ends the process. Host and
/// protocol are clients' words and of no use here; what is no path or query is none that anything is at.
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

/// Starts any Lambda: the log, the settings, the runtime.
pub fn start(serve: impl AsyncFnOnce(Latchkey) -> Result<(), lambda_http::Error>) -> ExitCode {
    let environment = Environment::of_process();
    let level = environment.get(LOG_LEVEL).and_then(log_level).unwrap_or(LevelFilter::INFO);
    let log = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_current_span(false)
        .with_span_list(false)
        .with_filter(filter_fn(metrics::is_log))
        .with_filter(level);
    let stage = environment.get("ENVIRONMENT").unwrap_or("prod").to_owned();
    tracing_subscriber::registry()
        .with(log)
        .with(EmbeddedMetrics::layer(stage, Clock::system()))
        .init();
    let latchkey = match Latchkey::new(environment, Clock::system(), Random::system()) {
        Ok(latchkey) => latchkey,
        Err(problems) => {
            for problem in problems {
                tracing::error!(problem, "a setting cannot be accepted");
            }
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(serve(latchkey)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the runtime ended");
            ExitCode::FAILURE
        }
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>
fn log_level(name: &str) -> Option<LevelFilter> {
    if name == "FATAL" { Some(LevelFilter::ERROR) } else { name.parse().ok() }
}

/// For endpoints that need nothing prepared.
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

/// As [`warm_hash_keys`], with the client of the pictures.
pub fn warm_avatars(latchkey: &Latchkey) -> Warming<'_> {
    Box::pin(async {
        let (ping, avatars) = futures_util::join!(latchkey.store().ping(), latchkey.avatars());
        log_failure(ping);
        log_failure(avatars);
    })
}

/// Opens the connections to the table and for texts, reads the hash keys.
pub fn warm_texts(latchkey: &Latchkey) -> Warming<'_> {
    Box::pin(async {
        phone::prepare();
        let connect = async {
            match latchkey.messenger() {
                Ok(messenger) => messenger.connect().await,
                Err(error) => log_failure::<()>(Err(error)),
            }
        };
        let ((), ()) = futures_util::join!(connect, warm_hash_keys(latchkey));
    })
}

/// Opens the connection to the table, reads the hash keys and the signing key.
pub fn warm_sessions(latchkey: &Latchkey) -> Warming<'_> {
    Box::pin(async {
        let (ping, sessions) = futures_util::join!(latchkey.store().ping(), latchkey.sessions());
        log_failure(ping);
        log_failure(sessions);
    })
}

fn log_failure<T>(result: Result<T, crate::base::Error>) {
    if let Err(error) = result {
        tracing::warn!(%error, "not prepared; the first request tries again");
    }
}
