//! The OpenAPI document, generated from the code.

mod alternatives;
mod examples;

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use utoipa::{
    OpenApi, PartialSchema, ToSchema,
    openapi::{
        Content, Header, HeaderBuilder, Object, OpenApi as Document, Ref, RefOr, Response,
        ResponseBuilder, Schema, ServerBuilder, Type,
        path::Operation,
        request_body::RequestBody,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

use self::alternatives::tell_apart;
use crate::ENDPOINTS;
use shared::{
    administration::AdministrationSettings,
    base::FieldError,
    http::{Code, OAuthError, OAuthErrorCode, Problem, REFUSES_ALIKE, StepUp, is_strict},
    users::MULTI_FACTOR,
};

/// The extension in which an endpoint lists the codes of its refusals.
const CODES: &str = "x-codes";
/// The extension in which an OAuth 2.0 endpoint lists its errors.
const OAUTH_ERRORS: &str = "x-oauth-errors";
/// The extension that explains all codes. `docs/build.rs` makes a section of `/docs` for each.
const ALL_CODES: &str = "x-error-codes";
/// The header that says how long to wait.
const RETRY_AFTER: &str = "Retry-After";
/// The statuses of refusals that say how long to wait.
const WAITS: [StatusCode; 2] = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
/// The extension in which an operation says what it asks of the sign-in (RFC 9470).
const STEP_UP: &str = "x-step-up";

#[derive(OpenApi)]
#[openapi(
    info(title = "Latchkey", description = "Phone sign-in in your own AWS account."),
    tags(
        (name = "One-time codes", description = "Prove a phone or an e-mail address"),
        (name = "Sign-in", description = "Sign up, sign in, refresh and end sessions"),
        (name = "Second factor", description = "Authenticator apps and recovery codes"),
        (name = "Passkeys", description = "Sign in with a passkey, and manage one's own"),
        (name = "OAuth 2.0", description = "Sign-in, refresh and token checks for standard OAuth 2.0 clients"),
        (name = "Passwords", description = "Change and reset a password"),
        (name = "Me", description = "The signed-in user"),
        (name = "Users", description = "Manage users, as an administrator"),
        (name = "Roles", description = "Named sets of permissions"),
        (name = "Apps", description = "The applications that share the users"),
        (name = "Senders", description = "Delivery reports of the senders of texts"),
        (name = "Audit", description = "The audit trail: who did what, and when"),
        (name = "Service", description = "Health, keys, configuration and documentation of the service"),
    ),
)]
struct Base;

/// The document of all endpoints, with every refusal that each can return, by status.
pub fn document() -> Document {
    let base = OpenApiRouter::with_openapi(Base::openapi());
    let all = ENDPOINTS.iter().fold(base, |all, endpoint| all.merge((endpoint.routes)()));

    let mut document = all.into_openapi();
    document.info.description = Some(DESCRIPTION.to_owned());
    document.extensions.get_or_insert_default().insert(ALL_CODES.to_owned(), all_codes());
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

    tell_apart(&mut components.schemas);
    components.headers.insert(RETRY_AFTER.to_owned(), retry_after().into());

    for (path, method, operation) in operations(&mut document) {
        add_step_up(&method, &path, operation);
        add_refusals(&path, operation);
        add_waits(operation);
        // A missing `security` would be that of the whole document.
        operation.security.get_or_insert_default();
    }
    examples::add(&mut document);
    document
}

/// All operations, each with its path and its method.
fn operations(document: &mut Document) -> impl Iterator<Item = (String, Method, &mut Operation)> {
    document.paths.paths.iter_mut().flat_map(|(path, item)| {
        let operations = [
            (Method::GET, &mut item.get),
            (Method::PUT, &mut item.put),
            (Method::POST, &mut item.post),
            (Method::DELETE, &mut item.delete),
            (Method::PATCH, &mut item.patch),
        ];
        operations
            .into_iter()
            .filter_map(move |(method, it)| Some((path.clone(), method, it.as_mut()?)))
    })
}

/// The schema behind a reference, of all `schemas`; any other schema itself.
fn resolve<'a>(schema: &'a Value, schemas: &'a Value) -> &'a Value {
    let name = schema.get("$ref").and_then(Value::as_str);
    let name = name.and_then(|name| name.strip_prefix("#/components/schemas/"));
    name.and_then(|name| schemas.get(name)).unwrap_or(schema)
}

/// Describes the header of the refusals that say how long to wait.
fn add_waits(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let waits = WAITS.iter().any(|waits| waits.as_str() == status);
        if let (true, RefOr::T(response)) = (waits, response) {
            let header = Ref::new(format!("#/components/headers/{RETRY_AFTER}"));
            response.headers.insert(RETRY_AFTER.to_owned(), RefOr::Ref(header));
        }
    }
}

/// The header that says how long to wait.
fn retry_after() -> Header {
    HeaderBuilder::new()
        .schema(Some(Object::with_type(Type::Integer)))
        .description(Some(
            "Seconds to wait before the next try. It is absent if waiting does not help",
        ))
        .build()
}

