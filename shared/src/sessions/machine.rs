//! Tokens of machines, which have no session.

use super::Sessions;
use crate::{apps::App, base::Error, tokens::MachineClaims};

impl Sessions {
    /// The access token of an app that acts for itself, and how many seconds it is good for. The
    /// caller must have checked the app.
    ///
    /// # Errors
    /// [`Error::InvalidScope`] if it asks for a scope that it cannot have.
    pub fn machine_token(
        &self,
        app: &App,
        asked: Option<&str>,
    ) -> Result<(String, MachineClaims), Error> {
        let scope = app.grants.scope(asked)?;
        let (now, terms) = (self.clock.now(), app.session_terms(self.apps.settings()));
        let life = (self.random.uuid(now)?, now, terms.access_token_ttl);
        let claims = MachineClaims::new(&self.issuer, &app.client_id, scope, life);
        let signer = self.signer.as_ref();
        let signer = signer.ok_or_else(|| Error::Internal("no key to sign with".into()))?;
        Ok((signer.sign_machine(&claims)?, claims))
    }
}
