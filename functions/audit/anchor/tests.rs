use std::path::PathBuf;

use embedded_aws::{AUDIT_BUCKET, faults::Fault};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::audit::anchors::{Finding, HORIZON_SECONDS, Kind, Verification};

use super::anchor;
use crate::testing::{
    OTHER_PHONE, PHONE, SignedIn, TestApp,
    accounts::{Item, text},
    faults::Trial,
    wrong,
};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// A service with five events, which are anchored.
async fn anchored() -> (TestApp, SignedIn) {
    let app = TestApp::start().await;
    let person = five_events(&app).await;
    app.advance(HOUR);
    assert_eq!(anchor(&app.latchkey).await, Ok(5));
    (app, person)
}

/// Somebody signs in and changes their name four times.
async fn five_events(app: &TestApp) -> SignedIn {
    let person = app.sign_in(PHONE).await;
    for name in ["Ann", "Bea", "Cleo", "Dora"] {
        app.advance(1);
        app.patch_me(&person.access, json!({"name": name})).await.assert_ok();
    }
    person
}

async fn verified(app: &TestApp) -> Verification {
    app.latchkey.anchors().unwrap().verify(None, None).await.unwrap()
}

/// The events in the table without counts of failures and marks, oldest first.
async fn events(app: &TestApp) -> Vec<Item> {
    let mut events = app.items().await;
    events.retain(|item| item.contains_key("action") && !item.contains_key("count"));
    events.sort_by_key(|event| id(event).to_owned());
    events
}

fn id(event: &Item) -> &str {
    event["sk"].as_s().unwrap()
}

fn finding(event: &Item, kind: Kind) -> Finding {
    Finding { id: id(event).to_owned(), kind }
}

/// The files of the anchors: the first version of each, the latest anchor first.
fn files(app: &TestApp) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(app.aws.buckets().join(AUDIT_BUCKET)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path().join("1")).collect();
    files.sort();
    files
}

#[tokio::test]
async fn an_untouched_trail_is_intact_and_says_until_when_it_is_anchored() {
    let (app, _) = anchored().await;
    let until = app.latchkey.clock().now().as_second() - HORIZON_SECONDS;
    five_events(&app).await;
    // A failure of a stranger is counted in an item that changes, so it is not anchored.
    for _ in 0..2 {
        let challenge = app.challenge(OTHER_PHONE).await;
        app.advance(60);
        let code = wrong(&app.code(OTHER_PHONE));
        app.verify(&challenge, &code).await;
    }

    let found = verified(&app).await;
    assert_eq!(found.findings, []);
    assert_eq!((found.anchors, found.intact, found.expired), (1, 5, 0));
    assert_eq!(found.until.unwrap().as_second(), until - 1, "the millisecond before");

    app.advance(HOUR);
    assert_eq!(anchor(&app.latchkey).await, Ok(5));
    let found = verified(&app).await;
    assert_eq!((found.findings, found.anchors, found.intact), (vec![], 2, 10));
}

