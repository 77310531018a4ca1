//! Changes that depend on what was read (RFC 9110 §13).

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{header, request::Parts};
use utoipa::{
    IntoParams,
    openapi::path::{Parameter, ParameterBuilder, ParameterIn},
};

use super::Json;
use crate::{
    accounts::{UserView, entity_tag},
    avatars::AvatarUrls,
    base::Error,
    users::User,
};

/// A user as an app sees him, with the entity tag.
pub struct Tagged {
    user: UserView,
    tag: String,
}

impl Tagged {
    /// What `client_id` sees of `user`.
    pub fn new(user: &User, client_id: &str, urls: &AvatarUrls) -> Self {
        Self { user: UserView::new(user, client_id, urls), tag: entity_tag(user) }
    }
}

impl IntoResponse for Tagged {
    fn into_response(self) -> Response {
        ([(header::ETAG, self.tag)], Json(self.user)).into_response()
    }
}

/// The entity tag in `If-Match`, or none.
#[derive(Clone, Debug)]
pub struct IfMatch(Option<String>);

impl IfMatch {
    /// The header as it was sent.
    pub fn tag(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(request: &mut Parts, _: &S) -> Result<Self, Error> {
        let Some(value) = request.headers.get(header::IF_MATCH) else { return Ok(Self(None)) };
        let value = value.to_str().map_err(|_| Error::field("If-Match", "is not an entity tag"))?;
        Ok(Self(Some(value.to_owned())))
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameter = ParameterBuilder::new()
            .name("If-Match")
            .parameter_in(ParameterIn::Header)
            .description(Some("The `ETag` that was read"))
            .schema(Some(utoipa::openapi::schema::Object::with_type(
                utoipa::openapi::schema::Type::String,
            )));
        vec![parameter.build()]
    }
}
