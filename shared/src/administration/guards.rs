//! Checks before an administrator changes a user.

use crate::{
    accounts::entity_tag,
    apps::DEFAULT_CLIENT_ID,
    base::Error,
    roles::{ADMIN_ROLE, Permissions},
    users::User,
};

/// Only administrators may change administrators.
///
/// # Errors
/// [`Error::Forbidden`] if `user` is an administrator and `granter` is not.
pub(crate) fn check_may_change(user: &User, granter: &Permissions) -> Result<(), Error> {
    let is_admin = user.roles_in(DEFAULT_CLIENT_ID).iter().any(|role| role == ADMIN_ROLE);
    if is_admin && !granter.all {
        Err(Error::Forbidden(format!("role {ADMIN_ROLE}")))
    } else {
        Ok(())
    }
}

/// Optimistic locking: checks that the user is as the caller has seen them (RFC 9110 §13.1.1).
/// `seen` is the header `If-Match`; without it, every user passes.
///
/// # Errors
/// [`Error::PreconditionFailed`] if the user has changed since.
pub(crate) fn check_if_match(user: &User, seen: Option<&str>) -> Result<(), Error> {
    let tag = entity_tag(user);
    let matches =
        |seen: &str| seen.split(',').any(|seen| matches!(seen.trim(), "*") || seen.trim() == tag);
    if seen.is_none_or(matches) { Ok(()) } else { Err(Error::PreconditionFailed) }
}