#[tokio::test]
async fn an_edited_a_removed_a_moved_and_an_inserted_event_are_found() {
    let (app, _) = anchored().await;
    let events = events(&app).await;
    let restore = async || {
        app.put_all(events.clone()).await;
        assert_eq!(verified(&app).await.findings, []);
    };
    let with = |event: &Item, attributes: &[(&str, &str)]| {
        let mut event = event.clone();
        for (name, value) in attributes {
            event.insert((*name).to_owned(), text(value));
        }
        event
    };

    for edit in [[("action", "sign_out")], [("id", id(&events[3]))], [("note", "new")]] {
        app.put_item(with(&events[2], &edit)).await;
        assert_eq!(verified(&app).await.findings, [finding(&events[2], Kind::Changed)]);
        restore().await;
    }

    // An event that claims to be counted is not overlooked.
    let mut counted = with(&events[2], &[("target", "anybody"), ("result", "failure")]);
    counted.insert("count".to_owned(), aws_sdk_dynamodb::types::AttributeValue::N("1".into()));
    counted.remove("actor");
    app.put_item(counted).await;
    assert_eq!(verified(&app).await.findings, [finding(&events[2], Kind::Changed)]);
    restore().await;

    for index in [1, 3] {
        app.delete_event(id(&events[index])).await;
    }
    let removed = [1, 3].map(|index: usize| finding(&events[index], Kind::Removed));
    assert_eq!(verified(&app).await.findings, removed, "the oldest first");
    restore().await;

    // Two events change places, with their ids or without them.
    for keys in [&["pk", "sk"][..], &["pk", "sk", "id"]] {
        let at = |place: &Item, event: &Item| {
            let mut event = event.clone();
            for key in keys {
                event.insert((*key).to_owned(), place[*key].clone());
            }
            event
        };
        app.put_all(vec![at(&events[1], &events[4]), at(&events[4], &events[1])]).await;
        let moved = |from: usize, to: usize| {
            finding(&events[from], Kind::Reordered(id(&events[to]).to_owned()))
        };
        assert_eq!(verified(&app).await.findings, [moved(1, 4), moved(4, 1)]);
        restore().await;
    }

    // The partition of an id depends on its last digit, so the new event is in the same one.
    let (start, last) = id(&events[2]).split_at(35);
    let digits = if start.ends_with("00") { "01" } else { "00" };
    let new = format!("{}{digits}{last}", &start[..33]);
    let inserted = with(&events[2], &[("sk", &new), ("id", &new), ("action", "sign_out")]);
    app.put_item(inserted.clone()).await;
    assert_eq!(verified(&app).await.findings, [finding(&inserted, Kind::Inserted)]);

    // The third event happened two seconds after the first.
    let start = Timestamp::from_second(1_800_000_000).unwrap();
    let from = |seconds: i64| Some(start + SignedDuration::from_secs(seconds));
    for (from, to, expected) in [
        (from(2), from(3), &[finding(&inserted, Kind::Inserted)][..]),
        (from(3), None, &[]),
        (None, from(2), &[]),
    ] {
        let found = app.latchkey.anchors().unwrap().verify(from, to).await.unwrap();
        assert_eq!(found.findings, expected, "{from:?} {to:?}");
    }
}

#[tokio::test]
async fn two_runs_at_once_and_repeated_runs_do_not_fork_the_chain() {
    let (app, _) = anchored().await;
    five_events(&app).await;
    app.advance(HOUR);
    let other = app.restarted(&[]);
    let (one, two) = tokio::join!(anchor(&app.latchkey), anchor(&other.latchkey));
    assert_eq!(one.unwrap() + two.unwrap(), 5, "each event is anchored once");
    assert_eq!(anchor(&app.latchkey).await, Ok(0), "repeated");

    let found = verified(&app).await;
    assert_eq!((found.findings, found.anchors, found.intact), (vec![], 2, 10));
}

#[tokio::test]
async fn a_run_that_is_killed_or_loses_a_reply_is_made_good_by_the_next() {
    let (app, _) = anchored().await;
    five_events(&app).await;
    app.advance(HOUR);

    let writes = |call: &embedded_aws::faults::Call| call.service == "S3" && call.writes();
    let trial = Trial::of(app.clone()).await;
    // The process is killed after S3 has the anchor.
    trial.faults.inject(writes, (0, 1), Fault::HoldReply);
    tokio::select! {
        _ = anchor(&trial.faulty.latchkey) => panic!("it was not killed"),
        () = trial.faults.strike() => {}
    }
    assert_eq!(anchor(&app.latchkey).await, Ok(0), "everything is anchored");
    assert_eq!(verified(&app).await.intact, 10);

    // The SDK repeats a request without a reply, and finds its own anchor.
    app.advance(HOUR);
    trial.faults.heal();
    trial.faults.inject(writes, (0, 1), Fault::LoseReply);
    assert!(anchor(&trial.faulty.latchkey).await.is_ok());
    let found = verified(&app).await;
    assert_eq!((found.findings, found.anchors, found.intact), (vec![], 3, 10));

    for service in ["S3", "DYNAMODB"] {
        app.advance(HOUR);
        assert!(anchor(&app.cut_off(service).latchkey).await.is_err(), "{service}");
        assert!(anchor(&app.latchkey).await.is_ok());
    }
    assert_eq!(verified(&app).await.findings, []);
}

#[tokio::test]
async fn an_expired_event_may_be_gone_and_any_other_may_not() {
    let (app, _) = anchored().await;
    let events = events(&app).await;
    app.advance(90 * DAY - 2 * HOUR);
    assert!(anchor(&app.latchkey).await.is_ok());
    app.delete_event(id(&events[0])).await;
    assert_eq!(verified(&app).await.findings, [finding(&events[0], Kind::Removed)]);

    app.advance(3 * HOUR);
    assert!(anchor(&app.latchkey).await.is_ok());
    app.delete_event(id(&events[1])).await;
    let found = verified(&app).await;
    assert_eq!((found.findings, found.intact, found.expired), (vec![], 3, 2));
}

