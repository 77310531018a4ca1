//! Examples of requests and answers, composed from those of their properties.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::openapi::{
    Content, OpenApi as Document, Ref, RefOr,
    example::{Example, ExampleBuilder},
    path::Operation,
};

use super::{operations, resolve};
use shared::http::{Code, OAuthErrorCode};

/// The media types of bodies that have examples.
const MEDIA_TYPES: [&str; 2] = ["application/json", "application/x-www-form-urlencoded"];
/// An id.
const USER_ID: &str = "01890000-0000-7000-8000-000000000000";
/// How deep objects nest in an example.
const MAX_DEPTH: usize = 8;

// The first vector of WebAuthn Level 3, with shorter client data and with user verification.

/// The id of the credential.
const CREDENTIAL_ID: &str = "-R85HbTJsv3g6nAYnLo_tj9Xm6YSKzOtlP8-wzAIS-Q";
/// The client data of its registration.
const CREATE_DATA: &str = "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoiQU1NUHQ0VXh4R1RTdG5jZHE0MTdZRHdC\
    Rmk4dnBJYS1wdzhvT3VWVzRUQSIsIm9yaWdpbiI6Imh0dHBzOi8vZXhhbXBsZS5vcmcifQ";
/// Its attestation object.
const ATTESTATION: &str = "o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YVikv6vDdDKViwYzYNOtZGHJxHNa5_jt1GWSpeDwFFKy5LVd\
    AAAAAIRGzLmrHbN0dQsjZ_9vOh8AIPkfOR20ybL94OpwGJy6P7Y_V5umEiszrZT_PsMwCEvkpQECAyYgASFY\
    IK_voW-XypstI-uGzLZAmNINuQhWBi6yScM6m2cvJt9hIlggkwpWuHovymYzSwNFir-HlxfBLMaO1zKQry4m\
    ZHlrkiA";
/// The client data of its use.
const GET_DATA: &str = "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiT2NEblVoUVh1bFRVUG8zSlVYVDBJOTdwdnp6\
    WUJQOXRaY2hYeWF2MDFBZyIsIm9yaWdpbiI6Imh0dHBzOi8vZXhhbXBsZS5vcmcifQ";
/// The authenticator data of its use.
const AUTHENTICATOR_DATA: &str = "v6vDdDKViwYzYNOtZGHJxHNa5_jt1GWSpeDwFFKy5LUdAAAAAA";
/// The signature of its use.
const SIGNATURE: &str = "MEYCIQD1Ck4uRAkknEqFO6NhKC8JhB303UVHoTqHeAIY3v_NOAIhAISArA8Lk1OBdPV1vxGh3V14xuSGAT-T\
    cpXqE2U-Mx6H";

/// Properties that mean the same everywhere, for those that have no example themselves.
fn common(name: &str, property: &Value) -> Option<Value> {
    let at = |path: &str| json!(format!("https://id.example.com{path}"));
    Some(match (name, kind(property)) {
        ("access_token", _) => json!("eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9.…"),
        ("attempts_left", _) => json!(5),
        ("authorization_endpoint", _) => at("/oauth2/authorize"),
        ("challenge" | "public_key", _) => json!("OcDnUhQXulTUPo3JUXT0I97pvzzYBP9tZchXyav01Ag"),
        ("client_id", _) => json!("default"),
        ("credential_id", _) => json!(CREDENTIAL_ID),
        ("description", "string") => json!("Edits what others wrote"),
        ("device_authorization_endpoint", _) => at("/oauth2/device_authorization"),
        ("displayName", _) => json!("Ann Lee"),
        ("end_session_endpoint", _) => at("/oauth2/logout"),
        ("expires_in", _) => json!(300),
        ("id", "integer") => json!(1),
        ("id", "string") if property.get("format").is_none() => json!(CREDENTIAL_ID),
        ("introspection_endpoint", _) => at("/oauth2/introspect"),
        ("jwks_uri", _) => at("/.well-known/jwks.json"),
        ("name", "string") => json!("Latchkey"),
        ("old_secret_valid_for", _) => json!(86_400),
        ("pushed_authorization_request_endpoint", _) => at("/oauth2/par"),
        ("qr_svg", _) => json!("<svg xmlns=\"http://www.w3.org/2000/svg\">…</svg>"),
        ("resend_in", _) => json!(30),
        ("revocation_endpoint", _) => at("/oauth2/revoke"),
        ("roles", "array") if property.pointer("/items/type") == Some(&json!("string")) => {
            json!(["User"])
        }
        ("service_documentation", _) => at("/docs"),
        ("sign_count", _) => json!(0),
        ("system", _) => json!(false),
        ("token_endpoint", _) => at("/oauth2/token"),
        ("userinfo_endpoint", _) => at("/oauth2/userinfo"),
        _ => return None,
    })
}

