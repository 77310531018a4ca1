//! `GET /v1/me/export`: everything stored about me.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use shared::{
    accounts::UserView,
    avatars::AvatarUrls,
    base::Error,
    http::{Caller, Json},
    latchkey::Latchkey,
    second_factors::Inventory,
    users::{AuthenticationMethod, Session, SessionView},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// Everything that is stored about a user. Of a password, of tokens and of recovery codes there are only
/// hashes, which are not part of it.
#[derive(Serialize, ToSchema)]
pub struct ExportView {
    user: UserView,
    /// The user's roles, by app.
    roles: BTreeMap<String, BTreeSet<String>>,
    /// The authenticator app; its secret is not part of it.
    second_factor: Option<ExportedSecondFactor>,
    sessions: Vec<ExportedSession>,
}

/// An authenticator app, as far as it can be told.
#[derive(Serialize, ToSchema)]
pub struct ExportedSecondFactor {
    /// When it was set up.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// How many recovery codes are left.
    #[schema(example = 10)]
    recovery_codes_left: usize,
}

/// A session, with what the list of sessions does not show.
#[derive(Serialize, ToSchema)]
pub struct ExportedSession {
    #[serde(flatten)]
    session: SessionView,
    /// How the user was recognised (RFC 8176).
    amr: Vec<AuthenticationMethod>,
    /// When it ends for good, however much it is used.
    #[schema(value_type = String, format = DateTime)]
    ends_at: Timestamp,
    /// Seconds that its access tokens are good.
    #[schema(example = 900)]
    access_token_ttl: i64,
}

/// Everything stored about me (GDPR articles 15 and 20).
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
    avatar_urls: AvatarUrls,
) -> Result<Json<ExportView>, Error> {
    let second_factor = inventory.of(&caller.user).await?;
    Ok(Json(ExportView {
        user: UserView::new(&caller.user, &caller.claims.client_id, &avatar_urls),
        roles: caller.user.roles.clone(),
        second_factor: second_factor.map(|factor| ExportedSecondFactor {
            created_at: factor.created_at,
            recovery_codes_left: factor.recovery_codes.len(),
        }),
        sessions: caller
            .user
            .sessions
            .iter()
            .map(|(id, session)| exported(*id, session, &caller))
            .collect(),
    }))
}

fn exported(id: Uuid, session: &Session, caller: &Caller) -> ExportedSession {
    ExportedSession {
        amr: session.amr.clone(),
        ends_at: session.ends_at,
        access_token_ttl: session.access_token_ttl,
        session: SessionView::new(id, session, caller.claims.sid),
    }
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(export))
}
