//! The OpenAPI document, generated from the code.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Value, json};
use utoipa::{
    OpenApi, PartialSchema, ToSchema,
    openapi::{
        Content, OpenApi as Document, Ref, RefOr, Response, ResponseBuilder, Schema, ServerBuilder,
        path::Operation,
        request_body::RequestBody,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

use crate::ENDPOINTS;
use shared::{
    base::FieldError,
    http::{Code, OAuthError, OAuthErrorCode, Problem, STRICT_PATHS},
};

/// Where an endpoint lists the codes of its refusals.
const CODES: &str = "x-codes";
/// Where an OAuth 2.0 endpoint lists its errors.
const OAUTH_ERRORS: &str = "x-oauth-errors";

#[derive(OpenApi)]
#[openapi(
    info(title = "Latchkey", description = "Phone sign-in in your own AWS account."),
    tags(
        (name = "One-time codes", description = "Prove a phone or an e-mail address"),
        (name = "Sign-in", description = "Sign up, sign in, refresh and end sessions"),
        (name = "Second factor", description = "An authenticator app, and recovery codes"),
        (name = "OAuth 2.0", description = "The same for standard clients"),
        (name = "Passwords", description = "Change and reset"),
        (name = "Me", description = "The signed-in user"),
        (name = "Users", description = "People, for administrators"),
        (name = "Roles", description = "Names for sets of permissions"),
        (name = "Apps", description = "The applications that share the users"),
        (name = "Audit", description = "Who did what"),
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
    components.add_security_scheme(
        "access_token",
        SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
    );
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    schemas.push((OAuthError::name().into_owned(), OAuthError::schema()));
    OAuthError::schemas(&mut schemas);
    schemas.push((FieldError::name().into_owned(), FieldError::schema()));
    components.schemas.extend(schemas);
    components.schemas.values_mut().for_each(correct_options);
    for (path, item) in &mut document.paths.paths {
        let operations =
            [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        operations.into_iter().flatten().for_each(|operation| add_refusals(path, operation));
    }
    document
}

/// Takes back what utoipa says of what may be missing, and is not so.
fn correct_options(schema: &mut RefOr<Schema>) {
    match schema {
        // A field that is flattened and may be missing: none of what it holds is required.
        RefOr::T(Schema::AllOf(parts)) => {
            for part in &mut parts.items {
                let RefOr::T(Schema::OneOf(alternatives)) = part else { continue };
                if let [RefOr::T(Schema::Object(object)), _null] = alternatives.items.as_mut_slice()
                {
                    object.required.clear();
                }
            }
        }
        // In a change, a field that is missing is left alone, and `null` clears it.
        RefOr::T(Schema::Object(object)) => {
            for property in object.properties.values_mut() {
                if let RefOr::T(Schema::Object(property)) = property
                    && property.default == Some(Value::Null)
                {
                    property.default = None;
                }
            }
        }
        _ => {}
    }
}

fn add_refusals(path: &str, operation: &mut Operation) {
    if let Some(errors) = extension(operation, OAUTH_ERRORS) {
        return add_oauth_errors(operation, &errors);
    }
    let mut by_status: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for code in codes(path, operation) {
        by_status.entry(code.status().as_u16()).or_default().push(format!("`{}`", code.name()));
    }
    for (status, codes) in by_status {
        let response = refusal(&codes.join(", "));
        operation.responses.responses.insert(status.to_string(), RefOr::T(response));
    }
}

/// The errors of an OAuth 2.0 endpoint, by status.
fn add_oauth_errors(operation: &mut Operation, named: &[Value]) {
    let always = [OAuthErrorCode::ServerError, OAuthErrorCode::TemporarilyUnavailable];
    let takes_form = operation.request_body.is_some();
    let of_bodies = [StatusCode::UNSUPPORTED_MEDIA_TYPE, StatusCode::PAYLOAD_TOO_LARGE];
    for (code, status) in OAuthErrorCode::ALL {
        if of_bodies.contains(&status) && !takes_form {
            continue;
        }
        if always.contains(&code) || named.contains(&json!(code.name())) {
            let body = Content::new(Some(Ref::from_schema_name(OAuthError::name())));
            let response = ResponseBuilder::new()
                .description(format!("`{}`", code.name()))
                .content("application/json", body);
            let responses = &mut operation.responses.responses;
            match responses.get_mut(status.as_str()) {
                Some(RefOr::T(response)) => response.description += &format!(", `{}`", code.name()),
                _ => _ = responses.insert(status.as_str().to_owned(), RefOr::T(response.build())),
            }
        }
    }
}

fn extension(operation: &mut Operation, name: &str) -> Option<Vec<Value>> {
    operation.extensions.as_mut()?.remove(name)?.as_array().cloned()
}

/// The codes that the endpoint names, and those that follow from what it takes.
fn codes(path: &str, operation: &mut Operation) -> Vec<Code> {
    let named = extension(operation, CODES).unwrap_or_default();
    let mut codes: Vec<_> =
        Code::ALL.iter().copied().filter(|code| named.contains(&json!(code.name()))).collect();
    assert_eq!(codes.len(), named.len(), "a code of {:?} does not exist", operation.operation_id);
    if let Some(body) = &operation.request_body {
        codes.extend([Code::InvalidRequest, Code::BodyTooLarge, Code::UnsupportedMediaType]);
        let is_json = |body: &RequestBody| body.content.contains_key("application/json");
        codes.extend(matches!(body, RefOr::T(body) if is_json(body)).then_some(Code::InvalidJson));
    }
    // A query that it does not know is refused.
    codes.extend(path.starts_with(STRICT_PATHS).then_some(Code::InvalidRequest));
    if operation.security.is_some() {
        codes.extend([Code::TokenInvalid, Code::TokenExpired, Code::UserDisabled]);
    }
    if needs_permission(operation) {
        codes.push(Code::Forbidden);
    }
    codes.extend([Code::InternalError, Code::Unavailable]);
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Whether the endpoint names a permission as the scope of its token.
fn needs_permission(operation: &Operation) -> bool {
    let security = serde_json::to_value(&operation.security).unwrap_or_default();
    security.as_array().into_iter().flatten().any(|needed| {
        needed.as_object().into_iter().flatten().any(|(_, scopes)| scopes != &json!([]))
    })
}

fn refusal(codes: &str) -> Response {
    let problem = Content::new(Some(Ref::from_schema_name(Problem::name())));
    ResponseBuilder::new().description(codes).content("application/problem+json", problem).build()
}

fn description() -> String {
    let rows: String = Code::ALL
        .iter()
        .map(|code| {
            format!("| `{}` | {} | {} |\n", code.name(), code.status().as_u16(), code.title())
        })
        .collect();
    format!(
        "Phone sign-in in your own AWS account: send a code, verify it, use the tokens.\n\n\
         Every refusal is a problem document (RFC 9457) with a stable `code`:\n\n\
         | code | status | meaning |\n|---|---|---|\n{rows}"
    )
}
