//! Proofs of work: a suspected request costs its sender some computing, instead of being refused.
//!
//! The format is that of ALTCHA, version 2 (<https://altcha.org>), whose clients exist for the web,
//! iOS, Android and Python. A challenge is a number that the client has to find by trying: PBKDF2
//! with the number as a part of the password gives the key with the wanted prefix. The challenge is
//! signed with a separate key for each address, so no state is kept until it is solved.

use std::num::NonZeroU32;

use aws_lc_rs::{hmac, pbkdf2};
use data_encoding::{BASE64, HEXLOWER};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    base::{Error, Random},
    crypto::{HashKeys, IdentifierHash},
    table::{Key, Store},
};

/// How long a challenge can be solved, in seconds.
const GOOD_FOR: i64 = 600;
const ALGORITHM: &str = "PBKDF2/SHA-256";
/// Iterations of PBKDF2 for each number that is tried.
const COST: NonZeroU32 = NonZeroU32::new(1_000).unwrap();
/// The least number to be found for one sign of fraud; the greatest is three times as much. The
/// mean is 400,000 iterations, about a second on a slow phone.
const LEAST: u32 = 200;
/// The work grows by this factor with each further sign.
const GROWTH: u32 = 4;
/// The greatest number of the dearest challenge.
const LARGEST: u32 = 3 * LEAST * GROWTH.pow(MOST_STEPS);
/// How many times the work grows at most.
const MOST_STEPS: u32 = 3;
const KEY_BYTES: usize = 32;
/// The most characters of a proof.
const MAX_CHARS: usize = 4_096;

/// A proof of work to be solved: a challenge of ALTCHA, version 2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProofChallenge {
    /// The conditions for the number.
    parameters: Parameters,
    /// The HMAC-SHA-256 of `parameters`, in hex.
    signature: String,
}

/// The conditions for the number. The fields are in alphabetical order, since the signature is over the JSON
/// with sorted keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ProofParameters)]
struct Parameters {
    /// Always `PBKDF2/SHA-256`.
    #[schema(example = "PBKDF2/SHA-256")]
    algorithm: String,
    /// The iterations.
    #[schema(example = 1000)]
    cost: u32,
    /// When it expires, in seconds since 1970.
    #[schema(example = 1_800_000_600)]
    expires_at: i64,
    /// The length of the derived key, in bytes.
    #[schema(example = 32)]
    key_length: usize,
    /// The first half of the derived key, in hex.
    #[schema(example = "a43784af88786c44c79f8cbf1ab48d57")]
    key_prefix: String,
    /// The password is this, in hex, followed by the number as 4 bytes, big-endian.
    #[schema(example = "000102030405060708090a0b0c0d0e0f")]
    nonce: String,
    /// The salt, in hex.
    #[schema(example = "101112131415161718191a1b1c1d1e1f")]
    salt: String,
}

/// A solved challenge, as clients send it: base64 of JSON.
#[derive(Deserialize, Serialize)]
struct Payload {
    challenge: ProofChallenge,
    solution: Solution,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Solution {
    counter: u32,
    derived_key: String,
}

/// A proof that is right, and was perhaps used before.
#[derive(Debug, PartialEq, Eq)]
pub struct Proof {
    nonce: String,
    expires_at: i64,
}

impl ProofChallenge {
    /// A challenge for requests about `address` that show this many signs of fraud.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn new(
        keys: &HashKeys,
        address: &IdentifierHash,
        signs: usize,
        now: Timestamp,
        random: &Random,
    ) -> Result<Self, Error> {
        let least = least_number(signs);
        let number = least + u32::from_be_bytes(random.bytes()?) % (2 * least);
        let (nonce, salt) = (random.bytes::<16>()?, random.bytes::<16>()?);
        let key = derive(COST, &nonce, &salt, number);

        let parameters = Parameters {
            algorithm: ALGORITHM.to_owned(),
            cost: COST.get(),
            expires_at: now.as_second() + GOOD_FOR,
            key_length: KEY_BYTES,
            key_prefix: HEXLOWER.encode(key.get(..KEY_BYTES / 2).unwrap_or_default()),
            nonce: HEXLOWER.encode(&nonce),
            salt: HEXLOWER.encode(&salt),
        };
        let signature = parameters.signature(&keys.proof_key(address))?;
        Ok(Self { parameters, signature: HEXLOWER.encode(signature.as_ref()) })
    }
}

