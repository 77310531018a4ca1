//! `POST /v1/users/import`: brings users along from another service.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::{
    administration::Users,
    audit::{Action, Recorder},
    base::{Clock, Error},
    challenges::Challenges,
    http::{Admin, Json, RecordsJson, UsersImport, reason},
    identifiers::{Email, ExternalId, PhoneNumber, Username, parse_name},
    latchkey::Latchkey,
    messages,
    migration::{ImportOutcome, ImportRecord, Imported, ImportedAddress, ImportedPassword},
    second_factors::TotpSecret,
    users::{ForeignHash, MetadataObject, MetadataPatch, UserStatus},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// The most users of a request.
const MAX_USERS: usize = 25;

/// Users of another service.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportUsersRequest {
    /// 1 to 25 users.
    #[schema(min_items = 1, max_items = 25)]
    users: Vec<ImportedUser>,
}

/// A user of another service. It needs a phone or an e-mail address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "external_id": "auth0|5f7c8ec7c33c6c004bbafe82", "phone": "+14155550123", "phone_verified": true, "name": "Ann Lee",
    "app_metadata": {"plan": "pro"}
}))]
pub struct ImportedUser {
    /// The id there: 1 to 255 characters, without control characters and spaces around it. A second
    /// record with it is of the same user.
    external_id: Option<String>,
    /// The phone number in E.164 form.
    #[schema(example = "+14155550123")]
    phone: Option<String>,
    /// Whether that service has proven the phone.
    #[serde(default)]
    phone_verified: bool,
    /// The e-mail address.
    email: Option<String>,
    /// Whether that service has proven the e-mail address.
    #[serde(default)]
    email_verified: bool,
    /// The username. One of another form than usernames here is left out.
    username: Option<String>,
    /// The display name. One of another form than names here is left out.
    name: Option<String>,
    /// The language of messages to the user: a BCP 47 language tag.
    locale: Option<String>,
    /// The metadata that the user may read and write: at most 16 KiB of JSON, three levels deep.
    #[schema(value_type = Option<Object>)]
    metadata: Option<MetadataObject>,
    /// The metadata that the user may read, and only administrators may write: at most 16 KiB of JSON, three levels
    /// deep.
    #[schema(value_type = Option<Object>)]
    app_metadata: Option<MetadataObject>,
    /// The names of up to 20 roles in the default app. You can give only roles whose permissions you
    /// have, and need `roles:assign`. Default: the default role.
    roles: Option<Vec<String>>,
    /// The hash of the password: bcrypt, argon2, PBKDF2 or scrypt as common services write them, or
    /// Firebase's with the project's parameters. The right password is hashed again at the first
    /// sign-in.
    password_hash: Option<String>,
    /// The secret of the authenticator app in base32, for codes of SHA-1, 6 digits and 30 seconds.
    totp_secret: Option<String>,
    /// When the account was created there (RFC 3339).
    #[schema(format = DateTime)]
    created_at: Option<String>,
    /// `disabled` if the user may not sign in.
    status: Option<UserStatus>,
}

/// The result of each record, in the order of the request.
#[derive(Serialize, ToSchema)]
pub struct ImportResults {
    results: Vec<ImportResult>,
}

/// How a record ended.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportStatus {
    /// There is a new user.
    Created,
    /// A user has changed.
    Updated,
    /// A user was as the record says, or has signed in since they were imported.
    Unchanged,
    /// Nothing has changed, for the reason that is given.
    Refused,
}

/// The result of a record.
#[derive(Serialize, ToSchema)]
pub struct ImportResult {
    status: ImportStatus,
    /// The user's id here; `null` if the record was refused.
    id: Option<Uuid>,
    /// The id that the record named.
    external_id: Option<String>,
    /// The fields that the user does not have here, though the record does.
    #[schema(example = json!(["username"]))]
    left_out: Vec<&'static str>,
    /// Why the record was refused.
    #[schema(example = "phone: is already taken.")]
    reason: Option<String>,
}

