//! The keys that sign access tokens.
//!
//! The private keys live in one Secrets Manager secret. The public keys are published in the table,
//! so that an endpoint that only verifies never sees a private key. A key is published as `next`
//! for one whole rotation before it signs, so verifiers that cache the key set know it by then.

use std::{fmt, str::FromStr};

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256},
};
use jsonwebtoken::{
    EncodingKey,
    jwk::{Jwk, JwkSet, PublicKeyUse},
};
use serde::{Deserialize, Serialize};

use crate::base::{Error, Random};

/// How access tokens are signed (RFC 7518 §3.1, RFC 8037).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 and a key of 2,048 bits. Every verifier supports it.
    #[default]
    RS256,
    /// ECDSA with P-256 and SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

impl Algorithm {
    /// Its name in the header of a token.
    pub fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
        }
    }

    pub(crate) fn for_tokens(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::RS256 => jsonwebtoken::Algorithm::RS256,
            Self::ES256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDSA => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

impl FromStr for Algorithm {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        [Self::RS256, Self::ES256, Self::EdDSA]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or(())
    }
}

/// A key pair as the secret stores it. Its `Debug` shows only the `kid`.
#[derive(Clone, Serialize, Deserialize)]
pub struct SigningKey {
    /// The `kid` in the header of its tokens.
    pub kid: String,
    /// The algorithm that it signs with.
    pub algorithm: Algorithm,
    /// The private key: PKCS#8 in PEM.
    private_key: String,
}

impl SigningKey {
    /// Generates a new key.
    pub fn generate(algorithm: Algorithm, random: &Random) -> Result<Self, Error> {
        let failed = |_| Error::Internal("could not generate a signing key".into());
        let pkcs8 = match algorithm {
            Algorithm::RS256 => {
                let pair = KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
                AsDer::as_der(&pair).map_err(failed)?.as_ref().to_vec()
            }
            Algorithm::ES256 => {
                let pair =
                    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
                pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()
            }
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::generate().map_err(failed)?;
                pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()
            }
        };
        Ok(Self {
            kid: data_encoding::BASE64URL_NOPAD.encode(&random.bytes::<12>()?),
            algorithm,
            private_key: pem::encode(&pem::Pem::new("PRIVATE KEY", pkcs8)),
        })
    }

    /// The key in the form that the token library needs.
    pub fn encoding_key(&self) -> Result<EncodingKey, Error> {
        let pem = self.private_key.as_bytes();
        match self.algorithm {
            Algorithm::RS256 => EncodingKey::from_rsa_pem(pem),
            Algorithm::ES256 => EncodingKey::from_ec_pem(pem),
            Algorithm::EdDSA => EncodingKey::from_ed_pem(pem),
        }
        .map_err(|error| {
            Error::Internal(format!("the signing key {} cannot be read: {error}", self.kid))
        })
    }

    /// The key, parsed and ready to sign.
    pub(crate) fn private_key(&self) -> Result<PrivateKey, Error> {
        let broken = || Error::Internal(format!("the signing key {} cannot be read", self.kid));
        let pem = pem::parse(&self.private_key).map_err(|_| broken())?;
        match self.algorithm {
            Algorithm::RS256 => KeyPair::from_pkcs8(pem.contents()).map(PrivateKey::Rsa),
            Algorithm::ES256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pem.contents())
                    .map(PrivateKey::Ecdsa)
            }
            Algorithm::EdDSA => Ed25519KeyPair::from_pkcs8(pem.contents()).map(PrivateKey::Ed25519),
        }
        .map_err(|_| broken())
    }

    /// The public half.
    pub fn public(&self) -> Result<Jwk, Error> {
        let mut jwk = Jwk::from_encoding_key(&self.encoding_key()?, self.algorithm.for_tokens())
            .map_err(|error| {
                Error::Internal(format!("the public half of {} cannot be read: {error}", self.kid))
            })?;
        jwk.common.key_id = Some(self.kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(jwk)
    }
}

/// A signing key, parsed and checked once in a process. The token library would do both for every
/// token.
pub(crate) enum PrivateKey {
    Rsa(KeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    /// The signature of a JWS over `message` (RFC 7518 §3.3, §3.4, RFC 8037 §3.1).
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = |_| Error::Internal("could not sign a token".into());
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map_err(failed)?;
                Ok(signature)
            }
            Self::Ecdsa(pair) => {
                Ok(pair.sign(&SystemRandom::new(), message).map_err(failed)?.as_ref().to_vec())
            }
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

/// The keys in one version of the secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SigningKeys {
    /// The key that signs now.
    pub current: SigningKey,
    /// The key that will sign after the next rotation.
    pub next: SigningKey,
    /// The RSA keys of now and of the next rotation, if the others are of another algorithm. They
    /// sign the ID tokens of apps that verify nothing else: every OpenID provider has to offer
    /// RS256 (OpenID Connect Discovery 1.0 §3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rsa: Option<[SigningKey; 2]>,
}

impl SigningKeys {
    /// The keys of the rotation after `previous`. A `next` key becomes the current one if it has the
    /// wanted `algorithm`; otherwise both are new.
    ///
    /// # Errors
    /// [`Error::Internal`] if no key can be generated.
    pub fn after(
        previous: Option<Self>,
        algorithm: Algorithm,
        random: &Random,
    ) -> Result<Self, Error> {
        let (next, next_rsa) = match previous {
            Some(keys) => (Some(keys.next), keys.rsa.map(|[_, next]| next)),
            None => (None, None),
        };
        // The RSA key of a service that changes its algorithm goes on signing.
        let (next, next_rsa) = match next {
            Some(next) if next.algorithm == algorithm => (Some(next), next_rsa),
            Some(next) if next.algorithm == Algorithm::RS256 => (None, Some(next)),
            _ => (next_rsa.clone().filter(|_| algorithm == Algorithm::RS256), next_rsa),
        };
        let renewed = |current: Option<SigningKey>, algorithm| {
            let current = current.map_or_else(|| SigningKey::generate(algorithm, random), Ok)?;
            Ok([current, SigningKey::generate(algorithm, random)?])
        };

        let [current, next] = renewed(next, algorithm)?;
        let needs_rsa = algorithm != Algorithm::RS256;
        let rsa = needs_rsa.then(|| renewed(next_rsa, Algorithm::RS256)).transpose()?;
        Ok(Self { current, next, rsa })
    }

    /// All keys.
    pub fn all(&self) -> impl Iterator<Item = &SigningKey> {
        [&self.current, &self.next].into_iter().chain(self.rsa.iter().flatten())
    }

    /// Parses a version of the secret; `None` if it holds no keys yet.
    pub fn parse(secret: &str) -> Option<Self> {
        serde_json::from_str(secret).ok()
    }

    /// The text to store in the secret.
    pub fn to_secret(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|error| Error::Internal(error.to_string()))
    }
}

/// The public key set for the versions of the secret that are in use, each key once.
pub fn public_keys<'a>(
    versions: impl IntoIterator<Item = &'a SigningKeys>,
) -> Result<JwkSet, Error> {
    let mut set = JwkSet { keys: Vec::new() };
    for key in versions.into_iter().flat_map(SigningKeys::all) {
        if set.find(&key.kid).is_none() {
            set.keys.push(key.public()?);
        }
    }
    Ok(set)
}
