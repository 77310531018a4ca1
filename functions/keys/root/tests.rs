use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::json;
use shared::{base::Error, crypto::Phase};

use super::{Order, RootStatus, obey};
use crate::testing::{
    OTHER_PHONE, PHONE, TestApp, accounts::PASSWORD, at_once, invariants::assert_invariants,
};

/// The time after which every instance knows a step, in seconds.
const KNOWN_AFTER: i64 = 2 * 3600;

async fn order(app: &TestApp, order: Order) -> RootStatus {
    obey(&app.latchkey, &order).await.unwrap()
}

/// Introduces a next root, and waits until it is known.
async fn introduce(app: &TestApp) {
    assert_eq!(order(app, Order::Rotate).await.phase, Phase::Introduced);
    app.advance(KNOWN_AFTER);
}

/// Makes the next root the current one. Returns an instance that knows it.
async fn switch(app: &TestApp) -> TestApp {
    assert_eq!(order(app, Order::Rotate).await.phase, Phase::Moving);
    app.restarted(&[])
}

/// Moves all users. Returns how many.
async fn move_all(app: &TestApp) -> usize {
    let (mut moved, mut cursor) = (0, None);
    loop {
        let status = order(app, Order::Move { cursor }).await;
        moved += status.moved;
        if status.next_cursor.is_none() {
            assert!(status.has_moved);
            return moved;
        }
        cursor = status.next_cursor;
    }
}

fn assert_conflict(result: Result<RootStatus, Error>) {
    assert!(matches!(result, Err(Error::Conflict(_))), "{result:?}");
}

