use embedded_aws::SIGNING_KEYS_SECRET;
use serde_json::json;

use super::{RotationEvent, Step, rotate};
use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    hosted::{Browser, hosted_app, hosted_app_with},
};
use shared::{
    apps::{App, IdTokenAlgorithm},
    base::Error,
    crypto::SigningKeys,
};

/// An algorithm whose keys are quick to make: elliptic curves.
const QUICK: (&str, &str) = ("JWT_ALGORITHM", "ES256");

async fn step(app: &TestApp, token: &str, step: Step) -> Result<(), Error> {
    let event = RotationEvent {
        secret_id: SIGNING_KEYS_SECRET.to_owned(),
        client_request_token: token.to_owned(),
        step,
    };
    rotate(&app.latchkey, &event).await
}

/// A complete rotation, as Secrets Manager runs it.
async fn rotate_once(app: &TestApp) {
    let token = app.aws.secrets.begin_rotation(SIGNING_KEYS_SECRET);
    for each in Step::ALL {
        step(app, &token, each).await.unwrap();
    }
}

/// The keys of the secret's current version.
fn current(app: &TestApp) -> Option<SigningKeys> {
    SigningKeys::parse(&app.aws.secrets.get(SIGNING_KEYS_SECRET).unwrap())
}

/// The ids of the published keys, in order.
async fn published(app: &TestApp) -> Vec<String> {
    // An instance caches the keys for at most a minute.
    app.advance(61);
    let set = app.get("/.well-known/jwks.json").await;
    let keys = set.assert_ok()["keys"].as_array().unwrap().iter();
    let mut ids: Vec<_> = keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

fn kids<'a>(keys: impl IntoIterator<Item = &'a SigningKeys>) -> Vec<String> {
    let mut ids: Vec<_> = keys
        .into_iter()
        .flat_map(|keys| keys.all().map(|key| key.kid.clone()).collect::<Vec<_>>())
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

#[test]
fn the_event_is_the_one_of_secrets_manager() {
    for (name, step) in
        ["createSecret", "setSecret", "testSecret", "finishSecret"].into_iter().zip(Step::ALL)
    {
        let event: RotationEvent = serde_json::from_value(json!({
            "SecretId": "arn:aws:secretsmanager:eu-central-1:000000000000:secret:keys",
            "ClientRequestToken": "01890000-0000-7000-8000-000000000000",
            "Step": name,
            "RotationToken": "new fields may come",
        }))
        .unwrap();

        assert_eq!(event.step, step);
    }
}

#[tokio::test]
async fn the_first_rotation_makes_the_keys() {
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let app = TestApp::before_first_rotation(&[("JWT_ALGORITHM", algorithm)]).await;
        let id = app.challenge(PHONE).await;
        let code = app.code(PHONE);
        assert_eq!(app.verify(&id, &code).await.assert_wait(503, "unavailable"), 5, "no keys yet");

        rotate_once(&app).await;
        let keys = current(&app).unwrap();
        assert_eq!([keys.current.algorithm.name(), keys.next.algorithm.name()], [algorithm; 2]);
        assert_ne!(keys.current.kid, keys.next.kid);
        assert_eq!(keys.rsa.is_some(), algorithm != "RS256", "an RSA key is always published");
        assert_eq!(published(&app).await, kids([&keys]));
        let signed_in = app.verify(&id, &code).await;
        let access = signed_in.assert_ok()["access_token"].as_str().unwrap();
        app.get_as(access, "/v1/me").await.assert_ok();
    }
}

#[tokio::test]
async fn the_next_key_becomes_the_current_one_and_the_previous_one_stays_published() {
    let app = TestApp::before_first_rotation(&[QUICK]).await;
    let mut versions = Vec::new();
    for _ in 0..4 {
        rotate_once(&app).await;
        versions.push(current(&app).unwrap());
    }

    for pair in versions.windows(2) {
        assert_eq!(pair[1].current.kid, pair[0].next.kid);
        assert_ne!(pair[1].next.kid, pair[0].next.kid);
    }

    let all = published(&app).await;
    assert_eq!(all, kids(&versions[2..]));
    assert_eq!(all.len(), 6, "current, next and previous of both algorithms");
}

