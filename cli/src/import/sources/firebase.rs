//! Firebase: what `firebase auth:export` writes, JSON or CSV.

use std::path::Path;

use serde_json::Value;

use crate::{
    failure::Failure,
    import::{Terms, draft::Draft, hashes, row::Fields},
};

/// The columns of the CSV, which has no header: four of each social provider are not read but for the
/// first, the id. The names are those of the JSON.
pub(super) const COLUMNS: &[&str] = &[
    "localId",
    "email",
    "emailVerified",
    "passwordHash",
    "salt",
    "displayName",
    "", // 0 to 6
    "google.com",
    "",
    "",
    "",
    "facebook.com",
    "",
    "",
    "", // 7 to 14
    "twitter.com",
    "",
    "",
    "",
    "github.com",
    "",
    "",
    "", // 15 to 22
    "createdAt",
    "",
    "phoneNumber",
    "disabled",
    "customAttributes", // 23 to 27
];
/// The providers that the export names.
const PROVIDERS: [&str; 4] = ["google.com", "facebook.com", "twitter.com", "github.com"];

/// A user. A phone counts as verified, since an app can add one only by its code.
pub(super) fn draft<'a>(fields: &Fields, terms: &'a Terms) -> Draft<'a> {
    let mut draft = Draft::of(fields.text("localId"), terms);
    draft.phone(fields.text("phoneNumber"), true);
    draft.email(fields.text("email"), fields.flag("emailVerified") == Some(true));
    draft.name(fields.text("displayName"));

    let claims = draft.object(fields, "customAttributes");
    let claimed = Fields::of(claims.clone());
    for role in claimed.list("role").into_iter().chain(claimed.list("roles")) {
        draft.role(&role);
    }
    draft.app_metadata(claims);
    password(&mut draft, fields);
    draft.created_at(fields.text("createdAt"));
    draft.disabled(fields.flag("disabled") == Some(true));

    let of_json = fields.objects("providerUserInfo");
    let of_json = of_json.iter().filter_map(|provider| provider.text("providerId"));
    let of_csv = PROVIDERS.iter().filter(|name| fields.text(name).is_some());
    for provider in of_json.chain(of_csv.map(|name| (*name).to_owned())) {
        if !["phone", "password"].contains(&provider.as_str()) {
            draft.leave_out(format!("social identities: {provider}"));
        }
    }
    draft
}

fn password(draft: &mut Draft<'_>, fields: &Fields) {
    let (Some(hash), Some(salt)) = (fields.text("passwordHash"), fields.text("salt")) else {
        return;
    };
    let Some(parameters) = &draft.terms().firebase else {
        return draft.leave_out("passwords (--firebase-parameters is needed to read them)");
    };
    match (hashes::standard_base64(&salt), hashes::standard_base64(&hash)) {
        (Some(salt), Some(hash)) => draft.password(Some(parameters.hash(&salt, &hash))),
        _ => draft.leave_out("passwords whose hash is not base64"),
    }
}

/// The parameters of a project's hashes. There is no `Debug`, because the signer key is a secret.
pub(crate) struct Parameters {
    signer_key: String,
    salt_separator: String,
    rounds: u32,
    mem_cost: u32,
}

impl Parameters {
    /// Reads the parameters from a file: the `hash_config { … }` of the console, or a JSON object with
    /// its names.
    ///
    /// # Errors
    /// [`Failure::Machine`] if the file cannot be read, [`Failure::Usage`] if a parameter is missing or
    /// the algorithm is not SCRYPT.
    pub(crate) fn read(file: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(file).map_err(|error| Failure::file(file, &error))?;
        Self::parse(&text)
            .map_err(|message| Failure::Usage(format!("{}: {message}", file.display())))
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parameter = |name: &str| parameter(text, name).ok_or(format!("it has no {name}"));
        let number = |name: &str| -> Result<u32, String> {
            parameter(name)?.parse().map_err(|_| format!("{name} is not a number"))
        };
        let base64 = |name: &str| {
            let text = parameter(name)?;
            hashes::standard_base64(&text).ok_or(format!("{name} is not base64"))
        };

        if let Ok(algorithm) = parameter("algorithm")
            && algorithm != "SCRYPT"
        {
            return Err("algorithm is not SCRYPT, the only one that is read".to_owned());
        }
        Ok(Self {
            signer_key: base64("base64_signer_key")?,
            salt_separator: base64("base64_salt_separator")?,
            rounds: number("rounds")?,
            mem_cost: number("mem_cost")?,
        })
    }

    /// A hash with the parameters that it was made with.
    fn hash(&self, salt: &str, hash: &str) -> String {
        let Self { signer_key, salt_separator, rounds, mem_cost } = self;
        format!(
            "$fbscrypt$v=1,n={mem_cost},r={rounds},p=1,ss={salt_separator},sk={signer_key}${salt}${hash}"
        )
    }
}

/// The value of a parameter, in JSON or as the console writes it: `rounds: 8,`.
fn parameter(text: &str, name: &str) -> Option<String> {
    if let Ok(Value::Object(mut object)) = serde_json::from_str(text) {
        let config = match object.remove("hash_config") {
            Some(Value::Object(config)) => config,
            _ => object,
        };
        return Fields::of(config).text(name);
    }
    // `mem_cost` must not be found in another name.
    let mut words = text.split(|c: char| c.is_whitespace() || "{},:\"'".contains(c));
    let mut words = words.by_ref().filter(|word| !word.is_empty());
    words.find(|word| *word == name)?;
    words.next().map(str::to_owned)
}
