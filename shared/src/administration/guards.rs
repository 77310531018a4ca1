//! Checks before an administrator changes a user.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::{
    accounts::entity_tag,
    apps::DEFAULT_CLIENT_ID,
    base::{EntityTags, Error},
    roles::{ADMIN_ROLE, Permissions, Roles},
    users::User,
};

/// The proof that an administrator may change a user: the user has no right, in any app, that the
/// administrator lacks.
#[derive(Clone, Debug)]
pub struct Reach {
    /// The roles that the user had when this was checked.
    roles: BTreeMap<String, BTreeSet<String>>,
}

impl Reach {
    /// Checks the rights of `user` against those of `granter`.
    ///
    /// # Errors
    /// [`Error::Forbidden`] with a right of the user that the granter lacks.
    pub async fn check(user: &User, granter: &Permissions, roles: &Roles) -> Result<Self, Error> {
        if !granter.all {
            let names: BTreeSet<_> = user.roles.values().flatten().cloned().collect();
            let rights = roles.permissions(&Vec::from_iter(names)).await?;
            if rights.all {
                return Err(Error::Forbidden(format!("role {ADMIN_ROLE}")));
            }
            granter.check_grant(&rights.names)?;
        }
        Ok(Self { roles: user.roles.clone() })
    }

    /// Checks that the user still has the roles that were checked. A change calls this in its
    /// conditional write.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if somebody has changed them since: the request can be repeated.
    pub fn check_unchanged(&self, user: &User) -> Result<(), Error> {
        if user.roles == self.roles {
            return Ok(());
        }
        Err(Error::Unavailable("the roles of a user changed during a request".into()))
    }
}

/// Only administrators may change the roles of administrators.
///
/// # Errors
/// [`Error::Forbidden`] if `user` is an administrator and `granter` is not.
pub(crate) fn check_not_admin(user: &User, granter: &Permissions) -> Result<(), Error> {
    let is_admin = user.roles_in(DEFAULT_CLIENT_ID).iter().any(|role| role == ADMIN_ROLE);
    if is_admin && !granter.all {
        return Err(Error::Forbidden(format!("role {ADMIN_ROLE}")));
    }
    Ok(())
}

/// Nobody changes their own factors, roles or status as an administrator. For oneself there is
/// `/v1/me`, which asks for more.
///
/// # Errors
/// [`Error::OwnAccount`].
pub fn check_is_other(caller: Uuid, user_id: Uuid) -> Result<(), Error> {
    if caller == user_id { Err(Error::OwnAccount) } else { Ok(()) }
}

/// Optimistic locking: checks that the user is as the caller has seen them (RFC 9110 §13.1.1).
/// `seen` is the header `If-Match`; without it, every user passes.
///
/// # Errors
/// [`Error::PreconditionFailed`] if the user has changed since.
pub(crate) fn check_if_match(user: &User, seen: Option<&EntityTags>) -> Result<(), Error> {
    let is_as_seen = |seen: &EntityTags| seen.matches_strongly(&entity_tag(user));
    if seen.is_none_or(is_as_seen) { Ok(()) } else { Err(Error::PreconditionFailed) }
}
