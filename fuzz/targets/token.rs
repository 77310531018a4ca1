//! An access token as somebody might send it. The first byte says what the rest is: a whole token
//! (`t`), a header (`h`) or claims (`c`) to be correctly signed, or a change to a genuine token
//! (`s`).

#![no_main]

use std::sync::LazyLock;

use data_encoding::BASE64URL_NOPAD;
use fuzz::{ISSUER, NOW, now, spliced};
use jsonwebtoken::jwk::JwkSet;
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::{Value, json};
use shared::{
    base::{Error, Random},
    crypto::{Algorithm, SigningKey, SigningKeys, public_keys},
    tokens::{Claims, Signer, access_token},
};

/// A key of each algorithm. All of them sign, and all are published.
static KEYS: LazyLock<[SigningKey; 3]> = LazyLock::new(|| {
    [Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256].map(|algorithm| {
        let mut key = SigningKey::generate(algorithm, &Random::system()).expect("a key");
        key.kid = algorithm.name().to_owned();
        key
    })
});
static PUBLISHED: LazyLock<JwkSet> = LazyLock::new(|| {
    let [first, second, third] = KEYS.clone();
    let versions = [
        SigningKeys { current: first, next: second.clone(), rsa: None },
        SigningKeys { current: second, next: third, rsa: None },
    ];
    public_keys(&versions).expect("keys")
});
static CLAIMS: LazyLock<Value> = LazyLock::new(|| {
    let id = "019c0000-0000-7000-8000-000000000001";
    json!({
        "iss": ISSUER, "sub": id, "aud": "default", "client_id": "default", "iat": NOW, "exp": NOW + 900, "jti": id,
        "sid": id, "roles": ["User"], "scope": "", "amr": ["sms"], "acr": "aal1", "auth_time": NOW,
    })
});
static GENUINE: LazyLock<[(String, Claims); 3]> = LazyLock::new(|| {
    let claims: Claims = serde_json::from_value(CLAIMS.clone()).expect("claims");
    KEYS.each_ref().map(|key| {
        let token = Signer::new(key).and_then(|signer| signer.sign(&claims)).expect("a token");
        assert_eq!(verify(&token), Ok(claims.clone()));
        (token, claims.clone())
    })
});

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((how, rest)) = input.split_first() else { return Corpus::Reject };
    match how {
        b't' => {
            let token = String::from_utf8_lossy(rest);
            assert!(is_refusal(&verify(&token)), "{token}");
            _ = access_token::key_id(&token);
        }
        b'h' => well_signed_header(rest),
        b'c' => well_signed_claims(rest),
        b's' => {
            let [key, high, low, cut, insert @ ..] = rest else { return Corpus::Reject };
            let Ok(insert) = std::str::from_utf8(insert) else { return Corpus::Reject };
            let (token, claims) = &GENUINE[usize::from(*key) % 3];
            let changed = spliced(token, u16::from_be_bytes([*high, *low]), *cut, insert);
            match verify(&changed) {
                Ok(said) => assert!(changed == *token && said == *claims, "{token}\nas\n{changed}"),
                refusal => assert!(changed != *token && is_refusal(&refusal)),
            }
        }
        _ => return Corpus::Reject,
    }
    Corpus::Keep
});

fn verify(token: &str) -> Result<Claims, Error> {
    access_token::verify(token, &PUBLISHED, ISSUER, now())
}

fn is_refusal(outcome: &Result<Claims, Error>) -> bool {
    matches!(outcome, Err(Error::TokenInvalid | Error::TokenExpired))
}

/// A token with this header and these claims, signed with a key of the service.
fn signed(key: &SigningKey, header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", BASE64URL_NOPAD.encode(header), BASE64URL_NOPAD.encode(claims));
    let algorithm = key.algorithm.name().parse().expect("an algorithm");
    let signature = jsonwebtoken::crypto::sign(
        message.as_bytes(),
        &key.encoding_key().expect("a key"),
        algorithm,
    );
    format!("{message}.{}", signature.expect("a signature"))
}

/// Signs any header. It is accepted only if it has exactly three fields, which describe the key
/// correctly.
fn well_signed_header(header: &[u8]) {
    let key = &KEYS[0];
    let token = signed(key, header, CLAIMS.to_string().as_bytes());
    let expected = json!({"alg": key.algorithm.name(), "typ": "at+jwt", "kid": key.kid});
    let is_expected =
        serde_json::from_slice::<Value>(header).is_ok_and(|header| header == expected);

    match verify(&token) {
        Ok(_) => assert!(is_expected, "{}", String::from_utf8_lossy(header)),
        refusal => assert!(is_refusal(&refusal)),
    }
}

/// Signs any claims. They are accepted only if they are of this issuer, for one app, and not
/// expired.
fn well_signed_claims(claims: &[u8]) {
    let key = &KEYS[0];
    let header = json!({"alg": key.algorithm.name(), "typ": "at+jwt", "kid": key.kid}).to_string();
    match verify(&signed(key, header.as_bytes(), claims)) {
        Ok(said) => {
            let sent: Value = serde_json::from_slice(claims).expect("JSON");
            assert!(
                ["iss", "sub", "aud", "client_id", "sid", "jti"]
                    .iter()
                    .all(|name| sent[name].is_string()),
                "{sent}"
            );

            assert!(said.iss == ISSUER && said.aud == said.client_id, "{sent}");
            assert!(said.exp > NOW && said.iat <= NOW + 5, "{sent}");
        }
        refusal => assert!(is_refusal(&refusal)),
    }
}
