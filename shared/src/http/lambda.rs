//! A Lambda's main.

use std::{pin::Pin, process::ExitCode};

use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, filter_fn},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    clock::Clock,
    config::Environment,
    metrics::{self, EmbeddedMetrics},
    parts::Parts,
    phone,
    random::Random,
};

/// What a Lambda prepares while it is given a whole core: opens connections, reads keys. Where that
/// fails the first request tries again.
///
/// Boxed, and [`run`] without type parameters, so that all this is compiled once: an `async fn` is
/// compiled anew by whoever awaits it, here by every Lambda, for 5 s of CPU each.
pub type Warm = for<'a> fn(&'a Parts) -> Warming<'a>;
/// A [`Warm`] under way.
pub type Warming<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Runs the Lambda that answers `routes`.
pub fn run(routes: OpenApiRouter<Parts>, warm: Warm) -> ExitCode {
    start(async |parts| {
        warm(&parts).await;
        lambda_http::run(super::service(routes.into(), parts)).await
    })
}

/// As [`run`], for what touches no table: such a Lambda links no AWS SDK.
pub fn run_static(routes: OpenApiRouter<Parts>) -> ExitCode {
    start(async |parts| lambda_http::run(super::static_service(routes.into(), parts)).await)
}

/// Starts any Lambda: the log, the settings, the runtime.
pub fn start(serve: impl AsyncFnOnce(Parts) -> Result<(), lambda_http::Error>) -> ExitCode {
    let environment = Environment::of_process();
    let level = environment.get("AWS_LAMBDA_LOG_LEVEL").and_then(log_level).unwrap_or(LevelFilter::INFO);
    let log = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_current_span(false)
        .with_span_list(false)
        .with_filter(filter_fn(metrics::is_log))
        .with_filter(level);
    let stage = environment.get("ENVIRONMENT").unwrap_or("prod").to_owned();
    tracing_subscriber::registry().with(log).with(EmbeddedMetrics::layer(stage, Clock::system())).init();
    let parts = match Parts::new(environment, Clock::system(), Random::system()) {
        Ok(parts) => parts,
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
    match runtime.block_on(serve(parts)) {
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
pub fn nothing(_: &Parts) -> Warming<'_> {
    Box::pin(async {})
}

/// Opens the connection to the table.
pub fn warm_store(parts: &Parts) -> Warming<'_> {
    Box::pin(async { log_failure(parts.store().ping().await) })
}

/// Opens the connection to the table and reads the hash keys.
pub fn warm_hash_keys(parts: &Parts) -> Warming<'_> {
    Box::pin(async {
        let (ping, keys) = futures_util::join!(parts.store().ping(), parts.hash_keys());
        log_failure(ping);
        log_failure(keys);
    })
}

/// As [`warm_hash_keys`], with the client of the pictures.
pub fn warm_avatars(parts: &Parts) -> Warming<'_> {
    Box::pin(async {
        let (ping, avatars) = futures_util::join!(parts.store().ping(), parts.avatars());
        log_failure(ping);
        log_failure(avatars);
    })
}

/// Opens the connections to the table and for texts, reads the hash keys.
pub fn warm_texts(parts: &Parts) -> Warming<'_> {
    Box::pin(async {
        phone::prepare();
        let connect = async {
            match parts.messenger() {
                Ok(messenger) => messenger.connect().await,
                Err(error) => log_failure::<()>(Err(error)),
            }
        };
        let ((), ()) = futures_util::join!(connect, warm_hash_keys(parts));
    })
}

/// Opens the connection to the table, reads the hash keys and the signing key.
pub fn warm_sessions(parts: &Parts) -> Warming<'_> {
    Box::pin(async {
        let (ping, sessions) = futures_util::join!(parts.store().ping(), parts.sessions());
        log_failure(ping);
        log_failure(sessions);
    })
}

fn log_failure<T>(result: Result<T, crate::error::Error>) {
    if let Err(error) = result {
        tracing::warn!(%error, "not prepared; the first request tries again");
    }
}
