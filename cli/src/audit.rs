//! `latchkey audit`.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::{
    api::Api,
    failure::Failure,
    output::{Format, print_line, shown},
    verify,
};

const TRAIL: (&str, &str) = ("/v1/audit", "events");
/// The most events of one request.
const PAGE: usize = 100;
/// How many of the last printed events are remembered, so that none is printed twice. Remembering
/// only the newest one would not suffice, since events of the same moment arrive in any order.
const REMEMBERED: usize = 1000;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListArguments,
}

#[derive(Subcommand)]
enum Command {
    /// Show who did what, oldest first, which is also what no command does
    List(ListArguments),
    /// Find events that were changed, removed, inserted or moved since they were anchored; needs AWS
    /// credentials, and no sign-in
    Verify(verify::Arguments),
}

#[derive(Args)]
pub(crate) struct ListArguments {
    /// Number of newest events to show
    #[arg(short = 'n', long, value_name = "EVENTS", default_value_t = 20)]
    lines: usize,
    /// Show only events that this user caused, by id
    #[arg(long, value_name = "USER_ID")]
    actor: Option<String>,
    /// Show only events about this: user:ID, role:NAME or app:CLIENT_ID
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// Show only events of this action, such as sign_in
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Show only events from this time on, like 2027-01-15T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<String>,
    /// Show only events before this time
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "follow")]
    to: Option<String>,
    /// Keep printing new events as they happen, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Seconds between two requests for new events, with --follow
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 2,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    interval: u64,
}

fn time(text: &str) -> Result<String, String> {
    match text.parse::<jiff::Timestamp>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("give a time in RFC 3339, like 2027-01-15T08:00:00Z".to_owned()),
    }
}

