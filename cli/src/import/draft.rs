//! Makes a record of what a service says about a user. Each value that Latchkey would not take is left
//! out, and noted.

use data_encoding::BASE32_NOPAD;
use serde_json::{Map, Value};
use shared::{
    base::Error,
    identifiers::{
        AllowedCountries, Email, ExternalId, PhoneNumber, Username, country, parse_name,
    },
    second_factors::TotpSecret,
    users::{Metadata, MetadataPatch},
};
use uuid::Uuid;

use crate::import::{
    Terms, hashes,
    record::{DISABLED, Record},
    row::{Fields, NotAnObject},
    times,
};

/// A user who cannot be brought along.
pub(crate) struct Unusable {
    /// The id at the service that they come from, if it is known.
    pub(crate) id: Option<String>,
    pub(crate) reason: String,
}

/// A record that is being made.
pub(crate) struct Draft<'a> {
    pub(crate) record: Record,
    /// The parts of the user that are not brought along, as the report names them.
    pub(crate) left_out: Vec<String>,
    /// The roles that the service says the user has, by their names there.
    pub(crate) roles: Vec<String>,
    terms: &'a Terms,
}

impl<'a> Draft<'a> {
    /// A record of the user with this id at the service.
    pub(crate) fn of(external_id: Option<String>, terms: &'a Terms) -> Self {
        let record = Record { external_id, ..Record::default() };
        Self { record, left_out: Vec::new(), roles: Vec::new(), terms }
    }

