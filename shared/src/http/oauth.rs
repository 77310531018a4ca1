//! Errors in the style of OAuth 2.0 (RFC 6749 §5.2).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Code,
    problem::{BASIC_CHALLENGE, detail, retry_after},
};
use crate::{base::Error, second_factors::MfaRequired};

/// The `error` codes of RFC 6749 §5.2, those of RFC 8628 §3.5, that of an `acr` that
/// cannot be had, `mfa_required` as other services call it, and the two of
/// RFC 6749 §4.1.2.1 for faults on our side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the RFC's names")]
pub enum OAuthErrorCode {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedTokenType,
    InvalidScope,
    UnsupportedResponseType,
    RequestNotSupported,
    UnmetAuthenticationRequirements,
    AuthorizationPending,
    SlowDown,
    ExpiredToken,
    AccessDenied,
    MfaRequired,
    TemporarilyUnavailable,
    ServerError,
}

impl OAuthErrorCode {
    /// All codes, with each status that they come with.
    pub const ALL: [(Self, StatusCode); 21] = [
        (Self::InvalidRequest, StatusCode::BAD_REQUEST),
        (Self::InvalidRequest, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Self::InvalidRequest, StatusCode::PAYLOAD_TOO_LARGE),
        (Self::InvalidClient, StatusCode::UNAUTHORIZED),
        (Self::InvalidGrant, StatusCode::BAD_REQUEST),
        (Self::InvalidGrant, StatusCode::TOO_MANY_REQUESTS),
        (Self::UnauthorizedClient, StatusCode::BAD_REQUEST),
        (Self::UnauthorizedClient, StatusCode::FORBIDDEN),
        (Self::UnsupportedGrantType, StatusCode::BAD_REQUEST),
        (Self::UnsupportedTokenType, StatusCode::BAD_REQUEST),
        (Self::InvalidScope, StatusCode::BAD_REQUEST),
        (Self::UnsupportedResponseType, StatusCode::BAD_REQUEST),
        (Self::RequestNotSupported, StatusCode::BAD_REQUEST),
        (Self::UnmetAuthenticationRequirements, StatusCode::BAD_REQUEST),
        (Self::AuthorizationPending, StatusCode::BAD_REQUEST),
        (Self::SlowDown, StatusCode::BAD_REQUEST),
        (Self::ExpiredToken, StatusCode::BAD_REQUEST),
        (Self::AccessDenied, StatusCode::BAD_REQUEST),
        (Self::MfaRequired, StatusCode::FORBIDDEN),
        (Self::TemporarilyUnavailable, StatusCode::SERVICE_UNAVAILABLE),
        (Self::ServerError, StatusCode::INTERNAL_SERVER_ERROR),
    ];

    /// The error as clients read it.
    pub fn name(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// An error of an OAuth 2.0 endpoint.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OAuthError {
    error: OAuthErrorCode,
    /// The cause of the error, in English, for developers.
    error_description: String,
    /// With `mfa_required`: what `POST /v1/auth/mfa` needs to finish the sign-in.
    #[serde(flatten)]
    #[schema(inline)]
    mfa: Option<MfaRequired>,
}

impl OAuthError {
    /// The response to a right first factor of a user who has a second.
    pub fn mfa_required(mfa: MfaRequired) -> Response {
        let error_description = "A second factor is required. Send it to /v1/auth/mfa.".to_owned();
        Self { error: OAuthErrorCode::MfaRequired, error_description, mfa: Some(mfa) }
            .with_status(StatusCode::FORBIDDEN)
    }

