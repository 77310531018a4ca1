//! Sessions: one for each sign-in of a device.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    apps::DEFAULT_CLIENT_ID,
    base::{Device, api_time, epoch_millis, epoch_seconds, seconds, short_id, whole_seconds},
};

/// A session that is not refreshed for this long ends (OWASP ASVS 5.0 §7.3.1).
pub const IDLE_SECONDS: i64 = 14 * 24 * 3600;
/// How long a sign-in counts as fresh, for step-up: changes that only the account's owner may make
/// (RFC 9470).
pub const FRESH_SECONDS: i64 = 600;
/// The seconds that access tokens are valid, unless a setting or an app says otherwise.
const USUAL_TTL_SECONDS: i64 = 900;
/// The maximum number of a user's sessions. Beyond it the oldest ones end, so that a user's item
/// stays within one read unit.
pub const MAX_SESSIONS: usize = 20;

/// How a user was recognised at a sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recognised {
    /// The methods that were used.
    pub amr: Vec<AuthenticationMethod>,
    /// [`User::password_count`] of the password that was compared, if there was one. If it changes
    /// meanwhile, the sign-in fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_count: Option<u64>,
    /// The known device that the sign-in came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Uuid>,
    /// [`User::sign_in_epoch`] when the code was proven, or when the sign-in began to wait for its second
    /// factor. If it changes meanwhile, the sign-in fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in_epoch: Option<u64>,
}

/// A method by which a user was recognised (RFC 8176).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthenticationMethod {
    /// A code by text message.
    Sms,
    /// A code by e-mail.
    Email,
    /// A password.
    Pwd,
    /// The code of an authenticator app.
    Otp,
    /// A recovery code. The registry of RFC 8176 has no value for it.
    RecoveryCode,
    /// The key of a passkey.
    Pop,
    /// The person was there, and their device has verified who they are.
    #[serde(rename = "user")]
    UserPresence,
    /// More than one factor.
    Mfa,
}

impl AuthenticationMethod {
    /// Whether it proves that the phone or the e-mail address is the user's.
    pub fn proves_address(self) -> bool {
        matches!(self, Self::Sms | Self::Email)
    }
}

/// The authenticator assurance level of a sign-in, which is the `acr` of tokens.
pub fn assurance_level(amr: &[AuthenticationMethod]) -> &'static str {
    if amr.contains(&AuthenticationMethod::Mfa) { MULTI_FACTOR } else { SINGLE_FACTOR }
}

/// One factor: NIST SP 800-63B-4's AAL1.
pub const SINGLE_FACTOR: &str = "aal1";
/// Two factors: NIST SP 800-63B-4's AAL2.
pub const MULTI_FACTOR: &str = "aal2";

/// A session as the store keeps it: under its id, a version 7 UUID, in the user's item
/// ([`super::User::sessions`]). Its attributes have short names, since the cost of writing a user
/// grows with the size of the item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The app it belongs to.
    #[serde(rename = "c", default = "default_app", skip_serializing_if = "is_default_app")]
    pub client_id: String,
    /// Seconds that its access tokens are valid.
    #[serde(rename = "t", default = "usual_ttl", skip_serializing_if = "is_usual_ttl")]
    pub access_token_ttl: i64,
    /// The device that it was started on.
    #[serde(flatten)]
    pub device: Device,
    /// How the user was recognised.
    #[serde(rename = "a")]
    pub amr: Vec<AuthenticationMethod>,
    /// When it began.
    #[serde(rename = "b", with = "epoch_seconds")]
    pub created_at: Timestamp,
    /// When it was last refreshed.
    #[serde(rename = "l", with = "epoch_millis")]
    pub last_used_at: Timestamp,
    /// When it ends at the latest, even if it is used.
    #[serde(rename = "e", with = "epoch_seconds")]
    pub ends_at: Timestamp,
    /// The hash of the only refresh secret that is valid ([`crate::crypto::secret_hash`]).
    #[serde(rename = "h", with = "serde_bytes")]
    pub refresh_hash: Vec<u8>,
    /// The kind.
    #[serde(rename = "k", default, skip_serializing_if = "SessionKind::is_app")]
    pub kind: SessionKind,
    /// The grant of the app, if it was entered from the hosted page.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
}

/// The kinds of session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionKind {
    /// An app's, with tokens.
    #[default]
    #[serde(rename = "a")]
    App,
    /// That of a browser on the hosted page. It has no tokens.
    #[serde(rename = "b")]
    Browser,
    /// An app's that waits until its authorization code is used.
    #[serde(rename = "c")]
    Code,
}

