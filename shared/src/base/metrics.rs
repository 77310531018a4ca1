//! Counts of what happened, for alarms and the dashboard.
//!
//! A count is a log line in CloudWatch's embedded metric format, so no request waits for a call.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::fmt;

use serde_json::json;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::Context,
    registry::LookupSpan,
};

use super::Clock;

/// The namespace of the metrics in CloudWatch.
pub const NAMESPACE: &str = "Latchkey";
/// The target of tracing events that are counts.
const TARGET: &str = "metric";
/// The target of tracing events that are printed as they are, for machines to read.
pub(crate) const RECORD: &str = "record";

/// An event that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// A text was handed to a sender.
    TextsSent,
    /// A sender refused a text, or its answer did not come.
    TextsRefused,
    /// A second sender tried a text that the first one refused.
    TextsFellBack,
    /// A sender reported that a text was delivered.
    TextsDelivered,
    /// A sender reported that a text will not be delivered.
    TextsUndelivered,
    /// More than four fifths of a partition's share of the month's budget for texts are spent.
    BudgetNearlySpent,
    /// A text was not sent, because a budget is used up.
    BudgetRefusals,
    /// A text showed signs of SMS pumping.
    TextsSuspected,
    /// An e-mail was handed to SES.
    MailsSent,
    /// SES refused an e-mail, or could not be reached.
    MailsRefused,
    /// A code was right.
    CodesVerified,
    /// A code was wrong.
    CodesRefused,
    /// Nearly all codes that are tried are wrong: somebody may be guessing.
    GuessingSuspected,
    /// Too many wrong codes: somebody has to wait.
    Lockouts,
    /// A session began.
    SignIns,
    /// A refresh token was used twice, and its session was revoked.
    RefreshReplays,
    /// A request got the response 503.
    Unavailable,
}

/// All metrics.
pub const METRICS: [Metric; 17] = [
    Metric::TextsSent,
    Metric::TextsRefused,
    Metric::TextsFellBack,
    Metric::TextsDelivered,
    Metric::TextsUndelivered,
    Metric::BudgetNearlySpent,
    Metric::BudgetRefusals,
    Metric::TextsSuspected,
    Metric::MailsSent,
    Metric::MailsRefused,
    Metric::CodesVerified,
    Metric::CodesRefused,
    Metric::GuessingSuspected,
    Metric::Lockouts,
    Metric::SignIns,
    Metric::RefreshReplays,
    Metric::Unavailable,
];

impl Metric {
    /// Its name in CloudWatch.
    pub fn name(self) -> String {
        format!("{self:?}")
    }
}

/// Adds one to a metric.
pub fn count(metric: Metric) {
    tracing::info!(target: TARGET, name = metric.name());
}

/// Prints counts as CloudWatch reads them, and records as they are.
pub struct EmbeddedMetrics {
    clock: Clock,
    service: String,
}

impl EmbeddedMetrics {
    /// A layer that counts for `service`, the one dimension.
    ///
    /// It subscribes to counts and records alone. A layer that subscribes to everything makes the
    /// SDK and its HTTP client create all their spans and trace events, dozens for each call.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(
        service: String,
        clock: Clock,
    ) -> impl Layer<S> {
        let targets = [TARGET, RECORD].map(|target| (target, LevelFilter::INFO));
        Self { clock, service }.with_filter(Targets::new().with_targets(targets))
    }

    fn line(&self, name: &str) -> String {
        json!({
            "_aws": {
                "Timestamp": self.clock.now().as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [["Service"]],
                    "Metrics": [{"Name": name, "Unit": "Count"}],
                }],
            },
            "Service": self.service,
            name: 1,
        })
        .to_string()
    }
}

impl<S: Subscriber> Layer<S> for EmbeddedMetrics {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);

        match event.metadata().target() {
            TARGET => println!("{}", self.line(&text.0)),
            RECORD => println!("{}", text.0),
            _ => {}
        }
    }
}

/// Whether an event belongs in the log: it is neither a count nor a record.
pub fn is_log(metadata: &tracing::Metadata<'_>) -> bool {
    ![TARGET, RECORD].contains(&metadata.target())
}

/// The text of the one field that a count or a record has.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_str(&mut self, _: &Field, value: &str) {
        value.clone_into(&mut self.0);
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_count_is_a_line_that_cloudwatch_reads() {
        let clock = Clock::from_fn(|| Timestamp::from_second(1_800_000_000).unwrap());
        let line = EmbeddedMetrics { clock, service: "prod".into() }.line("TextsSent");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["TextsSent"], &line["Service"]), (&json!(1), &json!("prod")));
        assert_eq!(line["_aws"]["Timestamp"], 1_800_000_000_000_i64);
        let metrics = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(metrics["Metrics"], json!([{"Name": "TextsSent", "Unit": "Count"}]));
        assert_eq!(
            (&metrics["Namespace"], &metrics["Dimensions"]),
            (&json!("Latchkey"), &json!([["Service"]]))
        );
    }
}
