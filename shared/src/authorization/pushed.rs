//! Requests that apps push before they send a browser (RFC 9126): signed in as the app, and too long
//! or too private for an address.

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Parameters;
use crate::{
    base::{Clock, Error, Random, epoch_seconds, seconds},
    crypto::IdentifierHash,
    table::Store,
};

/// How the name of a pushed request begins (RFC 9126 §2.2).
const URN: &str = "urn:ietf:params:oauth:request_uri:";
/// How long a pushed request can be used, in seconds.
pub const PUSHED_SECONDS: i64 = 60;
/// The parameters that are not kept: by these, the app signed in.
const NOT_KEPT: [&str; 1] = ["client_secret"];

/// A pushed request, as the store keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PushedRequest {
    /// The app.
    pub(super) client_id: String,
    /// The parameters, as a form.
    pub(super) form: String,
    /// When it can no longer be used.
    #[serde(with = "epoch_seconds")]
    pub(super) expires_at: Timestamp,
}

/// The requests that apps have pushed.
#[derive(Clone)]
pub struct PushedRequests {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
}

impl PushedRequests {
    /// Keeps the request of an app for [`PUSHED_SECONDS`], and returns its `request_uri`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn push(&self, client_id: &str, parameters: &Parameters) -> Result<String, Error> {
        let name = BASE64URL_NOPAD.encode(&self.random.bytes::<32>()?);
        let pushed = PushedRequest {
            client_id: client_id.to_owned(),
            form: parameters.encode_without(&NOT_KEPT),
            expires_at: self.clock.now() + seconds(PUSHED_SECONDS),
        };
        self.store.put_pushed_request(&hash(&name), &pushed).await?;
        Ok(format!("{URN}{name}"))
    }

    /// The answer that `work` makes of the parameters of a pushed request, once. If it is unavailable,
    /// the request can be taken again. `None` if there is no such request, it has expired, was used, or
    /// is of another app.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; those of `work`.
    pub async fn take<T>(
        &self,
        request_uri: &str,
        client_id: &str,
        work: impl AsyncFnOnce(Parameters) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let Some(name) = request_uri.strip_prefix(URN).map(hash) else { return Ok(None) };
        let (mark, now) = (Uuid::from_bytes(self.random.bytes()?), self.clock.now());
        let answer = match self.store.take_pushed_request(&name, client_id, mark, now).await {
            Ok(None) => Ok(None),
            Ok(Some(taken)) => work(Parameters::read(taken.form.as_bytes())).await.map(Some),
            // It may be taken, and only the answer was lost.
            Err(error) => Err(error),
        };
        if let Err(Error::Unavailable(_)) = answer
            && let Err(error) = self.store.give_back_pushed_request(&name, mark).await
        {
            tracing::warn!(%error, "the pushed request of a failed request was not refunded");
        }
        answer
    }
}

/// Whether a `request_uri` has the form of ours.
pub fn is_pushed(request_uri: &str) -> bool {
    request_uri.starts_with(URN)
}

/// The key of a pushed request. Its name has 256 random bits, so a hash protects it.
fn hash(name: &str) -> IdentifierHash {
    IdentifierHash::of_random("pushed request", name)
}
