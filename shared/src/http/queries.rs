//! Refuses queries at endpoints that take none.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{Method, header};
use utoipa::openapi::{
    OpenApi, RefOr,
    path::{Operation, Parameter, ParameterIn, PathItem},
};

use crate::base::Error;

/// The prefix of the paths whose queries are strict. Endpoints that OAuth 2.0 defines ignore
/// unknown parameters (RFC 6749 §3.2). So do pages and public documents, to whose links others add
/// some.
const STRICT_PATHS: &str = "/v1/";
/// The prefix of the paths that refuse everything alike, so that a stranger learns nothing about
/// what would be accepted.
pub const REFUSES_ALIKE: &str = "/v1/reports/";

/// Whether the queries of a path are strict.
pub fn is_strict(path: &str) -> bool {
    path.starts_with(STRICT_PATHS) && !path.starts_with(REFUSES_ALIKE)
}

/// The methods that take no query, by path, and whether each needs a signed-in caller.
#[derive(Clone, Debug)]
pub(super) struct WithoutQuery(Arc<BTreeMap<String, BTreeMap<&'static str, bool>>>);

impl WithoutQuery {
    /// The methods without a query in a document.
    pub(super) fn of(document: &OpenApi) -> Self {
        let paths = document.paths.paths.iter().filter(|(path, _)| is_strict(path));
        let by_path = paths.map(|(path, item)| {
            let without = operations(item).filter(|(_, operation)| !has_query(operation));
            (
                path.clone(),
                without.map(|(method, operation)| (method, operation.security.is_some())).collect(),
            )
        });
        Self(Arc::new(by_path.collect()))
    }
}

fn operations(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    let of = [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ];
    of.into_iter()
        .filter_map(|(method, operation)| operation.as_ref().map(|operation| (method, operation)))
}

fn has_query(operation: &Operation) -> bool {
    let is_query = |parameter: &RefOr<Parameter>| match parameter {
        RefOr::T(parameter) => parameter.parameter_in == ParameterIn::Query,
        RefOr::Ref(_) => false,
    };
    operation.parameters.iter().flatten().any(is_query)
}

/// Refuses every parameter at an endpoint that takes no query. At the others [`super::Query`]
/// refuses unknown parameters.
pub(super) async fn refuse_query(
    State(WithoutQuery(paths)): State<WithoutQuery>,
    request: Request,
    next: Next,
) -> Response {
    let name =
        request.uri().query().and_then(|query| form_urlencoded::parse(query.as_bytes()).next());
    let Some((name, _)) = name else { return next.run(request).await };

    // Like the router: a HEAD that has no handler is a GET without its body.
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let methods =
        request.extensions().get::<MatchedPath>().and_then(|path| paths.get(path.as_str()));

    match methods.and_then(|methods| methods.get(method.as_str())) {
        // A caller who is not signed in is told that first, by the handler.
        Some(true) if !request.headers().contains_key(header::AUTHORIZATION) => {
            next.run(request).await
        }
        Some(_) => Error::field(&*name, "unknown field").into_response(),
        None => next.run(request).await,
    }
}
