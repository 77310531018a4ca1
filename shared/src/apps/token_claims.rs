//! The claims that an app's tokens take from the metadata of users.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base::Error;

/// The most claims of an app.
const MAX_CLAIMS: usize = 20;
/// The most characters of a claim's name.
const MAX_NAME_CHARS: usize = 64;
/// The longest claims of a token together, in bytes of JSON: they travel with every request.
const MAX_BYTES: usize = 512;

/// The names that mean something in tokens: the registry of JWT claims
/// (<https://www.iana.org/assignments/jwt>, as known in November 2026), and the members of an
/// introspection.
#[rustfmt::skip]
const REGISTERED: [&str; 138] = [
    "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "name", "given_name", "family_name",
    "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "email",
    "email_verified", "gender", "birthdate", "zoneinfo", "locale", "phone_number",
    "phone_number_verified", "address", "updated_at", "azp", "nonce", "auth_time", "at_hash",
    "c_hash", "s_hash", "acr", "amr", "sub_jwk", "cnf", "events", "toe", "txn", "sid", "vot", "vtm",
    "act", "scope", "client_id", "may_act", "roles", "groups", "entitlements", "token_introspection",
    "authorization_details", "verified_claims", "place_of_birth", "nationalities",
    "birth_family_name", "birth_given_name", "birth_middle_name", "salutation", "title", "msisdn",
    "also_known_as", "htm", "htu", "ath", "sub_id", "vc", "vp", "status", "exi", "ace_profile",
    "_claim_names", "_claim_sources", "_sd", "_sd_alg", "vct", "jwks",
    // Introspection (RFC 7662 §2.2).
    "active", "token_type", "username",
    // Telephony.
    "sip_from_tag", "sip_date", "sip_callid", "sip_cseq_num", "sip_via_branch", "orig", "dest", "mky",
    "rph", "opt", "div", "rcd", "rcdi", "crn", "msgi", "vper", "sph", "attest", "origid", "jcard", "cdniv",
    // Attestation of devices, and delivery networks.
    "eat_nonce", "ueid", "sueids", "oemid", "hwmodel", "hwversion", "oemboot", "dbgstat", "location",
    "eat_profile", "submods", "uptime", "bootcount", "bootseed", "dloas", "swname", "swversion",
    "manifests", "measurements", "measres", "intuse", "cdnicrit", "cdniip", "cdniuc", "cdniets",
    "cdnistt", "cdnistd", "sig_val_claims", "geohash", "cnonce", "at_use_nbr", "atc", "rdap_allowed_purposes",
    "rdap_dnt_allowed", "...", "entity_type", "trust_chain",
    // Latchkey's own.
    "narrowed",
];

/// The names of the members of `app_metadata` that go into an app's tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenClaims(BTreeSet<String>);

impl TokenClaims {
    /// Reads the names.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for more than 20, for a name of another form, and for one that has a
    /// meaning in tokens already.
    pub fn parse(names: BTreeSet<String>) -> Result<Self, Error> {
        let refuse = |text: String| Err(Error::field("token_claims", text));
        let is_name = |name: &String| {
            (1..=MAX_NAME_CHARS).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
        };
        if names.len() > MAX_CLAIMS || !names.iter().all(is_name) {
            return refuse(format!(
                "must be at most {MAX_CLAIMS} names of 1 to {MAX_NAME_CHARS} visible ASCII \
                 characters, without '\"' and '\\'"
            ));
        }
        match names.iter().find(|name| Self::is_registered(name)) {
            Some(name) => refuse(format!("must not have {name}, which is a registered claim")),
            None => Ok(Self(names)),
        }
    }

    /// Whether a name has a meaning in tokens already, so that no app can take it.
    pub fn is_registered(name: &str) -> bool {
        REGISTERED.contains(&name)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names.
    pub fn names(&self) -> &BTreeSet<String> {
        &self.0
    }

    /// The claims of a user with this `app_metadata`. Claims that would make them longer than
    /// 512 bytes together are left out, later names first.
    pub fn of(&self, app_metadata: &Map<String, Value>) -> Map<String, Value> {
        let mut claims = Map::new();
        for name in &self.0 {
            let Some(value) = app_metadata.get(name) else { continue };
            claims.insert(name.clone(), value.clone());
            if size(&claims) > MAX_BYTES {
                claims.remove(name);
                tracing::warn!(claim = name, "a claim of a token was left out: it is too long");
            }
        }
        claims
    }

    /// Checks that all claims of a user whose `app_metadata` changes fit into a token of the app
    /// `client_id`. If they did not fit before, it is enough that they do not get longer.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], for the field `app_metadata`.
    pub fn check(
        &self,
        client_id: &str,
        (before, after): (&Map<String, Value>, &Map<String, Value>),
    ) -> Result<(), Error> {
        let named = |metadata: &Map<String, Value>| {
            let of = |name: &String| Some((name.clone(), metadata.get(name)?.clone()));
            size(&self.0.iter().filter_map(of).collect())
        };
        if named(after) <= MAX_BYTES.max(named(before)) {
            return Ok(());
        }
        let text = format!(
            "must leave the claims in tokens of the app {client_id} at most {MAX_BYTES} bytes"
        );
        Err(Error::field("app_metadata", text))
    }
}

/// The length in bytes of JSON.
fn size(claims: &Map<String, Value>) -> usize {
    serde_json::to_string(claims).map_or(usize::MAX, |json| json.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(names: &[&str]) -> Result<TokenClaims, Error> {
        TokenClaims::parse(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn no_claim_of_a_token_can_be_replaced() {
        for name in REGISTERED {
            assert!(claims(&["plan", name]).is_err(), "{name}");
        }
        for name in ["", "two words", "pl\"an", "ö", &"x".repeat(65)] {
            assert!(claims(&[name]).is_err(), "{name:?}");
        }
        assert!(claims(&["plan", "tenant_id", "https://acme.example/tier"]).is_ok());
    }

    #[test]
    fn only_the_named_members_become_claims() {
        let claims = claims(&["plan", "tenant"]).unwrap();
        let metadata = object(json!({"plan": "pro", "secret": 1}));
        assert_eq!(Value::Object(claims.of(&metadata)), json!({"plan": "pro"}));
        assert!(claims.of(&Map::new()).is_empty());
    }

    #[test]
    fn claims_that_are_too_long_are_refused_and_left_out() {
        let claims = claims(&["a", "b"]).unwrap();
        let long = object(json!({"a": "x".repeat(400), "b": "y".repeat(200)}));
        let none = Map::new();
        assert!(claims.check("shop", (&none, &long)).is_err());
        assert!(claims.check("shop", (&long, &long)).is_ok(), "an app takes more since");
        assert_eq!(claims.of(&long).keys().collect::<Vec<_>>(), ["a"]);
        let short = object(json!({"a": "x".repeat(400), "b": "y"}));
        assert!(claims.check("shop", (&none, &short)).is_ok());
        assert_eq!(claims.of(&short).len(), 2);
    }
}
