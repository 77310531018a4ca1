//! A minimum duration, so that response times do not reveal what was done.

use std::time::Duration;

use tokio::time::Instant;

/// Does `work`, and returns its result one `step` after the start, or a whole number of steps, so
/// that the time does not reveal what was done. A step is longer than the work that it hides. A
/// second costs a 256 MB function about four dollars per million requests.
pub async fn with_minimum_duration<T>(step: Duration, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let result = work.await;
    wait_for_step(start, step).await;
    result
}

/// Waits until a whole number of steps after the start, one at least.
pub async fn wait_for_step(start: Instant, step: Duration) {
    let steps = start.elapsed().as_millis() / step.as_millis().max(1) + 1;
    tokio::time::sleep_until(start + step * u32::try_from(steps).unwrap_or(1)).await;
}
