//! Access tokens and refresh tokens.

pub mod access_token;
mod access_tokens;
mod refresh_token;
mod table;

pub use self::{
    access_token::{Claims, Signer, key_id, verify},
    access_tokens::AccessTokens,
    refresh_token::{PREFIX, RefreshToken},
};