    /// The terms of the import.
    pub(crate) fn terms(&self) -> &'a Terms {
        self.terms
    }

    /// Notes that something is not brought along.
    pub(crate) fn leave_out(&mut self, what: impl Into<String>) {
        self.left_out.push(what.into());
    }

    /// Sets the phone. Spaces, dashes, dots and brackets in it do not count, and neither does the `'`
    /// that spreadsheets put before a `+`.
    pub(crate) fn phone(&mut self, number: Option<String>, is_verified: bool) {
        let Some(number) = number else { return };
        let number = number.trim_start_matches('\'');
        let number: String =
            number.chars().filter(|c| !c.is_whitespace() && !"-.()/".contains(*c)).collect();

        let region = self.terms.region.as_deref().and_then(country);
        match PhoneNumber::parse(&number, region, &AllowedCountries::All) {
            Ok(phone) => {
                self.record.phone = Some(phone.as_str().to_owned());
                self.record.phone_verified = is_verified;
            }
            Err(_) if !number.starts_with('+') && region.is_none() => {
                self.leave_out("phones without a country code (--region gives one)");
            }
            Err(_) => self.leave_out("phones that cannot receive texts"),
        }
    }

    /// Sets the e-mail address.
    pub(crate) fn email(&mut self, address: Option<String>, is_verified: bool) {
        let Some(address) = address else { return };
        match Email::parse(&address) {
            Ok(email) => {
                self.record.email = Some(email.as_str().to_owned());
                self.record.email_verified = is_verified;
            }
            Err(_) => self.leave_out("e-mail addresses that are not valid"),
        }
    }

    /// Sets the username. Many services put the phone, the e-mail address or a UUID there: that is
    /// none.
    pub(crate) fn username(&mut self, username: Option<String>) {
        let Some(username) = username else { return };
        if username.contains('@') || Uuid::try_parse(&username).is_ok() {
            return;
        }
        let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).collect::<Vec<_>>();
        let is_number =
            username.bytes().all(|byte| byte.is_ascii_digit() || b"+- ".contains(&byte));
        if is_number && self.record.phone.as_deref().map(digits) == Some(digits(&username)) {
            return;
        }
        match Username::parse(&username) {
            Ok(username) => self.record.username = Some(username.as_str().to_owned()),
            Err(_) => self.leave_out("usernames with characters that Latchkey does not allow"),
        }
    }

    /// Sets the name that people read.
    pub(crate) fn name(&mut self, name: Option<String>) {
        let Some(name) = name else { return };
        // Auth0 and others put the address there if they know no name.
        if self.record.email.as_deref().is_some_and(|email| email.eq_ignore_ascii_case(&name)) {
            return;
        }
        match parse_name(&name) {
            Ok(name) => self.record.name = Some(name),
            Err(_) => self.leave_out(
                "names that are too long, or have one of /:@#<>{}\\ or control characters",
            ),
        }
    }

    /// Sets the name that people read, of a given name and a family name.
    pub(crate) fn full_name(&mut self, given: Option<String>, family: Option<String>) {
        let both: Vec<String> = [given, family].into_iter().flatten().collect();
        self.name((!both.is_empty()).then(|| both.join(" ")));
    }

    /// Sets the hash of the password, if the service of Latchkey can verify it.
    pub(crate) fn password(&mut self, hash: Option<String>) {
        let Some(hash) = hash else { return };
        if self.terms.without_passwords {
            return self.leave_out("passwords (--without-passwords)");
        }
        match hashes::check(&hash) {
            Ok(()) => self.record.password_hash = Some(hash),
            Err(reason) => self.leave_out(format!("passwords whose hash {reason}")),
        }
    }

    /// Sets the secret of the authenticator app: of codes with SHA-1, six digits and 30 seconds.
    pub(crate) fn totp_secret(&mut self, base32: Option<String>) {
        let Some(base32) = base32 else { return };
        match TotpSecret::parse("totp_secret", &base32) {
            Ok(secret) => self.record.totp_secret = Some(BASE32_NOPAD.encode(secret.as_bytes())),
            Err(error) => {
                self.leave_out(format!("authenticator apps: the secret {}", reason(error)));
            }
        }
    }

    /// Sets what the user may change.
    pub(crate) fn metadata(&mut self, object: Map<String, Value>) {
        let patch = MetadataPatch { metadata: Some(Some(object)), ..MetadataPatch::default() };
        match Metadata::new(&patch) {
            Ok(metadata) => self.record.metadata = metadata.metadata,
            Err(error) => self.leave_out(format!("metadata: {}", reason(error))),
        }
    }

    /// Sets what only administrators may change.
    pub(crate) fn app_metadata(&mut self, object: Map<String, Value>) {
        let patch = MetadataPatch { app_metadata: Some(Some(object)), ..MetadataPatch::default() };
        match Metadata::new(&patch) {
            Ok(metadata) => self.record.app_metadata = metadata.app_metadata,
            Err(error) => self.leave_out(format!("app_metadata: {}", reason(error))),
        }
    }

    /// An object of a row. One that cannot be read is left out.
    pub(crate) fn object(&mut self, fields: &Fields, name: &str) -> Map<String, Value> {
        fields.object(name).unwrap_or_else(|NotAnObject| {
            self.leave_out(format!("{name} that is not a JSON object"));
            Map::new()
        })
    }

    /// Sets when the account was made.
    pub(crate) fn created_at(&mut self, time: Option<String>) {
        let Some(time) = time else { return };
        match times::parse(&time) {
            Some(time) => self.record.created_at = Some(time.to_string()),
            None => self.leave_out("times of creation that cannot be read"),
        }
    }

    /// Sets that the user cannot sign in.
    pub(crate) fn disabled(&mut self, is_disabled: bool) {
        self.record.status = is_disabled.then_some(DISABLED);
    }

    /// Adds a role that the service says the user has. It is brought along if the operator has said as
    /// which role.
    pub(crate) fn role(&mut self, name: &str) {
        if let Some(role) = self.terms.roles.get(name)
            && !self.record.roles.contains(role)
        {
            self.record.roles.push(role.clone());
        }
        self.roles.push(name.to_owned());
    }

    /// The finished record.
    ///
    /// # Errors
    /// Why the user cannot be brought along.
    pub(crate) fn finish(mut self) -> Result<Self, Unusable> {
        self.leave_out_unproven();
        match self.fault() {
            Some(reason) => Err(Unusable { id: self.record.external_id, reason }),
            None => Ok(self),
        }
    }

    /// Leaves out what an account does not have until somebody proves an address of it: a phone beside a
    /// proven e-mail address could be anybody's, and the first proof removes a password and an
    /// authenticator app, which somebody else may have set.
    fn leave_out_unproven(&mut self) {
        let (phone, email) = (self.record.phone_verified, self.record.email_verified);
        if email && !phone && self.record.phone.take().is_some() {
            self.leave_out("phones that are not verified, beside a verified e-mail address");
        }
        if !email && !phone {
            if self.record.password_hash.take().is_some() {
                self.leave_out("passwords of users without a verified phone or e-mail address");
            }
            if self.record.totp_secret.take().is_some() {
                self.leave_out(
                    "authenticator apps of users without a verified phone or e-mail address",
                );
            }
        }
    }

    /// Why the user cannot be brought along.
    fn fault(&self) -> Option<String> {
        let is_id = |id: &String| ExternalId::parse(id).is_ok();
        if !self.record.external_id.as_ref().is_none_or(is_id) {
            return Some("the id has more than 255 characters, or control characters".to_owned());
        }
        if self.record.phone.is_some() || self.record.email.is_some() {
            return None;
        }
        let unusable = self
            .left_out
            .iter()
            .find(|what| what.starts_with("phones") || what.starts_with("e-mail addresses that"));
        Some(match unusable {
            Some(what) => format!("neither a phone nor an e-mail address is left: {what}"),
            None => "neither a phone nor an e-mail address".to_owned(),
        })
    }
}

