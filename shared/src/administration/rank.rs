//! Who may change whom.

use crate::{
    apps::{ADMIN_ROLE, DEFAULT_CLIENT_ID},
    base::Error,
    roles::{Permissions, Role},
    users::User,
};

/// Only administrators touch administrators.
pub(crate) fn check_rank(user: &User, granter: &Permissions) -> Result<(), Error> {
    let is_admin = user.roles_in(DEFAULT_CLIENT_ID).iter().any(|role| role == ADMIN_ROLE);
    if is_admin && !granter.all { Err(Error::Forbidden(format!("role {ADMIN_ROLE}"))) } else { Ok(()) }
}

/// Nobody grants what he lacks.
pub(crate) fn check_grant(role: &Role, granter: &Permissions) -> Result<(), Error> {
    if role.is_system() && !granter.all {
        return Err(Error::Forbidden(format!("role {ADMIN_ROLE}")));
    }
    match granter.lacks(&role.permissions) {
        None => Ok(()),
        Some(permission) => Err(Error::Forbidden(permission.clone())),
    }
}

/// Whether a user is as the caller has seen him (RFC 9110 §13.1.1).
pub(crate) fn check_seen(user: &User, seen: Option<&str>) -> Result<(), Error> {
    let tag = user.entity_tag();
    let matches = |seen: &str| seen.split(',').any(|seen| matches!(seen.trim(), "*") || seen.trim() == tag);
    if seen.is_none_or(matches) { Ok(()) } else { Err(Error::PreconditionFailed) }
}