/// The example of an answer whose properties exclude one another, or that is described elsewhere.
fn of_answer(operation_id: &str, schemas: &Value) -> Option<Value> {
    let of = |name: &str| compose(schemas.get(name)?, schemas, MAX_DEPTH);
    match operation_id {
        "jwks" => {
            let key = json!({
                "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "…", "n": "…", "e": "AQAB",
            });
            Some(json!({"keys": [key]}))
        }
        "roles-create" => of("Role"),
        "users-import" => {
            let (id, external) = (USER_ID, "auth0|5f7c8ec7c33c6c004bbafe82");
            Some(json!({"results": [{"status": "created", "id": id, "external_id": external}]}))
        }
        "users-roles-put" => of("User"),
        _ => None,
    }
}

/// The example of a request whose fields exclude one another, or whose properties have none.
fn of_request(operation_id: &str) -> Option<Value> {
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let entering = json!({
        "client_id": "shop",
        "redirect_uri": "https://shop.example.com/callback",
        "response_type": "code",
        "scope": "openid profile",
        "state": "af0ifjsldkj",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    });
    let assertion = json!({
        "id": CREDENTIAL_ID,
        "rawId": CREDENTIAL_ID,
        "type": "public-key",
        "response": {
            "clientDataJSON": GET_DATA,
            "authenticatorData": AUTHENTICATOR_DATA,
            "signature": SIGNATURE,
        },
        "clientExtensionResults": {},
    });
    let registration = json!({
        "id": CREDENTIAL_ID,
        "rawId": CREDENTIAL_ID,
        "type": "public-key",
        "response": {"clientDataJSON": CREATE_DATA, "attestationObject": ATTESTATION},
        "clientExtensionResults": {},
    });
    Some(match operation_id {
        "oauth2-authorize-post" | "oauth2-par" => entering,
        "oauth2-device" => json!({"client_id": "default", "scope": "openid profile"}),
        "oauth2-introspect" => {
            json!({"client_id": "server", "client_secret": "lks_…", "token": "eyJhbGciOiJSUzI1NiJ9.…"})
        }
        "oauth2-logout-post" => json!({"client_id": "shop", "state": "af0ifjsldkj"}),
        "oauth2-revoke" => json!({"client_id": "default", "token": "lkr_…"}),
        "oauth2-token" => json!({
            "grant_type": "authorization_code", "client_id": "shop", "code": "lkc_…",
            "redirect_uri": "https://shop.example.com/callback", "code_verifier": verifier,
        }),
        "oauth2-userinfo-post" => json!({"access_token": "eyJhbGciOiJSUzI1NiJ9.…"}),
        "sign-in" => json!({"flow": "…", "action": "continue", "identifier": "+14155550123"}),
        "addresses-unlock" => json!({"phone": "+14155550123"}),
        "apps-create" => json!({
            "name": "Shop", "type": "public", "client_id": "shop",
            "redirect_uris": ["https://shop.example.com/callback"],
        }),
        "apps-update" => json!({"name": "Shop", "sign_up": "closed"}),
        "apps-messages-put" => json!({
            "subject": "Your {app} code",
            "text": "{code} is your code. It is valid for {minutes} minutes.",
        }),
        "apps-messages-preview" => json!({"draft": {
            "subject": "Your {app} code",
            "text": "{code} is your code. It is valid for {minutes} minutes.",
        }}),
        "auth-logout" => json!({"all": true}),
        "auth-passkey" => json!({"credential": assertion}),
        "me-passkeys-create" => json!({"credential": registration, "name": "My laptop"}),
        "password-change" => json!({
            "old_password": "correct horse battery staple", "new_password": "a quieter horse, another staple",
        }),
        "roles-create" => json!({
            "name": "Editor", "description": "Edits what others wrote", "permissions": ["articles:write"],
        }),
        "roles-permissions-put" => {
            json!({"roles": [{"name": "Editor", "permissions": ["articles:write"]}]})
        }
        "roles-update" => {
            json!({"description": "Edits what others wrote", "permissions": ["articles:write"]})
        }
        "users-create" => json!({"phone": "+14155550123", "username": "ann", "name": "Ann Lee"}),
        "users-update" => json!({"name": "Ann Lee", "locale": "en-US"}),
        _ => return None,
    })
}

