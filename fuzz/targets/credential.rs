//! A passkey as somebody might send it. The first byte says what the rest is: an attestation object
//! (`r`), authenticator data that is not signed (`a`), or client data (`c`).

#![no_main]

use std::sync::LazyLock;

use data_encoding::BASE64URL_NOPAD;
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::{Value, json};
use shared::webauthn::{
    AuthenticationResponse, Expected, MAX_CREDENTIAL_ID_BYTES, RegistrationResponse, authenticate,
    register,
};

/// A COSE key of the curve P-256: a point of the test vectors of WebAuthn.
static KEY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let vectors = include_str!("../../shared/src/webauthn/vectors.json");
    let vectors: Value = serde_json::from_str(vectors).expect("vectors");
    let registration = &vectors[1]["registration"];
    let sent = response(&vectors[1]["credential_id"], registration.clone());
    let sent: RegistrationResponse = serde_json::from_value(sent).expect("a registration");
    register(&sent, &expected()).expect("a credential").0.public_key
});

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((how, rest)) = input.split_first() else { return Corpus::Reject };
    match how {
        b'r' => registered(rest),
        b'a' => authenticated(&client_data("webauthn.get"), rest),
        b'c' => authenticated(rest, &[0; 37]),
        _ => return Corpus::Reject,
    }
    Corpus::Keep
});

fn expected() -> Expected<'static, impl Fn(&str) -> bool> {
    Expected { rp_id: "example.org", is_origin: |origin: &str| origin == "https://example.org" }
}

fn client_data(kind: &str) -> Vec<u8> {
    json!({"type": kind, "challenge": "AAAA", "origin": "https://example.org"})
        .to_string()
        .into_bytes()
}

fn response(id: &Value, response: Value) -> Value {
    json!({"id": id, "type": "public-key", "response": response})
}

/// A credential that is accepted has an id and a key, and is that of the object.
fn registered(object: &[u8]) {
    for id in ids(object) {
        let sent = response(
            &json!(BASE64URL_NOPAD.encode(id)),
            json!({
                "clientDataJSON": BASE64URL_NOPAD.encode(&client_data("webauthn.create")),
                "attestationObject": BASE64URL_NOPAD.encode(object),
            }),
        );
        let sent: RegistrationResponse = serde_json::from_value(sent).expect("a registration");
        if let Ok((credential, _)) = register(&sent, &expected()) {
            assert!((1..=MAX_CREDENTIAL_ID_BYTES).contains(&credential.id.len()));
            assert!(!credential.public_key.is_empty());
            assert_eq!(credential.id, id);
            let is_in = |part: &[u8]| object.windows(part.len()).any(|window| window == part);
            assert!(is_in(&credential.id) && is_in(&credential.public_key));
        }
    }
}

/// The id where an object usually has it, and none.
fn ids(object: &[u8]) -> [&[u8]; 2] {
    let hash = [0xbf, 0xab, 0xc3, 0x74];
    let found = object.windows(4).position(|window| window == hash).and_then(|at| {
        let (length, rest) = object.get(at + 53..)?.split_first_chunk()?;
        rest.get(..usize::from(u16::from_be_bytes(*length)))
    });
    [found.unwrap_or_default(), &[]]
}

/// Nobody has signed it, so it is refused.
fn authenticated(client_data: &[u8], data: &[u8]) {
    let sent = response(
        &json!("AAAA"),
        json!({
            "clientDataJSON": BASE64URL_NOPAD.encode(client_data),
            "authenticatorData": BASE64URL_NOPAD.encode(data),
            "signature": BASE64URL_NOPAD.encode(data),
        }),
    );
    let sent: AuthenticationResponse = serde_json::from_value(sent).expect("an authentication");
    for eligible in [false, true] {
        assert!(authenticate(&sent, (&KEY, eligible), &expected()).is_err());
    }
}
