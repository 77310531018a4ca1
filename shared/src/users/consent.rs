//! The consents of a user: the apps of others that may have what they ask for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Session, SessionKind, User};
use crate::base::{api_time, epoch_seconds};

/// The most consents of a user. Beyond it the oldest one is forgotten, and its app asks again: a
/// user's item must stay small.
const MAX_CONSENTS: usize = 30;

/// The consent to one app, under its `client_id` in the user's item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// The scopes, separated by spaces.
    #[serde(rename = "s")]
    pub scope: String,
    /// When it was last given.
    #[serde(rename = "t", with = "epoch_seconds")]
    pub given_at: Timestamp,
}

impl User {
    /// Whether the user has allowed `client_id` all of these scopes.
    pub fn has_allowed(&self, client_id: &str, scope: &str) -> bool {
        let Some(consent) = self.consents.get(client_id) else { return false };
        let mut asked = scope.split(' ').filter(|scope| !scope.is_empty());
        asked.all(|asked| consent.scope.split(' ').any(|allowed| allowed == asked))
    }

    /// Remembers that the user has allowed `client_id` these scopes, beside the previous ones.
    pub fn allow(&mut self, client_id: &str, scope: &str, now: Timestamp) {
        let former = self.consents.remove(client_id).map(|it| it.scope).unwrap_or_default();
        let former = former.split(' ').filter(|it| !scope.split(' ').any(|asked| asked == *it));
        let all: Vec<_> = former.chain(scope.split(' ')).filter(|it| !it.is_empty()).collect();

        let oldest = self.consents.iter().min_by_key(|(_, consent)| consent.given_at);
        if let Some((oldest, _)) = oldest.filter(|_| self.consents.len() >= MAX_CONSENTS) {
            let oldest = oldest.clone();
            self.consents.remove(&oldest);
        }
        let consent = Consent { scope: all.join(" "), given_at: now };
        self.consents.insert(client_id.to_owned(), consent);
    }

    /// Takes a consent back, and ends the sessions of its app, but not those of browsers. Returns whether there was one.
    pub fn withdraw_consent(&mut self, client_id: &str) -> bool {
        let was_given = self.consents.remove(client_id).is_some();
        if was_given {
            let stays = |session: &Session| {
                session.client_id != client_id || session.kind == SessionKind::Browser
            };
            self.sessions.retain(|_, session| stays(session));
        }
        was_given
    }
}

/// A consent as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Consent)]
pub struct ConsentView {
    /// The app.
    #[schema(example = "poll")]
    client_id: String,
    /// The scopes that the app may have, separated by spaces.
    #[schema(example = "openid profile")]
    scope: String,
    /// When the consent was last given.
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    given_at: Timestamp,
}

impl ConsentView {
    /// All consents of a user, by `client_id`.
    pub fn all_of(user: &User) -> Vec<Self> {
        let view = |(client_id, consent): (&String, &Consent)| Self {
            client_id: client_id.clone(),
            scope: consent.scope.clone(),
            given_at: consent.given_at,
        };
        user.consents.iter().map(view).collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_consent_covers_the_scopes_that_were_allowed_and_no_others() {
        let mut user = User::new(Uuid::from_u128(1), at(1));
        assert!(!user.has_allowed("poll", "openid"));
        user.allow("poll", "openid phone", at(2));
        assert!(user.has_allowed("poll", "openid") && user.has_allowed("poll", "phone openid"));
        assert!(!user.has_allowed("poll", "openid email") && !user.has_allowed("other", "openid"));
        user.allow("poll", "openid email", at(3));
        assert!(user.has_allowed("poll", "openid phone email"));
        assert!(user.withdraw_consent("poll") && !user.withdraw_consent("poll"));
        assert!(!user.has_allowed("poll", "openid"));
    }

    #[test]
    fn the_oldest_consent_gives_way() {
        let mut user = User::new(Uuid::from_u128(1), at(1));
        for number in 0..=30 {
            user.allow(&format!("app-{number}"), "openid", at(i64::from(number)));
        }
        assert_eq!(user.consents.len(), MAX_CONSENTS);
        assert!(!user.has_allowed("app-0", "openid") && user.has_allowed("app-1", "openid"));
    }
}
