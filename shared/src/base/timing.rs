//! A minimum duration, so that response times do not reveal what was done.

use std::time::Duration;

use tokio::time::Instant;

/// Longer than the work that it hides: handing a message to SNS or SES, also on a slow day.
const STEP: Duration = Duration::from_secs(1);

/// Does `work`, and returns its result one second after the start, or a whole number of seconds, so
/// that the time does not reveal what was done. A second costs a 256 MB function about four dollars
/// per million requests.
pub async fn with_minimum_duration<T>(work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let result = work.await;
    let steps = start.elapsed().as_secs() + 1;
    tokio::time::sleep_until(start + STEP * u32::try_from(steps).unwrap_or(1)).await;
    result
}
