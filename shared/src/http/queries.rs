//! Queries of requests to endpoints that have none.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::Method;
use utoipa::openapi::{
    OpenApi, RefOr,
    path::{Operation, Parameter, ParameterIn, PathItem},
};

use crate::error::Error;

/// Where the API's own paths begin. What OAuth 2.0 defines ignores what it does not know (RFC 6749 §3.2), and so do
/// pages and public documents, whose links others make longer.
const API: &str = "/v1/";

/// The operations without a query, by method and path.
#[derive(Clone, Debug)]
pub(super) struct WithoutQuery(Arc<BTreeSet<(&'static str, String)>>);

impl WithoutQuery {
    /// Those of a document.
    pub(super) fn of(document: &OpenApi) -> Self {
        let paths = document.paths.paths.iter().filter(|(path, _)| path.starts_with(API));
        let operations = paths.flat_map(|(path, item)| {
            operations(item).filter(|(_, operation)| !has_query(operation)).map(|(method, _)| (method, path.clone()))
        });
        Self(Arc::new(operations.collect()))
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
    of.into_iter().filter_map(|(method, operation)| operation.as_ref().map(|operation| (method, operation)))
}

fn has_query(operation: &Operation) -> bool {
    let is_query =
        |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(it) if it.parameter_in == ParameterIn::Query);
    operation.parameters.iter().flatten().any(is_query)
}

/// Refuses a query where there is none to know; elsewhere [`super::Query`] does.
pub(super) async fn refuse_query(State(operations): State<WithoutQuery>, request: Request, next: Next) -> Response {
    let name = request.uri().query().and_then(|query| form_urlencoded::parse(query.as_bytes()).next());
    let Some((name, _)) = name else { return next.run(request).await };
    // As the router does: where there is no HEAD of its own, it is a GET without its body.
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    if operations.0.iter().any(|operation| (operation.0, operation.1.as_str()) == (method.as_str(), path)) {
        return Error::field(&*name, "is not known here").into_response();
    }
    next.run(request).await
}
