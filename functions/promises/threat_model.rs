//! The numbers of `docs/threat-model.md` match the settings' defaults, and the tests that the pages
//! for reviewers name exist.

use std::{collections::BTreeSet, fs, path::Path};

use jiff::Timestamp;
use shared::{
    base::{Environment, USD, seconds},
    challenges::OPEN_AT_ONCE,
    limits::{Asker, CodeRun, Ladder, OFF_AFTER},
    settings::Settings,
};

const THREAT_MODEL: &str = include_str!("../../docs/threat-model.md");
const FOR_REVIEWERS: &str = include_str!("../../docs/for-security-reviewers.md");

/// The codes of an authenticator app that are valid at one moment: this step's, the previous one's
/// and the next one's.
const GOOD_TOTP_CODES: f64 = 3.0;

/// The chance that the code of one address is guessed in a day, with all the tries that strangers
/// have: those of the challenges that they opened beforehand, at the usual length, and further ones
/// with longer codes, until strangers get no more codes.
fn chance_of_a_code(settings: &Settings, digits: u32) -> f64 {
    let prepared = u32::try_from(OPEN_AT_ONCE).unwrap() * settings.challenges.max_attempts;
    let stranger = Asker::Stranger(String::new());
    let usual = settings.challenges.digits(&stranger).max(digits);
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let mut run = CodeRun::default();
    let mut chance = 0.0;
    for tried in 0..OFF_AFTER {
        let digits = if tried < prepared { usual } else { run.digits(usual, now) };
        chance += 0.1_f64.powi(digits.cast_signed());
        run.fail(now);
    }
    assert!(run.check(now).is_err());
    chance
}

/// How many second factors somebody with the first factor can try in so many days, if each wait is
/// used up to the second.
fn tries_of_a_second_factor(days: i64) -> u32 {
    let start = Timestamp::from_second(1_800_000_000).unwrap();
    let (mut ladder, mut now, mut tries) = (Ladder::default(), start, 0);
    while now < start + seconds(days * 24 * 3600) {
        match ladder.spend(10, now) {
            Ok(()) => tries += 1,
            Err(wait) => now += seconds(wait),
        }
    }
    tries
}

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
    let of_a_code = chance_of_a_code(&settings, 0);
    assert!(of_a_code <= 2e-5, "{of_a_code}");
    let factor = guess * GOOD_TOTP_CODES;
    let price = budget.price(&[], "US");
    let texts = i32::try_from(budget.month / price).unwrap();

    // Without a daily budget, the month's may be spent in one day.
    let a_day = budget.day.map_or(budget.month, |day| day.min(budget.month));
    let percent = |chance: f64| format!("{chance:.4} %");
    let usd = |texts: u32| format!("{:.2} USD", (i64::from(texts) * price) as f64 / USD as f64);

    let expected = [
        percent(chance(1, of_a_code, 1)),
        percent(chance(1, of_a_code, 365)),
        percent(chance(1, chance_of_a_code(&settings, 8), 365)),
        percent(chance(settings.challenges.max_attempts, guess, texts)),
        percent(chance(tries_of_a_second_factor(1), factor, 1)),
        percent(chance(tries_of_a_second_factor(365), factor, 1)),
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
#[test]
fn reviewers_are_told_of_every_key_that_is_derived_from_the_root() {
    let code = include_str!("../../shared/src/crypto/hash_keys/mod.rs");
    let keys = code.split("_key(\"").skip(1).filter_map(|rest| rest.split('"').next());
    let keys: Vec<_> = keys.collect();
    assert!(keys.len() > 15, "{keys:?}");
    let table = FOR_REVIEWERS.lines().filter(|line| line.starts_with("| `")).collect::<String>();
    let untold: Vec<_> = keys.iter().filter(|key| !table.contains(&format!("`{key}`"))).collect();
    assert!(untold.is_empty(), "{untold:?}");
}

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
