//! `Idempotency-Key`: a request that is sent again is answered again, and done once.

mod table;

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, FromRequestParts, MatchedPath, Request},
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
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

/// The header.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest key.
const MAX_KEY_CHARS: usize = 255;
/// What of an answer's headers is kept with it.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];
/// The largest answer that is kept: an item holds 400 KB.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// How long a duplicate waits for the answer of the request that is still at work, and how often it looks.
const WAIT: Duration = Duration::from_millis(250);
const WAITS: usize = 16;
/// When a duplicate that waited in vain may ask again.
const RETRY_SECONDS: i64 = 2;

/// A JSON body as [`Json`] takes it, and what makes the request idempotent where its client sent a key.
pub struct Idempotent<T>(pub T, pub Once);

/// Does a request once, however often it comes with the same `Idempotency-Key`.
pub struct Once(Option<Keyed>);

struct Keyed {
    latchkey: Latchkey,
    hash_keys: std::sync::Arc<HashKeys>,
    route: String,
    key: String,
    body_hash: [u8; 32],
}

/// An answer as it is kept, sealed.
#[derive(Serialize, Deserialize)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// `Idempotency-Key`, for the document.
impl IntoParams for Once {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "Up to 255 visible ASCII characters: within 24 hours the same key and body are answered the same, \
                           and done once";
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
        let body_hash = sha256(&body);
        Ok(Self(request, Once(keyed.map(|keyed| Keyed { body_hash, ..keyed }))))
    }
}

/// The key of a request: 1 to 255 visible ASCII characters.
fn key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    // API Gateway makes one value of several.
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
    /// Answers with what `work` does; or, where `caller` has sent the request before with the same key and
    /// body, with what it did then. Only what was done is remembered: what was refused can be tried again.
    ///
    /// # Errors
    /// Those of `work`; [`Error::IdempotencyConflict`] where the body is another, or where the request that
    /// came first is still at work after some seconds.
    pub async fn answer(
        self,
        caller: &str,
        work: impl Future<Output = Result<Response, Error>>,
    ) -> Result<Response, Error> {
        let Some(keyed) = self.0 else { return work.await };
        let scope = format!("{}\n{caller}\n{}", keyed.route, keyed.key);
        let id = keyed.hash_keys.identifier("idempotency key", &scope);
        let mark = keyed.latchkey.random().uuid(keyed.latchkey.clock().now())?;
        if let Some(answer) = keyed.first_answer(&id, mark).await? {
            return Ok(answer);
        }
        let answer = work.await;
        let kept = match answer {
            Ok(answer) => return keyed.keep(&id, mark, answer).await,
            Err(error) => error,
        };
        if let Err(error) = keyed.latchkey.store().forget_answer(&id, mark).await {
            tracing::warn!(%error, "a key of a request that was refused is free a little later");
        }
        Err(kept)
    }
}

impl Keyed {
    /// The answer to an earlier request; nothing where this one is the first.
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

    /// Keeps an answer for those who ask again.
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
        // It is done: whoever asked is told so, also where it could not be written down.
        if let Err(error) = self.latchkey.store().keep_answer(id, mark, &sealed).await {
            tracing::warn!(%error, "an answer is not kept for those who ask again");
        }
        Ok(Response::from_parts(head, Body::from(body)))
    }
}

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
