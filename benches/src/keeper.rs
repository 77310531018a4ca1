//! A keeper of one passkey, as a phone is one: it makes a key, and signs challenges with it.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::{event::HttpRequest, failure::Failure, program::RP_ID, sign_in::field};

/// Somebody was there and was verified. The passkey may be synced, and is.
const FLAGS: u8 = 0b0001_1101;
const HAS_CREDENTIAL: u8 = 0b0100_0000;

/// A passkey with its private key.
pub(crate) struct Keeper {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    handle: String,
}

impl Keeper {
    /// A passkey for the user of these options.
    pub(crate) fn new(options: &Value) -> Result<Self, Failure> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .map_err(|_| "no key could be made")?;
        let id = digest(&SHA256, key.public_key().as_ref()).as_ref().to_vec();
        let handle = field(options.get("user").unwrap_or(&Value::Null), "id")?;
        Ok(Self { key, id, handle })
    }

    /// The request that adds the passkey.
    pub(crate) fn add(&self, options: &Value) -> HttpRequest {
        let (x, y) = self.key.public_key().as_ref().split_at(1).1.split_at(32);
        // {1: 2, 3: -7, -1: 1, -2: x, -3: y}
        let head = [0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        let key = [&head, x, &[0x22, 0x58, 0x20], y].concat();
        let data =
            [&*authenticator_data(FLAGS | HAS_CREDENTIAL), &[0; 16], &[0, 32], &self.id, &key];
        let data = data.concat();
        // {"fmt": "none", "attStmt": {}, "authData": …}
        let head = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".as_slice();
        let length = u8::try_from(data.len()).unwrap_or(u8::MAX);
        let object = [head, &[length], &data].concat();

        let response = json!({
            "clientDataJSON": BASE64URL_NOPAD.encode(&client_data("webauthn.create", options)),
            "attestationObject": BASE64URL_NOPAD.encode(&object),
        });
        HttpRequest::post("/v1/me/passkeys", json!({"credential": self.credential(response)}))
    }

    /// The request that signs in with the passkey.
    pub(crate) fn sign_in(&self, options: &Value) -> Result<HttpRequest, Failure> {
        let (client_data, data) = (client_data("webauthn.get", options), authenticator_data(FLAGS));
        let signed = [&*data, digest(&SHA256, &client_data).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).map_err(|_| "no signature")?;
        let response = json!({
            "clientDataJSON": BASE64URL_NOPAD.encode(&client_data),
            "authenticatorData": BASE64URL_NOPAD.encode(&data),
            "signature": BASE64URL_NOPAD.encode(signature.as_ref()),
            "userHandle": self.handle,
        });
        let body = json!({"credential": self.credential(response)});
        Ok(HttpRequest::post("/v1/auth/passkey", body))
    }

    fn credential(&self, response: Value) -> Value {
        let id = BASE64URL_NOPAD.encode(&self.id);
        json!({"id": id, "rawId": id, "type": "public-key", "response": response})
    }
}

fn client_data(kind: &str, options: &Value) -> Vec<u8> {
    let origin = format!("https://{RP_ID}");
    let challenge = options.get("challenge");
    json!({"type": kind, "challenge": challenge, "origin": origin}).to_string().into_bytes()
}

fn authenticator_data(flags: u8) -> Vec<u8> {
    [digest(&SHA256, RP_ID.as_bytes()).as_ref(), &[flags], &[0; 4]].concat()
}