/// Gives every request body and every answer of `document` an example.
pub(super) fn add(document: &mut Document) {
    let components = document.components.get_or_insert_default();
    for code in Code::ALL {
        let example = ExampleBuilder::new().value(Some(of_problem(*code))).build();
        components.examples.insert(code.name(), example.into());
    }
    for (code, _) in OAuthErrorCode::ALL {
        let example = ExampleBuilder::new().value(Some(of_oauth_error(code))).build();
        components.examples.insert(of_oauth(&code.name()), example.into());
    }

    let schemas = serde_json::to_value(&components.schemas).unwrap_or_default();
    for (_, _, operation) in operations(document) {
        let id = operation.operation_id.clone().unwrap_or_default();
        if let Some(RefOr::T(body)) = &mut operation.request_body {
            for (media_type, content) in &mut body.content {
                let RefOr::T(content) = content else { continue };
                complete(media_type, content, of_request(&id), &schemas);
            }
        }
        add_to_answers(operation, &schemas);
    }
}

/// The examples of the refusals with these codes.
pub(super) fn of_codes(codes: &[Code]) -> BTreeMap<String, RefOr<Example>> {
    codes.iter().map(|code| (code.name(), reference(&code.name()))).collect()
}

/// A reference to an example of the document.
fn reference(name: &str) -> RefOr<Example> {
    RefOr::Ref(Ref::new(format!("#/components/examples/{name}")))
}

fn add_to_answers(operation: &mut Operation, schemas: &Value) {
    let id = operation.operation_id.clone().unwrap_or_default();
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        let names = response.description.split(", ").map(|name| name.trim_matches('`'));
        let of_oauth_codes: BTreeMap<_, _> =
            names.map(|name| (name.to_owned(), reference(&of_oauth(name)))).collect();
        for (media_type, content) in &mut response.content {
            let RefOr::T(content) = content else { continue };
            if refers_to(content, "OAuthError") {
                content.examples.clone_from(&of_oauth_codes);
            } else {
                complete(media_type, content, of_answer(&id, schemas), schemas);
            }
        }
    }
}

/// Whether the schema of a body is the one with this name.
fn refers_to(content: &Content, name: &str) -> bool {
    let Some(RefOr::Ref(reference)) = &content.schema else { return false };
    reference.ref_location.strip_prefix("#/components/schemas/") == Some(name)
}

