//! `Idempotency-Key`: a request that is sent again gets the same response, and is done once.

mod table;

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, FromRequestParts, MatchedPath, Request},
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use utoipa::{
    IntoParams,
    openapi::path::{Parameter, ParameterBuilder, ParameterIn},
};
use uuid::Uuid;

use self::table::{FirstTime, KeptAnswer};
use super::{
    CurrentHashKeys,
    json::{Json, read},
};
use crate::{
    base::Error,
    crypto::{HashKeys, IdentifierHash, sha256},
    latchkey::Latchkey,
};

/// The name of the header.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The most characters of a key.
const MAX_KEY_CHARS: usize = 255;
/// The headers of a response that are kept with it.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];
/// The largest response that is kept: an item in DynamoDB holds 400 KB.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// How long a duplicate waits between two looks for the response of the request that is still
/// running.
const WAIT: Duration = Duration::from_millis(250);
/// How often a duplicate looks.
const WAITS: usize = 16;
/// How many seconds later a duplicate may try again if the first request is then still running.
const RETRY_SECONDS: i64 = 2;

/// A JSON body like [`Json`], and [`Once`], which makes the request idempotent if its client sent a
/// key.
pub struct Idempotent<T>(pub T, pub Once);

/// Does a request once, however often it is sent with the same `Idempotency-Key`.
pub struct Once(Option<Keyed>);

struct Keyed {
    latchkey: Latchkey,
    hash_keys: std::sync::Arc<HashKeys>,
    route: String,
    key: String,
    body_hash: [u8; 32],
}

/// A response, as it is sealed and kept.
#[derive(Serialize, Deserialize)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// Describes `Idempotency-Key` in the OpenAPI document.
impl IntoParams for Once {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "1 to 255 visible ASCII characters. A request with the same key and the \
                           same JSON within 24 hours gets the same response, and is done once";
        let parameter = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .description(Some(description))
            .schema(<String as utoipa::PartialSchema>::schema().into());
        vec![parameter.build()]
    }
}

impl<T: DeserializeOwned> FromRequest<Latchkey> for Idempotent<T> {
    type Rejection = Error;

    async fn from_request(request: Request, latchkey: &Latchkey) -> Result<Self, Error> {
        let (mut request_parts, body) = request.into_parts();
        let key = key(&request_parts.headers)?;
        let route = request_parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let route = format!("{} {route}", request_parts.method);

        let keyed = match key {
            None => None,
            Some(key) => {
                let CurrentHashKeys(hash_keys) =
                    CurrentHashKeys::from_request_parts(&mut request_parts, latchkey).await?;
                Some(Keyed {
                    latchkey: latchkey.clone(),
                    hash_keys,
                    route,
                    key,
                    body_hash: [0; 32],
                })
            }
        };

        let (headers, body) = read(Request::from_parts(request_parts, body)).await?;
        let request = Json::parse(&headers, &body)?;
        let body_hash = sha256(&meaning(&body)?);
        Ok(Self(request, Once(keyed.map(|keyed| Keyed { body_hash, ..keyed }))))
    }
}

/// The meaning of a JSON body, which does not depend on the order of fields, on spaces, on how
/// characters are escaped, or on fields that are `null`.
fn meaning(body: &[u8]) -> Result<Vec<u8>, Error> {
    let mut body: Value = serde_json::from_slice(body).map_err(|_| Error::InvalidJson)?;
    if let Value::Object(fields) = &mut body {
        fields.retain(|_, value| !value.is_null());
    }
    body.sort_all_objects();
    serde_json::to_vec(&body).map_err(|error| Error::Internal(error.to_string()))
}

/// The key of a request, if it has one.
///
/// # Errors
/// [`Error::InvalidRequest`] unless it is 1 to 255 visible ASCII characters.
fn key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    // API Gateway joins several headers into one value.
    let Some(value) = headers.get(&IDEMPOTENCY_KEY) else { return Ok(None) };

    let is_visible = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_graphic);
    let bytes = value.as_bytes();
    if !(1..=MAX_KEY_CHARS).contains(&bytes.len()) || !is_visible(bytes) {
        let message = format!("must be 1 to {MAX_KEY_CHARS} visible ASCII characters");
        return Err(Error::field("Idempotency-Key", message));
    }

    Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
}

