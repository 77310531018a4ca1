//! Stopping messages to an address, by a link that a message carried.

use jiff::Timestamp;

use super::{Challenges, Identity};
use crate::{base::Error, crypto::Place};

impl Challenges {
    /// Whether a link is good: it was sent today or yesterday (UTC).
    ///
    /// # Errors
    /// [`Error::NotFound`] where it is not.
    pub fn check_stop_link(&self, token: &str) -> Result<Place, Error> {
        self.hash_keys.stop_place(token, self.clock.now()).ok_or(Error::NotFound)
    }

    /// Sends nothing more for 24 hours to the address whose holder was sent this link; answers until when. Codes
    /// that were sent stay good, and whoever proves one ends it.
    ///
    /// # Errors
    /// [`Error::NotFound`] as [`Self::check_stop_link`], and where nothing was sent in the last 24 hours;
    /// [`Error::Unavailable`].
    pub async fn stop(&self, token: &str) -> Result<Timestamp, Error> {
        let (now, place) = (self.clock.now(), self.check_stop_link(token)?);
        let identity = self.store.identity_at(&place).await?;
        let stop =
            |identity: &mut Identity| identity.throttle_mut().stop(now).ok_or(Error::NotFound);
        let until = self.store.change_identity(&place, identity, now, stop).await?;
        Timestamp::from_second(until).map_err(|error| Error::Internal(error.to_string()))
    }
}