#[tokio::test]
async fn an_account_that_is_deleted_leaves_the_chain_intact() {
    let (app, _) = anchored().await;
    let person = app.sign_in(PHONE).await;
    app.delete_me(&person.access).await.assert_done();
    app.advance(HOUR);
    assert_eq!(anchor(&app.latchkey).await, Ok(2));
    let found = verified(&app).await;
    assert_eq!((found.findings, found.intact), (vec![], 7));
}

#[tokio::test]
async fn a_changed_replaced_or_missing_anchor_is_found() {
    let (app, _) = anchored().await;
    let kinds = async || {
        let findings = verified(&app).await.findings.into_iter();
        findings.map(|it| (it.id, it.kind)).collect::<Vec<_>>()
    };
    for _ in 0..3 {
        five_events(&app).await;
        app.advance(HOUR);
        assert_eq!(anchor(&app.latchkey).await, Ok(5));
    }
    let files = files(&app);
    let second = &files[2];
    let genuine = std::fs::read(second).unwrap();

    // Without the lock, somebody could change an anchor, and even compute it again.
    let mut forged: Value = serde_json::from_slice(&genuine).unwrap();
    forged["segments"][0]["to"] = json!("00000000-0000-0000-0000-000000000000");
    std::fs::write(second, forged.to_string()).unwrap();
    assert!(kinds().await.contains(&("3".to_owned(), Kind::AnchorChanged)), "it does not follow");
    std::fs::write(second, "{}").unwrap();
    assert_eq!(kinds().await, [("2".to_owned(), Kind::AnchorChanged)]);

    std::fs::remove_dir_all(second.parent().unwrap()).unwrap();
    assert_eq!(kinds().await, [("2".to_owned(), Kind::AnchorChanged)]);

    // With the lock, they can add a version.
    std::fs::create_dir(second.parent().unwrap()).unwrap();
    std::fs::write(second, &genuine).unwrap();
    assert_eq!(kinds().await, []);
    std::fs::write(second.with_file_name("2"), "{}").unwrap();
    assert_eq!(kinds().await, [("2".to_owned(), Kind::AnchorTouched)]);
}

#[tokio::test]
async fn missing_anchors_are_a_finding() {
    let app = TestApp::start().await;
    assert_eq!(verified(&app).await.findings[0].kind, Kind::NoAnchors);

    anchor(&app.latchkey).await.unwrap();
    app.advance(2 * HOUR);
    assert_eq!(verified(&app).await.findings, []);
    app.advance(2 * HOUR);
    assert!(matches!(verified(&app).await.findings[..], [Finding { kind: Kind::Overdue(_), .. }]));
}

#[tokio::test]
async fn more_events_than_an_anchor_holds_are_in_several() {
    let (app, _) = anchored().await;
    let events = events(&app).await;
    // The template of a year of events in one partition.
    let mut copies = Vec::new();
    for number in 0..1_200 {
        let millis = app.latchkey.clock().now().as_millisecond() + number;
        let random = [u8::try_from(number % 16).unwrap() * 16; 10];
        let id = uuid::Builder::from_unix_timestamp_millis(millis.unsigned_abs(), &random);
        let id = id.into_uuid().to_string();
        let mut copy = events[0].clone();
        copy.extend([
            ("pk".to_owned(), text("AUDIT#0")),
            ("sk".to_owned(), text(&id)),
            ("id".to_owned(), text(&id)),
            ("at".to_owned(), aws_sdk_dynamodb::types::AttributeValue::N(millis.to_string())),
        ]);
        copies.push(copy);
    }
    app.put_all(copies).await;

    app.advance(HOUR);
    assert_eq!(anchor(&app.latchkey).await, Ok(1_200));
    let found = verified(&app).await;
    assert_eq!((found.findings, found.anchors, found.intact), (vec![], 4, 1_205));
}

#[tokio::test]
async fn anchors_hold_no_personal_data() {
    let (app, person) = anchored().await;
    let anchors: String =
        files(&app).iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    for value in [PHONE, "Ann", "192.0.2.1", "profile_change", person.id()] {
        assert!(!anchors.contains(value), "{value}");
    }
}