/// Bring users along from another service
///
/// Each record creates a user, or changes the one with the same `external_id` or the same verified address. It is sent nothing, and an
/// address that the other service has verified counts as verified. Until somebody signs in to the account, a record replaces
/// all that it names; it fills in what is empty if they signed in before they were imported, except passwords, factors and addresses; and it
/// changes nothing once they have signed in since. A bad record is refused, and the others are not. Sending the same records again
/// changes nothing.
#[utoipa::path(
    post,
    path = "/v1/users/import",
    operation_id = "users-import",
    tag = "Users",
    security(("access_token" = ["users:import"])),
    request_body = ImportUsersRequest,
    responses((status = 200, description = "The result of each record", body = ImportResults)),
)]
async fn import(
    admin: Admin<UsersImport>,
    users: Users,
    challenges: Challenges,
    recorder: Recorder,
    clock: Clock,
    RecordsJson(request): RecordsJson<ImportUsersRequest>,
) -> Result<Json<ImportResults>, Error> {
    if !(1..=MAX_USERS).contains(&request.users.len()) {
        return Err(Error::field("users", format!("must be 1 to {MAX_USERS} users")));
    }

    let by = (&admin.permissions, admin.caller.user.id);
    let event =
        |id: Uuid| recorder.event(admin.caller.activity(Action::UserImport, format!("user:{id}")));
    let mut results = Vec::new();
    for user in request.users {
        let external_id = user.external_id.clone();
        let imported = match read(user, &challenges, clock.now()) {
            Ok((record, unreadable)) => users.import(&record, by, event).await.map(|imported| {
                let left_out = [unreadable, imported.left_out].concat();
                Imported { left_out, ..imported }
            }),
            Err(error) => Err(error),
        };
        results.push(result(imported, external_id)?);
    }
    Ok(Json(ImportResults { results }))
}

/// # Errors
/// Failures that are not of the record.
fn result(
    imported: Result<Imported, Error>,
    external_id: Option<String>,
) -> Result<ImportResult, Error> {
    match imported {
        Ok(Imported { outcome, user_id, left_out }) => {
            let status = match outcome {
                ImportOutcome::Created => ImportStatus::Created,
                ImportOutcome::Updated => ImportStatus::Updated,
                ImportOutcome::Unchanged => ImportStatus::Unchanged,
            };
            Ok(ImportResult { status, id: Some(user_id), external_id, left_out, reason: None })
        }
        Err(error @ (Error::Unavailable(_) | Error::Internal(_))) => Err(error),
        Err(error) => Ok(ImportResult {
            status: ImportStatus::Refused,
            id: None,
            external_id,
            left_out: Vec::new(),
            reason: Some(reason(&error)),
        }),
    }
}

/// Reads a record. Returns also the fields that are left out, since they do not have the form that they
/// have here and the person can do without them.
///
/// # Errors
/// The refusal of the record.
fn read(
    user: ImportedUser,
    challenges: &Challenges,
    now: Timestamp,
) -> Result<(ImportRecord, Vec<&'static str>), Error> {
    let mut left_out = Vec::new();
    let mut leave_out = |field: &'static str| left_out.push(field);

    let phone = user.phone.as_deref().map(|phone| challenges.phone(phone)).transpose()?;
    // Without e-mails, an address is of no use beside a phone.
    let email = match user.email.as_deref().map(|email| challenges.email(email)).transpose() {
        Err(Error::InvalidRequest(_)) if phone.is_some() => {
            leave_out("email");
            None
        }
        email => email?,
    };
    if phone.is_none() && email.is_none() {
        return Err(Error::field("phone", "is missing: send a phone or an e-mail address"));
    }

    let username = user.username.and_then(|username| {
        Username::parse(&username).inspect_err(|_| leave_out("username")).ok()
    });
    let name = user.name.and_then(|name| parse_name(name).inspect_err(|_| leave_out("name")).ok());
    let locale = user.locale.and_then(|locale| {
        let parsed = messages::parse_locale(&locale);
        parsed.is_none().then(|| leave_out("locale"));
        parsed
    });
    let password = user.password_hash.map(|hash| {
        let unusable = |error: shared::users::UnusableHash| {
            Error::field("password_hash", error.reason().to_owned())
        };
        ForeignHash::parse(&hash).map(ImportedPassword::Foreign).map_err(unusable)
    });
    let totp = user.totp_secret.map(|secret| TotpSecret::parse("totp_secret", &secret));

    let record = ImportRecord {
        external_id: user.external_id.as_deref().map(ExternalId::parse).transpose()?,
        phone: address::<PhoneNumber>(phone, user.phone_verified),
        email: address::<Email>(email, user.email_verified),
        username,
        name,
        locale,
        metadata: MetadataPatch {
            metadata: user.metadata.map(Some),
            app_metadata: user.app_metadata.map(Some),
            ..MetadataPatch::default()
        },
        roles: user.roles,
        password: password.transpose()?,
        totp: totp.transpose()?,
        created_at: user.created_at.map(|text| time_of_past(&text, now)).transpose()?,
        status: user.status,
    };
    Ok((record, left_out))
}

fn address<T>(address: Option<T>, is_verified: bool) -> Option<ImportedAddress<T>> {
    address.map(|address| ImportedAddress { address, is_verified })
}

fn time_of_past(text: &str, now: Timestamp) -> Result<Timestamp, Error> {
    let time: Option<Timestamp> = text.parse().ok();
    time.filter(|time| *time <= now && *time >= Timestamp::UNIX_EPOCH)
        .map(shared::base::whole_seconds)
        .ok_or_else(|| Error::field("created_at", "must be a time of the past in RFC 3339"))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(import))
}
