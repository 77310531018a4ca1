//! A minimum duration, so that response times do not reveal what was done.

use std::time::Duration;

/// Longer than the work that it hides: handing a message to SNS or SES.
const FLOOR: Duration = Duration::from_millis(250);

/// Does `work`, and returns its result no sooner than 250 ms after the start, so that the time does
/// not reveal what was done. It costs a 256 MB function about one dollar per million requests.
pub async fn with_minimum_duration<T>(work: impl Future<Output = T>) -> T {
    let (result, ()) = tokio::join!(work, tokio::time::sleep(FLOOR));
    result
}
