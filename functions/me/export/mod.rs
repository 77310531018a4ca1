//! `GET /v1/me/export`: exports everything stored about the signed-in user.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use shared::{
    accounts::UserView,
    administration::{WaitingMoveView, WaitingMoves},
    audit::{ActivityView, Audit, Changes, Event, user_subject},
    avatars::AvatarUrls,
    base::{Clock, Error, api_time, api_time_option},
    http::{Caller, Json},
    latchkey::Latchkey,
    passkeys::{Passkey, PasskeyView},
    second_factors::{Inventory, SecondFactor},
    users::{AuthenticationMethod, ChangeView, ConsentView, Directory, Session, SessionView},
    webauthn::Base64Url,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// The most events of an export. More would not fit into the largest response of a Lambda.
const MAX_EVENTS: usize = 5_000;

/// Everything that is stored about a user, except the hashes of their password, tokens and recovery
/// codes, and the secret of their authenticator app.
#[derive(Serialize, ToSchema)]
pub struct ExportView {
    /// The user's profile.
    user: UserView,
    /// When the user was brought along from another service (RFC 3339, UTC); `null` if they were not.
    #[serde(with = "api_time_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    imported_at: Option<Timestamp>,
    /// The user's roles in each app, by the app's `client_id`.
    roles: BTreeMap<String, BTreeSet<String>>,
    /// The authenticator app, without its secret; `null` if none is set up.
    second_factor: Option<ExportedSecondFactor>,
    /// The authenticator app that was removed within 72 hours and comes back if that is undone;
    /// `null` if there is none.
    removed_second_factor: Option<ExportedSecondFactor>,
    /// The passkeys.
    passkeys: Vec<ExportedPasskey>,
    /// The changes of the account that can still be undone.
    undoable_changes: Vec<ChangeView>,
    /// The move to a new phone that an administrator asked for, and that waits for a second one;
    /// `null` if there is none.
    waiting_phone_move: Option<WaitingMoveView>,
    /// The user's sessions.
    sessions: Vec<ExportedSession>,
    /// The consents that the user gave to other apps.
    consents: Vec<ConsentView>,
    /// The events of the audit trail that the user caused or that are about them, newest first; at
    /// most 5,000.
    activity: Vec<ExportedEvent>,
}

/// An authenticator app, without its secret.
#[derive(Serialize, ToSchema)]
pub struct ExportedSecondFactor {
    /// When it was set up (RFC 3339, UTC).
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// How many recovery codes are left, of 10.
    #[schema(example = 10)]
    recovery_codes_left: usize,
}

/// A passkey, with details that the list of passkeys does not show.
#[derive(Serialize, ToSchema)]
pub struct ExportedPasskey {
    /// The passkey as in the list of passkeys.
    #[serde(flatten)]
    passkey: PasskeyView,
    /// The model of what keeps it (FIDO); all zeros if that does not tell.
    aaguid: Uuid,
    /// Whether its keeper may sync it to other devices.
    syncable: bool,
    /// How often it has signed, if its keeper counts.
    sign_count: u32,
    /// The public key: a COSE key, base64url.
    public_key: Base64Url,
    /// By which its keeper knows the user: base64url.
    user_handle: Option<Base64Url>,
}

/// A session, with details that the list of sessions does not show.
#[derive(Serialize, ToSchema)]
pub struct ExportedSession {
    /// The session as in the list of sessions.
    #[serde(flatten)]
    session: SessionView,
    /// The methods by which the user was recognised at the sign-in (RFC 8176).
    amr: Vec<AuthenticationMethod>,
    /// When it ends at the latest, even if it is used (RFC 3339, UTC).
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    ends_at: Timestamp,
    /// The lifetime of its access tokens, in seconds.
    #[schema(example = 900)]
    access_token_ttl: i64,
}

