//! What Latchkey offers: one folder an endpoint, and the table of them all.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

use axum::Router;
use shared::latchkey::Latchkey;
use utoipa_axum::router::OpenApiRouter;

pub mod authorizer;
pub mod docs;
pub mod document;
pub mod health;
pub mod not_found;
pub mod openapi;

/// `/v1/apps`: the applications that share the users.
pub mod apps {
    pub mod create;
    pub mod delete;
    pub mod get;
    pub mod list;
    pub mod secret_rotate;
    pub mod update;
}

/// `/v1/audit`: who did what.
pub mod audit {
    pub mod list;
}

/// `/v1/auth`: sign-up, sign-in, sessions.
pub mod auth {
    pub mod login;
    pub mod logout;
    pub mod mfa;
    pub mod refresh;
    pub mod register;
}

/// Secrets Manager's rotation.
pub mod keys {
    pub mod rotate;
}

/// `/v1/me`: the signed-in user.
pub mod me {
    pub mod delete;
    pub mod email;
    pub mod export;
    pub mod get;
    pub mod phone;
    pub mod recovery_codes;
    pub mod session_delete;
    pub mod sessions;
    pub mod update;

    /// `/v1/me/avatar`: my picture.
    pub mod avatar {
        pub mod delete;
        pub mod put;
    }

    /// `/v1/me/totp`: my authenticator app.
    pub mod totp {
        pub mod confirm;
        pub mod create;
        pub mod delete;
    }
}

/// `/oauth2`: the endpoints of OAuth 2.0.
pub mod oauth2 {
    pub mod introspect;
    pub mod revoke;
    pub mod token;
    pub mod userinfo;
}

/// `/v1/otp`: one-time codes.
pub mod otp {
    #[cfg(test)]
    mod email_tests;
    pub mod resend;
    pub mod send;
    pub mod status;
    pub mod verify;
}

/// `/v1/password`: passwords.
pub mod password {
    pub mod change;
    pub mod forgot;
    pub mod reset;
}

/// `/v1/roles`: names for sets of permissions.
pub mod roles {
    pub mod create;
    pub mod delete;
    pub mod get;
    pub mod list;
    pub mod permissions_put;
    pub mod update;
}

/// `/stop`: who wants no messages.
pub mod stop {
    pub mod confirm;
    mod html;
    pub mod page;
}

/// `/v1/users`: people, for administrators.
pub mod users {
    pub mod avatar_delete;
    pub mod create;
    pub mod delete;
    pub mod delete_by_phone;
    pub mod get;
    pub mod get_by_phone;
    pub mod list;
    pub mod mfa_delete;
    pub mod roles_put;
    pub mod update;
}

/// `/.well-known`: what verifiers read.
pub mod well_known {
    pub mod discovery;
    pub mod jwks;
}

#[cfg(test)]
mod promises;
#[cfg(test)]
mod testing;

/// An endpoint: one Lambda, one route.
pub struct Endpoint {
    /// The name of the Lambda, of its binary, and of the operation in the OpenAPI document.
    pub name: &'static str,
    /// Its route.
    pub routes: fn() -> OpenApiRouter<Latchkey>,
}

