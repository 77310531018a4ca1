//! Optimistic locking: changes that depend on what the client has read (RFC 9110 §13).

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use utoipa::{
    IntoParams,
    openapi::path::{Parameter, ParameterBuilder, ParameterIn},
};

use super::Json;
use crate::{
    accounts::{UserView, entity_tag},
    avatars::AvatarUrls,
    base::{EntityTags, Error},
    users::{Metadata, User},
};

/// A user as an app sees them, with the entity tag in the `ETag` header.
pub struct Tagged {
    user: UserView,
    tag: String,
}

impl Tagged {
    /// The view that the app `client_id` has of `user` with this `metadata`.
    pub fn new(user: &User, metadata: Metadata, client_id: &str, urls: &AvatarUrls) -> Self {
        let view = UserView::new(user, metadata, client_id, urls);
        Self { user: view, tag: entity_tag(user) }
    }
}

impl IntoResponse for Tagged {
    fn into_response(self) -> Response {
        ([(header::ETAG, self.tag)], Json(self.user)).into_response()
    }
}

/// The header `If-Match`, if the client sent it.
#[derive(Clone, Debug)]
pub struct IfMatch(Option<EntityTags>);

impl IfMatch {
    /// The entity tags in the header.
    pub fn tags(&self) -> Option<&EntityTags> {
        self.0.as_ref()
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(request: &mut Parts, _: &S) -> Result<Self, Error> {
        let Some(tags) = entity_tags(&request.headers, &header::IF_MATCH) else {
            return Ok(Self(None));
        };
        let not_tags =
            || Error::field("If-Match", "must be * or entity tags in quotes, separated by commas");
        tags.ok_or_else(not_tags).map(|tags| Self(Some(tags)))
    }
}

/// The entity tags in a header, which may occur several times. `None` without the header,
/// `Some(None)` if it cannot be read.
pub(super) fn entity_tags(headers: &HeaderMap, name: &HeaderName) -> Option<Option<EntityTags>> {
    headers.contains_key(name).then(|| {
        let values = headers.get_all(name).iter().map(HeaderValue::to_str);
        EntityTags::parse(&values.collect::<Result<Vec<_>, _>>().ok()?.join(","))
    })
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameter = ParameterBuilder::new()
            .name("If-Match")
            .parameter_in(ParameterIn::Header)
            .description(Some(
                "The `ETag` that was read. The change is refused if the resource has changed since",
            ))
            .schema(Some(utoipa::openapi::schema::Object::with_type(
                utoipa::openapi::schema::Type::String,
            )));
        vec![parameter.build()]
    }
}