impl ListArguments {
    /// The query of a page of up to `limit` events that pass the filters.
    fn query(&self, limit: usize) -> [(&'static str, Option<String>); 6] {
        [
            ("limit", Some(limit.to_string())),
            ("actor", self.actor.clone()),
            ("target", self.target.clone()),
            ("action", self.action.clone()),
            ("from", self.from.clone()),
            ("to", self.to.clone()),
        ]
    }
}

/// Lists or verifies the audit trail.
pub(crate) async fn run(
    api: &mut Api,
    arguments: &Arguments,
    format: Format,
) -> Result<(), Failure> {
    match &arguments.command {
        None => list(api, &arguments.list, format).await,
        Some(Command::List(arguments)) => list(api, arguments, format).await,
        Some(Command::Verify(arguments)) => verify::run(arguments, format).await,
    }
}

/// Prints the newest events, oldest first, and new ones with `--follow`.
async fn list(api: &mut Api, arguments: &ListArguments, format: Format) -> Result<(), Failure> {
    let mut printed = Printed::default();
    // Read a whole page anyway, to know later which events are new and which counts have risen.
    let wanted = if arguments.follow { arguments.lines.max(PAGE) } else { arguments.lines };
    let newest = newest(api, arguments, wanted).await?;
    let shown = newest.len().min(arguments.lines);
    for (index, event) in newest.iter().rev().enumerate() {
        if printed.is_new(event) && index >= newest.len() - shown {
            print(event, format)?;
        }
    }
    if !arguments.follow {
        return Ok(());
    }
    // If there are older events, they are not new.
    if newest.len() >= wanted {
        printed.oldest = newest.last().map(|event| id(event).to_owned());
    }

    let mut told = false;
    loop {
        tokio::time::sleep(Duration::from_secs(arguments.interval)).await;
        match since(api, arguments, &printed).await {
            Ok(events) => {
                told = false;
                for event in events.iter().rev().filter(|event| printed.is_new(event)) {
                    print(event, format)?;
                }
            }
            // An outage may pass: keep trying, and say so once.
            Err(failure) if is_passing(&failure) => {
                if !told {
                    api.note(&format!("{failure}\n(trying again every {} s)", arguments.interval));
                }
                told = true;
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn is_passing(failure: &Failure) -> bool {
    match failure {
        Failure::Unavailable(_) => true,
        Failure::Refused(problem) => matches!(problem.status, 429 | 500..),
        _ => false,
    }
}

/// The newest events, newest first.
async fn newest(
    api: &mut Api,
    arguments: &ListArguments,
    wanted: usize,
) -> Result<Vec<Value>, Failure> {
    let mut events = Vec::new();
    if wanted == 0 {
        return Ok(events);
    }

    api.pages(TRAIL, &arguments.query(wanted.min(PAGE)), |items| {
        events.extend(items);
        Ok(events.len() < wanted)
    })
    .await?;
    events.truncate(wanted);
    Ok(events)
}

/// The events since the printed ones, newest first. Some that are printed may be among them.
async fn since(
    api: &mut Api,
    arguments: &ListArguments,
    printed: &Printed,
) -> Result<Vec<Value>, Failure> {
    let mut events = Vec::new();
    api.pages(TRAIL, &arguments.query(PAGE), |items| {
        // An empty page is older than anything new.
        let goes_on = !items.is_empty() && items.iter().all(|event| printed.is_unknown(event));
        events.extend(items);
        Ok(goes_on)
    })
    .await?;
    Ok(events)
}

/// The events that have been printed.
#[derive(Default)]
struct Printed {
    /// Events up to this id are not new: ids are in order of time.
    oldest: Option<String>,
    order: VecDeque<String>,
    /// Their ids, with the count that was printed. The count of failures of strangers rises.
    counts: BTreeMap<String, u64>,
}

impl Printed {
    fn is_unknown(&self, event: &Value) -> bool {
        let id = id(event);
        self.oldest.as_deref().is_none_or(|oldest| id > oldest) && !self.counts.contains_key(id)
    }

    /// Whether an event is to be printed. Returns true only once for each event and count.
    fn is_new(&mut self, event: &Value) -> bool {
        let count = event.get("count").and_then(Value::as_u64).unwrap_or(1);
        if let Some(printed) = self.counts.get_mut(id(event)) {
            return count > std::mem::replace(printed, count);
        }
        if !self.is_unknown(event) {
            return false;
        }

        let id = id(event).to_owned();
        self.order.push_back(id.clone());
        self.counts.insert(id, count);
        if self.order.len() > REMEMBERED
            && let Some(forgotten) = self.order.pop_front()
        {
            self.counts.remove(&forgotten);
            self.oldest = self.oldest.take().max(Some(forgotten));
        }
        true
    }
}

fn id(event: &Value) -> &str {
    event.get("id").and_then(Value::as_str).unwrap_or_default()
}

fn print(event: &Value, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => print_line(&event.to_string()),
        Format::Text => {
            let fields = ["at", "result", "action", "actor", "target", "client_id", "ip", "count"];
            print_line(&fields.map(|field| shown(event, field)).join("  "))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_event_is_printed_twice_or_late() {
        let mut printed = Printed { oldest: Some("04".to_owned()), ..Printed::default() };
        let mut new = |id: &str| printed.is_new(&json!({"id": id}));
        // The two newest at the start. Then an older one, a repeated one, and two of one moment.
        assert!(
            new("05")
                && new("06")
                && !new("04")
                && !new("06")
                && new("08")
                && new("07")
                && !new("08")
        );
    }

    #[test]
    fn an_event_is_printed_again_when_its_count_rises() {
        let mut printed = Printed::default();
        let mut new = |id: &str, count| printed.is_new(&json!({"id": id, "count": count}));
        assert!(new("05", 1) && !new("05", 1) && new("06", 1));
        assert!(new("05", 3) && !new("05", 3) && new("05", 4) && !new("06", 1));
    }

    #[test]
    fn memory_is_bounded() {
        let mut printed = Printed::default();
        for id in 0..3 * REMEMBERED {
            assert!(printed.is_new(&json!({"id": format!("{id:08}")})));
        }
        assert_eq!((printed.counts.len(), printed.order.len()), (REMEMBERED, REMEMBERED));
        assert!(!printed.is_new(&json!({"id": "00000001"})));
    }
}
