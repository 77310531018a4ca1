//! A JSON body, as the endpoints read it. The first byte selects the endpoint, and the rest is the
//! body.
//!
//! An accepted body is one object without unknown or repeated fields, within the limits on depth
//! and length. A refusal is a client error (4xx).

#![no_main]

use axum::{body::Body, extract::FromRequest, response::IntoResponse};
use functions::{apps, auth, me, otp, password, roles, users};
use fuzz::{ISSUER, at_once};
use http::{Request, header};
use libfuzzer_sys::{Corpus, fuzz_target};
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::{
    base::Error,
    http::{Json, MAX_BODY_BYTES, Problem},
};

type Check = fn(&[u8]);

const CHECKS: [Check; 16] = [
    check::<otp::send::SendOtpRequest>,
    check::<otp::verify::VerifyOtpRequest>,
    check::<auth::register::RegisterRequest>,
    check::<auth::login::LoginRequest>,
    check::<auth::mfa::MfaRequest>,
    check::<auth::refresh::RefreshRequest>,
    check::<password::reset::ResetPasswordRequest>,
    check::<me::update::UpdateMeRequest>,
    check::<me::email::ChangeEmailRequest>,
    check::<users::create::CreateUserRequest>,
    check::<users::update::UpdateUserRequest>,
    check::<users::roles_put::PutRolesRequest>,
    check::<roles::create::CreateRolesRequest>,
    check::<roles::permissions_put::PutPermissionsRequest>,
    check::<apps::create::CreateAppRequest>,
    check::<apps::update::UpdateAppRequest>,
];

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((which, body)) = input.split_first() else { return Corpus::Reject };
    // A letter, so that seeds are readable.
    let Some(check) = CHECKS.get(usize::from(which.wrapping_sub(b'a'))) else {
        return Corpus::Reject;
    };
    check(body);
    Corpus::Keep
});

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let request = Request::builder().header(header::CONTENT_TYPE, "application/json");
    let request = request.body(Body::from(body.to_vec())).expect("a request");
    at_once(Json::<T>::from_request(request, &())).map(|Json(body)| body)
}

fn check<T: DeserializeOwned>(body: &[u8]) {
    if let Err(error) = read::<T>(body) {
        let problem = serde_json::to_value(Problem::new(&error, ISSUER, "1")).expect("JSON");
        let status = error.into_response().status();
        assert!(status.is_client_error(), "{problem}");
        assert_eq!(problem["status"], status.as_u16(), "{problem}");
        assert!(problem["code"].is_string() && problem["detail"].is_string(), "{problem}");
        return;
    }

    assert!(body.len() <= MAX_BODY_BYTES);
    let text = std::str::from_utf8(body).expect("UTF-8").trim_ascii();
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
        panic!("the accepted body is not an object")
    };
    bounded(&Value::Object(fields.clone()), 8);

    let refused = |body: String| {
        assert!(
            body.len() > MAX_BODY_BYTES || read::<T>(body.as_bytes()).is_err(),
            "accepted: {body}"
        );
    };

    // With one unknown field.
    let start = text.strip_suffix('}').expect("an object");
    let comma = if fields.is_empty() { "" } else { "," };
    refused(format!(r#"{start}{comma}"no such field":null}}"#));

    // With one of its fields repeated.
    for (name, value) in &fields {
        refused(format!("{start},{}:{value}}}", Value::from(name.as_str())));
    }
    // As an array of the object, or of its values.
    refused(format!("[{text}]"));

    refused(Value::Array(fields.into_iter().map(|(_, value)| value).collect()).to_string());
    refused(format!("{text}{text}"));
}

/// Asserts the limits on depth and length, counted in a different way than in the service.
fn bounded(value: &Value, depth: u32) {
    assert!(depth > 0 || !(value.is_object() || value.is_array()), "too deep");
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            assert!(name.chars().count() <= 1_024);
            bounded(value, depth - 1);
        }),
        Value::Array(items) => items.iter().for_each(|item| bounded(item, depth - 1)),
        Value::String(text) => assert!(text.chars().count() <= 1_024, "too long"),
        _ => {}
    }
}
