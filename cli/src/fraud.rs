//! `latchkey fraud`: detection of SMS pumping, tried on a log.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write as _},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use serde_json::json;
use shared::{
    base::{MicroUsd, in_usd},
    limits::{Decision, FraudRules, Reason, Recorded, Verdict},
};
use uuid::Uuid;

use crate::{
    failure::Failure,
    log,
    output::{Column, Format, List},
};

const STOPPED: &[Column] = &[
    ("SOURCE", "source"),
    ("TEXTS", "texts"),
    ("VERIFIED", "verified"),
    ("CHALLENGED", "challenged"),
    ("USD", "usd"),
    ("REASONS", "reasons"),
];

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show which texts in a log other thresholds would have stopped, and the money saved
    Replay(Replay),
}

#[derive(Args)]
pub(crate) struct Replay {
    /// Log file from CloudWatch, or - for standard input. Other lines are skipped, and so is the
    /// text before the JSON of a line
    log: PathBuf,
    /// Most countries that one source may text in an hour
    #[arg(long, value_name = "COUNTRIES", default_value_t = FraudRules::default().countries)]
    countries_per_ip: usize,
    /// How many sequential numbers in an hour are too many
    #[arg(long, value_name = "NUMBERS", default_value_t = FraudRules::default().sequence)]
    sequential_numbers: usize,
    /// Fewest watched texts for which the share of verified codes is judged
    #[arg(long, value_name = "TEXTS", default_value_t = FraudRules::default().min_texts)]
    min_texts: i64,
    /// Smallest share of codes that must be verified, in percent
    #[arg(
        long,
        value_name = "PERCENT",
        default_value_t = FraudRules::default().min_verified_percent
    )]
    min_verified_percent: i64,
}

impl Replay {
    fn rules(&self) -> FraudRules {
        FraudRules {
            countries: self.countries_per_ip,
            sequence: self.sequential_numbers,
            min_texts: self.min_texts,
            min_verified_percent: self.min_verified_percent,
        }
    }
}

/// The contents of a log: each decision to send a text, and the codes that were verified.
#[derive(Default)]
struct Told {
    decisions: Vec<Decision>,
    verified: BTreeSet<Uuid>,
}

impl Told {
    /// Notes a record. Returns whether it is a decision.
    fn note(&mut self, recorded: Recorded) -> bool {
        match recorded {
            Recorded::SendDecision(decision) => {
                self.decisions.push(*decision);
                return true;
            }
            Recorded::CodeVerified(challenge_id) => {
                self.verified.insert(challenge_id);
            }
            Recorded::TextSent(_) => {}
        }
        false
    }

    /// The texts that `rules` would have stopped, by source, with the reasons. A request that was
    /// asked for a proof of work is no text: if it was repeated with the proof, that is one.
    fn stopped(&self, rules: &FraudRules) -> BTreeMap<&str, Stopped> {
        let mut stopped: BTreeMap<&str, Stopped> = BTreeMap::new();
        for decision in &self.decisions {
            let reasons = rules.reasons(&decision.signs);
            if reasons.iter().any(|reason| reason.stops()) {
                let of_source = stopped.entry(&decision.source).or_default();
                of_source.reasons.extend(reasons);
                if decision.verdict == Verdict::Challenged {
                    of_source.challenged += 1;
                    continue;
                }
                of_source.texts += 1;
                of_source.verified += usize::from(self.verified.contains(&decision.challenge_id));
                of_source.price += decision.micro_usd;
            }
        }
        stopped
    }
}

/// The texts of a source that would have been stopped.
#[derive(Default)]
struct Stopped {
    texts: usize,
    verified: usize,
    challenged: usize,
    price: MicroUsd,
    reasons: BTreeSet<Reason>,
}

/// Replays a log.
pub(crate) fn run(command: &Command, format: Format) -> Result<(), Failure> {
    let Command::Replay(replay) = command;
    let mut told = Told::default();
    log::read(&replay.log, |recorded| told.note(recorded))?;

    let mut all = Stopped::default();
    let mut list = List::new(format, STOPPED);
    for (source, of_source) in told.stopped(&replay.rules()) {
        let Stopped { texts, verified, challenged, price, reasons } = of_source;
        list.add(&json!({
            "source": source, "texts": texts, "verified": verified, "challenged": challenged,
            "usd": in_usd(price), "reasons": reasons,
        }))?;
        all.texts += texts;
        all.verified += verified;
        all.price += price;
    }
    list.finish()?;

    let is_text = |decision: &&Decision| decision.verdict != Verdict::Challenged;
    let texts: Vec<_> = told.decisions.iter().filter(is_text).collect();
    let spent: MicroUsd = texts.iter().map(|decision| decision.micro_usd).sum();
    drop(writeln!(
        io::stderr(),
        "{} of {} texts would have been stopped, {:.2} of {:.2} USD saved; \
         {} of the stopped texts led to a sign-in; {} requests were asked for a proof of work",
        all.texts,
        texts.len(),
        in_usd(all.price),
        in_usd(spent),
        all.verified,
        told.decisions.len() - texts.len(),
    ));
    Ok(())
}