impl SessionKind {
    fn is_app(&self) -> bool {
        *self == Self::App
    }
}

/// The scopes of OpenID Connect that an app can be granted. All others are permissions.
pub const SCOPES: [&str; 5] = ["openid", "profile", "email", "phone", "offline_access"];

/// The grant of an app on the hosted page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The session of the browser; nil if a device without a browser was allowed.
    #[serde(rename = "b", with = "short_id")]
    pub browser: Uuid,
    /// The grant, separated by spaces: scopes of OpenID Connect, and permissions of the
    /// user. If it asked for no permission, it has all of them.
    #[serde(rename = "s")]
    pub scope: String,
    /// Whether the app is somebody else's. Then its tokens open nothing here but the claims about
    /// the person.
    #[serde(rename = "t", default, skip_serializing_if = "std::ops::Not::not")]
    pub third_party: bool,
    /// Whether its ID tokens are RS256 whatever the other tokens are.
    #[serde(rename = "r", default, skip_serializing_if = "std::ops::Not::not")]
    pub rs256: bool,
    /// When the user signed in to the browser.
    #[serde(rename = "u", with = "epoch_seconds")]
    pub signed_in_at: Timestamp,
}

// The values that most sessions have are not stored.

fn default_app() -> String {
    DEFAULT_CLIENT_ID.to_owned()
}

fn is_default_app(client_id: &str) -> bool {
    client_id == DEFAULT_CLIENT_ID
}

fn usual_ttl() -> i64 {
    USUAL_TTL_SECONDS
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_usual_ttl(seconds: &i64) -> bool {
    *seconds == USUAL_TTL_SECONDS
}

impl Grant {
    /// Whether a scope was granted.
    pub fn has(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|granted| granted == scope)
    }

    /// The scopes of OpenID Connect that were granted.
    pub fn open_id_scopes(&self) -> impl Iterator<Item = &str> {
        self.scope.split(' ').filter(|scope| SCOPES.contains(scope))
    }

    /// Whether the app has a permission of the user.
    pub fn permits(&self, permission: &str) -> bool {
        asks_for(&self.scope, permission)
    }
}

/// Whether whoever asks for `scope` asks for a permission: it is in there, or no permission is.
pub fn asks_for(scope: &str, permission: &str) -> bool {
    let mut asked =
        scope.split(' ').filter(|word| !word.is_empty() && !SCOPES.contains(word)).peekable();
    asked.peek().is_none() || asked.any(|asked| asked == permission)
}

impl Session {
    /// When the user signed in: the `auth_time` of its tokens. An app that was entered later, from a
    /// browser in which its user was signed in, has no fresh sign-in.
    pub fn signed_in_at(&self) -> Timestamp {
        self.grant.as_ref().map_or(self.created_at, |grant| grant.signed_in_at)
    }

    /// Whether it is that of an app which was entered from the session `browser`.
    pub fn is_of(&self, browser: Uuid) -> bool {
        self.grant.as_ref().is_some_and(|grant| grant.browser == browser)
    }

    /// Whether it is of somebody else's app, whose tokens open nothing here but the claims about the
    /// person.
    pub fn is_third_party(&self) -> bool {
        self.grant.as_ref().is_some_and(|grant| grant.third_party)
    }

    /// When it ends if it is not refreshed again.
    pub fn expires_at(&self) -> Timestamp {
        idle_end(self.last_used_at, self.ends_at)
    }
}

/// When a session ends that was last used at `now` and ends at the latest at `ends_at`.
fn idle_end(now: Timestamp, ends_at: Timestamp) -> Timestamp {
    ends_at.min(whole_seconds(now) + seconds(IDLE_SECONDS))
}

/// A session as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    id: Uuid,
    client_id: String,
    /// The device: a browser's name, such as `Chrome 126 on Android`, or the `User-Agent` of another
    /// client, cut to 256 characters.
    user_agent: Option<String>,
    ip: Option<String>,
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Timestamp,
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// Whether it is the session that sent this request.
    current: bool,
}

impl SessionView {
    /// The view of the session `id` for its user, who sent the request from the session `current`.
    pub fn new(id: Uuid, session: &Session, current: Uuid) -> Self {
        Self {
            current: id == current,
            id,
            client_id: session.client_id.clone(),
            user_agent: session.device.user_agent.clone(),
            ip: session.device.ip.clone(),
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at(),
        }
    }
}
