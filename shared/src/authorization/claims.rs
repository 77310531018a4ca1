//! The parameter `claims` (OpenID Connect Core 1.0 §5.5), as far as it is used: which assurance level
//! an app asks for. All other members are accepted and ignored.

use serde_json::{Map, Value};

use super::Refusal;
use crate::users::{MULTI_FACTOR, SINGLE_FACTOR};

/// The most bytes of `claims`. The query of a request has to fit into 10,240 bytes with all headers.
const MAX_BYTES: usize = 2048;

/// The level that an app asks for in the claim `acr` of the ID token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AskedLevel {
    /// Whether both factors are asked for.
    pub(super) multi_factor: bool,
    /// Whether the app wants no answer without both (OpenID Connect Core 1.0 §5.5.1.1).
    pub(super) is_essential: bool,
}

impl AskedLevel {
    /// Reads the value of `claims`.
    ///
    /// # Errors
    /// `invalid_request` for anything that is not as §5.5 describes it, and for more than 2,048 bytes.
    /// `unmet_authentication_requirements` (OpenID Connect Core Error Code
    /// unmet_authentication_requirements 1.0) if a level is essential that does not exist here.
    pub(super) fn read(claims: Option<&str>) -> Result<Self, Refusal> {
        let Some(claims) = claims else { return Ok(Self::default()) };
        if claims.len() > MAX_BYTES {
            return Err(Refusal::invalid("The claims are longer than 2048 bytes."));
        }
        let claims = serde_json::from_str::<Map<String, Value>>(claims)
            .map_err(|_| Refusal::invalid("The claims must be a JSON object."))?;
        object(claims.get("userinfo"))?;
        match object(claims.get("id_token"))?.and_then(|id_token| id_token.get("acr")) {
            Some(acr) => Self::of_acr(acr),
            None => Ok(Self::default()),
        }
    }

    fn of_acr(acr: &Value) -> Result<Self, Refusal> {
        const SHAPE: &str = "In the claims, acr must be null or an object with the members essential, value \
                             and values: true or false, a text, and a list of texts.";
        let Some(acr) = object(Some(acr))? else { return Ok(Self::default()) };
        let malformed = || Refusal::invalid(SHAPE);
        let essential = match acr.get("essential") {
            None => false,
            Some(essential) => essential.as_bool().ok_or_else(malformed)?,
        };
        let values = match acr.get("values") {
            None => &[],
            Some(values) => values.as_array().ok_or_else(malformed)?.as_slice(),
        };
        let asked = acr.get("value").into_iter().chain(values).map(Value::as_str);
        let asked = asked.collect::<Option<Vec<_>>>().ok_or_else(malformed)?;

        // Every sign-in has at least the first level.
        let is_met_by_all = asked.is_empty() || asked.contains(&SINGLE_FACTOR);
        let multi_factor = asked.contains(&MULTI_FACTOR);
        match essential && !is_met_by_all {
            true if !multi_factor => Err(Refusal::unmet("The level of acr does not exist here.")),
            is_essential => Ok(Self { multi_factor, is_essential }),
        }
    }
}

/// A member that is an object, if it is there. `null` counts as not there.
fn object(member: Option<&Value>) -> Result<Option<&Map<String, Value>>, Refusal> {
    match member {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => {
            Err(Refusal::invalid("In the claims, id_token, userinfo and acr must be objects."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(claims: &str) -> Result<(bool, bool), &'static str> {
        let read = AskedLevel::read(Some(claims)).map_err(|refusal| refusal.error);
        read.map(|level| (level.multi_factor, level.is_essential))
    }

    #[test]
    fn only_the_level_of_the_id_token_counts() {
        for (claims, multi_factor, is_essential) in [
            ("{}", false, false),
            (r#"{"id_token": null, "userinfo": {"email": {"essential": true}}}"#, false, false),
            (r#"{"userinfo": {"acr": {"essential": true, "value": "aal2"}}}"#, false, false),
            (r#"{"id_token": {"acr": null, "auth_time": {"essential": true}}}"#, false, false),
            (r#"{"id_token": {"acr": {"essential": true}}, "x": [1]}"#, false, false),
            (r#"{"id_token": {"acr": {"value": "aal2"}}}"#, true, false),
            (r#"{"id_token": {"acr": {"values": ["gold", "aal2"], "x": 1}}}"#, true, false),
            (r#"{"id_token": {"acr": {"essential": true, "value": "aal2"}}}"#, true, true),
            (
                r#"{"id_token": {"acr": {"essential": true, "values": ["gold", "aal2"]}}}"#,
                true,
                true,
            ),
            (
                r#"{"id_token": {"acr": {"essential": true, "values": ["aal2", "aal1"]}}}"#,
                true,
                false,
            ),
            (r#"{"id_token": {"acr": {"essential": false, "value": "gold"}}}"#, false, false),
        ] {
            assert_eq!(read(claims), Ok((multi_factor, is_essential)), "{claims}");
        }
    }

    #[test]
    fn malformed_and_too_long_claims_are_refused() {
        for claims in [
            "",
            "aal2",
            "[]",
            "null",
            r#"{"id_token": "acr"}"#,
            r#"{"userinfo": []}"#,
            r#"{"id_token": {"acr": "aal2"}}"#,
            r#"{"id_token": {"acr": {"essential": "true"}}}"#,
            r#"{"id_token": {"acr": {"value": 2}}}"#,
            r#"{"id_token": {"acr": {"values": "aal2"}}}"#,
            r#"{"id_token": {"acr": {"values": [null]}}}"#,
        ] {
            assert_eq!(read(claims), Err("invalid_request"), "{claims}");
        }
        let padded = |length: usize| format!("{{{}}}", " ".repeat(length - 2));
        assert_eq!(read(&padded(MAX_BYTES)), Ok((false, false)));
        assert_eq!(read(&padded(MAX_BYTES + 1)), Err("invalid_request"));
        assert_eq!(read(&"[".repeat(MAX_BYTES)), Err("invalid_request"), "deep");
    }

    #[test]
    fn an_essential_level_that_does_not_exist_cannot_be_met() {
        let claims = r#"{"id_token": {"acr": {"essential": true, "values": ["gold"]}}}"#;
        assert_eq!(read(claims), Err("unmet_authentication_requirements"));
    }
}
