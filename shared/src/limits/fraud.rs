//! Signs that texts are pumped, and what is done about them.
//!
//! Pumped texts go to blocks of numbers, from one address to many countries, and nobody types their codes in. The
//! counters that limit sends see all three: each answers what it has counted by the write that counts, so that the
//! signs cost nothing. Every text leaves a line in the log with its signs; `latchkey fraud replay` tells from those
//! lines what other thresholds would have stopped.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::base::MicroUsd;

/// Numbers no further apart are of one sequence.
const SEQUENCE_GAP: i64 = 3;
/// The first texts of a count are not watched: nothing can be said of so few.
const UNWATCHED: i64 = 4;
/// Up to here every text is watched, and after it each eighth: who watches pays a write where the code is verified.
const ALL_WATCHED: i64 = 20;
const WATCHED_ONE_IN: i64 = 8;

/// What is done with a text that has the signs of fraud.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FraudMode {
    /// It is sent, and the signs are recorded.
    #[default]
    Record,
    /// It is not sent, and its caller is answered as if it were.
    Quiet,
    /// It is not sent, and its caller is told to wait.
    Deny,
}

/// When signs say too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FraudRules {
    /// `FRAUD_COUNTRIES_PER_IP`: the most countries that one source may text in an hour.
    pub countries: usize,
    /// `FRAUD_SEQUENTIAL_NUMBERS`: so many numbers in a sequence, in an hour, are too many.
    pub sequence: usize,
    /// `FRAUD_MIN_TEXTS`: the fewest watched texts that are judged by how many of their codes were verified.
    pub min_texts: i64,
    /// `FRAUD_MIN_VERIFIED_PERCENT`: the fewest codes, in percent, that have to be verified.
    pub min_verified_percent: i64,
}

impl Default for FraudRules {
    fn default() -> Self {
        Self { countries: 3, sequence: 6, min_texts: 12, min_verified_percent: 10 }
    }
}

/// Texts of a source, a prefix or a country, and how many of the watched ones had their code verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cohort {
    /// Texts, with the one that is asked for.
    pub texts: i64,
    /// Codes of watched texts that were verified.
    pub verified: i64,
}

impl Cohort {
    /// Whether the newest text is one that is watched: whether it counts once its code is verified.
    pub fn watches_newest(&self) -> bool {
        let beyond = self.texts - ALL_WATCHED;
        self.texts > UNWATCHED && (beyond <= 0 || beyond % WATCHED_ONE_IN == 0)
    }

    fn watched(&self) -> i64 {
        let all = self.texts.min(ALL_WATCHED) - UNWATCHED;
        all.max(0) + (self.texts - ALL_WATCHED).max(0) / WATCHED_ONE_IN
    }

    fn is_unverified(&self, rules: &FraudRules) -> bool {
        let watched = self.watched();
        watched >= rules.min_texts && self.verified * 100 < watched * rules.min_verified_percent
    }
}

/// The signs of one text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signs {
    /// Countries that its source had texts sent to in this hour.
    pub countries: usize,
    /// How many numbers with its prefix are in a sequence with its own, in this hour.
    pub sequence: usize,
    /// The texts of its source in this hour.
    pub source: Cohort,
    /// The texts to its prefix in this hour.
    pub prefix: Cohort,
    /// The texts to its country today, in one of the partitions of the budget.
    pub country: Cohort,
}

/// Why a text is suspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// One source, many countries.
    CountriesOfSource,
    /// Numbers in a sequence.
    NumbersInSequence,
    /// Next to no code that the source asked for was verified.
    SourceUnverified,
    /// Next to no code sent to numbers of this prefix was verified.
    PrefixUnverified,
    /// Next to no code sent to this country was verified.
    CountryUnverified,
}

impl Reason {
    /// Whether it stops a text, where texts are stopped. A country is recorded alone: where nothing is sent to it, nothing
    /// is verified, and it would stay suspected until the next day.
    fn stops(self) -> bool {
        self != Self::CountryUnverified
    }
}

impl FraudRules {
    /// What speaks against a text with these signs.
    pub fn reasons(&self, signs: &Signs) -> Vec<Reason> {
        [
            (signs.countries > self.countries, Reason::CountriesOfSource),
            (signs.sequence >= self.sequence, Reason::NumbersInSequence),
            (signs.source.is_unverified(self), Reason::SourceUnverified),
            (signs.prefix.is_unverified(self), Reason::PrefixUnverified),
            (signs.country.is_unverified(self), Reason::CountryUnverified),
        ]
        .into_iter()
        .filter_map(|(speaks, reason)| speaks.then_some(reason))
        .collect()
    }
}

