//! The test vectors of the specification (WebAuthn Level 3, *Test Vectors*), from `vectors.json`:
//! what each example has to do here, also the ones that our rules refuse.

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    AuthenticationResponse, Expected, Fault, RegistrationResponse, authenticate,
    authenticator_data, cose::PublicKey, register,
};
use crate::crypto::sha256;

#[derive(Deserialize)]
struct Vector {
    name: String,
    credential_id: String,
    registration: Value,
    authentication: Value,
}

const VERIFIED: u8 = 4;
const FRAME: &str = "was asked for by a page in a frame of another site";
const ALGORITHM: &str = "has a key of an algorithm that was not asked for";
const UNVERIFIED: &str =
    "was used without user verification: a PIN, a fingerprint or a face is needed";

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    BASE64URL_NOPAD.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn expected() -> Expected<'static, impl Fn(&str) -> bool> {
    Expected { rp_id: "example.org", is_origin: |origin: &str| origin == "https://example.org" }
}

fn response<T: serde::de::DeserializeOwned>(vector: &Vector, response: &Value) -> T {
    let id = &vector.credential_id;
    let json = json!({"id": id, "rawId": id, "type": "public-key", "response": response});
    serde_json::from_value(json).unwrap()
}

/// The refusal of a vector, which depends on its name and on whether its user was verified.
fn refusal(name: &str, is_verified: bool) -> Option<&'static str> {
    let is_of = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if is_of(&["crossOrigin", "topOrigin"]) {
        Some(FRAME)
    } else if !is_verified {
        Some(UNVERIFIED)
    } else if is_of(&["ES384", "ES512", "Ed448"]) {
        Some(ALGORITHM)
    } else {
        None
    }
}

/// The flags in authenticator data, and in an attestation object, whose text before them ends with
/// the hash of the RP ID.
fn is_verified(object: &[u8]) -> bool {
    let hash = sha256(b"example.org");
    let at = object.windows(32).position(|window| window == hash).unwrap();
    object[at + 32] & VERIFIED != 0
}

/// The authenticator data of a registration.
fn registered(vector: &Vector) -> Vec<u8> {
    let object = bytes(&vector.registration["attestationObject"]);
    let object = super::cbor::read_whole(&object).unwrap();
    object.of_name("authData").and_then(super::Value::bytes).unwrap().to_vec()
}

#[test]
fn each_registration_is_read_or_refused_by_the_rules() {
    let mut read = 0;
    for vector in vectors() {
        let name = &vector.name;
        let sent: RegistrationResponse = response(&vector, &vector.registration);
        let is_verified = is_verified(&bytes(&vector.registration["attestationObject"]));
        let result = register(&sent, &expected());
        match refusal(name, is_verified) {
            Some(text) => assert_eq!(result.unwrap_err(), Fault::new(text), "{name}"),
            None => {
                let (credential, challenge) =
                    result.unwrap_or_else(|fault| panic!("{name} {fault:?}"));
                assert_eq!(challenge, vector.registration["challenge"], "{name}");
                assert_eq!(BASE64URL_NOPAD.encode(&credential.id), vector.credential_id, "{name}");
                read += 1;
            }
        }
    }
    assert!(read >= 5, "{read}");
}

/// The signatures, whether or not the user was verified.
#[test]
fn each_signature_is_verified_by_the_key_of_its_registration() {
    let mut verified = 0;
    for vector in vectors() {
        let name = &vector.name;
        let data = registered(&vector);
        let data = authenticator_data::AuthenticatorData::read(&data).unwrap();
        let credential = data.credential.unwrap();
        let key = PublicKey::read(credential.public_key);
        if ["ES384", "ES512", "Ed448"].iter().any(|algorithm| name.contains(algorithm)) {
            assert_eq!(key.unwrap_err(), Fault::new(ALGORITHM), "{name}");
            continue;
        }

        let authentication = &vector.authentication;
        let client_data = sha256(&bytes(&authentication["clientDataJSON"]));
        let mut message = bytes(&authentication["authenticatorData"]);
        message.extend(client_data);
        let signature = bytes(&authentication["signature"]);
        let key = key.unwrap();
        assert!(key.has_signed(&message, &signature), "{name}");
        message[0] ^= 1;
        assert!(!key.has_signed(&message, &signature), "{name}, changed");
        verified += 1;
    }
    assert!(verified >= 10, "{verified}");
}

#[test]
fn each_authentication_is_verified_or_refused_by_the_rules() {
    let mut verified = 0;
    for vector in vectors() {
        let name = &vector.name;
        let data = registered(&vector);
        let data = authenticator_data::AuthenticatorData::read(&data).unwrap();
        let eligible = data.is_backup_eligible();
        let key = data.credential.unwrap().public_key;

        let sent: AuthenticationResponse = response(&vector, &vector.authentication);
        let is_verified = is_verified(&bytes(&vector.authentication["authenticatorData"]));
        let result = authenticate(&sent, (key, eligible), &expected());
        match refusal(name, is_verified) {
            Some(text) => assert_eq!(result.unwrap_err(), Fault::new(text), "{name}"),
            None => {
                assert_eq!(result.unwrap().1, vector.authentication["challenge"], "{name}");
                verified += 1;
                let other = authenticate(&sent, (key, !eligible), &expected());
                let text = "is of another kind than when it was made";
                assert_eq!(other.unwrap_err(), Fault::new(text), "{name}");
            }
        }
    }
    assert!(verified >= 3, "{verified}");
}
