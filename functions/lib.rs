//! The endpoints of Latchkey: one folder for each, and the table of all.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

use axum::Router;
use shared::latchkey::Latchkey;
use utoipa_axum::router::OpenApiRouter;

/// The allocator of every Lambda. A warm request takes 0.90 to 0.96 of the CPU time that it
/// takes with glibc's.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod authorizer;
pub mod config;
mod confirmation;
pub mod device;
pub mod docs;
pub mod document;
pub mod erasures;
pub mod health;
mod hosted;
pub mod not_found;
pub mod openapi;
pub mod sign_in;

/// `/v1/addresses`: phones and e-mail addresses, for administrators.
pub mod addresses {
    pub mod unlock;
}

/// `/v1/apps`: the applications that share the users.
pub mod apps {
    pub mod create;
    pub mod delete;
    pub mod get;
    pub mod list;
    /// `/v1/apps/{client_id}/messages`: the e-mails that an app words itself.
    pub mod messages {
        pub mod delete;
        pub mod list;
        pub mod preview;
        pub mod put;
    }
    pub mod secret_rotate;
    pub mod update;
}

/// `/v1/audit`: the audit trail.
pub mod audit {
    pub mod anchor;
    pub mod list;
}

/// `/v1/auth`: sign-up, sign-in, sessions.
pub mod auth {
    pub mod login;
    pub mod logout;
    pub mod mfa;
    pub mod passkey;
    pub mod passkey_options;
    pub mod refresh;
    pub mod register;
}

/// Back-channel logout: apps are told that sessions have ended.
pub mod back_channel {
    pub mod ended;
    pub mod notify;
}

/// The rotation of the signing keys, called by Secrets Manager.
pub mod keys {
    pub mod root;
    pub mod rotate;
}

/// `/v1/me`: the signed-in user.
pub mod me {
    pub mod activity;
    pub mod consent_delete;
    pub mod consents;
    pub mod delete;
    pub mod email;
    pub mod export;
    pub mod get;
    pub mod phone;
    pub mod recovery_codes;
    pub mod session_delete;
    pub mod sessions;
    pub mod update;

    /// `/v1/me/avatar`: the user's picture.
    pub mod avatar {
        pub mod delete;
        pub mod put;
    }

    /// `/v1/me/passkeys`: the user's passkeys.
    pub mod passkeys {
        pub mod create;
        pub mod delete;
        pub mod list;
        pub mod options;
        pub mod update;
    }

    /// `/v1/me/totp`: the user's authenticator app.
    pub mod totp {
        pub mod confirm;
        pub mod create;
        pub mod delete;
    }
}

/// `/oauth2`: the endpoints of OAuth 2.0.
pub mod oauth2 {
    pub mod authorize;
    pub mod authorize_post;
    pub mod device_authorization;
    pub mod introspect;
    pub mod logout;
    pub mod logout_post;
    pub mod par;
    mod requests;
    pub mod revoke;
    pub mod token;
    pub mod userinfo;
    pub mod userinfo_post;
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

/// `/v1/reports`: delivery reports of the senders of texts.
pub mod reports {
    pub mod confirm;
    pub mod create;
    pub mod events;
    pub mod list;
}

/// `/v1/roles`: named sets of permissions.
pub mod roles {
    pub mod create;
    pub mod delete;
    pub mod get;
    pub mod list;
    pub mod permissions_put;
    pub mod update;
}

/// `/stop/{token}`: opts a phone or an e-mail address out of messages for a day.
pub mod stop {
    pub mod confirm;
    pub mod page;
}

/// `/undo/{token}`: undoes the changes of an account.
pub mod undo {
    pub mod confirm;
    pub mod page;
}

/// `/v1/users`: the users, for administrators.
pub mod users {
    pub mod avatar_delete;
    pub mod create;
    pub mod delete;
    pub mod delete_by_phone;
    pub mod get;
    pub mod get_by_phone;
    pub mod import;
    pub mod list;
    pub mod mfa_delete;
    pub mod phone_put;
    pub mod roles_put;
    pub mod session_delete;
    pub mod sessions;
    pub mod update;
}

/// `/.well-known`: the documents that services read to verify tokens, and systems to find passkeys.
pub mod well_known {
    pub mod apple_app_site;
    pub mod asset_links;
    pub mod discovery;
    pub mod jwks;
    pub mod oauth_metadata;
    pub mod webauthn;

