//! Randomness, as a parameter.

use std::{fmt, sync::Arc};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use jiff::Timestamp;
use uuid::Uuid;

use super::Error;

/// A cryptographically secure source of random bytes.
#[derive(Clone)]
pub struct Random(Arc<dyn SecureRandom + Send + Sync>);

impl Random {
    /// The generator of aws-lc, seeded by the operating system.
    pub fn system() -> Self {
        Self(Arc::new(SystemRandom::new()))
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.0
            .fill(&mut bytes)
            .map_err(|_| Error::Internal("the random number generator failed".into()))?;
        Ok(bytes)
    }

    /// A version 7 UUID (RFC 9562 §5.7): ordered by `now`, otherwise random.
    pub fn uuid(&self, now: Timestamp) -> Result<Uuid, Error> {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        Ok(uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()?).into_uuid())
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}
