//! The grants of OAuth 2.0 that an app may use at the token endpoint, and the scopes of a machine.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::AppType;
use crate::base::Error;

/// The most scopes of a machine.
const MAX_SCOPES: usize = 50;
/// The most characters of a scope.
const MAX_SCOPE_CHARS: usize = 64;

/// A grant of the token endpoint.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// A code of the hosted sign-in page (RFC 6749 §4.1).
    AuthorizationCode,
    /// A refresh token (RFC 6749 §6). Without it, the token endpoint returns no refresh token.
    RefreshToken,
    /// A password (RFC 6749 §4.3). Only for apps that cannot show a page.
    Password,
    /// The app acts for itself, without a user (RFC 6749 §4.4). Only for confidential apps.
    ClientCredentials,
    /// The code of a device that has no browser (RFC 8628).
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
}

/// The grants of an app that names none when it is registered.
const OF_NEW_APPS: [GrantType; 2] = [GrantType::AuthorizationCode, GrantType::RefreshToken];
/// The grants of apps that were registered before they could be chosen.
const OF_OLD_APPS: [GrantType; 3] =
    [GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::Password];

/// The grants of the default app: those of old apps, and that of `latchkey login`.
const OF_DEFAULT_APP: [GrantType; 4] = [
    GrantType::AuthorizationCode,
    GrantType::RefreshToken,
    GrantType::Password,
    GrantType::DeviceCode,
];

/// The grants of an app, as the store keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// The grants that the app may use at the token endpoint. `None` for those of [`OF_OLD_APPS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_types: Option<BTreeSet<GrantType>>,
    /// The scopes that the app itself can have, as a machine.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub scopes: BTreeSet<String>,
}

/// A change of [`Grants`]: `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct GrantsChange {
    /// The grants that the app may use at the token endpoint. `Some(None)` for those of a new app.
    pub grant_types: Option<Option<BTreeSet<GrantType>>>,
    /// The scopes that the app itself can have.
    pub scopes: Option<BTreeSet<String>>,
}

impl Grants {
    /// The grants of a new app.
    pub fn of_new_app() -> Self {
        Self { grant_types: Some(OF_NEW_APPS.into()), scopes: BTreeSet::new() }
    }

    /// These grants, as the default app has them: unless somebody has chosen its grants, it has that
    /// of `latchkey login`, too.
    pub(super) fn of_default_app(self) -> Self {
        let grant_types = self.grant_types.unwrap_or_else(|| OF_DEFAULT_APP.into());
        Self { grant_types: Some(grant_types), ..self }
    }

    /// The grants of the app.
    pub fn grant_types(&self) -> BTreeSet<GrantType> {
        self.grant_types.clone().unwrap_or_else(|| OF_OLD_APPS.into())
    }

    /// Whether the app may use a grant.
    pub fn allow(&self, grant: GrantType) -> bool {
        match &self.grant_types {
            Some(grants) => grants.contains(&grant),
            None => OF_OLD_APPS.contains(&grant),
        }
    }

    /// Checks that the app may use a grant.
    ///
    /// # Errors
    /// [`Error::GrantNotAllowed`].
    pub fn check(&self, grant: GrantType) -> Result<(), Error> {
        if self.allow(grant) { Ok(()) } else { Err(Error::GrantNotAllowed) }
    }

    /// The scopes of a machine that asks for `asked`, separated by spaces: all that it can have if it
    /// asks for none.
    ///
    /// # Errors
    /// [`Error::InvalidScope`] if it asks for one that it cannot have.
    pub fn scope(&self, asked: Option<&str>) -> Result<String, Error> {
        let asked = asked.unwrap_or_default().split(' ').filter(|scope| !scope.is_empty());
        let asked: BTreeSet<_> = asked.collect();
        if asked.iter().any(|scope| !self.scopes.contains(*scope)) {
            return Err(Error::InvalidScope);
        }
        let granted = self.scopes.iter().map(String::as_str);
        let granted = granted.filter(|scope| asked.is_empty() || asked.contains(scope));
        Ok(granted.collect::<Vec<_>>().join(" "))
    }

    /// Changes the fields that `change` names.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a grant that an app of this `kind` cannot have, or a scope of
    /// another form.
    pub(super) fn apply(&mut self, change: GrantsChange, kind: AppType) -> Result<(), Error> {
        if let Some(grant_types) = change.grant_types {
            let grant_types = grant_types.unwrap_or_else(|| OF_NEW_APPS.into());
            if kind == AppType::Public && grant_types.contains(&GrantType::ClientCredentials) {
                let text = "must not have client_credentials: only a confidential app can keep the \
                            secret that this grant needs";
                return Err(Error::field("grant_types", text));
            }
            self.grant_types = Some(grant_types);
        }
        if let Some(scopes) = change.scopes {
            check_scopes(&scopes)?;
            self.scopes = scopes;
        }
        Ok(())
    }
}

fn check_scopes(scopes: &BTreeSet<String>) -> Result<(), Error> {
    // The characters of RFC 6749 §3.3.
    let is_scope = |scope: &String| {
        (1..=MAX_SCOPE_CHARS).contains(&scope.len())
            && scope.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
    };
    if scopes.len() <= MAX_SCOPES && scopes.iter().all(is_scope) {
        return Ok(());
    }
    Err(Error::field(
        "scopes",
        format!(
            "must be at most {MAX_SCOPES} words of up to {MAX_SCOPE_CHARS} visible ASCII characters, \
             without '\"' and '\\'"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(scopes: &[&str]) -> Grants {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Grants { scopes, ..Grants::default() }
    }

    #[test]
    fn a_machine_gets_the_scopes_it_asks_for_and_no_others() {
        let machine = machine(&["stock:read", "stock:write"]);
        assert_eq!(machine.scope(None).unwrap(), "stock:read stock:write");
        assert_eq!(machine.scope(Some("")).unwrap(), "stock:read stock:write");
        assert_eq!(machine.scope(Some("stock:write")).unwrap(), "stock:write");
        assert_eq!(machine.scope(Some("stock:write stock:write ")).unwrap(), "stock:write");
        assert_eq!(machine.scope(Some("stock:write users:read")), Err(Error::InvalidScope));
        assert_eq!(machine.scope(Some("stock")), Err(Error::InvalidScope));
    }

    #[test]
    fn a_password_is_a_grant_of_old_apps_only() {
        assert!(Grants::default().allow(GrantType::Password));
        assert!(!Grants::of_new_app().allow(GrantType::Password));
        for grant in OF_NEW_APPS {
            assert!(Grants::default().allow(grant) && Grants::of_new_app().allow(grant));
        }
        assert!(!Grants::default().allow(GrantType::ClientCredentials));
    }

    #[test]
    fn a_public_app_is_no_machine() {
        let change = GrantsChange {
            grant_types: Some(Some([GrantType::ClientCredentials].into())),
            scopes: None,
        };
        let mut grants = Grants::of_new_app();
        assert!(grants.apply(change.clone(), AppType::Public).is_err());
        assert!(!grants.allow(GrantType::ClientCredentials));
        grants.apply(change, AppType::Confidential).unwrap();
        assert!(grants.allow(GrantType::ClientCredentials));
    }

    #[test]
    fn a_scope_is_a_visible_word() {
        for scopes in [&["two words"][..], &[""], &["sc\"ope"], &["ö"], &[&"s".repeat(65)]] {
            assert!(check_scopes(&machine(scopes).scopes).is_err(), "{scopes:?}");
        }
        check_scopes(&machine(&["stock:read", "https://api.example.com/all"]).scopes).unwrap();
    }
}
