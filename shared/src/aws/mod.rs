//! The AWS SDK's configuration: timeouts, retries, one HTTP client, and endpoints from the
//! environment.

use std::time::Duration;

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::{
    behavior_version::BehaviorVersion,
    http::SharedHttpClient,
    interceptors::context::InterceptorContext,
    orchestrator::HttpResponse,
    result::SdkError,
    retries::classifiers::{ClassifyRetry, RetryAction, RetryReason},
    stalled_stream_protection::StalledStreamProtectionConfig,
};
use aws_smithy_types::{
    error::display::DisplayErrorContext,
    retry::{ErrorKind, RetryConfig},
    timeout::TimeoutConfig,
};
use aws_types::{SdkConfig, region::Region};

use crate::base::{Environment, Error, https};

/// The attempts of one AWS call.
const ATTEMPTS: u32 = 3;
/// The time limit of one attempt. By default the SDK limits only the time to connect.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);
/// The time limit of all attempts of a call together.
const OPERATION_TIMEOUT: Duration = Duration::from_millis(3_500);

/// The root certificates of AWS's endpoints (<https://www.amazontrust.com/repository/>): Amazon
/// Root CA 1 to 4 and Starfield Services Root CA G2. Reading the system's bundle instead would cost
/// every cold start 4 ms of CPU, and a machine may have no bundle.
const AMAZON_ROOTS: &str = include_str!("amazon_roots.pem");

/// The variables that are read here, besides those by which every AWS SDK finds its credentials and
/// endpoints.
pub const VARIABLES: [&str; 1] = [CA_BUNDLE];
/// The variable that names a file of more root certificates.
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// The state that all AWS clients of a process share: the environment, and one HTTP client, so that TLS is
/// set up once.
#[derive(Clone)]
pub struct Aws {
    environment: Environment,
    http_client: SharedHttpClient,
}

impl Aws {
    /// AWS with the endpoints and credentials of the environment. No call is made.
    pub fn new(environment: &Environment) -> Self {
        let http_client = Builder::new()
            .tls_provider(https::TLS)
            .tls_context(https::trusting(roots(environment)))
            .build_https();
        Self { environment: environment.clone(), http_client }
    }

    /// The configuration for a `service`, named as in `AWS_ENDPOINT_URL_DYNAMODB`: `DYNAMODB`.
    ///
    /// Credentials and region come from the environment, where Lambda puts them. The SDK's own
    /// loader would do the same, but link a token service, a profile parser and a second HTTP
    /// client.
    pub fn config(&self, service: &str) -> SdkConfig {
        config(&self.environment, service, self.http_client.clone())
    }
}

/// The configuration for a single service, with a separate HTTP client.
pub fn sdk_config(environment: &Environment, service: &str) -> SdkConfig {
    Aws::new(environment).config(service)
}

fn config(environment: &Environment, service: &str, http_client: SharedHttpClient) -> SdkConfig {
    let variable = |name: &str| environment.get(name).map(str::to_owned);

    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(variable("AWS_REGION").map(Region::new))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(ATTEMPTS)
                .with_initial_backoff(Duration::from_millis(50)),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(ATTEMPT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(OPERATION_TIMEOUT)
                .build(),
        )
        .http_client(http_client)
        // The timeouts already limit every call, and no body here is a stream.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());

    if let Some(credentials) = credentials(environment) {
        config = config.credentials_provider(SharedCredentialsProvider::new(credentials));
    }
    if let Some(endpoint) = endpoint(environment, service) {
        config = config.endpoint_url(endpoint);
    }

    config.build()
}

/// The credentials in the environment, if there are any.
pub(crate) fn credentials(environment: &Environment) -> Option<Credentials> {
    let variable = |name: &str| environment.get(name).map(str::to_owned);
    let (key, secret) = (variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?);
    Some(Credentials::new(key, secret, variable("AWS_SESSION_TOKEN"), None, "environment"))
}

/// The endpoint of a `service`, if the environment overrides AWS's own.
pub(crate) fn endpoint<'a>(environment: &'a Environment, service: &str) -> Option<&'a str> {
    environment
        .get(&format!("AWS_ENDPOINT_URL_{service}"))
        .or_else(|| environment.get("AWS_ENDPOINT_URL"))
}

/// Amazon's roots, and those in the file that `AWS_CA_BUNDLE` names, as in all AWS SDKs.
pub(crate) fn roots(environment: &Environment) -> tls::TrustStore {
    let mut roots = tls::TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
    if let Some(more) = environment.get(CA_BUNDLE).and_then(|file| std::fs::read(file).ok()) {
        roots.add_pem_certificate(more);
    }
    roots
}

/// [`Error::Unavailable`] with the details for the log. The client learns only that it can retry.
pub(crate) fn unavailable<E: std::error::Error + Send + Sync + 'static>(
    error: SdkError<E, HttpResponse>,
) -> Error {
    Error::Unavailable(DisplayErrorContext(error).to_string())
}

/// The timeouts of a call that is not retried without a response: its one attempt may take as long
/// as all attempts of other calls.
pub fn patient() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

/// Forbids a retry if no response came. SNS and SES may have done the work, and they cannot
/// recognise that a second call is the same: they are not idempotent.
#[derive(Debug)]
pub struct UnansweredClassifier;

impl ClassifyRetry for UnansweredClassifier {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        if context.response().is_some() {
            RetryAction::NoActionIndicated
        } else {
            RetryAction::RetryForbidden
        }
    }

    fn name(&self) -> &'static str {
        "unanswered"
    }
}

/// Retries if DynamoDB reports a conflict with a transaction, which the SDK does not retry by
/// itself.
#[derive(Debug)]
pub struct TransactionConflictClassifier;

impl ClassifyRetry for TransactionConflictClassifier {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        // The error's type depends on the operation, but the body always has its code.
        let refusal = context.response().filter(|response| !response.status().is_success());
        let body = refusal.and_then(|response| response.body().bytes()).unwrap_or_default();
        let conflict = String::from_utf8_lossy(body).contains("TransactionConflictException");

        if conflict {
            RetryAction::RetryIndicated(RetryReason::RetryableError {
                kind: ErrorKind::TransientError,
                retry_after: None,
            })
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "transaction conflict"
    }
}
