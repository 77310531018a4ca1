//! The requests of a sign-in, and what their answers hold.

use serde_json::{Value, json};

use crate::{event::HttpRequest, failure::Failure};

/// A challenge and its code.
pub(crate) struct Challenge {
    pub(crate) id: String,
    pub(crate) code: String,
}

/// A signed-in person's tokens.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    /// Those of an answer.
    pub(crate) fn of(answer: &Value) -> Result<Self, Failure> {
        Ok(Self { access: field(answer, "access_token")?, refresh: field(answer, "refresh_token")? })
    }
}

/// Person number `index`: phones that libphonenumber takes for real, spread over the numbers that begin alike as those of a
/// country are.
pub(crate) fn phone(index: u32) -> String {
    format!("+1212{}{:04}", 200 + index % 700, index / 700)
}

/// Everybody has an address of his own.
fn source_ip(index: u32) -> String {
    format!("10.{}.{}.{}", index >> 16 & 255, index >> 8 & 255, index & 255)
}

/// The request that sends a code to person number `index`.
pub(crate) fn send_request(index: u32) -> HttpRequest {
    HttpRequest::post("/v1/otp/send", json!({"phone": phone(index)})).from(source_ip(index))
}

/// The request that proves a challenge.
pub(crate) fn verify_request(challenge: &Challenge) -> HttpRequest {
    HttpRequest::post("/v1/otp/verify", json!({"challenge_id": challenge.id, "code": challenge.code}))
}

/// A field of an answer.
pub(crate) fn field(answer: &Value, name: &str) -> Result<String, Failure> {
    let text = answer.get(name).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| format!("no {name} in {answer}").into())
}
