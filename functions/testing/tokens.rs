//! Access tokens that must be refused.

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm::HS256, EncodingKey, crypto};
use serde_json::{Value, json};

use super::{KEYS, TestApp, claims};
use shared::{
    base::Random,
    crypto::{Algorithm, SigningKey},
};

/// A token with any header and claims, correctly signed with a key.
pub(crate) fn forge(key: &SigningKey, header: &Value, claims: &Value) -> String {
    signed(&message(header, claims), &key.encoding_key().unwrap(), jsonwebtoken::Algorithm::RS256)
}

/// The header of the service's tokens.
pub(crate) fn header() -> Value {
    json!({"alg": "RS256", "typ": "at+jwt", "kid": KEYS.current.kid})
}

/// A value with some fields changed.
pub(crate) fn but(mut value: Value, changes: Value) -> Value {
    value.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    value
}

fn message(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    format!("{}.{}", part(header), part(claims))
}

fn signed(message: &str, key: &EncodingKey, algorithm: jsonwebtoken::Algorithm) -> String {
    format!("{message}.{}", crypto::sign(message.as_bytes(), key, algorithm).unwrap())
}

/// The tokens that an attacker might make of a person's two tokens, each with a name.
pub(crate) async fn attacks(app: &TestApp, access: &str, refresh: &str) -> Vec<(String, String)> {
    let good = claims(access);
    let parts: Vec<_> = access.split('.').collect();
    let mut attacks = vec![
        ("empty".to_owned(), String::new()),
        ("junk".to_owned(), "junk".to_owned()),
        ("a refresh token".to_owned(), refresh.to_owned()),
        ("no signature".to_owned(), format!("{}.{}.", parts[0], parts[1])),
        ("a fourth part".to_owned(), format!("{access}.{}", parts[2])),
        ("a token over 6 KiB".to_owned(), format!("{access}{}", "A".repeat(6 * 1024))),
    ];

    let mut add = |name: String, token: String| attacks.push((name, token));

    for alg in ["none", "None", "nOnE"] {
        add(
            format!("alg {alg}"),
            format!("{}.", message(&but(header(), json!({"alg": alg})), &good)),
        );
    }

    let jwk = serde_json::to_string(&KEYS.current.public().unwrap()).unwrap();
    for (name, secret) in [("the public key", jwk), ("the key's id", KEYS.current.kid.clone())] {
        let hmac = message(&but(header(), json!({"alg": "HS256"})), &good);
        add(
            format!("HS256 with {name}"),
            signed(&hmac, &EncodingKey::from_secret(secret.as_bytes()), HS256),
        );
    }

    for change in [
        json!({"typ": "JWT"}),
        json!({"typ": "at+JWT"}),
        json!({"typ": null}),
        json!({"alg": "RS512"}),
        json!({"kid": "other"}),
        json!({"kid": KEYS.next.kid}),
        json!({"crit": ["exp"]}),
        json!({"b64": false}),
        json!({"zip": "DEF"}),
        json!({"jku": "https://evil.example/jwks.json"}),
        json!({"jwk": KEYS.current.public().unwrap()}),
        json!({"x5u": "https://evil.example/cert.pem"}),
        json!({"cty": "JWT"}),
    ] {
        add(format!("header with {change}"), forge(&KEYS.current, &but(header(), change), &good));
    }

    let now = app.latchkey.clock().now().as_second();
    for change in [
        json!({"iss": "https://evil.example"}),
        json!({"iss": null}),
        json!({"aud": "another-app"}),
        json!({"aud": ["default"]}),
        json!({"client_id": "another-app"}),
        json!({"sub": uuid::Uuid::nil()}),
        json!({"sub": null}),
        json!({"sid": uuid::Uuid::nil()}),
        json!({"iat": now + 60}),
        json!({"exp": null}),
        json!({"exp": "later"}),
    ] {
        add(
            format!("claims with {change}"),
            forge(&KEYS.current, &header(), &but(good.clone(), change)),
        );
    }

    let richer =
        message(&header(), &but(good.clone(), json!({"roles": ["Admin"], "scope": "users:write"})));
    add("claims changed after signing".to_owned(), format!("{richer}.{}", parts[2]));

    let mut stranger = SigningKey::generate(Algorithm::RS256, &Random::system()).unwrap();
    let unknown = but(header(), json!({"kid": stranger.kid}));
    add("an unknown key".to_owned(), forge(&stranger, &unknown, &good));
    stranger.kid.clone_from(&KEYS.current.kid);
    add("an unknown key under a known id".to_owned(), forge(&stranger, &header(), &good));

    attacks
}
