//! Signs of SMS pumping (toll fraud), and what is done about them.
//!
//! SMS pumping sends texts to blocks of numbers, from one source address to many countries, and
//! nobody enters the codes. The counters that limit messages see all three signs. Each write that
//! counts also returns what it has counted, so the signs cost no extra call. Every text leaves a
//! line in the log with its signs. From those lines `latchkey fraud replay` tells what other
//! thresholds would have stopped.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::base::MicroUsd;

/// The largest gap between neighbours in a sequence of numbers.
const SEQUENCE_GAP: i64 = 3;
/// The first texts of a cohort are not watched, since so few prove nothing.
const UNWATCHED: i64 = 4;
/// Up to this count every text is watched, then every eighth. A watched text costs one more write
/// when its code is verified.
const ALL_WATCHED: i64 = 20;
const WATCHED_ONE_IN: i64 = 8;

/// The treatment of a text that shows signs of SMS pumping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FraudMode {
    /// It is sent, and the signs are recorded.
    #[default]
    Record,
    /// It is not sent, and its caller gets the same response as if it were.
    Quiet,
    /// It is sent once its caller has solved a proof of work.
    Challenge,
    /// It is not sent, and its caller is told to wait.
    Deny,
}

/// The thresholds of the signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FraudRules {
    /// `FRAUD_COUNTRIES_PER_IP`: the most countries that one source may text in an hour.
    pub countries: usize,
    /// `FRAUD_SEQUENTIAL_NUMBERS`: this many numbers in a sequence, in an hour, are suspicious.
    pub sequence: usize,
    /// `FRAUD_MIN_TEXTS`: the minimum of watched texts before the share of verified codes is
    /// judged.
    pub min_texts: i64,
    /// `FRAUD_MIN_VERIFIED_PERCENT`: the minimum share of verified codes, in percent.
    pub min_verified_percent: i64,
}

impl Default for FraudRules {
    fn default() -> Self {
        Self { countries: 3, sequence: 6, min_texts: 12, min_verified_percent: 10 }
    }
}

/// The texts of a source, a prefix or a country, and how many codes of watched texts were verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cohort {
    /// Texts, including the requested one.
    pub texts: i64,
    /// Codes of watched texts that were verified.
    pub verified: i64,
}

impl Cohort {
    /// Whether the newest text is watched: whether the verification of its code will be counted.
    pub fn watches_newest(&self) -> bool {
        let beyond = self.texts - ALL_WATCHED;
        self.texts > UNWATCHED && (beyond <= 0 || beyond % WATCHED_ONE_IN == 0)
    }

    /// How many of the texts are watched.
    fn watched(&self) -> i64 {
        let all = self.texts.min(ALL_WATCHED) - UNWATCHED;
        all.max(0) + (self.texts - ALL_WATCHED).max(0) / WATCHED_ONE_IN
    }

    /// Whether too few codes of watched texts were verified.
    fn is_unverified(&self, rules: &FraudRules) -> bool {
        let watched = self.watched();
        watched >= rules.min_texts && self.verified * 100 < watched * rules.min_verified_percent
    }
}

/// The signs of one text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signs {
    /// The countries to which its source requested texts in this hour.
    pub countries: usize,
    /// How many numbers with its prefix form a sequence with its own, in this hour.
    pub sequence: usize,
    /// The texts of its source in this hour.
    pub source: Cohort,
    /// The texts to its prefix in this hour.
    pub prefix: Cohort,
    /// The texts to its country today, in one partition of the budget.
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
    /// Almost no code that the source requested was verified.
    SourceUnverified,
    /// Almost no code sent to numbers with this prefix was verified.
    PrefixUnverified,
    /// Almost no code sent to this country was verified.
    CountryUnverified,
}

impl Reason {
    /// Whether it stops a text, in the modes that stop texts. Only signs of the request itself do:
    /// a bad record of a block of numbers or of a country is only recorded, since strangers can
    /// cause it, and would keep out everybody with such a number.
    pub fn stops(self) -> bool {
        !matches!(self, Self::CountryUnverified | Self::PrefixUnverified)
    }
}

impl FraudRules {
    /// The reasons to suspect a text with these signs.
    pub fn reasons(&self, signs: &Signs) -> Vec<Reason> {
        [
            (signs.countries > self.countries, Reason::CountriesOfSource),
            (signs.sequence >= self.sequence, Reason::NumbersInSequence),
            (signs.source.is_unverified(self), Reason::SourceUnverified),
            (signs.prefix.is_unverified(self), Reason::PrefixUnverified),
            (signs.country.is_unverified(self), Reason::CountryUnverified),
        ]
        .into_iter()
        .filter_map(|(applies, reason)| applies.then_some(reason))
        .collect()
    }
}

/// How many numbers form a sequence with `own`, including it. Neighbours in it are close to each
/// other.
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

/// The decision about a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It went to SNS.
    Sent,
    /// It was not sent, and its caller was not told.
    Withheld,
    /// It was not sent, and its caller was asked for a proof of work.
    Challenged,
    /// It was not sent, and its caller was told to wait.
    Denied,
}

impl FraudMode {
    /// The treatment of a text that is suspected for these `reasons`.
    pub fn verdict(self, reasons: &[Reason]) -> Verdict {
        match self {
            _ if !reasons.iter().any(|reason| reason.stops()) => Verdict::Sent,
            Self::Record => Verdict::Sent,
            Self::Quiet => Verdict::Withheld,
            Self::Challenge => Verdict::Challenged,
            Self::Deny => Verdict::Denied,
        }
    }
}

/// The decision about one text, as a line of the log. It identifies nobody: source, prefix and
/// number are keyed hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When it was decided.
    pub at: Timestamp,
    /// The challenge whose code the text carries.
    pub challenge_id: Uuid,
    /// The source address of the request.
    pub source: String,
    /// The first digits of the number.
    pub prefix: String,
    /// The number.
    pub number: String,
    /// The country, as ISO 3166-1 alpha-2.
    pub country: String,
    /// The price of the text, in millionths of a US dollar.
    pub micro_usd: MicroUsd,
    /// Its signs.
    pub signs: Signs,
    /// Why it was suspected.
    pub reasons: Vec<Reason>,
    /// The action.
    pub verdict: Verdict,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_consists_of_close_neighbours() {
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
    fn every_watched_text_is_counted_as_watched() {
        let mut watched = 0;
        for texts in 1..500 {
            let cohort = Cohort { texts, verified: 0 };
            watched += i64::from(cohort.watches_newest());
            assert_eq!(cohort.watched(), watched, "{texts}");
        }
        assert!(watched < 80);
    }

    #[test]
    fn each_sign_is_a_reason_of_its_own() {
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
    fn a_suspicion_stops_a_text_only_in_the_modes_that_stop() {
        let suspicion = [Reason::NumbersInSequence];
        for (mode, verdict) in [
            (FraudMode::Record, Verdict::Sent),
            (FraudMode::Quiet, Verdict::Withheld),
            (FraudMode::Challenge, Verdict::Challenged),
            (FraudMode::Deny, Verdict::Denied),
        ] {
            assert_eq!((mode.verdict(&suspicion), mode.verdict(&[])), (verdict, Verdict::Sent));
            for of_others in [Reason::CountryUnverified, Reason::PrefixUnverified] {
                assert_eq!(mode.verdict(&[of_others]), Verdict::Sent);
            }
        }
    }
}
