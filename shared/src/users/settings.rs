//! The settings of users and their passwords.

use jiff::Timestamp;

use super::{TextAlone, User, text_alone};
use crate::{
    apps::AppSettings,
    base::{Reader, Stage, base_url},
    identifiers::PhoneNumber,
};

/// The requirements for passwords, and the phone of the first administrator.
#[derive(Clone, PartialEq, Eq)]
pub struct UserSettings {
    /// The `APP_NAME` of [`AppSettings`]. No password may contain it.
    pub app_name: String,
    /// `PASSWORD_MIN_LENGTH`, in code points.
    pub password_min_length: usize,
    /// `BREACHED_PASSWORDS_URL`: the service that is asked whether a new password is known from a
    /// data breach.
    pub breached_passwords_url: Option<String>,
    /// `ADMIN_PHONE`: the first user to verify it becomes an administrator.
    pub admin_phone: Option<PhoneNumber>,
    /// `DEVICE_TOKEN_TTL_DAYS`: how long a device is known after the last sign-in on it. 0: no
    /// device ever is.
    pub device_token_ttl_days: i64,
    /// `PHONE_IDLE_DAYS`: after how many days without use a text alone no longer opens an account. 0:
    /// it always does.
    pub phone_idle_days: i64,
    /// The memory of the function in MB. It limits how many passwords are hashed at the same time.
    pub function_memory_mb: usize,
}

impl UserSettings {
    /// Reads the section.
    pub(crate) fn read(reader: &mut Reader<'_>, apps: &AppSettings) -> Self {
        let stage = reader.stage;
        Self {
            app_name: apps.app_name.clone(),
            password_min_length: reader.number("PASSWORD_MIN_LENGTH", 8, 8, 64),
            breached_passwords_url: reader.optional(
                "BREACHED_PASSWORDS_URL",
                "an https URL without a query, like https://api.pwnedpasswords.com/range",
                |text| {
                    base_url(text).filter(|url| stage != Stage::Prod || url.starts_with("https:"))
                },
            ),
            admin_phone: reader.optional(
                "ADMIN_PHONE",
                "a phone number in E.164, like +14155550123",
                |text| PhoneNumber::from_e164(text).ok(),
            ),
            device_token_ttl_days: reader.number("DEVICE_TOKEN_TTL_DAYS", 180, 0, 3_650),
            phone_idle_days: reader.number("PHONE_IDLE_DAYS", 365, 0, 3_650),
            function_memory_mb: reader.number("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 512, 128, 10_240),
        }
    }

    /// The effect of a text alone at the phone of `user`, as [`text_alone`] says.
    pub(crate) fn text_alone(&self, user: &User, now: Timestamp) -> TextAlone {
        text_alone(user, self.phone_idle_days, self.admin_phone.as_ref(), now)
    }
}