/// Why Latchkey would refuse a field.
fn reason(error: Error) -> String {
    match error {
        Error::InvalidRequest(errors) => {
            let messages = errors.into_iter().map(|error| error.message);
            messages.collect::<Vec<_>>().join("; ")
        }
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_value_that_latchkey_refuses_is_left_out_alone() {
        let terms = Terms::for_tests();
        let mut draft = Draft::of(some("1"), &terms);
        draft.email(some("ann@example.com"), true);
        draft.phone(some("+1 (415) 555-0199"), false);
        draft.phone(some("+1 555"), true);
        draft.phone(some("4155550101"), true);
        draft.username(some("ünï"));
        draft.name(some("A\u{202e}nn"));
        draft.totp_secret(some("not base32!"));
        draft.created_at(some("yesterday"));
        let deep = json!({"a": {"b": {"c": {}}}});
        draft.metadata(deep.as_object().unwrap().clone());
        let long = json!({"a": "x".repeat(16 * 1024)});
        draft.app_metadata(long.as_object().unwrap().clone());

        assert_eq!(
            draft.left_out,
            [
                "phones that cannot receive texts",
                "phones without a country code (--region gives one)",
                "usernames with characters that Latchkey does not allow",
                "names that are too long, or have one of /:@#<>{}\\ or control characters",
                "authenticator apps: the secret must be base32 of 10 to 64 bytes",
                "times of creation that cannot be read",
                "metadata: must nest at most 3 levels",
                "app_metadata: must be at most 16384 bytes of JSON",
            ]
        );
        let draft = draft.finish().ok().unwrap();
        let unverified = "phones that are not verified, beside a verified e-mail address";
        assert_eq!(draft.left_out.last().map(String::as_str), Some(unverified));
        let record = draft.record;
        let expected =
            json!({"external_id": "1", "email": "ann@example.com", "email_verified": true});
        assert_eq!(json!(record), expected);
    }

    #[test]
    fn a_username_that_is_an_address_a_phone_or_an_id_is_none() {
        let terms = Terms::for_tests();
        let mut draft = Draft::of(some("1"), &terms);
        draft.phone(some("'+1 (415) 555-0101"), false);
        for none in ["ann@example.com", "+14155550101", "a5f9d3a5-7031-70c5-b3a6-c2d0a9f7c001"] {
            draft.username(some(none));
        }
        assert!(draft.record.username.is_none() && draft.left_out.is_empty());
        draft.username(some("ann.lee"));
        assert_eq!(draft.record.username.as_deref(), Some("ann.lee"));
    }

    #[test]
    fn nobody_keeps_a_password_without_a_verified_address() {
        let terms = Terms::for_tests();
        let record = |is_verified| {
            let mut draft = Draft::of(some("1"), &terms);
            draft.phone(some("+14155550101"), is_verified);
            draft.email(some("ann@example.com"), false);
            draft.password(some("$2b$10$U4C0ZY8OG8y41F9LusfKyu3HRMBL0rCZcKBVsXhgr.n8Ou6FPhzO2"));
            draft.totp_secret(some("JBSWY3DPEHPK3PXP"));
            draft.finish().ok().unwrap()
        };
        let verified = record(true);
        assert!(verified.record.password_hash.is_some() && verified.record.totp_secret.is_some());
        assert!(verified.record.email.is_some() && verified.left_out.is_empty());
        let unverified = record(false);
        assert!(unverified.record.password_hash.is_none());
        assert!(unverified.record.totp_secret.is_none());
        assert!(unverified.record.phone.is_some() && unverified.record.email.is_some());
        assert_eq!(unverified.left_out.len(), 2);
    }

    #[test]
    fn nobody_is_brought_along_without_a_phone_or_an_address() {
        let terms = Terms::for_tests();
        let reason = |draft: Draft<'_>| draft.finish().err().unwrap().reason;
        assert_eq!(reason(Draft::of(None, &terms)), "neither a phone nor an e-mail address");

        let mut draft = Draft::of(None, &terms);
        draft.phone(some("4155550101"), false);
        assert_eq!(
            reason(draft),
            "neither a phone nor an e-mail address is left: phones without a country code (--region \
             gives one)"
        );

        let mut draft = Draft::of(Some("x".repeat(256)), &terms);
        draft.email(some("ann@example.com"), false);
        assert_eq!(reason(draft), "the id has more than 255 characters, or control characters");
    }
}
