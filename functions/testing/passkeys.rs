//! Helpers for the tests of passkeys: a keeper of one passkey, which can be told to lie.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use axum::http::Method;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use shared::crypto::sha256;

use super::{Answer, SignedIn, TestApp, accounts::PASSWORD};

/// The RP ID of the tests.
pub(crate) const RP_ID: &str = "example.com";
/// A page that may ask for passkeys.
pub(crate) const PAGE: &str = "https://example.com";
/// The settings of a deployment with passkeys.
pub(crate) const PASSKEYS: (&str, &str) = ("PASSKEY_RP_ID", RP_ID);

/// Somebody was there, and was verified; the passkey may be synced, and is.
const FLAGS: u8 = 0b0001_1101;
const HAS_CREDENTIAL: u8 = 0b0100_0000;

/// A keeper of one passkey: a phone, a browser, a security key. Its fields are what it says.
pub(crate) struct Keeper {
    key: EcdsaKeyPair,
    pub(crate) id: Vec<u8>,
    pub(crate) handle: Vec<u8>,
    pub(crate) rp_id: String,
    pub(crate) origin: String,
    pub(crate) flags: u8,
    pub(crate) count: u32,
    pub(crate) aaguid: [u8; 16],
    /// Further fields of the client data.
    pub(crate) client_data: Value,
}

/// A lie of a keeper, and a part of the refusal.
pub(crate) type Lie = (&'static str, fn(&mut Keeper));

impl Keeper {
    /// A keeper with a new key.
    pub(crate) fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let id = sha256(key.public_key().as_ref()).to_vec();
        Self {
            key,
            id,
            handle: Vec::new(),
            rp_id: RP_ID.to_owned(),
            origin: PAGE.to_owned(),
            flags: FLAGS,
            count: 0,
            aaguid: [0; 16],
            client_data: json!({"crossOrigin": false}),
        }
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let mut data =
            json!({"type": kind, "challenge": options["challenge"], "origin": self.origin});
        data.as_object_mut().unwrap().extend(self.client_data.as_object().unwrap().clone());
        serde_json::to_vec(&data).unwrap()
    }

    fn authenticator_data(&self, flags: u8) -> Vec<u8> {
        let count = self.count.to_be_bytes();
        [sha256(self.rp_id.as_bytes()).as_slice(), &[flags], &count].concat()
    }

    /// The public key as COSE.
    fn public_key(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        // {1: 2, 3: -7, -1: 1, -2: x, -3: y}
        let head = [0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        [&head, &point[1..33], &[0x22, 0x58, 0x20], &point[33..]].concat()
    }

    /// The result of `navigator.credentials.create` with these options.
    pub(crate) fn create(&mut self, options: &Value) -> Value {
        let handle = options["user"]["id"].as_str().unwrap();
        self.handle = BASE64URL_NOPAD.decode(handle.as_bytes()).unwrap();
        let length = u16::try_from(self.id.len()).unwrap().to_be_bytes();
        let data = [
            self.authenticator_data(self.flags | HAS_CREDENTIAL).as_slice(),
            &self.aaguid,
            &length,
            &self.id,
            &self.public_key(),
        ]
        .concat();
        let size = u16::try_from(data.len()).unwrap().to_be_bytes();
        // {"fmt": "none", "attStmt": {}, "authData": …}
        let object =
            [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".as_slice(), &size, &data]
                .concat();
        let id = BASE64URL_NOPAD.encode(&self.id);
        json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {"credProps": {"rk": true}},
            "response": {
                "clientDataJSON": BASE64URL_NOPAD.encode(&self.client_data("webauthn.create", options)),
                "attestationObject": BASE64URL_NOPAD.encode(&object),
                "transports": ["internal", "hybrid"],
            },
        })
    }

    /// The result of `navigator.credentials.get` with these options.
    pub(crate) fn get(&self, options: &Value) -> Value {
        let client_data = self.client_data("webauthn.get", options);
        let data = self.authenticator_data(self.flags);
        let signed = [data.as_slice(), &sha256(&client_data)].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        let id = BASE64URL_NOPAD.encode(&self.id);
        json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": BASE64URL_NOPAD.encode(&client_data),
                "authenticatorData": BASE64URL_NOPAD.encode(&data),
                "signature": BASE64URL_NOPAD.encode(signature.as_ref()),
                "userHandle": BASE64URL_NOPAD.encode(&self.handle),
            },
        })
    }
}

impl TestApp {
    /// Asks for the options of a new passkey.
    pub(crate) async fn passkey_options(&self, who: &SignedIn) -> Answer {
        self.call_as(&who.access, Method::POST, "/v1/me/passkeys/options").await
    }

    /// Sends a new passkey.
    pub(crate) async fn add_passkey(&self, who: &SignedIn, credential: Value) -> Answer {
        self.post_as(&who.access, "/v1/me/passkeys", json!({"credential": credential})).await
    }

    /// Gives a user a passkey. Returns what keeps it, and its id.
    pub(crate) async fn passkey(&self, who: &SignedIn) -> (Keeper, String) {
        let mut keeper = Keeper::new();
        let options = self.passkey_options(who).await;
        let added = self.add_passkey(who, keeper.create(options.assert_ok())).await;
        assert_eq!(added.status, 201, "{}", added.text);
        (keeper, added.json["id"].as_str().unwrap().to_owned())
    }

    /// Asks for the options of a sign-in.
    pub(crate) async fn passkey_challenge(&self, body: Value) -> Value {
        self.post("/v1/auth/passkey/options", body).await.assert_ok().clone()
    }

    /// Sends a passkey that was used.
    pub(crate) async fn use_passkey(&self, credential: Value) -> Answer {
        self.post("/v1/auth/passkey", json!({"credential": credential})).await
    }

    /// Signs in with a passkey.
    pub(crate) async fn sign_in_by_passkey(&self, keeper: &Keeper) -> Answer {
        let options = self.passkey_challenge(json!({})).await;
        self.use_passkey(keeper.get(&options)).await
    }

    /// Signs in by password, up to the second factor, which may be a passkey. Returns the token.
    pub(crate) async fn first_factor_or_passkey(&self, phone: &str) -> String {
        let answer = self.login(json!({"phone": phone}), PASSWORD).await;
        answer.assert_ok()["mfa_token"].as_str().unwrap().to_owned()
    }

    /// Signs in by a code again, after the cooldown between two codes.
    pub(crate) async fn sign_in_again(&self, phone: &str) -> SignedIn {
        self.advance(60);
        self.sign_in(phone).await
    }
}