/// Corrects what utoipa says about fields that may be missing.
fn correct_options(schema: &mut RefOr<Schema>) {
    match schema {
        // A flattened field that may be missing: nothing inside it is required.
        RefOr::T(Schema::AllOf(parts)) => {
            for part in &mut parts.items {
                let RefOr::T(Schema::OneOf(alternatives)) = part else { continue };
                if let [RefOr::T(Schema::Object(object)), _null] = alternatives.items.as_mut_slice()
                {
                    object.required.clear();
                }
            }
        }
        // In the body of a PATCH, a missing field is left as it is, and `null` clears it.
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

/// Describes the refusals of an endpoint, by status.
fn add_refusals(path: &str, operation: &mut Operation) {
    if let Some(errors) = extension(operation, OAUTH_ERRORS) {
        return add_oauth_errors(operation, &errors);
    }

    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes(path, operation) {
        by_status.entry(code.status().as_u16()).or_default().push(code);
    }
    for (status, codes) in by_status {
        let response = refusal(&codes);
        match operation.responses.responses.get_mut(&status.to_string()) {
            // A page, and a problem as well.
            Some(RefOr::T(page)) => page.content.extend(response.content),
            _ => _ = operation.responses.responses.insert(status.to_string(), RefOr::T(response)),
        }
    }
}

/// Describes the errors of an OAuth 2.0 endpoint, by status.
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

/// Takes the list in the extension `name` out of an operation.
fn extension(operation: &mut Operation, name: &str) -> Option<Vec<Value>> {
    operation.extensions.as_mut()?.remove(name)?.as_array().cloned()
}

/// The codes that the endpoint names, and those that follow from its body, query and security.
fn codes(path: &str, operation: &mut Operation) -> Vec<Code> {
    let named = extension(operation, CODES).unwrap_or_default();
    let mut codes: Vec<_> =
        Code::ALL.iter().copied().filter(|code| named.contains(&json!(code.name()))).collect();
    assert_eq!(codes.len(), named.len(), "a code of {:?} does not exist", operation.operation_id);

    if let Some(body) = &operation.request_body
        && !path.starts_with(REFUSES_ALIKE)
    {
        codes.extend([Code::InvalidRequest, Code::BodyTooLarge, Code::UnsupportedMediaType]);
        let is_json = |body: &RequestBody| body.content.contains_key("application/json");
        codes.extend(matches!(body, RefOr::T(body) if is_json(body)).then_some(Code::InvalidJson));
    }
    // An unknown query parameter is refused.
    codes.extend(is_strict(path).then_some(Code::InvalidRequest));
    if operation.security.is_some() {
        codes.extend([Code::TokenInvalid, Code::TokenExpired, Code::UserDisabled]);
    }
    if needs_permission(operation) {
        codes.push(Code::Forbidden);
    }
    let steps_up = operation.extensions.as_ref().is_some_and(|it| it.contains_key(STEP_UP));
    codes.extend(steps_up.then_some(Code::InsufficientUserAuthentication));

    codes.extend([Code::InternalError, Code::Unavailable]);
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Describes what an operation asks of the sign-in behind the token, if it asks for anything, in the
/// extension [`STEP_UP`]. Every deployment asks for it; `ADMIN_REQUIRES_MFA` and
/// `ADMIN_MAX_AGE_SECONDS` can ask for more.
fn add_step_up(method: &Method, path: &str, operation: &mut Operation) {
    let needed = if needs_permission(operation) {
        Some(StepUp::of_administration(method, &AdministrationSettings::default()))
    } else {
        StepUp::of_own(method, path)
    };
    if let Some(StepUp { max_age, .. }) = needed {
        let step_up = json!({"acr_values": MULTI_FACTOR, "if_enrolled": true, "max_age": max_age});
        operation.extensions.get_or_insert_default().insert(STEP_UP.to_owned(), step_up);
    }
}

/// Whether the endpoint requires a permission, which it lists as a scope of its token.
fn needs_permission(operation: &Operation) -> bool {
    let security = serde_json::to_value(&operation.security).unwrap_or_default();
    security.as_array().into_iter().flatten().any(|needed| {
        needed.as_object().into_iter().flatten().any(|(_, scopes)| scopes != &json!([]))
    })
}

/// The response of a refusal, with the codes that it can have.
fn refusal(codes: &[Code]) -> Response {
    let mut problem = Content::new(Some(Ref::from_schema_name(Problem::name())));
    problem.examples = examples::of_codes(codes);
    let names: Vec<_> = codes.iter().map(|code| format!("`{}`", code.name())).collect();
    ResponseBuilder::new()
        .description(names.join(", "))
        .content("application/problem+json", problem)
        .build()
}

/// The introduction of the document.
const DESCRIPTION: &str = "Phone sign-in in your own AWS account: send a code, verify it, use the \
    tokens.\n\nEvery refusal is a problem document (RFC 9457) with a stable `code`. Its `type` links \
    to what the code means and what to do about it. The [error codes](docs#error-codes) are listed \
    at the end of `/docs`, and in `x-error-codes` of this document.";

/// Every code with its status, its title and its help.
fn all_codes() -> Value {
    let explained = Code::ALL.iter().map(|code| {
        json!({
            "code": code.name(),
            "status": code.status().as_u16(),
            "title": code.title(),
            "help": code.help(),
        })
    });
    explained.collect()
}