#[tokio::test]
async fn things_of_the_previous_root_still_work_and_move() {
    let app = TestApp::with(&[("OTP_SENDS_PER_IP_PER_HOUR", "1000000")]).await;
    let (me, authenticator) = app.protected(PHONE).await;
    let (other, _) = app.protected(OTHER_PHONE).await;
    introduce(&app).await;

    // Begun by the first root, finished by the second.
    let session = app.refresh(&me.refresh).await.assert_ok()["refresh_token"].clone();
    let newcomer = "+14155550199";
    let (challenge, sign_up) = (app.challenge(PHONE).await, app.challenge(newcomer).await);
    let mfa_token = app.first_factor(PHONE).await;
    let new = switch(&app).await;

    new.verify(&challenge, &app.code(PHONE)).await.mfa_token();
    let newcomer_id = new.verify(&sign_up, &app.code(newcomer)).await.signed_in().id().to_owned();
    let signed_in = new.totp(&mfa_token, &authenticator.code(&app)).await.signed_in();
    assert_eq!(signed_in.id(), me.id());
    // The client lost the first response, and two instances make the same successor of a token.
    let refresh = |app: TestApp| {
        let token = session.as_str().unwrap().to_owned();
        async move { app.refresh(&token).await.assert_ok()["refresh_token"].clone() }
    };
    let (_, theirs) = (refresh(app.clone()).await, refresh(new.clone()).await);
    app.refresh(theirs.as_str().unwrap()).await.assert_ok();

    // Nothing is found twice, and nothing is lost.
    assert_invariants(&new).await;
    assert_eq!(new.sign_in(newcomer).await.id(), newcomer_id);
    new.advance(KNOWN_AFTER);
    assert_eq!(move_all(&new).await, 3);
    assert_invariants(&new).await;

    assert_conflict(obey(&new.latchkey, &Order::Forget { early: false }).await);
    let status = order(&new, Order::Forget { early: true }).await;
    assert_eq!((status.phase, status.version, status.other_version), (Phase::One, 2, None));

    // The previous root is gone, and neither people nor their secrets are.
    let last = new.restarted(&[]);
    let code = &authenticator.recovery_codes[0];
    let token = last.first_factor(PHONE).await;
    assert_eq!(last.recover(&token, code).await.signed_in().id(), me.id());
    let token = last.first_factor(PHONE).await;
    let answer = last.totp(&token, &authenticator.code(&last)).await;
    assert_eq!(answer.signed_in().id(), me.id());
    assert_eq!(last.sign_in(newcomer).await.id(), newcomer_id);
    last.login(json!({"phone": OTHER_PHONE}), PASSWORD).await.mfa_token();
    last.refresh(&other.refresh).await.assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn waits_go_on_when_the_root_is_replaced() {
    let app = TestApp::start().await;
    app.protected(PHONE).await;
    introduce(&app).await;
    for _ in 0..10 {
        app.login(json!({"phone": PHONE}), "not the password").await;
    }
    let wait = app.login(json!({"phone": PHONE}), PASSWORD).await;
    let wait = wait.assert_wait(429, "too_many_attempts");

    let new = switch(&app).await;
    let still = new.login(json!({"phone": PHONE}), PASSWORD).await;
    assert_eq!(still.assert_wait(429, "too_many_attempts"), wait);
}

#[tokio::test]
async fn the_limit_of_a_source_goes_on_when_the_root_is_replaced() {
    let app = TestApp::with(&[("OTP_SENDS_PER_IP_PER_HOUR", "2")]).await;
    introduce(&app).await;
    app.send_code(PHONE).await;
    app.send_code(OTHER_PHONE).await;
    let new = switch(&app).await;
    let refused = new.post("/v1/otp/send", json!({"phone": "+14155550177"})).await;
    refused.assert_problem(429, "sms_limit_reached");
}

#[tokio::test]
async fn of_two_orders_that_read_the_same_roots_only_one_counts() {
    let app = TestApp::start().await;
    let read = app.latchkey.roots().await.unwrap();
    let second = read.introduce(app.latchkey.clock().now(), app.latchkey.random()).unwrap();
    order(&app, Order::Rotate).await;
    let refused = app.latchkey.put_roots(&second).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
}

#[tokio::test]
async fn only_a_pass_that_began_in_time_counts_as_moved() {
    let app = TestApp::start().await;
    introduce(&app).await;
    let new = switch(&app).await;
    new.advance(KNOWN_AFTER);
    let made_up = Order::Move { cursor: Some("AAAA".to_owned()) };
    let refused = obey(&new.latchkey, &made_up).await;
    assert!(matches!(refused, Err(Error::InvalidRequest(_))), "{refused:?}");
    assert!(!order(&new, Order::Status).await.has_moved);
}

#[tokio::test]
async fn an_order_to_forget_that_was_killed_half_way_is_repeated() {
    let app = TestApp::start().await;
    introduce(&app).await;
    let new = switch(&app).await;
    new.advance(KNOWN_AFTER);
    move_all(&new).await;

    // Killed after its first write.
    let roots = new.latchkey.roots().await.unwrap();
    new.latchkey.put_roots(&roots.forget(new.latchkey.clock().now()).unwrap()).await.unwrap();
    assert!(has_previous(&new).await, "the previous root is in the previous version");
    assert_eq!(order(&new, Order::Forget { early: true }).await.phase, Phase::One);
    assert!(!has_previous(&new).await);
}

/// Whether the previous version of the secret can be read.
async fn has_previous(app: &TestApp) -> bool {
    let secret = app.latchkey.settings().keys.hash_keys_secret.clone();
    let get = app.latchkey.secrets().client().get_secret_value().secret_id(secret);
    get.version_stage("AWSPREVIOUS").send().await.is_ok()
}

#[tokio::test]
async fn a_known_device_stays_known() {
    let app = TestApp::start().await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    let device = me.json["device_token"].clone();
    introduce(&app).await;
    let new = switch(&app).await;
    for _ in 0..10 {
        new.login(json!({"phone": PHONE}), "not the password").await;
    }
    new.login(json!({"phone": PHONE}), PASSWORD).await.assert_wait(429, "too_many_attempts");
    new.login(json!({"phone": PHONE, "device_token": device}), PASSWORD).await.assert_ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_has_one_owner_whichever_step_an_instance_knows() {
    let app = TestApp::with(&[("OTP_SENDS_PER_IP_PER_HOUR", "1000000")]).await;
    introduce(&app).await;
    app.send_code(OTHER_PHONE).await;
    let new = switch(&app).await;

    for round in 0..10 {
        let phone = format!("+1415555{:04}", 2000 + round);
        let first = (app.clone(), app.challenge(&phone).await, app.code(&phone));
        app.advance(31);
        let second = (new.clone(), new.challenge(&phone).await, new.code(&phone));
        let challenges = [first, second];
        let answers = at_once(2, |index| {
            let (app, challenge, code) = challenges[index].clone();
            async move { app.verify(&challenge, &code).await }
        })
        .await;

        let ids: BTreeSet<_> =
            answers.iter().map(|answer| answer.signed_in().id().to_owned()).collect();
        assert_eq!(ids.len(), 1, "{phone} has two users");
    }
    assert_eq!(app.items_like("OWNER#").await.len(), 10);
    assert_invariants(&app).await;
}

/// Signs in as often as it can until the `end`. Returns the ids of the users.
async fn sign_in_until(
    instances: Vec<TestApp>,
    phone: String,
    end: Arc<AtomicBool>,
) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for app in instances.iter().cycle() {
        let challenge = app.challenge(&phone).await;
        // Another instance than the one that sent the code.
        let other = &instances[ids.len() % instances.len()];
        let answer = other.verify(&challenge, &app.code(&phone)).await;
        ids.insert(answer.signed_in().id().to_owned());
        if end.load(Ordering::SeqCst) {
            break;
        }
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_while_the_root_is_replaced() {
    let app = TestApp::with(&[("OTP_SENDS_PER_IP_PER_HOUR", "1000000")]).await;
    let phones: Vec<_> = (0..8).map(|number| format!("+1415555{:04}", 3000 + number)).collect();
    let mut known = Vec::new();
    for phone in &phones {
        known.push(BTreeSet::from([app.sign_in(phone).await.id().to_owned()]));
    }

    // In each round, instances from before and after a step serve at the same time.
    let mut instances = vec![app.clone()];
    for step in 0..4 {
        app.advance(KNOWN_AFTER);
        let end = Arc::new(AtomicBool::new(false));
        let people: Vec<_> = phones
            .iter()
            .map(|phone| tokio::spawn(sign_in_until(instances.clone(), phone.clone(), end.clone())))
            .collect();

        match step {
            0 | 1 => drop(order(&app, Order::Rotate).await),
            2 => assert_eq!(move_all(&app.restarted(&[])).await, phones.len()),
            _ => drop(order(&app, Order::Forget { early: true }).await),
        }
        end.store(true, Ordering::SeqCst);

        for (person, known) in people.into_iter().zip(&known) {
            assert_eq!(&person.await.unwrap(), known, "in step {step}");
        }
        instances = vec![instances.pop().unwrap(), app.restarted(&[])];
    }

    assert_invariants(&app).await;
    let owners = app.items_like("OWNER#").await;
    assert_eq!(owners.len(), phones.len());
    let last = app.restarted(&[]);
    for (phone, known) in phones.iter().zip(&known) {
        assert!(known.contains(last.sign_in(phone).await.id()));
    }
}

#[tokio::test]
async fn an_instance_that_is_never_restarted_learns_a_step_within_an_hour() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let made_by = async |app: &TestApp| app.latchkey.hash_keys().await.unwrap().version();
    introduce(&app).await;
    assert_eq!(made_by(&app).await, 1);
    switch(&app).await;

    app.advance(3599);
    assert_eq!(made_by(&app).await, 1);
    app.advance(1);
    assert_eq!(made_by(&app).await, 2);
    assert_eq!(app.sign_in(PHONE).await.id(), me.id());
}

#[tokio::test]
async fn one_root_costs_no_unit_more_after_it_was_replaced() {
    let app = TestApp::start().await;
    app.sign_in(PHONE).await;
    let units = async |app: &TestApp| {
        app.advance(3600 * 24);
        let (_, sent) = app.units(app.send_code(PHONE)).await;
        app.advance(3600 * 24);
        let challenge = app.challenge(PHONE).await;
        let (_, verified) = app.units(app.verify(&challenge, &app.code(PHONE))).await;
        (sent, verified)
    };
    let before = units(&app).await;

    introduce(&app).await;
    let new = switch(&app).await;
    new.advance(KNOWN_AFTER);
    move_all(&new).await;
    order(&new, Order::Forget { early: true }).await;
    assert_eq!(units(&new.restarted(&[])).await, before);
}

#[tokio::test]
async fn the_status_says_when_the_previous_root_can_go() {
    let app = TestApp::start().await;
    let first = order(&app, Order::Status).await;
    assert_eq!((first.phase, first.version, first.can_go), (Phase::One, 1, false));
    assert_conflict(obey(&app.latchkey, &Order::Forget { early: true }).await);

    let begun = order(&app, Order::Rotate).await;
    let known_at = begun.next_step_at.unwrap();
    assert_conflict(obey(&app.latchkey, &Order::Rotate).await);
    app.advance(KNOWN_AFTER);
    assert_eq!(app.latchkey.clock().now(), known_at);
    let new = switch(&app).await;
    assert_conflict(obey(&new.latchkey, &Order::Move { cursor: None }).await);
    new.advance(KNOWN_AFTER);
    assert_conflict(obey(&new.latchkey, &Order::Forget { early: true }).await);
    move_all(&new).await;

    let status = order(&new, Order::Status).await;
    assert!(status.has_moved && !status.can_go);
    let wait = status.can_go_at.unwrap().as_second() - app.latchkey.clock().now().as_second();
    app.advance(wait - 1);
    assert!(!order(&new, Order::Status).await.can_go);
    app.advance(1);
    assert!(order(&new, Order::Status).await.can_go);
    let gone = order(&new, Order::Forget { early: false }).await;
    assert_eq!((gone.phase, gone.version), (Phase::One, 2));
}
