//! Access tokens, refresh tokens and ID tokens, and the cookie of a browser.

pub mod access_token;
mod access_tokens;
mod browser_cookie;
mod claims;
mod id_token;
mod logout_token;
mod machine_token;
mod refresh_token;
mod signer;
mod table;

pub(crate) use self::claims::unverified;
pub use self::{
    access_token::{key_id, verify},
    access_tokens::AccessTokens,
    claims::{Claims, claims_of_app, scope_of},
    id_token::{IdClaims, IdTokenHint, PersonClaims},
    logout_token::LogoutClaims,
    machine_token::MachineClaims,
    refresh_token::{PREFIX, RefreshToken},
    signer::Signer,
};