/// Every endpoint, in the order of the documentation.
pub const ENDPOINTS: [Endpoint; 60] = [
    Endpoint { name: "otp-send", routes: otp::send::routes },
    Endpoint { name: "otp-resend", routes: otp::resend::routes },
    Endpoint { name: "otp-status", routes: otp::status::routes },
    Endpoint { name: "stop-page", routes: stop::page::routes },
    Endpoint { name: "stop-confirm", routes: stop::confirm::routes },
    Endpoint { name: "otp-verify", routes: otp::verify::routes },
    Endpoint { name: "auth-register", routes: auth::register::routes },
    Endpoint { name: "auth-login", routes: auth::login::routes },
    Endpoint { name: "auth-mfa", routes: auth::mfa::routes },
    Endpoint { name: "auth-refresh", routes: auth::refresh::routes },
    Endpoint { name: "auth-logout", routes: auth::logout::routes },
    Endpoint { name: "oauth2-token", routes: oauth2::token::routes },
    Endpoint { name: "oauth2-introspect", routes: oauth2::introspect::routes },
    Endpoint { name: "oauth2-revoke", routes: oauth2::revoke::routes },
    Endpoint { name: "oauth2-userinfo", routes: oauth2::userinfo::routes },
    Endpoint { name: "password-change", routes: password::change::routes },
    Endpoint { name: "password-forgot", routes: password::forgot::routes },
    Endpoint { name: "password-reset", routes: password::reset::routes },
    Endpoint { name: "me-get", routes: me::get::routes },
    Endpoint { name: "me-update", routes: me::update::routes },
    Endpoint { name: "me-delete", routes: me::delete::routes },
    Endpoint { name: "me-export", routes: me::export::routes },
    Endpoint { name: "me-phone", routes: me::phone::routes },
    Endpoint { name: "me-email", routes: me::email::routes },
    Endpoint { name: "me-avatar-put", routes: me::avatar::put::routes },
    Endpoint { name: "me-avatar-delete", routes: me::avatar::delete::routes },
    Endpoint { name: "me-sessions", routes: me::sessions::routes },
    Endpoint { name: "me-session-delete", routes: me::session_delete::routes },
    Endpoint { name: "me-totp-create", routes: me::totp::create::routes },
    Endpoint { name: "me-totp-confirm", routes: me::totp::confirm::routes },
    Endpoint { name: "me-totp-delete", routes: me::totp::delete::routes },
    Endpoint { name: "me-recovery-codes", routes: me::recovery_codes::routes },
    Endpoint { name: "users-list", routes: users::list::routes },
    Endpoint { name: "users-create", routes: users::create::routes },
    Endpoint { name: "users-get", routes: users::get::routes },
    Endpoint { name: "users-update", routes: users::update::routes },
    Endpoint { name: "users-delete", routes: users::delete::routes },
    Endpoint { name: "users-get-by-phone", routes: users::get_by_phone::routes },
    Endpoint { name: "users-delete-by-phone", routes: users::delete_by_phone::routes },
    Endpoint { name: "users-roles-put", routes: users::roles_put::routes },
    Endpoint { name: "users-mfa-delete", routes: users::mfa_delete::routes },
    Endpoint { name: "users-avatar-delete", routes: users::avatar_delete::routes },
    Endpoint { name: "roles-list", routes: roles::list::routes },
    Endpoint { name: "roles-create", routes: roles::create::routes },
    Endpoint { name: "roles-get", routes: roles::get::routes },
    Endpoint { name: "roles-update", routes: roles::update::routes },
    Endpoint { name: "roles-delete", routes: roles::delete::routes },
    Endpoint { name: "roles-permissions-put", routes: roles::permissions_put::routes },
    Endpoint { name: "apps-list", routes: apps::list::routes },
    Endpoint { name: "apps-create", routes: apps::create::routes },
    Endpoint { name: "apps-get", routes: apps::get::routes },
    Endpoint { name: "apps-update", routes: apps::update::routes },
    Endpoint { name: "apps-delete", routes: apps::delete::routes },
    Endpoint { name: "apps-secret-rotate", routes: apps::secret_rotate::routes },
    Endpoint { name: "audit-list", routes: audit::list::routes },
    Endpoint { name: "health", routes: health::routes },
    Endpoint { name: "openapi", routes: openapi::routes },
    Endpoint { name: "docs", routes: docs::routes },
    Endpoint { name: "jwks", routes: well_known::jwks::routes },
    Endpoint { name: "discovery", routes: well_known::discovery::routes },
];

/// The Lambdas that no path leads to.
pub const OTHER_LAMBDAS: [&str; 3] = ["not-found", "authorizer", "keys-rotate"];

/// All endpoints on one router, as `cargo run` and the tests serve them.
pub fn all(latchkey: Latchkey) -> Router {
    let routes =
        ENDPOINTS.iter().fold(OpenApiRouter::new(), |all, endpoint| all.merge((endpoint.routes)()));
    shared::http::service(routes, latchkey)
}
