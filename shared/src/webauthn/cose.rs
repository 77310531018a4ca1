//! Public keys of credentials: COSE keys (RFC 9052 §7) and the signatures that they verify.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, VerificationAlgorithm,
};

use super::{
    Fault,
    cbor::{self, Value},
};

// The labels of a COSE key (RFC 9052 §7.1, RFC 9053 §7, RFC 8230 §4).
const KEY_TYPE: i64 = 1;
const ALGORITHM: i64 = 3;
const CURVE: i64 = -1;
const X: i64 = -2;
const Y: i64 = -3;
const RSA_N: i64 = -1;
const RSA_E: i64 = -2;

/// The longest modulus that is accepted, in bytes: 4,096 bits. Verifying takes longer with longer ones.
const MAX_RSA_BYTES: usize = 512;

/// The algorithms that are accepted, in the order in which they are asked for (IANA, COSE
/// Algorithms): ES256, EdDSA with Ed25519, and RS256, which Windows Hello uses.
pub const ALGORITHMS: [i64; 3] = [ES256, EDDSA, RS256];
const ES256: i64 = -7;
const EDDSA: i64 = -8;
const RS256: i64 = -257;

/// The public key of a credential.
#[derive(Debug)]
pub(super) enum PublicKey<'a> {
    /// A key of an algorithm that takes it as bytes: a point of a curve.
    Point(ParsedPublicKey),
    /// An RSA key: modulus and exponent.
    Rsa(&'a [u8], &'a [u8]),
}

impl<'a> PublicKey<'a> {
    /// Reads a COSE key.
    ///
    /// # Errors
    /// [`Fault`] if it is no key of one of the [`ALGORITHMS`].
    pub(super) fn read(cose: &'a [u8]) -> Result<Self, Fault> {
        let value = cbor::read_whole(cose).ok_or(Fault::new("has a key that is not CBOR"))?;
        let number = |label| value.of_label(label).and_then(Value::integer);
        let bytes = |label| value.of_label(label).and_then(Value::bytes);
        match (number(KEY_TYPE), number(ALGORITHM)) {
            // Octet Key Pair, Ed25519.
            (Some(1), Some(EDDSA)) if number(CURVE) == Some(6) => {
                point(&ED25519, bytes(X).unwrap_or_default())
            }
            // EC2, P-256.
            (Some(2), Some(ES256)) if number(CURVE) == Some(1) => {
                let (x, y) = (bytes(X).unwrap_or_default(), bytes(Y).unwrap_or_default());
                let uncompressed = [&[4], x, y].concat();
                point(&ECDSA_P256_SHA256_ASN1, &uncompressed)
            }
            (Some(3), Some(RS256)) => match (bytes(RSA_N), bytes(RSA_E)) {
                (Some(n), Some(e)) if n.len() <= MAX_RSA_BYTES && e.len() <= 4 => {
                    Ok(Self::Rsa(n, e))
                }
                _ => Err(Fault::new("has an RSA key that is missing or too long")),
            },
            _ => Err(Fault::new("has a key of an algorithm that was not asked for")),
        }
    }

    /// Whether `signature` is that of `message` by this key.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Self::Point(key) => key.verify_sig(message, signature),
            Self::Rsa(n, e) => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
        };
        verified.is_ok()
    }
}

fn point<'a>(
    algorithm: &'static dyn VerificationAlgorithm,
    bytes: &[u8],
) -> Result<PublicKey<'a>, Fault> {
    // It checks that the point is on the curve.
    let key = ParsedPublicKey::new(algorithm, bytes);
    key.map(PublicKey::Point).map_err(|_| Fault::new("has a key that is not on its curve"))
}
