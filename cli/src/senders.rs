//! `latchkey senders`: what became of the texts of each sender.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use clap::Args;
use jiff::{civil::Date, tz::TimeZone};
use serde_json::json;
use shared::limits::{Recorded, SentText};
use uuid::Uuid;

use crate::{
    failure::Failure,
    log,
    output::{Column, Format, List},
};

const USED: &[Column] = &[
    ("DAY", "day"),
    ("SENDER", "sender"),
    ("CHANNEL", "channel"),
    ("COUNTRY", "country"),
    ("SENT", "sent"),
    ("USED", "used"),
    ("PERCENT", "percent"),
];

#[derive(Args)]
pub(crate) struct Arguments {
    /// Number of days, up to today (UTC)
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u8).range(1..=31))]
    pub(crate) days: u8,
    /// Show how many codes were used instead, according to this log file from CloudWatch, or - for
    /// standard input. It needs no service
    #[arg(long, conflicts_with = "days")]
    pub(crate) log: Option<PathBuf>,
}

/// A row: the day, the sender, the channel and the country. The last day comes first.
type Row = (Reverse<Date>, String, &'static str, String);

/// The contents of a log: the texts with the code of each challenge, and the challenges whose code was
/// used.
#[derive(Default)]
struct Told {
    texts: BTreeMap<Uuid, Vec<SentText>>,
    used: BTreeSet<Uuid>,
}

impl Told {
    /// Notes a record. Returns whether it is a text.
    fn note(&mut self, recorded: Recorded) -> bool {
        match recorded {
            Recorded::TextSent(text) => {
                self.texts.entry(text.challenge_id).or_default().push(text);
                return true;
            }
            Recorded::CodeVerified(challenge_id) => drop(self.used.insert(challenge_id)),
            Recorded::SendDecision(_) => {}
        }
        false
    }

    /// How many texts were sent, and how many of their codes were used. A person who asked again had not
    /// received the code, so it counts for the last text of its challenge alone.
    fn rows(&self) -> BTreeMap<Row, (u64, u64)> {
        let mut rows = BTreeMap::<Row, (u64, u64)>::new();
        for (challenge_id, texts) in &self.texts {
            let last = texts.iter().map(|text| text.at).max();
            for text in texts {
                let day = Reverse(text.at.to_zoned(TimeZone::UTC).date());
                let sender = text.sender.clone();
                let row = (day, sender, text.channel.name(), text.country.clone());
                let (sent, used) = rows.entry(row).or_default();
                *sent += 1;
                let is_last = Some(text.at) == last;
                *used += u64::from(is_last && self.used.contains(challenge_id));
            }
        }
        rows
    }
}

/// Shows how many codes were used, according to a log.
pub(crate) fn used(log: &Path, format: Format) -> Result<(), Failure> {
    let mut told = Told::default();
    log::read(log, |recorded| told.note(recorded))?;

    let mut list = List::new(format, USED);
    for ((day, sender, channel, country), (sent, used)) in told.rows() {
        list.add(&json!({
            "day": day.0, "sender": sender, "channel": channel, "country": country,
            "sent": sent, "used": used, "percent": used * 100 / sent.max(1),
        }))?;
    }
    list.finish()
}
