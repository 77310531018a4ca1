//! Stopping messages to an address, by a link in a message.

use jiff::Timestamp;

use super::{Challenges, Identity};
use crate::{
    apps::DEFAULT_CLIENT_ID,
    audit::{ANYBODY, Action, Activity, Recorder, user_subject},
    base::Error,
    crypto::Place,
};

impl Challenges {
    /// Checks the token of a link. Returns the place of the address that it was sent to.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it was not sent today or yesterday (UTC).
    pub fn check_stop_link(&self, token: &str) -> Result<Place, Error> {
        self.hash_keys.stop_place(token, self.clock.now()).ok_or(Error::NotFound)
    }

    /// Stops messages for 24 hours to the address that this link was sent to, except for those that
    /// its holder asks for on a known device. Returns when they may be sent again. Codes that were
    /// already sent stay valid, and proving one ends the stop.
    ///
    /// # Errors
    /// [`Error::NotFound`] as [`Self::check_stop_link`], and if nothing was sent in the last 24
    /// hours; [`Error::Unavailable`].
    pub async fn stop(&self, token: &str, recorder: &Recorder) -> Result<Timestamp, Error> {
        let (now, place) = (self.clock.now(), self.check_stop_link(token)?);
        let mut identity = self.store.identity_at(&place).await?;
        let owner = identity.only_owner();
        let stop =
            |identity: &mut Identity| identity.throttle_mut().stop(now).ok_or(Error::NotFound);
        let until = self.store.change_identity(&place, &mut identity, now, stop).await?;

        // The link does not tell the address.
        let target = owner.map_or_else(|| ANYBODY.to_owned(), user_subject);
        recorder
            .record(Activity::happened(Action::MessagesStop, target, DEFAULT_CLIENT_ID))
            .await?;

        Timestamp::from_second(until).map_err(|error| Error::Internal(error.to_string()))
    }

    /// Ends the stop of messages to the address that this link was sent to. It does nothing if
    /// there is none.
    ///
    /// # Errors
    /// [`Error::NotFound`] as [`Self::check_stop_link`]; [`Error::Unavailable`].
    pub async fn take_back_stop(&self, token: &str, recorder: &Recorder) -> Result<(), Error> {
        let (now, place) = (self.clock.now(), self.check_stop_link(token)?);
        let mut identity = self.store.identity_at(&place).await?;
        let owner = identity.only_owner();
        let resume = |identity: &mut Identity| {
            identity.throttle_mut().resume();
            Ok(())
        };
        self.store.change_identity(&place, &mut identity, now, resume).await?;

        let target = owner.map_or_else(|| ANYBODY.to_owned(), user_subject);
        recorder.record(Activity::happened(Action::MessagesResume, target, DEFAULT_CLIENT_ID)).await
    }
}