#[tokio::test]
async fn no_token_is_refused_before_during_and_after_a_rotation() {
    let app = TestApp::before_first_rotation(&[QUICK]).await;
    rotate_once(&app).await;

    // An instance that runs throughout the rotation, and keeps the keys that it read at its start.
    let old_instance = app.restarted(&[]);
    let mut tokens = vec![old_instance.sign_in(PHONE).await.access];
    let token = app.aws.secrets.begin_rotation(SIGNING_KEYS_SECRET);
    for each in Step::ALL {
        step(&app, &token, each).await.unwrap();
        app.advance(30);
        let new_instance = app.restarted(&[]);
        tokens.push(old_instance.sign_in(PHONE).await.access);
        tokens.push(new_instance.sign_in(OTHER_PHONE).await.access);
        app.advance(31);
        for verifier in [&old_instance, &new_instance, &app.restarted(&[])] {
            for token in &tokens {
                verifier.get_as(token, "/v1/me").await.assert_ok();
            }
        }
        app.advance(20);
    }

    let signers: std::collections::BTreeSet<_> =
        tokens.iter().map(|token| shared::tokens::key_id(token).unwrap()).collect();
    assert_eq!(signers.len(), 2, "the new instance signs with the new key");
}

#[tokio::test]
async fn every_step_may_be_repeated() {
    let app = TestApp::before_first_rotation(&[QUICK]).await;
    rotate_once(&app).await;
    let before = current(&app).unwrap();
    let token = app.aws.secrets.begin_rotation(SIGNING_KEYS_SECRET);
    for each in Step::ALL {
        for _ in 0..3 {
            step(&app, &token, each).await.unwrap();
        }
    }

    let after = current(&app).unwrap();
    assert_eq!(after.current.kid, before.next.kid);
    assert_eq!(published(&app).await, kids([&before, &after]));
    rotate_once(&app).await;
    assert_eq!(current(&app).unwrap().current.kid, after.next.kid);
}

#[tokio::test]
async fn the_next_rotation_repairs_an_interrupted_one() {
    for done in 0..Step::ALL.len() {
        let app = TestApp::before_first_rotation(&[QUICK]).await;
        rotate_once(&app).await;
        let before = current(&app).unwrap();
        let person = app.sign_in(PHONE).await;

        let token = app.aws.secrets.begin_rotation(SIGNING_KEYS_SECRET);
        for each in &Step::ALL[..done] {
            step(&app, &token, *each).await.unwrap();
        }
        assert_eq!(
            current(&app).unwrap().current.kid,
            before.current.kid,
            "still the old one after {done} steps"
        );
        app.restarted(&[]).get_as(&person.access, "/v1/me").await.assert_ok();

        rotate_once(&app).await;
        let after = current(&app).unwrap();
        assert_eq!(after.current.kid, before.next.kid, "after {done} steps");
        assert_eq!(published(&app).await, kids([&before, &after]), "after {done} steps");
        let new_instance = app.restarted(&[]);
        new_instance.get_as(&person.access, "/v1/me").await.assert_ok();
        let other = new_instance.sign_in(OTHER_PHONE).await;
        app.restarted(&[]).get_as(&other.access, "/v1/me").await.assert_ok();
    }
}

#[tokio::test]
async fn another_algorithm_takes_over_and_old_tokens_still_verify() {
    let app = TestApp::before_first_rotation(&[QUICK]).await;
    rotate_once(&app).await;
    let person = app.sign_in(PHONE).await;
    let app = app.restarted(&[("JWT_ALGORITHM", "EdDSA")]);
    rotate_once(&app).await;

    let keys = current(&app).unwrap();
    assert_eq!([keys.current.algorithm.name(), keys.next.algorithm.name()], ["EdDSA"; 2]);
    app.get_as(&person.access, "/v1/me").await.assert_ok();

    let other = app.sign_in(OTHER_PHONE).await;
    app.get_as(&other.access, "/v1/me").await.assert_ok();
}

