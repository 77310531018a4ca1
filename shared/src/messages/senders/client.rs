//! The HTTP client for senders: one try, with a time limit, and a failure says whether the request
//! may have arrived.

use std::{
    error::Error as _,
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::{
    http::HttpConnector as _,
    orchestrator::{HttpRequest, HttpResponse},
    result::{ConnectorError, SdkError},
};
use aws_smithy_types::{
    body::SdkBody, byte_stream::ByteStream, error::metadata::ProvideErrorMetadata,
};

use super::{Outcome, Refusal};
use crate::{
    base::{Environment, https},
    messages::settings::CA_BUNDLE,
};

/// The time limit of a connection. Two senders that cannot be reached take less than a request may.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The time limit of the one try: as long as all tries of a call to AWS.
const TIMEOUT: Duration = Duration::from_millis(3_500);
/// The most bytes of an answer that are read into an error.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// A client that is made when it is needed: reading the roots of the system takes CPU time, and most
/// deployments have no vendor.
#[derive(Clone)]
pub(super) struct Vendors {
    roots: Option<String>,
    connector: Arc<OnceLock<Connector>>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status.
    pub status: u16,
    /// The header `x-amzn-errortype`, which only AWS sends.
    pub error_type: Option<String>,
    /// The body; empty if it is not text.
    pub body: String,
}

impl Vendors {
    /// A client that trusts what the system trusts, and the roots in the file that
    /// `SENDERS_CA_BUNDLE` names. The vendors are not AWS, so Amazon's roots do not do.
    pub(super) fn new(environment: &Environment) -> Self {
        Self { roots: environment.get(CA_BUNDLE).map(str::to_owned), connector: Arc::default() }
    }

    /// Reads the roots ahead of the first text: before its first request, a function has a whole core.
    pub(super) fn read_roots(&self) {
        self.connector();
    }

    fn connector(&self) -> &Connector {
        self.connector.get_or_init(|| {
            let mut roots = https::system_roots();
            match self.roots.as_ref().map(std::fs::read) {
                Some(Ok(more)) => drop(roots.add_pem_certificate(more)),
                Some(Err(error)) => tracing::error!(%error, "cannot read SENDERS_CA_BUNDLE"),
                None => {}
            }
            https::connector(roots, CONNECT_TIMEOUT)
        })
    }

    /// Posts a body, once. The outcome of the text in this request is what `read` finds in the answer.
    pub(super) async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: String,
        read: fn(&Answer) -> Outcome,
    ) -> Outcome {
        self.ask(url, headers, body).await.map_or_else(|outcome| outcome, |answer| read(&answer))
    }

    /// Posts a body, once, and returns the answer.
    ///
    /// # Errors
    /// The outcome of a text in this request: refused if it certainly did not arrive, else unknown.
    pub(super) async fn ask(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<Answer, Outcome> {
        let not_made =
            |error: &dyn std::fmt::Display| Outcome::Refused(Refusal::Other, error.to_string());
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST").map_err(|error| not_made(&error))?;
        request.set_uri(url).map_err(|_| not_made(&"the URL is not valid"))?;
        request.headers_mut().insert("user-agent", "latchkey");
        for (name, value) in headers {
            request
                .headers_mut()
                .try_insert(*name, value.clone())
                .map_err(|_| not_made(&"a header is not valid"))?;
        }

        match tokio::time::timeout(TIMEOUT, self.answer(request)).await {
            Ok(answered) => answered,
            Err(_) => Err(Outcome::Unknown("no answer in time".to_owned())),
        }
    }

    async fn answer(&self, request: HttpRequest) -> Result<Answer, Outcome> {
        let response = self.connector().call(request).await.map_err(|error| failure(&error))?;
        let status = response.status().as_u16();
        let error_type = response.headers().get("x-amzn-errortype").map(str::to_owned);
        let body = ByteStream::new(response.into_body()).collect().await;
        let body = body.map_err(|_| Outcome::Unknown("the answer ended too early".to_owned()))?;
        let body = String::from_utf8(body.to_vec())
            .ok()
            .filter(|body| body.len() <= MAX_ANSWER_BYTES)
            .unwrap_or_default();
        Ok(Answer { status, error_type, body })
    }
}

impl Answer {
    /// The outcome that the status alone proves, if it proves one.
    pub(super) fn by_status(&self) -> Option<Outcome> {
        match self.status {
            // It is the meaning of this status that nothing was done (RFC 6585 §4).
            429 => Some(Outcome::Refused(Refusal::Limited, "429".to_owned())),
            500.. => Some(Outcome::Unknown(format!("status {}", self.status))),
            _ => None,
        }
    }
}

/// The outcome of a text whose request failed.
fn failure(error: &ConnectorError) -> Outcome {
    if error.is_user() || is_without_connection(error) { unreachable() } else { unanswered() }
}

fn unreachable() -> Outcome {
    Outcome::Refused(Refusal::Unreachable, "no connection".to_owned())
}

fn unanswered() -> Outcome {
    Outcome::Unknown("the connection ended without an answer".to_owned())
}

/// The outcome of a text by an AWS SDK whose call failed. If AWS refused it with a code, that is what
/// `refusal` finds in the code and the message.
pub(super) fn sdk_outcome<E: ProvideErrorMetadata>(
    error: &SdkError<E, HttpResponse>,
    refusal: fn(&str, &str) -> Refusal,
) -> Outcome {
    match error {
        SdkError::ConstructionFailure(_) => unreachable(),
        SdkError::DispatchFailure(cause) => {
            cause.as_connector_error().map_or_else(unanswered, failure)
        }
        SdkError::ServiceError(refused) => {
            let status = refused.raw().status().as_u16();
            match refused.err().code() {
                Some(code) if (400..=499).contains(&status) => {
                    let message = refused.err().message().unwrap_or_default();
                    Outcome::Refused(refusal(code, message), code.to_owned())
                }
                None if status == 429 => Outcome::Refused(Refusal::Limited, "429".to_owned()),
                _ => Outcome::Unknown(format!("status {status}, without a refusal")),
            }
        }
        _ => Outcome::Unknown("no answer that could be read".to_owned()),
    }
}

/// Whether a request certainly did not leave: there was no connection. A connection that breaks
/// later may have carried the request.
fn is_without_connection(error: &ConnectorError) -> bool {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    causes
        .filter_map(|cause| cause.downcast_ref::<hyper_util::client::legacy::Error>())
        .any(hyper_util::client::legacy::Error::is_connect)
}