impl ProofChallenge {
    /// Solves the challenge, as clients do, and returns the payload to send as `proof`. This is work
    /// for a processor: it must not block a thread that serves others.
    ///
    /// # Errors
    /// [`Error::Internal`] for a challenge that was not made by Latchkey, or if no number solves it.
    pub fn solve(&self) -> Result<String, Error> {
        let Parameters { cost, key_prefix, nonce, salt, .. } = &self.parameters;
        let strange = || Error::Internal("the proof of work cannot be solved".into());
        let cost = NonZeroU32::new(*cost).filter(|it| *it <= COST).ok_or_else(strange)?;
        let (nonce, salt) = (hex(nonce).ok_or_else(strange)?, hex(salt).ok_or_else(strange)?);

        let keys = (0..LARGEST).map(|number| (number, derive(cost, &nonce, &salt, number)));
        let mut keys = keys.map(|(number, key)| (number, HEXLOWER.encode(&key)));
        let found = keys.find(|(_, key)| key.starts_with(key_prefix));
        let (counter, derived_key) = found.ok_or_else(strange)?;

        let payload =
            Payload { challenge: self.clone(), solution: Solution { counter, derived_key } };
        let json = serde_json::to_vec(&payload).map_err(|error| Error::Internal(error.to_string()));
        Ok(BASE64.encode(&json?))
    }
}

impl Parameters {
    fn signature(&self, key: &str) -> Result<hmac::Tag, Error> {
        let json = serde_json::to_vec(self).map_err(|error| Error::Internal(error.to_string()))?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        Ok(hmac::sign(&key, &json))
    }
}

impl Proof {
    /// Checks a solved challenge: that it was made here for `address`, has not expired, and is
    /// solved. `None` if not.
    pub fn check(
        payload: &str,
        keys: &HashKeys,
        address: &IdentifierHash,
        now: Timestamp,
    ) -> Option<Self> {
        let json = BASE64.decode(Some(payload).filter(|it| it.len() <= MAX_CHARS)?.as_bytes());
        let Payload { challenge, solution } = serde_json::from_slice(&json.ok()?).ok()?;
        let ProofChallenge { parameters, signature } = challenge;

        let signature = HEXLOWER.decode(signature.as_bytes()).ok()?;
        let is_ours = keys.proof_keys(address).iter().any(|key| {
            let expected = parameters.signature(key);
            expected.is_ok_and(|it| subtle::ConstantTimeEq::ct_eq(it.as_ref(), &*signature).into())
        });
        if !is_ours || parameters.expires_at < now.as_second() {
            return None;
        }

        let (nonce, salt) = (hex(&parameters.nonce)?, hex(&parameters.salt)?);
        let key = HEXLOWER.encode(&derive(COST, &nonce, &salt, solution.counter));
        let is_solved = key == solution.derived_key && key.starts_with(&parameters.key_prefix);
        is_solved.then_some(Self { nonce: parameters.nonce, expires_at: parameters.expires_at })
    }

    fn key(&self) -> Key {
        Key::proof(&IdentifierHash::of_random("proof", &self.nonce))
    }
}

impl Store {
    /// Uses a proof up. Returns whether it had not been used.
    pub async fn use_proof(&self, proof: &Proof) -> Result<bool, Error> {
        self.put_new(proof.key(), proof.expires_at).await
    }

    /// Gives a proof back that was used for nothing.
    pub async fn give_back_proof(&self, proof: &Proof) -> Result<(), Error> {
        self.give_back(proof.key()).await
    }
}