#[tokio::test]
async fn keys_that_are_not_published_are_not_finished() {
    let app = TestApp::before_first_rotation(&[QUICK]).await;
    let token = app.aws.secrets.begin_rotation(SIGNING_KEYS_SECRET);
    assert!(
        matches!(step(&app, &token, Step::TestSecret).await, Err(Error::Internal(_))),
        "there are none yet"
    );
    step(&app, &token, Step::CreateSecret).await.unwrap();
    assert!(
        matches!(step(&app, &token, Step::TestSecret).await, Err(Error::Internal(_))),
        "not published yet"
    );
    step(&app, &token, Step::SetSecret).await.unwrap();
    step(&app, &token, Step::TestSecret).await.unwrap();
    assert!(current(&app).is_none(), "not current yet");
}

#[tokio::test]
async fn without_aws_a_step_fails_and_can_be_tried_again() {
    let app = TestApp::before_first_rotation(&[QUICK]).await;
    let token = app.aws.secrets.begin_rotation(SIGNING_KEYS_SECRET);
    for each in Step::ALL {
        let cut_off = step(&app.cut_off("SECRETSMANAGER"), &token, each).await;
        assert!(matches!(cut_off, Err(Error::Unavailable(_))), "{each:?}: {cut_off:?}");
        step(&app, &token, each).await.unwrap();
    }
    assert_eq!(published(&app).await, kids([&current(&app).unwrap()]));
}

#[tokio::test]
async fn an_app_that_verifies_only_rsa_gets_such_id_tokens_whatever_the_algorithm() {
    let app = TestApp::before_first_rotation(&[QUICK]).await;
    rotate_once(&app).await;
    let keys = current(&app).unwrap();
    let [rsa, _] = keys.rsa.as_ref().unwrap();

    let wants_rsa = |app: &mut App| {
        app.hosted.id_token_signed_response_alg = Some(IdTokenAlgorithm::RS256);
    };
    let old = hosted_app_with(&app, "old", wants_rsa).await;
    let new = hosted_app(&app).await;
    for (client, key) in [(old, rsa), (new, &keys.current)] {
        let code = Browser::new(&app).sign_in(&client.url(&[]), PHONE).await;
        let tokens = client.exchange(&app, &code.authorization_code(&client)).await;
        let id_token = tokens.assert_ok()["id_token"].as_str().unwrap();
        let head = jsonwebtoken::decode_header(id_token).unwrap();
        assert_eq!(head.kid.as_deref(), Some(key.kid.as_str()));
        app.latchkey.access_tokens().hint(id_token).await.unwrap();
        let access = jsonwebtoken::decode_header(tokens.json["access_token"].as_str().unwrap());
        assert_eq!(access.unwrap().kid.as_deref(), Some(keys.current.kid.as_str()));
        app.advance(60);
    }
}

#[tokio::test]
async fn the_rsa_key_goes_on_signing_when_the_algorithm_changes() {
    let app = TestApp::before_first_rotation(&[QUICK]).await;
    rotate_once(&app).await;
    let [_, next_rsa] = current(&app).unwrap().rsa.unwrap();
    let app = app.restarted(&[("JWT_ALGORITHM", "RS256")]);
    rotate_once(&app).await;
    let keys = current(&app).unwrap();
    assert_eq!(keys.current.kid, next_rsa.kid);
    assert!(keys.rsa.is_none());

    let app = app.restarted(&[QUICK]);
    rotate_once(&app).await;
    let after = current(&app).unwrap();
    assert_eq!(after.current.algorithm.name(), "ES256");
    let [rsa, _] = after.rsa.unwrap();
    assert_eq!(rsa.kid, keys.next.kid);
}
