//! How our hashes and those of other services are kept and compared.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::crypto::Roots;

const ANN: Uuid = Uuid::from_u128(0xa);
const BOB: Uuid = Uuid::from_u128(0xb);

/// bcrypt of `correct horse`, by Django 5.2.19.
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";

fn password(text: &str) -> Password {
    Password::parse("password", text.into()).ok().unwrap()
}

fn keys(byte: u8) -> Arc<HashKeys> {
    Arc::new(HashKeys::derive(&[byte; 32]).unwrap())
}

#[tokio::test]
async fn a_hash_matches_only_its_password() {
    let (hasher, random) = (PasswordHasher::new(keys(1), 512), Random::system());
    let hash = hasher.hash(&password("correct horse"), &random).await.unwrap();
    let of_ann = Some((ANN, &hash));
    assert_eq!(hasher.matches(&password("correct horse"), of_ann).await, Ok(true));
    assert_eq!(hasher.matches(&password("Correct horse"), of_ann).await, Ok(false));
    assert_eq!(hasher.matches(&password("correct horse"), None).await, Ok(false));
    let other = PasswordHasher::new(keys(2), 512);
    assert_eq!(other.matches(&password("correct horse"), of_ann).await, Ok(false));
    assert_ne!(hasher.hash(&password("correct horse"), &random).await.unwrap(), hash);
    assert!(!hash.is_foreign() && !hasher.is_outdated(&hash));
}

fn foreign(text: &str) -> ForeignHash {
    ForeignHash::parse(text).unwrap()
}

#[test]
fn the_stored_form_of_our_hashes_stays_the_same() {
    let mut stored = json!({
        "memory_kib": 19_456, "passes": 2, "lanes": 1, "salt": [1, 2], "hash": [3, 4],
    });
    let read = |stored: &Value| serde_json::from_value::<PasswordHash>(stored.clone()).unwrap();
    assert_eq!(serde_json::to_value(read(&stored)).unwrap(), stored);
    stored["version"] = json!(2);
    assert_eq!(serde_json::to_value(read(&stored)).unwrap(), stored);
    assert!(!read(&stored).is_foreign());
}

#[tokio::test]
async fn a_hash_of_another_service_is_kept_sealed_for_its_user() {
    let (hasher, random) = (PasswordHasher::new(keys(1), 512), Random::system());
    let hash = hasher.keep_foreign(&foreign(BCRYPT), ANN, &random).unwrap();
    assert!(hash.is_foreign() && hasher.is_outdated(&hash));
    assert_ne!(hash, hasher.keep_foreign(&foreign(BCRYPT), ANN, &random).unwrap());

    let matches = async |hasher: &PasswordHasher, text: &str, user_id| {
        hasher.matches(&password(text), Some((user_id, &hash))).await
    };
    assert_eq!(matches(&hasher, "correct horse", ANN).await, Ok(true));
    assert_eq!(matches(&hasher, "Correct horse", ANN).await, Ok(false));
    assert_eq!(matches(&hasher, "correct horse", BOB).await, Ok(false), "it was moved");
    let other = PasswordHasher::new(keys(2), 512);
    assert_eq!(matches(&other, "correct horse", ANN).await, Ok(false), "it has another root");

    let stored = serde_json::to_value(&hash).unwrap();
    assert_eq!(stored.as_object().unwrap().len(), 1);
    let sealed = serde_json::from_value::<Vec<u8>>(stored["sealed_foreign"].clone()).unwrap();
    assert_eq!(sealed.len(), 12 + BCRYPT.len() + 16);
    assert!(!String::from_utf8_lossy(&sealed).contains("$2b$"));
    assert_eq!(serde_json::from_value::<PasswordHash>(stored).unwrap(), hash);
}

#[tokio::test]
async fn a_hash_of_another_service_opens_while_roots_move_and_after_they_are_gone() {
    let random = Random::system();
    let at = |hours: i64| Timestamp::from_second(1_800_000_000 + hours * 3600).unwrap();
    let first: Roots = serde_json::from_value(json!({"root": "a".repeat(64)})).unwrap();
    let hasher = |roots: &Roots| PasswordHasher::new(Arc::new(HashKeys::of(roots).unwrap()), 512);
    let hash = hasher(&first).keep_foreign(&foreign(BCRYPT), ANN, &random).unwrap();

    let introduced = first.introduce(at(0), &random).unwrap();
    let moving = introduced.switch(at(2)).unwrap();
    let forgotten = moving.moved(at(4)).unwrap().forget(at(5)).unwrap();
    for roots in [&first, &introduced, &moving, &forgotten] {
        let (hasher, right) = (hasher(roots), password("correct horse"));
        assert_eq!(hasher.matches(&right, Some((ANN, &hash))).await, Ok(true));
        assert!(hasher.is_outdated(&hash));

        let kept = hasher.keep_foreign(&foreign(BCRYPT), ANN, &random).unwrap();
        assert_eq!(hasher.matches(&right, Some((ANN, &kept))).await, Ok(true));
        let version = serde_json::to_value(&kept).unwrap()["version"].as_u64();
        assert_eq!(version.unwrap_or(1), u64::from(roots.version()));
    }
}

#[tokio::test]
async fn a_password_is_compared_as_it_was_typed_and_in_nfc() {
    // bcrypt 4.0.1 of PyPI, of a decomposed é.
    let text = "$2b$04$abcdefghijklmnopqrstuu.oMTCQjdCbYvSW3IQEvGWmdb6wOIFXe";
    let (hasher, random) = (PasswordHasher::new(keys(1), 512), Random::system());
    let hash = hasher.keep_foreign(&foreign(text), ANN, &random).unwrap();
    let typed = password("cafe\u{301} au lait");
    assert_eq!(hasher.matches(&typed, Some((ANN, &hash))).await, Ok(true));
    let composed = password("caf\u{e9} au lait");
    assert_eq!(hasher.matches(&composed, Some((ANN, &hash))).await, Ok(false));

    // Our hash of what was typed is of both.
    let own = hasher.hash(&typed, &random).await.unwrap();
    assert_eq!(hasher.matches(&composed, Some((ANN, &own))).await, Ok(true));
}

#[tokio::test]
async fn a_hash_that_needs_all_of_the_memory_waits_until_it_is_alone() {
    // argon2-cffi, as Django 5.2.19 calls it: 100 MiB, in a function where hashes may use 64.
    let text = "$argon2id$v=19$m=102400,t=2,p=8$c2Vhc2FsdHNlYXNhbHQ$24X5StCI0X7nx5XDsLrP4f4PvCl9FN9AHQw4KjbBoo8";
    let (hasher, random) = (PasswordHasher::new(keys(1), 128), Random::system());
    let hash = hasher.keep_foreign(&foreign(text), ANN, &random).unwrap();
    assert_eq!(hasher.all_permits, 3);

    let (right, held) = (password("correct horse"), hasher.permits.clone().acquire_owned().await);
    let (waiting, of_ann) = (hasher.clone(), hash.clone());
    let mut matching = tokio::spawn(async move {
        waiting.matches(&password("correct horse"), Some((ANN, &of_ann))).await
    });
    // It has taken what is free, and waits for the rest: nobody else gets a permit.
    while hasher.permits.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(hasher.permits.try_acquire().is_err() && !matching.is_finished());

    drop(held);
    assert_eq!((&mut matching).await.unwrap(), Ok(true));
    assert_eq!(hasher.permits.available_permits(), 3);
    assert_eq!(hasher.matches(&right, Some((ANN, &hash))).await, Ok(true));
}
