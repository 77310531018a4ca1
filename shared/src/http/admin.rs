//! Who may administrate: a permission in a handler's signature.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use http::request::Parts as RequestParts;

use super::Caller;
use crate::{app::DEFAULT_CLIENT_ID, error::Error, parts::Parts, user};

/// A permission, as a type.
pub trait Permission: Send {
    /// Its name in tokens and roles.
    const NAME: &'static str;
}

macro_rules! permission {
    ($name:ident, $text:literal) => {
        #[doc = concat!("`", $text, "`")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Permission for $name {
            const NAME: &'static str = $text;
        }
    };
}

permission!(AppsRead, "apps:read");
permission!(AppsWrite, "apps:write");

/// A caller who has a permission in the default app, by the roles that the store has at this request.
#[derive(Clone, Debug)]
pub struct Admin<P> {
    /// The caller.
    pub caller: Caller,
    permission: PhantomData<P>,
}

impl<P: Permission> FromRequestParts<Parts> for Admin<P> {
    type Rejection = Error;

    async fn from_request_parts(request: &mut RequestParts, parts: &Parts) -> Result<Self, Error> {
        let caller = Caller::from_request_parts(request, parts).await?;
        let permissions = user::permissions(&caller.user.roles_in(DEFAULT_CLIENT_ID));
        // Another app's token may hold roles of the same name: they count in that app alone.
        if caller.claims.client_id != DEFAULT_CLIENT_ID || !permissions.contains(&P::NAME) {
            return Err(Error::Forbidden(P::NAME));
        }
        Ok(Self { caller, permission: PhantomData })
    }
}
