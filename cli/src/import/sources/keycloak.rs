//! Keycloak: the users of a realm's export.

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD};
use serde_json::{Map, Value};

use crate::import::{Terms, draft::Draft, hashes, row::Fields};

/// The attributes that have a phone, since Keycloak itself has none.
const PHONES: [&str; 6] =
    ["phoneNumber", "phone_number", "phone", "mobile", "mobileNumber", "mobile_number"];
/// The attributes that say whether the phone is verified.
const PHONES_VERIFIED: [&str; 4] =
    ["phoneNumberVerified", "phone_number_verified", "phoneVerified", "phone_verified"];

/// A user.
pub(super) fn draft<'a>(fields: &Fields, terms: &'a Terms) -> Draft<'a> {
    let mut draft = Draft::of(fields.text("id"), terms);
    let attributes = draft.object(fields, "attributes");
    let said = Fields::of(first_values(&attributes));
    draft.phone(said.first_text(&PHONES), said.first_flag(&PHONES_VERIFIED) == Some(true));
    draft.email(fields.text("email"), fields.flag("emailVerified") == Some(true));
    draft.username(fields.text("username"));
    draft.full_name(fields.text("firstName"), fields.text("lastName"));
    draft.record.locale = said.text("locale");

    let is_known =
        |name: &str| PHONES.contains(&name) || PHONES_VERIFIED.contains(&name) || name == "locale";
    let mut others = attributes;
    others.retain(|name, _| !is_known(name));
    draft.app_metadata(others.into_iter().map(|(name, value)| (name, single(value))).collect());

    for credential in fields.objects("credentials") {
        add_credential(&mut draft, &credential);
    }
    for role in fields.list("realmRoles") {
        draft.role(&role);
    }
    if !fields.list("groups").is_empty() {
        draft.leave_out("groups");
    }
    for identity in fields.objects("federatedIdentities") {
        let provider = identity.text("identityProvider").unwrap_or_default();
        draft.leave_out(format!("social identities: {provider}"));
    }
    draft.created_at(fields.text("createdTimestamp"));
    draft.disabled(fields.flag("enabled") == Some(false));
    draft
}

/// Attributes are lists; the first value counts.
fn first_values(attributes: &Map<String, Value>) -> Map<String, Value> {
    let firsts = attributes.iter().filter_map(|(name, value)| match value {
        Value::Array(values) => Some((name.clone(), values.first()?.clone())),
        value => Some((name.clone(), value.clone())),
    });
    firsts.collect()
}

/// A list of one value as this value.
fn single(value: Value) -> Value {
    match value {
        Value::Array(mut values) if values.len() == 1 => values.pop().unwrap_or_default(),
        value => value,
    }
}

fn add_credential(draft: &mut Draft<'_>, credential: &Fields) {
    let secret = draft.object(credential, "secretData");
    let data = draft.object(credential, "credentialData");
    let (secret, data) = (Fields::of(secret), Fields::of(data));
    match credential.text("type").as_deref() {
        Some("password") => match password(&secret, &data) {
            Ok(hash) => draft.password(Some(hash)),
            Err(format) => {
                draft.leave_out(format!(
                    "passwords whose hash is of a format that is not read: {format}"
                ));
            }
        },
        Some("otp") => match totp_secret(&secret, &data) {
            Some(_) if draft.record.totp_secret.is_some() => {
                draft.leave_out("further authenticator apps");
            }
            Some(secret) => draft.totp_secret(Some(secret)),
            None => {
                draft.leave_out("authenticator apps with other codes than SHA-1, 6 digits, 30 s")
            }
        },
        Some(other) => draft.leave_out(format!("second factors and passkeys: {other}")),
        None => {}
    }
}

/// The password's hash as a PHC string.
///
/// # Errors
/// The name of the algorithm, if Latchkey does not verify it.
fn password(secret: &Fields, data: &Fields) -> Result<String, String> {
    let algorithm = data.text("algorithm").unwrap_or_else(|| "none is named".to_owned());
    let incomplete = || format!("{algorithm} that is incomplete");
    let bytes = |name| hashes::base64(&secret.text(name)?);
    let (salt, hash) = bytes("salt").zip(bytes("value")).ok_or_else(incomplete)?;
    let iterations = data.value("hashIterations").and_then(Value::as_u64).ok_or_else(incomplete)?;
    match algorithm.as_str() {
        "pbkdf2" => Ok(hashes::pbkdf2("sha1", iterations, &salt, &hash)),
        "pbkdf2-sha256" => Ok(hashes::pbkdf2("sha256", iterations, &salt, &hash)),
        "pbkdf2-sha512" => Ok(hashes::pbkdf2("sha512", iterations, &salt, &hash)),
        "argon2" => argon2(data, iterations, &salt, &hash).ok_or_else(incomplete),
        _ => Err(algorithm),
    }
}

fn argon2(data: &Fields, iterations: u64, salt: &[u8], hash: &[u8]) -> Option<String> {
    let parameters = Fields::of(first_values(data.value("additionalParameters")?.as_object()?));
    let variant = match parameters.text("type")?.as_str() {
        "id" => "argon2id",
        "i" => "argon2i",
        _ => return None,
    };
    let version = match parameters.text("version")?.as_str() {
        "1.3" => 19,
        "1.0" => 16,
        _ => return None,
    };
    let (memory, lanes) = (parameters.text("memory")?, parameters.text("parallelism")?);
    let (memory, lanes): (u32, u32) = (memory.parse().ok()?, lanes.parse().ok()?);
    let (salt, hash) = (BASE64_NOPAD.encode(salt), BASE64_NOPAD.encode(hash));
    Some(format!("${variant}$v={version}$m={memory},t={iterations},p={lanes}${salt}${hash}"))
}

/// The secret of an authenticator app in base32, if its codes are those that Latchkey takes. Keycloak
/// has the bytes of the secret as a text, unless it says that they are in base32.
fn totp_secret(secret: &Fields, data: &Fields) -> Option<String> {
    let number = |name| data.value(name).and_then(Value::as_u64);
    let is_usual = data.text("subType").as_deref() == Some("totp")
        && data.text("algorithm").as_deref() == Some("HmacSHA1")
        && number("digits") == Some(6)
        && number("period") == Some(30);
    let value = secret.text("value").filter(|_| is_usual)?;
    Some(match data.text("secretEncoding").as_deref() {
        Some("BASE32") => value,
        Some(_) => return None,
        None => BASE32_NOPAD.encode(value.as_bytes()),
    })
}
