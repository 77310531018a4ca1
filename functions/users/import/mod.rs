//! `POST /v1/users/import`: brings users along from another service.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::{
    administration::Users,
    audit::{Action, Recorder},
    base::{Clock, Error},
    challenges::Challenges,
    http::{Admin, Code, Json, RecordsJson, UsersImport, read_record, reason},
    identifiers::{Email, ExternalId, PhoneNumber, Username, parse_name},
    latchkey::Latchkey,
    messages,
    migration::{Import, ImportOutcome, ImportRecord, Imported, ImportedAddress, ImportedPassword},
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
#[schema(example = json!({"users": [{
    "external_id": "auth0|5f7c8ec7c33c6c004bbafe82", "phone": "+14155550123", "phone_verified": true, "name": "Ann Lee",
    "app_metadata": {"plan": "pro"}
}]}))]
pub struct ImportUsersRequest {
    /// 1 to 25 users.
    #[schema(value_type = Vec<ImportedUser>, min_items = 1, max_items = 25)]
    users: Vec<Box<RawValue>>,
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
    phone_verified: Option<bool>,
    /// The e-mail address.
    email: Option<String>,
    /// Whether that service has proven the e-mail address.
    email_verified: Option<bool>,
    /// The username. One of another form than usernames here is left out.
    username: Option<String>,
    /// The display name. One of another form than names here is left out.
    name: Option<String>,
    /// The language of messages to the user: a BCP 47 language tag.
    locale: Option<String>,
    /// The metadata that the user may read and write: at most 16 KiB of JSON, three levels deep.
    #[schema(value_type = Option<HashMap<String, Value>>, additional_properties)]
    metadata: Option<MetadataObject>,
    /// The metadata that the user may read, and only administrators may write: at most 16 KiB of JSON, three levels
    /// deep.
    #[schema(value_type = Option<HashMap<String, Value>>, additional_properties)]
    app_metadata: Option<MetadataObject>,
    /// The names of up to 20 roles in the default app. You can give only roles whose permissions you
    /// have, and need `roles:assign`. Default: the default role.
    roles: Option<Vec<String>>,
    /// The hash of the password: bcrypt (`$2a$`, `$2b$`, `$2y$`, cost 4 to 14), Argon2 (`$argon2id$`,
    /// `$argon2i$`), PBKDF2 (`$pbkdf2-sha256$…`, also `sha1` and `sha512`), scrypt (`$scrypt$…`), all of
    /// them as Django writes them (`pbkdf2_sha256$…`), Werkzeug's (`pbkdf2:sha256:…`, `scrypt:…`), ASP.NET Core
    /// Identity's, Better Auth's (`salt:key`), or Firebase's with the project's parameters
    /// (`$fbscrypt$…`, `$firescrypt$…`, or `$firebase-scrypt$…` in the form of either). The right password is hashed again at the first sign-in.
    /// One that takes longer than 2.4 seconds here is left out. Without a verified address, the first proof of one removes
    /// it, and the authenticator app, since anybody could have set them.
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
    /// The code of the refusal, as in problem documents.
    #[schema(value_type = Option<String>, example = "conflict")]
    code: Option<Code>,
    /// Why the record was refused.
    #[schema(example = "phone: is already taken.")]
    reason: Option<String>,
}

/// Bring users along from another service
///
/// Each record creates a user, or changes the one with the same `external_id` or the same verified address. Nothing is sent, and an
/// address that the other service has verified counts as verified. Until somebody signs in or sets a password, a later record replaces
/// all that it names, except verified addresses by unverified ones. In an account that was in use before it was imported, a record fills in empty fields,
/// except those that sign somebody in, and adds roles. Once an account is in use since it was imported, a record changes nothing: it is theirs. A bad record is refused,
/// and the others are not. Sending the same records again changes nothing. A field that cannot be kept, such as a username that somebody has, is in `left_out`.
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

    let event =
        |id: Uuid| recorder.event(admin.caller.activity(Action::UserImport, format!("user:{id}")));
    let read: Vec<_> =
        request.users.iter().map(|user| read_user(user, &challenges, clock.now())).collect();
    let records: Vec<_> = read.iter().filter_map(|it| Some(&it.record.as_ref().ok()?.0)).collect();
    let by = (&admin.permissions, admin.caller.user.id);
    let imports = Import::by_administrator(&users, by, &records).await?;
    let mut imported = imports.import_all(&records, event).await.into_iter();

    let results = read.into_iter().map(|user| {
        let imported = user.record.and_then(|(_, unreadable)| {
            let imported = imported.next();
            let imported = imported.ok_or_else(|| Error::Internal("a record is lost".into()))??;
            let left_out = [unreadable, imported.left_out].concat();
            Ok(Imported { left_out, ..imported })
        });
        result(imported, user.external_id)
    });
    Ok(Json(ImportResults { results: results.collect::<Result<_, _>>()? }))
}

/// A user as they were read, with the id that was sent.
struct ReadUser {
    external_id: Option<String>,
    record: Result<(ImportRecord, Vec<&'static str>), Error>,
}

fn read_user(user: &RawValue, challenges: &Challenges, now: Timestamp) -> ReadUser {
    match read_record::<ImportedUser>(user) {
        Ok(user) => {
            ReadUser { external_id: user.external_id.clone(), record: read(user, challenges, now) }
        }
        Err(error) => ReadUser { external_id: None, record: Err(error) },
    }
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
            Ok(ImportResult {
                status,
                id: Some(user_id),
                external_id,
                left_out,
                code: None,
                reason: None,
            })
        }
        Err(error @ (Error::Unavailable(_) | Error::Internal(_))) => Err(error),
        Err(error) => Ok(ImportResult {
            status: ImportStatus::Refused,
            id: None,
            external_id,
            left_out: Vec::new(),
            code: Some(Code::of(&error)),
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

    // One that cannot get texts here is of no use beside a proven address.
    let has_address = user.email.is_some() && user.email_verified == Some(true);
    let phone = match user.phone.as_deref().map(|phone| challenges.phone(phone)).transpose() {
        Err(_) if has_address => {
            leave_out("phone");
            None
        }
        phone => phone?,
    };
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
    let name = user.name.and_then(|name| parse_name(&name).inspect_err(|_| leave_out("name")).ok());
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

fn address<T>(address: Option<T>, is_verified: Option<bool>) -> Option<ImportedAddress<T>> {
    let is_verified = is_verified.unwrap_or_default();
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
