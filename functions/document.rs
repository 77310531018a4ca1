//! The OpenAPI document, generated from the code.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::{
    error::FieldError,
    http::{Code, Problem},
};
use utoipa::{
    OpenApi, PartialSchema, ToSchema,
    openapi::{
        Content, OpenApi as Document, Ref, RefOr, Response, ResponseBuilder, ServerBuilder,
        path::Operation,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

use crate::ENDPOINTS;

/// Where an endpoint lists the codes of its refusals.
const CODES: &str = "x-codes";

#[derive(OpenApi)]
#[openapi(
    info(title = "Latchkey", description = "Phone sign-in in your own AWS account."),
    tags(
        (name = "One-time codes", description = "Prove a phone or an e-mail address"),
        (name = "Sign-in", description = "Sign up, sign in, refresh and end sessions"),
        (name = "Passwords", description = "Change and reset"),
        (name = "Me", description = "The signed-in user"),
        (name = "Service", description = "What the service says of itself"),
    ),
)]
struct Base;

/// The document of all endpoints. Each refusal that an endpoint can give is in it, by its status.
pub fn document() -> Document {
    let base = OpenApiRouter::with_openapi(Base::openapi());
    let all = ENDPOINTS.iter().fold(base, |all, endpoint| all.merge((endpoint.routes)()));
    let mut document = all.into_openapi();
    document.info.description = Some(description());
    document.servers = Some(vec![ServerBuilder::new().url("/").build()]);
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("access_token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    schemas.push((FieldError::name().into_owned(), FieldError::schema()));
    components.schemas.extend(schemas);
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        operations.into_iter().flatten().for_each(add_refusals);
    }
    document
}

fn add_refusals(operation: &mut Operation) {
    let mut by_status: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for code in codes(operation) {
        by_status.entry(code.status().as_u16()).or_default().push(format!("`{}`", code.name()));
    }
    for (status, codes) in by_status {
        let response = refusal(&codes.join(", "));
        operation.responses.responses.insert(status.to_string(), RefOr::T(response));
    }
}

/// The codes that the endpoint names, and those that follow from what it takes.
fn codes(operation: &mut Operation) -> Vec<Code> {
    let named = operation.extensions.as_mut().and_then(|extensions| extensions.remove(CODES));
    let named: Vec<Value> = named.and_then(|named| named.as_array().cloned()).unwrap_or_default();
    let mut codes: Vec<_> = Code::ALL.into_iter().filter(|code| named.contains(&json!(code.name()))).collect();
    assert_eq!(codes.len(), named.len(), "a code of {:?} does not exist", operation.operation_id);
    if operation.request_body.is_some() {
        codes.extend([Code::InvalidRequest, Code::InvalidJson, Code::BodyTooLarge, Code::UnsupportedMediaType]);
    }
    if operation.security.is_some() {
        codes.extend([Code::TokenInvalid, Code::TokenExpired, Code::UserDisabled]);
    }
    codes.extend([Code::InternalError, Code::Unavailable]);
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn refusal(codes: &str) -> Response {
    let problem = Content::new(Some(Ref::from_schema_name(Problem::name())));
    ResponseBuilder::new().description(codes).content("application/problem+json", problem).build()
}

fn description() -> String {
    let rows: String = Code::ALL
        .iter()
        .map(|code| format!("| `{}` | {} | {} |\n", code.name(), code.status().as_u16(), code.title()))
        .collect();
    format!(
        "Phone sign-in in your own AWS account: send a code, verify it, use the tokens.\n\n\
         Every refusal is a problem document (RFC 9457) with a stable `code`:\n\n\
         | code | status | meaning |\n|---|---|---|\n{rows}"
    )
}