impl Once {
    /// Does `work` and returns its response. If `caller` has sent the request before with the same
    /// key and body, returns the first response instead. Only successful responses are kept: a
    /// request that was refused can be tried again.
    ///
    /// # Errors
    /// Those of `work`; [`Error::IdempotencyConflict`] if the key was used with another body, or if
    /// the first request is still running after four seconds.
    pub async fn answer(
        self,
        caller: &str,
        work: impl Future<Output = Result<Response, Error>>,
    ) -> Result<Response, Error> {
        let Some(keyed) = self.0 else { return work.await };
        let scope = format!("{}\n{caller}\n{}", keyed.route, keyed.key);
        let id = keyed.hash_keys.short_lived("idempotency key", &scope);
        let mark = keyed.latchkey.random().uuid(keyed.latchkey.clock().now())?;

        if let Some(answer) = keyed.first_answer(&id, mark).await? {
            return Ok(answer);
        }

        let refusal = match work.await {
            Ok(answer) => return keyed.keep(&id, mark, answer).await,
            Err(error) => error,
        };
        if let Err(error) = keyed.latchkey.store().forget_answer(&id, mark).await {
            tracing::warn!(
                %error,
                "the Idempotency-Key of a refused request could not be freed; \
                 it blocks retries for 15 seconds"
            );
        }
        Err(refusal)
    }
}

impl Keyed {
    /// The response to an earlier request with this key; `None` if this one is the first.
    async fn first_answer(
        &self,
        id: &IdentifierHash,
        mark: Uuid,
    ) -> Result<Option<Response>, Error> {
        for _ in 0..WAITS {
            let now = self.latchkey.clock().now();
            match self.latchkey.store().begin_once(id, mark, &self.body_hash, now).await? {
                FirstTime::Yes => return Ok(None),
                FirstTime::No(kept) if kept.body_hash != self.body_hash => {
                    return Err(Error::IdempotencyConflict { retry_after: None });
                }
                FirstTime::No(KeptAnswer { answer: Some(sealed), mark, .. }) => {
                    let answer = self.hash_keys.open_answer(mark, &sealed)?;
                    let answer: Answer = serde_json::from_slice(&answer)
                        .map_err(|error| Error::Internal(error.to_string()))?;
                    return response(answer).map(Some);
                }
                FirstTime::No(_) => tokio::time::sleep(WAIT).await,
            }
        }
        Err(Error::IdempotencyConflict { retry_after: Some(RETRY_SECONDS) })
    }

    /// Keeps a response for duplicates of the request, and returns it.
    async fn keep(
        &self,
        id: &IdentifierHash,
        mark: Uuid,
        answer: Response,
    ) -> Result<Response, Error> {
        let (head, body) = answer.into_parts();
        let body = to_bytes(body, MAX_ANSWER_BYTES)
            .await
            .map_err(|error| Error::Internal(error.to_string()))?;

        let text = |name: &HeaderName| {
            Some((name.to_string(), head.headers.get(name)?.to_str().ok()?.to_owned()))
        };
        let kept = Answer {
            status: head.status.as_u16(),
            headers: KEPT_HEADERS.iter().filter_map(text).collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        let kept = serde_json::to_vec(&kept).map_err(|error| Error::Internal(error.to_string()))?;
        let sealed = self.hash_keys.seal_answer(mark, &kept, self.latchkey.random())?;

        // The work is done, so its client gets the response even if it could not be kept.
        if let Err(error) = self.latchkey.store().keep_answer(id, mark, &sealed).await {
            tracing::warn!(
                %error,
                "the response to a request with an Idempotency-Key could not be kept for duplicates"
            );
        }

        Ok(Response::from_parts(head, Body::from(body)))
    }
}

/// The kept `answer` as a response.
fn response(answer: Answer) -> Result<Response, Error> {
    let broken = |error: http::Error| Error::Internal(error.to_string());
    let mut response =
        Response::builder().status(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK));
    for (name, value) in answer.headers {
        response = response
            .header(name, HeaderValue::from_str(&value).map_err(|error| broken(error.into()))?);
    }
    response.body(Body::from(answer.body)).map_err(broken)
}

#[cfg(test)]
mod tests {
    use super::meaning;

    #[test]
    fn order_spaces_escapes_and_null_do_not_change_the_meaning_of_a_body() {
        let written = |body: &str| String::from_utf8(meaning(body.as_bytes()).unwrap()).unwrap();
        let first = written(r#"{"phone": "+1", "roles": [{"a": 1, "b": "x"}]}"#);
        for same in [
            r#"{"roles":[{"b":"x","a":1}],"phone":"+1"}"#,
            r#"{"phone": "\u002b1", "locale": null, "roles": [{"a": 1, "b": "x"}]}"#,
        ] {
            assert_eq!(written(same), first);
        }
        for other in [
            r#"{"phone": "+2", "roles": [{"a": 1, "b": "x"}]}"#,
            r#"{"phone": "+1", "roles": [{"b": "x"}, {"a": 1}]}"#,
            r#"{"phone": "+1", "roles": []}"#,
        ] {
            assert_ne!(written(other), first);
        }
    }
}
