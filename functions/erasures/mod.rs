//! The Lambda that erases the accounts whose owners asked for it `ERASURE_DELAY_DAYS` ago. A schedule
//! calls it every hour.

use std::pin::Pin;

use shared::{base::Error, latchkey::Latchkey};

#[cfg(test)]
mod tests;

/// Erases the accounts that are due. Returns how many it erased.
///
/// It is boxed, since the compiler limits how deep the futures of a Lambda are nested.
///
/// # Errors
/// [`Error::Unavailable`] if one could not be erased. The next run tries again.
pub fn erase_due(
    latchkey: &Latchkey,
) -> Pin<Box<dyn Future<Output = Result<usize, Error>> + Send + '_>> {
    Box::pin(async {
        let accounts = latchkey.accounts().await?;
        accounts.erase_due(&latchkey.audit(), &latchkey.avatars().await?).await
    })
}
