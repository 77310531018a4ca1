//! Access tokens: JWTs as in RFC 9068.

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use jsonwebtoken::{DecodingKey, Validation, jwk::JwkSet};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    Claims,
    id_token::{self, IdTokenHint},
};
use crate::{base::Error, crypto::Algorithm};

/// The `typ` of access tokens, and only of these (RFC 9068 §2.1).
pub(super) const TYPE: &str = "at+jwt";
/// The longest token that is issued and read. API Gateway accepts 10,240 bytes of request line and
/// headers in all, and many servers accept 8 KiB.
pub(super) const MAX_CHARS: usize = 6 * 1024;
/// How far another machine's clock may be ahead of ours.
pub(super) const LEEWAY_SECONDS: i64 = 5;

/// The only header that a token may have. `jsonwebtoken` would accept `crit`, `b64`, `jku`, `jwk`,
/// `x5u` and any `typ` (RFC 8725 §3.1, §3.10, §3.11).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StrictHeader {
    alg: String,
    typ: String,
    kid: String,
}

/// The `kid` in the header of a token. Nothing is verified yet.
///
/// # Errors
/// [`Error::TokenInvalid`] unless the header has exactly the form of ours.
pub fn key_id(token: &str) -> Result<String, Error> {
    Ok(strict_header(token, TYPE)?.kid)
}

/// The `kid` in the header of an ID token. Nothing is verified yet.
///
/// # Errors
/// [`Error::TokenInvalid`] unless the header has exactly the form of ours.
pub(super) fn id_key_id(token: &str) -> Result<String, Error> {
    Ok(strict_header(token, id_token::TYPE)?.kid)
}

fn strict_header(token: &str, typ: &str) -> Result<StrictHeader, Error> {
    let mut parts = token.split('.');
    let (Some(header), Some(_), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Error::TokenInvalid);
    };
    if token.len() > MAX_CHARS {
        return Err(Error::TokenInvalid);
    }

    let header = BASE64URL_NOPAD.decode(header.as_bytes()).map_err(|_| Error::TokenInvalid)?;
    // serde also reads a struct from an array.
    if header.first() != Some(&b'{') {
        return Err(Error::TokenInvalid);
    }

    serde_json::from_slice::<StrictHeader>(&header)
        .ok()
        .filter(|header| header.typ == typ)
        .ok_or(Error::TokenInvalid)
}

/// Verifies a token with the published keys and returns its claims. It does not check whether the
/// session has ended.
///
/// # Errors
/// [`Error::TokenExpired`] for a token of ours that has expired; [`Error::TokenInvalid`] for every
/// other one.
pub fn verify(token: &str, keys: &JwkSet, issuer: &str, now: Timestamp) -> Result<Claims, Error> {
    let claims: Claims = decoded(token, TYPE, keys, issuer)?;
    if claims.iss != issuer
        || claims.aud != claims.client_id
        || claims.iat > now.as_second() + LEEWAY_SECONDS
    {
        return Err(Error::TokenInvalid);
    }
    if claims.exp <= now.as_second() {
        return Err(Error::TokenExpired);
    }
    Ok(claims)
}

/// Verifies an ID token that comes back as a hint. It may have expired.
///
/// # Errors
/// [`Error::TokenInvalid`].
pub(super) fn verify_hint(token: &str, keys: &JwkSet, issuer: &str) -> Result<IdTokenHint, Error> {
    let hint: IdTokenHint = decoded(token, id_token::TYPE, keys, issuer)?;
    if hint.iss == issuer { Ok(hint) } else { Err(Error::TokenInvalid) }
}

