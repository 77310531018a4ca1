//! The cookie of a browser session: `lkb_` and what a refresh token has, under a separate tag. It
//! opens only the hosted page, and only from there are apps signed in.

use super::RefreshToken;
use crate::{base::Error, crypto::HashKeys};

/// The prefix of every such cookie, by which secret scanners recognise it.
const PREFIX: &str = "lkb_";

impl RefreshToken {
    /// The cookie of a browser session that this token was made for.
    pub fn to_cookie(&self, keys: &HashKeys) -> String {
        self.tagged(PREFIX, |version, bytes| keys.browser_tag(version, bytes))
    }

    /// Reads the cookie of a browser.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] unless [`Self::to_cookie`] made it with the same keys.
    pub fn of_cookie(cookie: &str, keys: &HashKeys) -> Result<Self, Error> {
        Self::untagged(cookie, PREFIX, |bytes, tag| keys.browser_version(bytes, tag))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::base::Random;

    #[test]
    fn a_cookie_is_no_refresh_token_and_a_refresh_token_no_cookie() {
        let keys = HashKeys::derive(&[7; 32]).unwrap();
        let ids = (Uuid::from_u128(1), Uuid::from_u128(2));
        let ends_at = Timestamp::from_second(1_900_000_000).unwrap();
        let token = RefreshToken::first(ids, "shop".into(), ends_at, (&keys, &Random::system()));
        let token = token.ok().unwrap();

        let (cookie, refresh) = (token.to_cookie(&keys), token.encode(&keys));
        let read = RefreshToken::of_cookie(&cookie, &keys).ok().unwrap();
        assert_eq!((read.user_id, read.session_id, read.hash()), (ids.0, ids.1, token.hash()));

        let swap = |text: &str, from, to| text.replacen(from, to, 1);
        assert!(RefreshToken::decode(&swap(&cookie, "lkb_", "lkr_"), &keys).is_err());
        assert!(RefreshToken::of_cookie(&swap(&refresh, "lkr_", "lkb_"), &keys).is_err());
        assert!(RefreshToken::of_cookie("", &keys).is_err());
    }
}
