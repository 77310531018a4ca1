//! Client data (WebAuthn Level 3 §5.8.1): what the browser, or the app, says about a ceremony.

use serde::Deserialize;

use super::{Ceremony, Fault};

/// Client data that was read. Further fields are ignored, as the specification asks.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    /// The challenge, base64url.
    pub(super) challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: Option<bool>,
    top_origin: Option<String>,
}

impl ClientData {
    /// Reads client data.
    ///
    /// # Errors
    /// [`Fault`] if it is not JSON of WebAuthn.
    pub(super) fn read(json: &[u8]) -> Result<Self, Fault> {
        serde_json::from_slice(json)
            .map_err(|_| Fault::new("has client data that is not JSON of WebAuthn"))
    }

    /// Reads client data and checks that it is of this ceremony, by the page itself and not by one in
    /// a frame of another site, and of an origin that `is_origin` accepts. Returns the challenge.
    ///
    /// # Errors
    /// [`Fault`] if it is not.
    pub(super) fn check(
        json: &[u8],
        ceremony: Ceremony,
        is_origin: impl Fn(&str) -> bool,
    ) -> Result<String, Fault> {
        let data = Self::read(json)?;
        if data.kind != ceremony.client_data_type() {
            return Err(Fault::new("is of another kind of ceremony"));
        }
        if data.cross_origin == Some(true) || data.top_origin.is_some() {
            return Err(Fault::new("was asked for by a page in a frame of another site"));
        }
        if !is_origin(&data.origin) {
            return Err(Fault::new("is of an origin that is not accepted"));
        }
        Ok(data.challenge)
    }
}