/// The claims of a token of this `typ`, signed with one of `keys`.
pub(super) fn decoded<T: DeserializeOwned + Clone>(
    token: &str,
    typ: &str,
    keys: &JwkSet,
    issuer: &str,
) -> Result<T, Error> {
    let header = strict_header(token, typ)?;
    let jwk = keys.find(&header.kid).ok_or(Error::TokenInvalid)?;

    // The key decides the algorithm (RFC 8725 §3.1).
    let algorithm = jwk
        .common
        .key_algorithm
        .and_then(|algorithm| algorithm.to_string().parse::<Algorithm>().ok())
        .filter(|algorithm| algorithm.name() == header.alg)
        .ok_or(Error::TokenInvalid)?;
    let key = DecodingKey::from_jwk(jwk).map_err(|_| Error::TokenInvalid)?;

    let mut validation = Validation::new(algorithm.for_tokens());
    validation.set_issuer(&[issuer]);
    validation.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
    // The callers check these two: the library has its own clock and does not know the app.
    validation.validate_exp = false;
    validation.validate_aud = false;

    let token = jsonwebtoken::decode::<T>(token, &key, &validation);
    Ok(token.map_err(|_| Error::TokenInvalid)?.claims)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::{
        base::Random,
        crypto::{SigningKey, signing_keys},
        tokens::Signer,
        users::AuthenticationMethod,
    };

    const ISSUER: &str = "https://id.example.com";
    const NOW: i64 = 1_800_000_000;

    fn claims() -> Value {
        json!({
            "iss": ISSUER, "sub": Uuid::from_u128(1), "aud": "default", "client_id": "default", "iat": NOW,
            "exp": NOW + 900, "jti": Uuid::from_u128(2), "sid": Uuid::from_u128(3), "roles": ["User"], "scope": "",
            "amr": ["sms"], "acr": "aal1", "auth_time": NOW,
        })
    }

    struct Keys {
        key: SigningKey,
        set: JwkSet,
    }

    fn keys(algorithm: Algorithm) -> Keys {
        let random = Random::system();
        let keys = signing_keys::SigningKeys {
            current: SigningKey::generate(algorithm, &random).unwrap(),
            next: SigningKey::generate(Algorithm::ES256, &random).unwrap(),
            rsa: None,
        };
        Keys { set: signing_keys::public_keys([&keys]).unwrap(), key: keys.current }
    }

    impl Keys {
        /// A token with any header and claims, well signed.
        fn token(&self, header: &Value, claims: &Value) -> String {
            let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
            let message = format!("{}.{}", part(header), part(claims));
            let key = self.key.encoding_key().unwrap();
            let signature = jsonwebtoken::crypto::sign(
                message.as_bytes(),
                &key,
                self.key.algorithm.for_tokens(),
            )
            .unwrap();
            format!("{message}.{signature}")
        }

        fn header(&self) -> Value {
            json!({"alg": self.key.algorithm.name(), "typ": "at+jwt", "kid": self.key.kid})
        }

        fn verify(&self, token: &str) -> Result<Claims, Error> {
            verify(token, &self.set, ISSUER, Timestamp::from_second(NOW).unwrap())
        }
    }

    fn with(mut value: Value, name: &str, new: Value) -> Value {
        value.as_object_mut().unwrap().insert(name.into(), new);
        value
    }

    fn without(mut value: Value, name: &str) -> Value {
        value.as_object_mut().unwrap().remove(name);
        value
    }

    #[test]
    fn a_signed_token_verifies_with_every_algorithm() {
        for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
            let keys = keys(algorithm);
            let claims: Claims = serde_json::from_value(claims()).unwrap();
            let token = Signer::new(&keys.key).unwrap().sign(&claims).unwrap();
            assert_eq!(keys.verify(&token), Ok(claims));
            assert_eq!(keys.token(&keys.header(), &self::claims()).split('.').count(), 3);
        }
    }

    #[test]
    fn a_token_of_any_roles_is_accepted() {
        let keys = keys(Algorithm::RS256);
        let signer = Signer::new(&keys.key).unwrap();
        let mut claims: Claims = serde_json::from_value(claims()).unwrap();
        // The longest values: a host of 253 characters, a client_id and 20 role names of 64.
        let issuer = format!("https://{}:65535", "a".repeat(253));
        claims.iss.clone_from(&issuer);
        claims.aud = "a".repeat(64);
        claims.client_id.clone_from(&claims.aud);
        claims.roles = vec!["R".repeat(64); 20];
        claims.amr = vec![AuthenticationMethod::RecoveryCode; 4];

        for permissions in 0..2_000 {
            if permissions > 100 && permissions % 100 > 0 {
                continue;
            }
            let scope = vec!["p".repeat(65); permissions].join(" ");
            claims.scope = Some(scope.clone());
            let token = signer.sign(&claims).unwrap();
            assert!(token.len() <= MAX_CHARS, "{permissions}: {}", token.len());

            let now = Timestamp::from_second(NOW).unwrap();
            let read = verify(&token, &keys.set, &issuer, now).unwrap();
            assert_eq!(read.roles, claims.roles);
            // A scope is never cut.
            assert!(read.scope.is_none_or(|read| read == scope));
        }
    }

    #[test]
    fn a_token_has_its_scope_unless_it_would_be_too_long() {
        let keys = keys(Algorithm::ES256);
        let signer = Signer::new(&keys.key).unwrap();
        let mut claims: Claims = serde_json::from_value(claims()).unwrap();
        for (permissions, kept) in [(0, true), (1, true), (60, true), (100, false)] {
            claims.scope = Some(
                vec!["warehouse-and-stock:read-and-write-and-approve-a"; permissions].join(" "),
            );
            let read = keys.verify(&signer.sign(&claims).unwrap()).unwrap();
            assert_eq!(read.scope, claims.scope.clone().filter(|_| kept), "{permissions}");
        }
    }

    #[test]
    fn every_other_header_is_refused() {
        let keys = keys(Algorithm::ES256);
        assert!(keys.verify(&keys.token(&keys.header(), &claims())).is_ok());
        let header = keys.header();
        let bad = [
            without(header.clone(), "typ"),
            without(header.clone(), "kid"),
            with(header.clone(), "typ", json!("JWT")),
            with(header.clone(), "typ", json!("rt+jwt")),
            with(header.clone(), "kid", json!("other")),
            with(header.clone(), "alg", json!("none")),
            with(header.clone(), "alg", json!("HS256")),
            with(header.clone(), "alg", json!("RS256")),
            with(header.clone(), "crit", json!(["b64"])),
            with(header.clone(), "b64", json!(false)),
            with(header.clone(), "zip", json!("DEF")),
            with(header.clone(), "jku", json!("https://evil.example/jwks.json")),
            with(header.clone(), "jwk", json!({})),
            with(header.clone(), "x5u", json!("https://evil.example/cert")),
            json!(["ES256", "at+jwt", keys.key.kid]),
        ];
        for header in bad {
            assert_eq!(
                keys.verify(&keys.token(&header, &claims())),
                Err(Error::TokenInvalid),
                "{header}"
            );
        }
    }

    #[test]
    fn a_public_key_as_hmac_secret_and_the_algorithm_none_are_refused() {
        let keys = keys(Algorithm::RS256);
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let public = serde_json::to_vec(keys.set.find(&keys.key.kid).unwrap()).unwrap();
        let message =
            format!("{}.{}", part(&with(keys.header(), "alg", json!("HS256"))), part(&claims()));

        let tag = jsonwebtoken::crypto::sign(
            message.as_bytes(),
            &jsonwebtoken::EncodingKey::from_secret(&public),
            jsonwebtoken::Algorithm::HS256,
        );
        assert_eq!(keys.verify(&format!("{message}.{}", tag.unwrap())), Err(Error::TokenInvalid));

        let none =
            format!("{}.{}.", part(&with(keys.header(), "alg", json!("none"))), part(&claims()));
        assert_eq!(keys.verify(&none), Err(Error::TokenInvalid));
    }

    #[test]
    fn every_other_set_of_claims_is_refused() {
        let keys = keys(Algorithm::ES256);
        let mut bad = vec![
            with(claims(), "iss", json!("https://evil.example")),
            with(claims(), "iss", json!([ISSUER])),
            with(claims(), "aud", json!("other-app")),
            with(claims(), "aud", json!(["default"])),
            with(claims(), "sub", json!("")),
            with(claims(), "exp", json!((NOW + 900).to_string())),
            with(claims(), "iat", json!(NOW + 60)),
        ];
        bad.extend(
            ["iss", "sub", "aud", "exp", "sid", "client_id"].map(|name| without(claims(), name)),
        );
        for claims in bad {
            assert_eq!(
                keys.verify(&keys.token(&keys.header(), &claims)),
                Err(Error::TokenInvalid),
                "{claims}"
            );
        }
        let old = with(claims(), "exp", json!(NOW));
        assert_eq!(keys.verify(&keys.token(&keys.header(), &old)), Err(Error::TokenExpired));
    }

    proptest! {
        #[test]
        fn any_text_is_refused_without_a_panic(text in any::<String>()) {
            let keys = JwkSet { keys: Vec::new() };
            let now = Timestamp::from_second(NOW).unwrap();
            prop_assert_eq!(verify(&text, &keys, ISSUER, now), Err(Error::TokenInvalid));
        }

        #[test]
        fn a_header_with_an_extra_field_is_refused(name in "[a-z0-9]{1,8}", value in any::<i32>()) {
            prop_assume!(!["alg", "typ", "kid"].contains(&name.as_str()));
            let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": "k", name: value});
            let token = format!("{}.e30.", BASE64URL_NOPAD.encode(header.to_string().as_bytes()));
            prop_assert!(key_id(&token).is_err());
        }
    }
}