/// How many numbers are in a sequence with this one: each is close to the one before.
pub fn sequence_of(own: i64, numbers: &BTreeSet<i64>) -> usize {
    let run = |others: &mut dyn Iterator<Item = &i64>| {
        let mut last = own;
        others
            .take_while(|other| {
                let is_close = (**other - last).abs() <= SEQUENCE_GAP;
                last = **other;
                is_close
            })
            .count()
    };
    1 + run(&mut numbers.range(..own).rev()) + run(&mut numbers.range(own + 1..))
}

/// What was done with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It went to SNS.
    Sent,
    /// It did not, and its caller was not told.
    Withheld,
    /// It did not, and its caller was told to wait.
    Denied,
}

impl FraudMode {
    /// What is done with a text against which `reasons` speak.
    pub fn verdict(self, reasons: &[Reason]) -> Verdict {
        match self {
            _ if !reasons.iter().any(|reason| reason.stops()) => Verdict::Sent,
            Self::Record => Verdict::Sent,
            Self::Quiet => Verdict::Withheld,
            Self::Deny => Verdict::Denied,
        }
    }
}

/// What was decided of one text, as a line of the log. It names nobody: source, prefix and number are keyed hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// The challenge.
    pub challenge_id: Uuid,
    /// Who asked.
    pub source: String,
    /// The first digits of the number.
    pub prefix: String,
    /// The number.
    pub number: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// What the text costs, in millionths of a US dollar.
    pub micro_usd: MicroUsd,
    /// Its signs.
    pub signs: Signs,
    /// What spoke against it.
    pub reasons: Vec<Reason>,
    /// What was done.
    pub verdict: Verdict,
}

/// A line of the log that a replay reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recorded {
    /// What was decided of a text.
    SendDecision(Box<Decision>),
    /// The code of this challenge was verified.
    CodeVerified(Uuid),
}

impl Recorded {
    /// Writes it to the log.
    pub fn log(&self) {
        match serde_json::to_string(self) {
            Ok(line) => tracing::info!(target: crate::base::metrics::RECORD, line),
            Err(error) => tracing::error!(%error, "a decision could not be recorded"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_is_of_neighbours() {
        for (own, numbers, sequence) in [
            (7, vec![], 1),
            (7, vec![7], 1),
            (50, vec![100, 2, 50], 1),
            (11, vec![12, 10, 11, 900, 13, 16], 5),
            (16, vec![12, 10, 11, 900, 13, 16], 5),
            (900, vec![12, 10, 11, 900, 13, 16], 1),
            (5, vec![5, 1, 9, 13], 1),
        ] {
            assert_eq!(
                sequence_of(own, &numbers.iter().copied().collect()),
                sequence,
                "{own} in {numbers:?}"
            );
        }
    }

    #[test]
    fn the_watched_texts_are_those_that_are_counted_as_watched() {
        let mut watched = 0;
        for texts in 1..500 {
            let cohort = Cohort { texts, verified: 0 };
            watched += i64::from(cohort.watches_newest());
            assert_eq!(cohort.watched(), watched, "{texts}");
        }
        assert!(watched < 80);
    }

    #[test]
    fn each_sign_speaks_for_itself() {
        let rules = FraudRules::default();
        let people = Cohort { texts: 400, verified: 50 };
        let nobody = Cohort { texts: 16, verified: 1 };
        assert_eq!(
            rules.reasons(&Signs {
                source: people,
                prefix: people,
                country: people,
                ..Signs::default()
            }),
            []
        );
        for (signs, reason) in [
            (Signs { countries: 4, ..Signs::default() }, Reason::CountriesOfSource),
            (Signs { sequence: 6, ..Signs::default() }, Reason::NumbersInSequence),
            (Signs { source: nobody, ..Signs::default() }, Reason::SourceUnverified),
            (Signs { prefix: nobody, ..Signs::default() }, Reason::PrefixUnverified),
            (Signs { country: nobody, ..Signs::default() }, Reason::CountryUnverified),
        ] {
            assert_eq!(rules.reasons(&signs), [reason]);
        }
        let one_less = Cohort { texts: 15, verified: 0 };
        assert_eq!(rules.reasons(&Signs { source: one_less, ..Signs::default() }), []);
    }

    #[test]
    fn only_a_suspicion_stops_a_text_and_only_where_that_is_set() {
        let suspicion = [Reason::NumbersInSequence];
        for (mode, verdict) in [
            (FraudMode::Record, Verdict::Sent),
            (FraudMode::Quiet, Verdict::Withheld),
            (FraudMode::Deny, Verdict::Denied),
        ] {
            assert_eq!((mode.verdict(&suspicion), mode.verdict(&[])), (verdict, Verdict::Sent));
            assert_eq!(mode.verdict(&[Reason::CountryUnverified]), Verdict::Sent);
        }
    }
}
