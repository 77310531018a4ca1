//! `GET /_local/events`: tells the inbox when something has changed (server-sent events).

use std::convert::Infallible;

use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, stream};
use tokio::sync::broadcast::error::RecvError;

use super::Desk;

/// An event `change` now, and whenever the page should read again. The stream ends with the
/// program, which otherwise would wait for the page to be closed.
pub(super) async fn events(
    State(desk): State<Desk>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let state = (desk.inbox.subscribe(), desk.changes.subscribe(), desk.ends.clone(), true);
    let changes = stream::unfold(state, async |(mut arrivals, mut changes, mut ends, first)| {
        let goes_on = first
            || tokio::select! {
                arrival = arrivals.recv() => !matches!(arrival, Err(RecvError::Closed)),
                changed = changes.changed() => changed.is_ok(),
                _ = ends.wait_for(|ended| *ended) => false,
            };
        // Browsers drop events without data.
        let event = Event::default().event("change").data("now");
        goes_on.then_some((Ok(event), (arrivals, changes, ends, false)))
    });
    Sse::new(changes).keep_alive(KeepAlive::default())
}
