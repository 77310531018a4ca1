//! The Lambda that anchors the audit trail, which EventBridge calls every hour, and again if a call
//! failed. A repeated or simultaneous call does no harm: `shared/src/audit/anchors/mod.rs`.

use shared::{base::Error, latchkey::Latchkey};

#[cfg(test)]
mod tests;

/// Anchors the events since the last anchor. Returns how many.
///
/// # Errors
/// [`Error::Unavailable`] or [`Error::Internal`] if it failed. The next call goes on from there.
pub async fn anchor(latchkey: &Latchkey) -> Result<usize, Error> {
    latchkey.anchors()?.anchor().await
}