/// The least number of a challenge for so many signs of fraud.
fn least_number(signs: usize) -> u32 {
    let steps = u32::try_from(signs.saturating_sub(1)).unwrap_or(MOST_STEPS).min(MOST_STEPS);
    LEAST * GROWTH.pow(steps)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    HEXLOWER.decode(text.as_bytes()).ok()
}

fn derive(cost: NonZeroU32, nonce: &[u8], salt: &[u8], number: u32) -> [u8; KEY_BYTES] {
    let password = [nonce, &number.to_be_bytes()].concat();
    let mut key = [0; KEY_BYTES];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, cost, salt, &password, &mut key);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    #[test]
    fn a_solved_challenge_counts_for_its_address_until_it_expires() {
        let keys = HashKeys::derive(&[7; 32]).unwrap();
        let (address, other) = (keys.identifier("phone", "1"), keys.identifier("phone", "2"));
        let challenge = ProofChallenge::new(&keys, &address, 1, now(), &Random::system()).unwrap();
        let payload = challenge.solve().unwrap();
        let end = now() + crate::base::seconds(GOOD_FOR);
        assert!(Proof::check(&payload, &keys, &address, end).is_some());
        assert_eq!(Proof::check(&payload, &keys, &other, now()), None);
        assert_eq!(Proof::check(&payload, &keys, &address, end + crate::base::seconds(1)), None);
    }

    #[test]
    fn a_challenge_that_is_not_solved_does_not_count() {
        let keys = HashKeys::derive(&[7; 32]).unwrap();
        let address = keys.identifier("phone", "1");
        let challenge = ProofChallenge::new(&keys, &address, 1, now(), &Random::system()).unwrap();
        let payload = |solution: serde_json::Value| {
            let payload = serde_json::json!({"challenge": challenge, "solution": solution});
            BASE64.encode(payload.to_string().as_bytes())
        };
        let (nonce, salt) =
            (hex(&challenge.parameters.nonce).unwrap(), hex(&challenge.parameters.salt).unwrap());
        let wrong = HEXLOWER.encode(&derive(COST, &nonce, &salt, 1));
        for proof in [
            payload(serde_json::json!({"counter": 1, "derivedKey": wrong})),
            payload(
                serde_json::json!({"counter": 1, "derivedKey": challenge.parameters.key_prefix}),
            ),
            payload(serde_json::json!(null)),
            "e30=".to_owned(),
            "%".to_owned(),
            String::new(),
        ] {
            assert_eq!(Proof::check(&proof, &keys, &address, now()), None, "{proof}");
        }
    }

    #[test]
    fn more_signs_make_a_challenge_dearer() {
        let keys = HashKeys::derive(&[7; 32]).unwrap();
        let address = keys.identifier("phone", "1");
        for (signs, least) in [(0, 200), (1, 200), (2, 800)] {
            let challenge =
                ProofChallenge::new(&keys, &address, signs, now(), &Random::system()).unwrap();
            let payload = BASE64.decode(challenge.solve().unwrap().as_bytes()).unwrap();
            let found = serde_json::from_slice::<Payload>(&payload).unwrap().solution.counter;
            assert!((least..3 * least).contains(&found), "{signs} signs: {found}");
        }
        assert_eq!([3, 4, 9].map(least_number), [3_200, 12_800, 12_800]);
    }

    #[test]
    fn a_challenge_that_nobody_can_solve_is_given_up() {
        let keys = HashKeys::derive(&[7; 32]).unwrap();
        let address = keys.identifier("phone", "1");
        let challenge = ProofChallenge::new(&keys, &address, 1, now(), &Random::system()).unwrap();
        for change in [
            |it: &mut Parameters| it.nonce = "not hex".to_owned(),
            |it: &mut Parameters| it.cost = 0,
            |it: &mut Parameters| it.cost = u32::MAX,
        ] {
            let mut strange = challenge.clone();
            change(&mut strange.parameters);
            assert!(matches!(strange.solve(), Err(Error::Internal(_))));
        }
    }
}
