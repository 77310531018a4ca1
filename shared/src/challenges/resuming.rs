//! Finding the challenge that a request goes on with.

use uuid::Uuid;

use super::{ChallengeView, Challenges, Identity};
use crate::{
    apps::{App, ClientCredentials, WebOrigin},
    base::Error,
    identifiers::{Address, Channel},
};

/// A challenge that a request may go on with: its app has authenticated if it is confidential, and
/// a web page is of the app's origins. Only [`Challenges::resume`] makes one, so no code is tried or
/// sent again without these checks.
pub struct Resumed {
    pub(super) id: Uuid,
    pub(super) identity: Identity,
    app: Option<App>,
    /// The channel that the request asks for.
    pub(super) channel: Option<Channel>,
}

impl Resumed {
    /// The app of the challenge, if it is not the default one.
    pub fn app(&self) -> Option<&App> {
        self.app.as_ref()
    }

    /// Returns the challenge for a request that asks for this channel.
    #[must_use]
    pub fn by(self, channel: Option<Channel>) -> Self {
        Self { channel, ..self }
    }
}

impl Challenges {
    /// Returns a copy for a request from a web page; see [`crate::apps::Apps::called_from`].
    #[must_use]
    pub fn called_from(self, page: Option<WebOrigin>) -> Self {
        Self { apps: self.apps.called_from(page), ..self }
    }

    /// The challenge `id`, for a request with these `credentials`. No try is used.
    ///
    /// A challenge that only a signed-in user may prove gives no tokens. Its app need not
    /// authenticate: the user's access token is in the header of the credentials.
    ///
    /// # Errors
    /// [`Error::OtpExpired`] if the challenge is unknown, or was replaced; [`Error::InvalidClient`]
    /// if its app is confidential and `credentials` are not its own; [`Error::ForeignOrigin`];
    /// [`Error::AppDisabled`].
    pub async fn resume(
        &self,
        id: Uuid,
        credentials: Option<&ClientCredentials>,
    ) -> Result<Resumed, Error> {
        let identity = self.store.identity_at(&self.hash_keys.challenge_place(id)).await?;
        let challenge = identity.challenge(id).ok_or(Error::OtpExpired)?;
        let client_id = self.content(challenge)?.terms.client_id;

        let app = if challenge.user_id.is_some() {
            self.apps.check(&client_id).await?;
            None
        } else {
            self.apps.resume(&client_id, credentials).await?
        };
        Ok(Resumed { id, identity, app, channel: None })
    }

    /// The challenge `id`, which the hosted page began for an app. The app need not authenticate: the
    /// page gives it nothing but a code, for which it authenticates later.
    ///
    /// # Errors
    /// [`Error::OtpExpired`] if the challenge is unknown, was replaced, or was not begun on the page;
    /// [`Error::AppDisabled`].
    pub async fn resume_on_page(&self, id: Uuid) -> Result<Resumed, Error> {
        let identity = self.store.identity_at(&self.hash_keys.challenge_place(id)).await?;
        let challenge = identity.challenge(id).ok_or(Error::OtpExpired)?;
        let terms = self.content(challenge)?.terms;
        if !terms.browser {
            return Err(Error::OtpExpired);
        }
        let app = Some(self.apps.active(&terms.client_id).await?);
        Ok(Resumed { id, identity, app, channel: None })
    }

    /// The challenge of `address` that this very page has opened and that waits for its code, if there is
    /// one: the form of the page was sent twice. A page learns nothing of the challenges of others.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn opened_by(
        &self,
        page: Uuid,
        address: &Address,
    ) -> Result<Option<ChallengeView>, Error> {
        let now = self.clock.now();
        let identity = self.store.identity(&self.hash_keys.recipient(address)).await?;
        for challenge in identity.pending(now) {
            let content = self.content(challenge)?;
            if content.page == Some(page) && content.address == *address {
                let sender = (&challenge.asker, challenge.purpose.messages());
                let limits = &self.limits.per_address;
                let resend_in = identity.throttle().resend_in(sender, limits, now);
                let channel = self.channel_of_last(challenge)?;
                return Ok(Some(self.view(challenge, (address, channel), resend_in, now)));
            }
        }
        Ok(None)
    }
}
