//! In the table: the time that hashes of other services take.

use std::time::Duration;

use serde::Deserialize;

use crate::{
    base::Error,
    table::{Key, Store, number},
};

#[derive(Deserialize)]
struct HashTime {
    milliseconds: u64,
}

impl Store {
    /// The time that every refusal of a password takes, since hashes of other services were imported.
    pub(super) async fn refusal_time(&self) -> Result<Option<Duration>, Error> {
        let time: Option<HashTime> = self.get_lately(Key::foreign_hashes()).await?;
        Ok(time.map(|time| Duration::from_millis(time.milliseconds)))
    }

    /// Raises that time, unless it is as long already.
    pub(super) async fn raise_refusal_time(&self, time: Duration) -> Result<(), Error> {
        let milliseconds = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let update = self
            .client
            .update_item()
            .update_expression("SET milliseconds = :time")
            .condition_expression("attribute_not_exists(pk) OR milliseconds < :time")
            .expression_attribute_values(":time", number(milliseconds));
        self.update_if(Key::foreign_hashes(), update).await.map(drop)
    }
}