    /// How long these documents may be kept, if nothing else is said.
    const CACHED: &str = "public, max-age=300";
}

#[cfg(test)]
mod promises;
#[cfg(test)]
mod testing;

/// An endpoint: one Lambda with one route.
pub struct Endpoint {
    /// The name of its Lambda, of its binary, and of its operation in the OpenAPI document.
    pub name: &'static str,
    /// Its module, which is also its folder: `otp::send` is `functions/otp/send`.
    pub module: &'static str,
    /// Its route.
    pub routes: fn() -> OpenApiRouter<Latchkey>,
}

/// Makes the table of endpoints. Each line has the name of an endpoint and its module.
macro_rules! endpoints {
    ($($name:literal => $($module:ident)::+,)+) => {
        &[$(Endpoint { name: $name, module: stringify!($($module)::+), routes: $($module)::+::routes }),+]
    };
}

/// Every endpoint, in the order of the documentation.
pub const ENDPOINTS: &[Endpoint] = endpoints! {
    "otp-send" => otp::send,
    "otp-resend" => otp::resend,
    "otp-status" => otp::status,
    "stop-page" => stop::page,
    "stop-confirm" => stop::confirm,
    "undo-page" => undo::page,
    "undo-confirm" => undo::confirm,
    "otp-verify" => otp::verify,
    "auth-register" => auth::register,
    "auth-login" => auth::login,
    "auth-mfa" => auth::mfa,
    "auth-passkey-options" => auth::passkey_options,
    "auth-passkey" => auth::passkey,
    "auth-refresh" => auth::refresh,
    "auth-logout" => auth::logout,
    "oauth2-authorize" => oauth2::authorize,
    "oauth2-authorize-post" => oauth2::authorize_post,
    "oauth2-par" => oauth2::par,
    "oauth2-device" => oauth2::device_authorization,
    "device" => device,
    "sign-in" => sign_in,
    "oauth2-token" => oauth2::token,
    "oauth2-introspect" => oauth2::introspect,
    "oauth2-revoke" => oauth2::revoke,
    "oauth2-userinfo" => oauth2::userinfo,
    "oauth2-userinfo-post" => oauth2::userinfo_post,
    "oauth2-logout" => oauth2::logout,
    "oauth2-logout-post" => oauth2::logout_post,
    "password-change" => password::change,
    "password-forgot" => password::forgot,
    "password-reset" => password::reset,
    "me-get" => me::get,
    "me-update" => me::update,
    "me-delete" => me::delete,
    "me-export" => me::export,
    "me-phone" => me::phone,
    "me-email" => me::email,
    "me-avatar-put" => me::avatar::put,
    "me-avatar-delete" => me::avatar::delete,
    "me-activity" => me::activity,
    "me-sessions" => me::sessions,
    "me-session-delete" => me::session_delete,
    "me-consents" => me::consents,
    "me-consent-delete" => me::consent_delete,
    "me-totp-create" => me::totp::create,
    "me-totp-confirm" => me::totp::confirm,
    "me-totp-delete" => me::totp::delete,
    "me-recovery-codes" => me::recovery_codes,
    "me-passkeys-options" => me::passkeys::options,
    "me-passkeys-create" => me::passkeys::create,
    "me-passkeys-list" => me::passkeys::list,
    "me-passkeys-update" => me::passkeys::update,
    "me-passkeys-delete" => me::passkeys::delete,
    "users-list" => users::list,
    "users-create" => users::create,
    "users-import" => users::import,
    "users-get" => users::get,
    "users-update" => users::update,
    "users-delete" => users::delete,
    "users-get-by-phone" => users::get_by_phone,
    "users-delete-by-phone" => users::delete_by_phone,
    "users-roles-put" => users::roles_put,
    "users-mfa-delete" => users::mfa_delete,
    "users-phone-put" => users::phone_put,
    "users-sessions" => users::sessions,
    "users-session-delete" => users::session_delete,
    "users-avatar-delete" => users::avatar_delete,
    "addresses-unlock" => addresses::unlock,
    "roles-list" => roles::list,
    "roles-create" => roles::create,
    "roles-get" => roles::get,
    "roles-update" => roles::update,
    "roles-delete" => roles::delete,
    "roles-permissions-put" => roles::permissions_put,
    "apps-list" => apps::list,
    "apps-create" => apps::create,
    "apps-get" => apps::get,
    "apps-update" => apps::update,
    "apps-delete" => apps::delete,
    "apps-secret-rotate" => apps::secret_rotate,
    "apps-messages-list" => apps::messages::list,
    "apps-messages-put" => apps::messages::put,
    "apps-messages-delete" => apps::messages::delete,
    "apps-messages-preview" => apps::messages::preview,
    "reports-confirm" => reports::confirm,
    "reports-create" => reports::create,
    "reports-list" => reports::list,
    "audit-list" => audit::list,
    "config" => config,
    "health" => health,
    "openapi" => openapi,
    "docs" => docs,
    "jwks" => well_known::jwks,
    "discovery" => well_known::discovery,
    "oauth-metadata" => well_known::oauth_metadata,
    "webauthn" => well_known::webauthn,
    "asset-links" => well_known::asset_links,
    "apple-app-site" => well_known::apple_app_site,
};

/// The Lambdas that have no path.
pub const OTHER_LAMBDAS: [&str; 9] = [
    "not-found",
    "authorizer",
    "keys-rotate",
    "erasures",
    "audit-anchor",
    "keys-root",
    "back-channel-ended",
    "back-channel-notify",
    "reports-events",
];

/// All endpoints on one router, as `cargo run` and the tests serve them.
pub fn all(latchkey: Latchkey) -> Router {
    let routes =
        ENDPOINTS.iter().fold(OpenApiRouter::new(), |all, endpoint| all.merge((endpoint.routes)()));
    // As behind API Gateway, where a wrong method leads to the same function as a wrong path.
    let (routes, document) = routes.merge(not_found::routes()).split_for_parts();
    let routes = routes.method_not_allowed_fallback(not_found::not_found);
    let routes = OpenApiRouter::with_openapi(document).merge(routes.into());
    shared::http::service(routes, latchkey)
}