/// An event, with details that the list of activities does not show.
#[derive(Serialize, ToSchema)]
pub struct ExportedEvent {
    /// The event as in the list of activities.
    #[serde(flatten)]
    event: ActivityView,
    /// To whom or to what it was done, if not to the user.
    target: Option<String>,
    /// The source address, unless an administrator or a stranger caused the event.
    ip: Option<String>,
    /// The id of the request.
    request_id: Option<String>,
    /// The changed fields.
    changes: Changes,
    /// When it is deleted (RFC 3339, UTC).
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Export everything stored about the signed-in user
///
/// It serves requests under articles 15 (access) and 20 (portability) of the GDPR.
#[utoipa::path(
    get,
    path = "/v1/me/export",
    operation_id = "me-export",
    tag = "Me",
    security(("access_token" = [])),
    responses((status = 200, description = "The export", body = ExportView)),
)]
async fn export(
    caller: Caller,
    inventory: Inventory,
    directory: Directory,
    moves: WaitingMoves,
    clock: Clock,
    avatar_urls: AvatarUrls,
    audit: Audit,
) -> Result<Json<ExportView>, Error> {
    let second_factor = inventory.of(&caller.user).await?;
    let removed = inventory.removed(&caller.user).await?;
    let passkeys = inventory.passkeys(&caller.user).await?;
    let handle = caller.user.passkey_handle.clone();
    let metadata = directory.metadata(&caller.user).await?;
    let (id, sign_ins) = (caller.user.id, caller.user.last_sign_ins());
    let events = audit.all_of(id, sign_ins, MAX_EVENTS).await?;

    Ok(Json(ExportView {
        user: UserView::new(&caller.user, metadata, &caller.claims.client_id, &avatar_urls),
        imported_at: caller.user.imported_at,
        roles: caller.user.roles.clone(),
        second_factor: second_factor.map(ExportedSecondFactor::from),
        removed_second_factor: removed.map(ExportedSecondFactor::from),
        passkeys: passkeys.into_iter().map(|it| exported_passkey(it, handle.clone())).collect(),
        undoable_changes: directory.undoable_changes(&caller.user, clock.now()).await?,
        waiting_phone_move: moves.of(id).await?,
        sessions: caller
            .user
            .sessions
            .iter()
            .map(|(id, session)| exported(*id, session, &caller))
            .collect(),
        consents: ConsentView::all_of(&caller.user),
        activity: events.into_iter().map(|event| exported_event(event, id)).collect(),
    }))
}

impl From<SecondFactor> for ExportedSecondFactor {
    fn from(factor: SecondFactor) -> Self {
        Self { created_at: factor.created_at, recovery_codes_left: factor.recovery_codes.len() }
    }
}

fn exported(id: Uuid, session: &Session, caller: &Caller) -> ExportedSession {
    ExportedSession {
        amr: session.amr.clone(),
        ends_at: session.ends_at,
        access_token_ttl: session.access_token_ttl,
        session: SessionView::new(id, session, caller.claims.sid),
    }
}

fn exported_event(event: Event, user_id: Uuid) -> ExportedEvent {
    let is_own = event.actor == Some(user_id);
    ExportedEvent {
        target: Some(event.target.clone()).filter(|target| *target != user_subject(user_id)),
        ip: event.ip.clone().filter(|_| is_own),
        request_id: event.request_id.clone().filter(|_| is_own),
        changes: event.changes.clone(),
        expires_at: Timestamp::from_second(event.expires_at).unwrap_or(event.at),
        event: ActivityView::new(event, user_id),
    }
}

fn exported_passkey(passkey: Passkey, handle: Option<Vec<u8>>) -> ExportedPasskey {
    ExportedPasskey {
        aaguid: passkey.aaguid,
        syncable: passkey.backup_eligible,
        sign_count: passkey.sign_count,
        public_key: Base64Url(passkey.public_key.clone()),
        user_handle: handle.map(Base64Url),
        passkey: passkey.into(),
    }
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(export))
}
