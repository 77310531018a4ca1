//! The requests of a sign-in, and what their responses hold.

use serde_json::{Value, json};

use crate::{event::HttpRequest, failure::Failure};

/// A challenge and its code.
pub(crate) struct Challenge {
    pub(crate) id: String,
    pub(crate) code: String,
}

/// A device on which a person has signed in.
pub(crate) struct Device {
    /// The number of the person.
    pub(crate) person: u32,
    pub(crate) token: String,
}

/// The tokens of a session.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    /// The token of the device, if the response has one.
    pub(crate) device: Option<String>,
}

impl Tokens {
    /// The tokens of a response.
    pub(crate) fn of(answer: &Value) -> Result<Self, Failure> {
        Ok(Self {
            access: field(answer, "access_token")?,
            refresh: field(answer, "refresh_token")?,
            device: field(answer, "device_token").ok(),
        })
    }
}

/// The phone of person number `index`. libphonenumber takes it for a real one, and the phones are
/// spread over prefixes as those of a country are.
pub(crate) fn phone(index: u32) -> String {
    format!("+1212{}{:04}", 200 + index % 700, index / 700)
}

/// The IP address of person number `index`, which nobody else has.
fn source_ip(index: u32) -> String {
    format!("10.{}.{}.{}", index >> 16 & 255, index >> 8 & 255, index & 255)
}

/// The request that sends a code to person number `index`.
pub(crate) fn send_request(index: u32) -> HttpRequest {
    HttpRequest::post("/v1/otp/send", json!({"phone": phone(index)})).from(source_ip(index))
}

/// The request that sends a code to the person of a device.
pub(crate) fn send_from_device(device: &Device) -> HttpRequest {
    let body = json!({"phone": phone(device.person), "device_token": device.token});
    HttpRequest { body: Some(body), ..send_request(device.person) }
}

/// The request that proves a challenge.
pub(crate) fn verify_request(challenge: &Challenge) -> HttpRequest {
    HttpRequest::post(
        "/v1/otp/verify",
        json!({"challenge_id": challenge.id, "code": challenge.code}),
    )
}

/// A text in the JSON of a response.
pub(crate) fn field(answer: &Value, name: &str) -> Result<String, Failure> {
    let text = answer.get(name).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| format!("no {name} in {answer}").into())
}
