//! Exports become records.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;
use crate::import::{Verified, convert, rows};

mod records;

fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/import", name].iter().collect()
}

/// The users of an export: the record, what is left out, and the roles there; or the id, and the reason
/// why there is no record.
fn converted(source: Source, name: &str, terms: &Terms) -> Value {
    let rows = rows::read(&file(name), source.header());
    let users = rows.filter_map(|row| convert(source, &row.unwrap(), terms));
    let users = users.map(|user| match user {
        Ok(draft) => json!([draft.record, draft.left_out, draft.roles]),
        Err(Unusable { id, reason }) => json!([id, reason]),
    });
    users.collect()
}

#[test]
fn the_operator_says_more_than_the_export() {
    let roles = [("superuser", "Admin"), ("editors", "Guest"), ("staff", "Admin")];
    let roles = roles.map(|(there, here)| (there.to_owned(), here.to_owned()));
    let said = Terms {
        region: Some("US".to_owned()),
        verified: Verified { phone: true, email: true },
        roles: roles.into(),
        without_passwords: true,
        ..Terms::for_tests()
    };

    let users = converted(Source::Django, "django.json", &said);
    assert_eq!(users[0][0]["roles"], json!(["Admin", "Guest"]));
    assert_eq!(users[0][0]["email_verified"], json!(true));
    assert_eq!(users[0][1], json!(["passwords (--without-passwords)"]));
    let users = converted(Source::Django, "django.csv", &said);
    assert_eq!(users[0][0]["phone"], "+14155550107");
    assert_eq!(users[0][0]["phone_verified"], json!(true));

    // The table's own flag counts for more.
    let users = converted(Source::Sqlalchemy, "fastapi-users.csv", &said);
    assert_eq!(users[1][0].get("email_verified"), None);
}

#[test]
fn a_flag_that_does_not_say_of_what_proves_nothing() {
    let verified = |columns: &[(&str, &str)], said: Verified| {
        let fields = columns.iter().map(|(name, cell)| ((*name).to_owned(), json!(cell)));
        let terms = Terms { verified: said, ..Terms::for_tests() };
        let fields = Fields::of(fields.collect());
        let Ok(Some(draft)) = Source::Sqlalchemy.convert(&fields, &terms) else { panic!() };
        (draft.record.phone_verified, draft.record.email_verified)
    };
    let (phone, email) = (("phone", "+14155550101"), ("email", "ann@example.com"));
    let nothing = Verified::default();
    let both = Verified { phone: true, email: true };
    let is = ("is_verified", "t");
    let is_not = ("is_verified", "f");

    assert_eq!(verified(&[email, is], nothing), (false, true));
    assert_eq!(verified(&[phone, is], nothing), (true, false));
    assert_eq!(verified(&[phone, email, is], nothing), (false, false));
    assert_eq!(
        verified(&[phone, email, is], Verified { phone: true, email: false }),
        (true, false)
    );
    assert_eq!(verified(&[phone, email, is_not], both), (false, false));
    assert_eq!(verified(&[phone, email], both), (true, true));
    assert_eq!(verified(&[phone, email, ("phone_verified", "0")], both), (false, true));
    let times = [("phone_verified_at", ""), ("email_verified_at", "2024-01-15 10:30:00")];
    assert_eq!(verified(&[phone, email, times[0], times[1]], nothing), (false, true));
}

#[test]
fn parameters_of_firebase_are_read_in_both_forms() {
    let json = r#"{"hash_config": {"algorithm": "SCRYPT", "base64_signer_key": "AAE_",
        "base64_salt_separator": "Bw==", "rounds": 8, "mem_cost": 14}}"#;
    assert!(Parameters::parse(json).is_ok());
    let fault = |text: &str| Parameters::parse(text).err().unwrap();
    assert_eq!(
        fault(&json.replace("SCRYPT", "BCRYPT")),
        "algorithm is not SCRYPT, the only one that is read"
    );
    assert_eq!(fault(&json.replace("mem_cost", "x")), "it has no mem_cost");
    assert_eq!(fault("rounds: eight"), "it has no base64_signer_key");
}
