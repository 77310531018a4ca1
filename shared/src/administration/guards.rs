//! Who may change whom.

use crate::{
    accounts::entity_tag,
    apps::DEFAULT_CLIENT_ID,
    base::Error,
    roles::{ADMIN_ROLE, Permissions},
    users::User,
};

/// Only administrators touch administrators.
pub(crate) fn check_may_change(user: &User, granter: &Permissions) -> Result<(), Error> {
    let is_admin = user.roles_in(DEFAULT_CLIENT_ID).iter().any(|role| role == ADMIN_ROLE);
    if is_admin && !granter.all {
        Err(Error::Forbidden(format!("role {ADMIN_ROLE}")))
    } else {
        Ok(())
    }
}

/// Whether a user is as the caller has seen him (RFC 9110 §13.1.1).
pub(crate) fn check_if_match(user: &User, seen: Option<&str>) -> Result<(), Error> {
    let tag = entity_tag(user);
    let matches =
        |seen: &str| seen.split(',').any(|seen| matches!(seen.trim(), "*") || seen.trim() == tag);
    if seen.is_none_or(matches) { Ok(()) } else { Err(Error::PreconditionFailed) }
}
