//! Administrators: a permission in a handler's signature.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::{Caller, StepUp};
use crate::{apps::DEFAULT_CLIENT_ID, base::Error, latchkey::Latchkey, roles::Permissions};

/// A permission, as a type.
pub trait Permission: Send {
    /// Its name in tokens and roles.
    const NAME: &'static str;
    /// Whether it also counts in other apps, each for itself. The others count only in the default
    /// app, and for all apps.
    const IN_ANY_APP: bool;
}

macro_rules! permission {
    ($name:ident, $text:literal, in any app: $in_any_app:literal) => {
        #[doc = concat!("`", $text, "`")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Permission for $name {
            const NAME: &'static str = $text;
            const IN_ANY_APP: bool = $in_any_app;
        }
    };
}

permission!(UsersRead, "users:read", in any app: false);
permission!(UsersWrite, "users:write", in any app: false);
permission!(UsersImport, "users:import", in any app: false);
permission!(RolesRead, "roles:read", in any app: true);
permission!(RolesWrite, "roles:write", in any app: false);
permission!(RolesAssign, "roles:assign", in any app: true);
permission!(AppsRead, "apps:read", in any app: false);
permission!(AppsWrite, "apps:write", in any app: false);
permission!(AuditRead, "audit:read", in any app: false);

/// A caller who has the permission `P` in the app of the token, and whose sign-in is strong and
/// recent enough ([`StepUp::of_administration`]). Their roles are read from the store at each
/// request.
#[derive(Clone, Debug)]
pub struct Admin<P> {
    /// The caller.
    pub caller: Caller,
    /// All permissions of the caller in the app of the token.
    pub permissions: Permissions,
    permission: PhantomData<P>,
}

impl<P: Permission> FromRequestParts<Latchkey> for Admin<P> {
    type Rejection = Error;

    async fn from_request_parts(request: &mut Parts, latchkey: &Latchkey) -> Result<Self, Error> {
        let caller = Caller::from_request_parts(request, latchkey).await?;
        let client_id = &caller.claims.client_id;

        let permissions = latchkey.roles().permissions(&caller.user.roles_in(client_id)).await?;
        if !permissions.contains(P::NAME) || !P::IN_ANY_APP && client_id != DEFAULT_CLIENT_ID {
            return Err(Error::Forbidden(P::NAME.to_owned()));
        }
        let settings = &latchkey.settings().administration;
        let needed = StepUp::of_administration(&request.method, settings);
        caller.require(needed, latchkey.clock().now())?;

        Ok(Self { caller, permissions, permission: PhantomData })
    }
}
