//! The log of the service: its lines for people, and its records for machines.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

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

/// The result of `work`, and the lines that it logs.
pub(crate) async fn logged<T>(work: impl Future<Output = T>) -> (T, String) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let answer = work.with_subscriber(subscriber).await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    (answer, text)
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
