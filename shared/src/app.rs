//! Applications and what their users may do.

use crate::error::Error;

/// The app of requests that name none. It exists from the start and is public.
pub const DEFAULT_CLIENT_ID: &str = "default";
/// The role that has every built-in permission.
pub const ADMIN_ROLE: &str = "Admin";
/// The permissions that the service itself checks.
pub const BUILT_IN_PERMISSIONS: [&str; 8] =
    ["users:read", "users:write", "roles:read", "roles:write", "roles:assign", "apps:read", "apps:write", "audit:read"];

/// Checks the `client_id` that a request names.
///
/// # Errors
/// [`Error::InvalidRequest`] for an app that does not exist.
pub fn check_client_id(client_id: Option<&str>) -> Result<(), Error> {
    match client_id {
        None | Some(DEFAULT_CLIENT_ID) => Ok(()),
        Some(_) => Err(Error::field("client_id", "is no app that is known here")),
    }
}
