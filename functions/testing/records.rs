//! The records that the service logs for machines.

use std::sync::{Arc, Mutex};

use shared::limits::Recorded;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    instrument::WithSubscriber as _,
};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt as _, registry};

/// The result of `work`, and the records that it logs.
pub(crate) async fn records<T>(work: impl Future<Output = T>) -> (T, Vec<Recorded>) {
    let lines = Lines::default();
    let answer = work.with_subscriber(registry().with(lines.clone())).await;
    let lines = lines.0.lock().unwrap();
    (answer, lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "record" {
            event.record(&mut Text(&self.0));
        }
    }
}

struct Text<'a>(&'a Mutex<Vec<String>>);

impl Visit for Text<'_> {
    fn record_str(&mut self, _: &Field, value: &str) {
        self.0.lock().unwrap().push(value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        panic!("{field} is not a text: {value:?}");
    }
}