/// Gives a body an example: the `given` one, or a composed one.
fn complete(media_type: &str, content: &mut Content, given: Option<Value>, schemas: &Value) {
    if !MEDIA_TYPES.contains(&media_type) || content.example.is_some() {
        return;
    }
    let composed = || {
        let schema = serde_json::to_value(content.schema.as_ref()?).ok()?;
        compose(&schema, schemas, MAX_DEPTH)
    };
    content.example = given.or_else(composed);
}

/// The example of a schema. `None` if a required part of it has none.
fn compose(schema: &Value, schemas: &Value, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    if let Some(example) = schema.get("example") {
        return Some(example.clone());
    }
    let list = |name: &str| schema.get(name).and_then(Value::as_array);
    if schema.get("$ref").is_some() {
        return compose(resolve(schema, schemas), schemas, depth);
    }
    if let Some(values) = list("enum") {
        return values.first().cloned();
    }
    if let Some(parts) = list("allOf") {
        return parts
            .iter()
            .try_fold(Map::new(), |mut whole, part| {
                // A part that may be missing is left out.
                if part.get("oneOf").is_none() {
                    whole.extend(compose(part, schemas, depth)?.as_object().cloned()?);
                }
                Some(whole)
            })
            .map(Value::Object);
    }
    if let Some(alternatives) = list("oneOf").or_else(|| list("anyOf")) {
        return alternatives.iter().find_map(|one| compose(one, schemas, depth));
    }
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    match kind(schema) {
        "object" => object(schema, schemas, depth),
        "array" => Some(json!([compose(schema.get("items")?, schemas, depth)?])),
        "boolean" => Some(json!(true)),
        "string" if format == "date-time" => Some(json!("2026-11-29T01:02:03.000Z")),
        "string" if format == "uuid" => Some(json!(USER_ID)),
        _ => None,
    }
}

/// The type of a schema. One that may be `null` is of its other type.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default()
        }
        _ => "",
    }
}

/// An object with its required properties, and those whose schema has an example.
fn object(schema: &Value, schemas: &Value, depth: usize) -> Option<Value> {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|names| names.contains(&json!(name)));
    let mut whole = Map::new();

    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let described = resolve(property, schemas);
        let has_own = property.get("example").or(described.get("example")).is_some();
        let may_be_null = serde_json::to_string(property).is_ok_and(|it| it.contains("\"null\""));
        if may_be_null && !has_own && !is_required(name) {
            continue;
        }

        let shared = if has_own { None } else { common(name, described) };
        match shared.or_else(|| compose(property, schemas, depth)) {
            Some(example) => _ = whole.insert(name.clone(), example),
            None if !is_required(name) => {}
            None if may_be_null => _ = whole.insert(name.clone(), Value::Null),
            None if kind(described) == "array" => _ = whole.insert(name.clone(), json!([])),
            None => return None,
        }
    }
    Some(Value::Object(whole))
}

/// The problem document of a code.
fn of_problem(code: Code) -> Value {
    let mut problem = json!({
        "type": format!("https://id.example.com/docs#{}", code.name()),
        "title": code.title(),
        "status": code.status().as_u16(),
        "detail": format!("{}.", code.title()),
        "code": code.name(),
        "request_id": USER_ID,
    });
    let further = match code {
        Code::InvalidRequest => {
            Some(("errors", json!([{"field": "phone", "message": "is missing"}])))
        }
        Code::OtpIncorrect => Some(("attempts_left", json!(4))),
        _ if super::WAITS.contains(&code.status()) => Some(("retry_after", json!(30))),
        _ => None,
    };
    if let (Some(problem), Some((name, value))) = (problem.as_object_mut(), further) {
        problem.insert(name.to_owned(), value);
    }
    problem
}

/// The error of an OAuth 2.0 endpoint.
fn of_oauth_error(code: OAuthErrorCode) -> Value {
    json!({"error": code.name(), "error_description": "The request is not accepted. Correct it, and send it again."})
}

/// The name of the example of an OAuth 2.0 error.
fn of_oauth(code: &str) -> String {
    format!("oauth_{code}")
}