    fn with_status(&self, status: StatusCode) -> Response {
        let mut response = (status, serde_json::to_vec(self).unwrap_or_default()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::PRAGMA, NO_CACHE);
        response
    }
}

/// RFC 6749 §5.1 requires it beside `Cache-Control`, which every response has.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// Marks the response of a route whose errors have the style of OAuth 2.0.
#[derive(Clone, Copy)]
pub(super) struct OAuthStyle;

/// For `axum::middleware::map_response` on a route: its errors get the form of RFC 6749 §5.2.
pub async fn oauth_errors(mut response: Response) -> Response {
    response.extensions_mut().insert(OAuthStyle);
    response.headers_mut().insert(header::PRAGMA, NO_CACHE);
    response
}

/// The code of a request for a sign-in, or of the poll of a device, that is refused.
fn refused(code: &str) -> OAuthErrorCode {
    match code {
        "unsupported_response_type" => OAuthErrorCode::UnsupportedResponseType,
        "request_not_supported" => OAuthErrorCode::RequestNotSupported,
        "unmet_authentication_requirements" => OAuthErrorCode::UnmetAuthenticationRequirements,
        "unauthorized_client" => OAuthErrorCode::UnauthorizedClient,
        "unsupported_token_type" => OAuthErrorCode::UnsupportedTokenType,
        "invalid_scope" => OAuthErrorCode::InvalidScope,
        "authorization_pending" => OAuthErrorCode::AuthorizationPending,
        "slow_down" => OAuthErrorCode::SlowDown,
        "expired_token" => OAuthErrorCode::ExpiredToken,
        "access_denied" => OAuthErrorCode::AccessDenied,
        _ => OAuthErrorCode::InvalidRequest,
    }
}

/// The whole response for `error`. `is_by_basic` says whether the app tried HTTP Basic, which is then
/// named as the way to authenticate (RFC 6749 §5.2).
pub(super) fn response(error: &Error, is_by_basic: bool) -> Response {
    let problem_code = Code::of(error);
    let (code, status) = match error {
        Error::InvalidClient | Error::UnknownApp | Error::AppDisabled => {
            (OAuthErrorCode::InvalidClient, StatusCode::UNAUTHORIZED)
        }
        Error::UnsupportedGrantType => {
            (OAuthErrorCode::UnsupportedGrantType, StatusCode::BAD_REQUEST)
        }
        Error::UnauthorizedClient | Error::GrantNotAllowed => {
            (OAuthErrorCode::UnauthorizedClient, StatusCode::BAD_REQUEST)
        }
        Error::InvalidScope => (OAuthErrorCode::InvalidScope, StatusCode::BAD_REQUEST),
        Error::RequestRefused(code, _) => (refused(code), StatusCode::BAD_REQUEST),
        Error::ForeignOrigin => (OAuthErrorCode::UnauthorizedClient, StatusCode::FORBIDDEN),
        // A lockout of a person is not a fault of the grant: RFC 6585 §4 has a status for it.
        Error::TooManyAttempts { .. } => {
            (OAuthErrorCode::InvalidGrant, StatusCode::TOO_MANY_REQUESTS)
        }
        Error::InvalidCredentials
        | Error::CodeInvalid
        | Error::TokenInvalid
        | Error::TokenExpired
        | Error::RefreshTokenReused
        | Error::UserDisabled => (OAuthErrorCode::InvalidGrant, StatusCode::BAD_REQUEST),
        Error::Unavailable(_) => {
            (OAuthErrorCode::TemporarilyUnavailable, StatusCode::SERVICE_UNAVAILABLE)
        }
        Error::Internal(_) => (OAuthErrorCode::ServerError, StatusCode::INTERNAL_SERVER_ERROR),
        Error::BodyTooLarge { .. } | Error::UnsupportedMediaType(_) => {
            (OAuthErrorCode::InvalidRequest, problem_code.status())
        }
        _ => (OAuthErrorCode::InvalidRequest, StatusCode::BAD_REQUEST),
    };

    let description = match error {
        Error::UnsupportedGrantType => {
            "The grant_type must be authorization_code, client_credentials, password, refresh_token or \
             urn:ietf:params:oauth:grant-type:device_code."
                .to_owned()
        }
        Error::GrantNotAllowed => {
            "The app may not use this grant_type. Add it to the grant_types of the app.".to_owned()
        }
        Error::InvalidScope => {
            "A scope was not granted to the app. Leave it out, or add it to the scopes of the app."
                .to_owned()
        }
        Error::UnauthorizedClient => "The token belongs to another app.".to_owned(),
        Error::RequestRefused(_, description) => (*description).to_owned(),
        error => detail(error, problem_code),
    };

    let body = OAuthError { error: code, error_description: printable(&description), mfa: None };
    let mut response = body.with_status(status);
    let headers = response.headers_mut();
    if code == OAuthErrorCode::InvalidClient && is_by_basic {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(BASIC_CHALLENGE));
    }
    if let Some(seconds) = retry_after(error) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// `text` as an `error_description`: printable ASCII without `"` and `\` (RFC 6749 §5.2).
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if (' '..='~').contains(&c) && !matches!(c, '"' | '\\') { c } else { '\'' })
        .collect()
}
