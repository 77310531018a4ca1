//! The same time for different answers.

use std::time::Duration;

/// Longer than what is hidden: a message handed to SNS or SES, or not.
const FLOOR: Duration = Duration::from_millis(250);

/// Does `work`, and answers no sooner than 250 ms after it began, so that the time does not tell what
/// was done. It costs a 256 MB function about a dollar in a million.
pub async fn with_minimum_duration<T>(work: impl Future<Output = T>) -> T {
    let (answer, ()) = tokio::join!(work, tokio::time::sleep(FLOOR));
    answer
}
