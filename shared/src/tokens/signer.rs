//! Signing tokens.

use std::sync::OnceLock;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::Header;
use serde::Serialize;

use super::{
    access_token::{MAX_CHARS, TYPE},
    claims::Claims,
    id_token::{self, IdClaims, PersonClaims},
    logout_token::{self, LogoutClaims},
    machine_token::MachineClaims,
};
use crate::{
    base::Error,
    crypto::{Algorithm, PrivateKey, SigningKey, SigningKeys},
};

/// Signs access tokens and ID tokens.
pub struct Signer {
    /// The encoded header, with which every access token begins.
    header: String,
    /// That of ID tokens.
    id_header: String,
    /// That of logout tokens.
    logout_header: String,
    algorithm: Algorithm,
    key: PrivateKey,
    rsa: Option<Rsa>,
}

/// The key for ID tokens that have to be RS256. Few apps ask for them, so it is parsed when it first
/// signs.
struct Rsa {
    key: SigningKey,
    signer: OnceLock<Box<Signer>>,
}

impl Signer {
    /// A signer with `key`.
    ///
    /// # Errors
    /// [`Error::Internal`] if the key cannot be used.
    pub fn new(key: &SigningKey) -> Result<Self, Error> {
        let header = |typ: &str| {
            let mut header = Header::new(key.algorithm.for_tokens());
            header.typ = Some(typ.to_owned());
            header.kid = Some(key.kid.clone());
            encoded(&header)
        };
        Ok(Self {
            header: header(TYPE)?,
            id_header: header(id_token::TYPE)?,
            logout_header: header(logout_token::TYPE)?,
            algorithm: key.algorithm,
            key: key.private_key()?,
            rsa: None,
        })
    }

    /// A signer with the keys of the service that sign now.
    ///
    /// # Errors
    /// [`Error::Internal`] if the key cannot be used.
    pub fn of(keys: SigningKeys) -> Result<Self, Error> {
        let rsa = keys.rsa.map(|[key, _]| Rsa { key, signer: OnceLock::new() });
        Ok(Self { rsa, ..Self::new(&keys.current)? })
    }

    /// A token with `claims`. It has no `scope` if it would be too long to be accepted with it: the
    /// service reads the permissions from the store at each request, and other verifiers ask
    /// introspection.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn sign(&self, claims: &Claims) -> Result<String, Error> {
        let token = self.signed(&self.header, claims)?;
        if token.len() <= MAX_CHARS {
            return Ok(token);
        }
        self.signed(&self.header, &Claims { scope: None, ..claims.clone() })
    }

    /// A machine's access token.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn sign_machine(&self, claims: &MachineClaims) -> Result<String, Error> {
        self.signed(&self.header, claims)
    }

    /// An ID token for the person and the session of an access token, in RS256 whatever the other
    /// tokens are if `is_rs256`.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn sign_id(
        &self,
        person: PersonClaims,
        (claims, access_token): (&Claims, &str),
        (nonce, is_rs256): (Option<&str>, bool),
    ) -> Result<String, Error> {
        let signer = if is_rs256 { self.rsa()? } else { self };
        let claims = IdClaims {
            person,
            of_app: claims.of_app.clone(),
            iss: claims.iss.clone(),
            sub: claims.sub,
            aud: claims.aud.clone(),
            iat: claims.iat,
            exp: claims.exp,
            auth_time: claims.auth_time,
            nonce: nonce.map(str::to_owned),
            acr: claims.acr.clone(),
            amr: claims.amr.clone(),
            sid: claims.sid,
            at_hash: id_token::at_hash(signer.algorithm, access_token),
        };
        signer.signed(&signer.id_header, &claims)
    }

    /// A logout token, in RS256 whatever the other tokens are if `is_rs256`: an app verifies it as
    /// it verifies its ID tokens.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn sign_logout(&self, claims: &LogoutClaims, is_rs256: bool) -> Result<String, Error> {
        let signer = if is_rs256 { self.rsa()? } else { self };
        signer.signed(&signer.logout_header, claims)
    }

    /// The signer that signs in RS256. Keys that an older version made have none of RSA: then it is this one.
    fn rsa(&self) -> Result<&Self, Error> {
        let Some(rsa) = &self.rsa else { return Ok(self) };
        if let Some(signer) = rsa.signer.get() {
            return Ok(signer);
        }
        let signer = Self::new(&rsa.key)?;
        Ok(rsa.signer.get_or_init(|| Box::new(signer)))
    }

    fn signed(&self, header: &str, claims: &impl Serialize) -> Result<String, Error> {
        let message = format!("{header}.{}", encoded(claims)?);
        let signature = self.key.sign(message.as_bytes())?;
        Ok(format!("{message}.{}", BASE64URL_NOPAD.encode(&signature)))
    }
}

/// The header or the claims of a token, encoded (RFC 7515 §2).
fn encoded(part: &impl Serialize) -> Result<String, Error> {
    let json = serde_json::to_vec(part).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(BASE64URL_NOPAD.encode(&json))
}
