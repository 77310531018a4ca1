//! The numbers of `docs/threat-model.md` match the settings' defaults, and the tests that the pages
//! for reviewers name exist.

use std::{collections::BTreeSet, fs, path::Path};

use jiff::Timestamp;
use shared::{
    base::{Environment, USD},
    limits::OFF_AFTER,
    settings::Settings,
};

const THREAT_MODEL: &str = include_str!("../../docs/threat-model.md");
const FOR_REVIEWERS: &str = include_str!("../../docs/for-security-reviewers.md");

/// The codes of an authenticator app that are valid at one moment: this step's, the previous one's
/// and the next one's.
const GOOD_TOTP_CODES: f64 = 3.0;

/// The chance, in percent, that a guess is right within `days`, at `tries` a day that each succeed
/// with probability `per_try`.
fn chance(tries: u32, per_try: f64, days: i32) -> f64 {
    (1.0 - (1.0 - f64::from(tries) * per_try).powi(days)) * 100.0
}

#[test]
fn the_numbers_of_the_threat_model_are_those_of_the_settings() {
    let required =
        ["ISSUER", "TABLE_NAME", "KEYS_SECRET_ARN", "HASH_KEYS_SECRET_ARN", "AVATAR_BUCKET"];
    let environment: Environment =
        required.map(|name| (name, "https://id.example.com")).into_iter().collect();
    let settings = Settings::parse(&environment, Timestamp::UNIX_EPOCH).unwrap();
    let (limits, budget) = (&settings.limits.per_address, &settings.budget);

    let guess = 0.1_f64.powi(settings.challenges.code_digits.try_into().unwrap());
    let counted = limits.failures_per_day;
    let price = budget.price("US", 1);
    let texts = i32::try_from(budget.month / price).unwrap();

    // Without a daily budget, the month's may be spent in one day.
    let a_day = budget.day.map_or(budget.month, |day| day.min(budget.month));
    let percent = |chance: f64| format!("{chance:.4} %");
    let usd = |texts: u32| format!("{:.2} USD", (i64::from(texts) * price) as f64 / USD as f64);

    let expected = [
        percent(chance(counted, guess, 1)),
        percent(chance(OFF_AFTER, guess, 1)),
        percent(chance(counted, guess, 365)),
        percent(chance(counted, guess / 100.0, 365)),
        percent(chance(settings.challenges.max_attempts, guess, texts)),
        percent(chance(counted, guess * GOOD_TOTP_CODES, 1)),
        percent(chance(OFF_AFTER, guess * GOOD_TOTP_CODES, 1)),
        percent(chance(counted, guess * GOOD_TOTP_CODES, 365)),
        usd(limits.sends_per_day),
        usd(settings.limits.sends_per_ip_per_hour * 24),
        usd(settings.limits.sends_per_prefix_per_hour * 24),
        format!("{:.2} USD", a_day as f64 / USD as f64),
    ];
    let section =
        THREAT_MODEL.split("\n## ").find(|section| section.starts_with("The numbers")).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    let written: Vec<_> =
        rows.map(|row| row.trim_end_matches(" |").rsplit("| ").next().unwrap()).collect();
    assert_eq!(written, expected, "docs/threat-model.md");
}

#[test]
fn the_tests_that_reviewers_are_pointed_to_exist() {
    let mut defined = BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for folder in ["functions", "shared", "cli", "local"] {
        collect_functions(&root.join(folder), &mut defined);
    }

    let named: BTreeSet<_> = [THREAT_MODEL, FOR_REVIEWERS]
        .into_iter()
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("| ")?.trim_end_matches(" |").rsplit(" | ").next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect();

    assert!(named.len() > 100, "{}", named.len());
    assert_eq!(named.difference(&defined).collect::<Vec<_>>(), [""; 0], "no such tests");
}

/// Adds the names of the functions in a folder's Rust files.
fn collect_functions(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_functions(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(path).unwrap();
            names.extend(
                text.split("fn ")
                    .skip(1)
                    .filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())),
            );
        }
    }
}
