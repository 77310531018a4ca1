//! Promises that hold however many requests arrive together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::testing::{Answer, TestApp, at_once, late, winner, wrong};

/// How often each race is run, since it is lost only by chance.
const ROUNDS: usize = 20;

/// A service whose clients may ask for any number of texts from one address.
async fn app() -> TestApp {
    TestApp::with(&[("OTP_SENDS_PER_IP_PER_HOUR", "1000000")]).await
}

/// A phone for each round.
fn phone(round: usize) -> String {
    format!("+1415555{:04}", 2000 + round)
}

fn count(answers: &[Answer], status: u16, code: &str) -> usize {
    let code = if code.is_empty() { None } else { Some(code) };
    answers
        .iter()
        .filter(|answer| (answer.status.as_u16(), answer.json["code"].as_str()) == (status, code))
        .count()
}

/// How often each outcome occurs, for messages: a status and the code of a refusal.
fn tally(answers: &[Answer]) -> BTreeMap<(u16, String), usize> {
    let mut tally = BTreeMap::new();
    for answer in answers {
        *tally.entry((answer.status.as_u16(), answer.json["code"].to_string())).or_default() += 1;
    }
    tally
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_wrong_codes_at_once_are_five_tries() {
    let app = app().await;
    for round in 0..ROUNDS {
        let phone = phone(round);
        let id = app.challenge(&phone).await;
        let code = app.code(&phone);
        let guesses: Vec<_> = (0..10)
            .map(|digit| format!("{}{digit}", &code[..5]))
            .filter(|it| *it != code)
            .collect();
        let answers = at_once(100, |index| {
            let (app, id, guess) =
                (app.clone(), id.clone(), guesses[index % guesses.len()].clone());
            async move { app.verify(&id, &guess).await }
        })
        .await;

        // A busy machine may answer some of them too late. Those do not say whether they were
        // counted.
        let late = late(&answers);
        let compared = count(&answers, 400, "otp_incorrect");
        assert!(compared <= 5 && compared + late >= 5, "{:?}", tally(&answers));
        assert_eq!(
            count(&answers, 429, "otp_locked"),
            100 - compared - late,
            "{:?}",
            tally(&answers)
        );

        let left: BTreeSet<_> =
            answers.iter().filter_map(|answer| answer.json["attempts_left"].as_i64()).collect();
        assert_eq!(left.len(), compared);
        app.verify(&id, &code).await.assert_problem(429, "otp_locked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_right_codes_at_once_are_one_session() {
    let app = app().await;
    for round in 0..ROUNDS {
        let phone = phone(round);
        let id = app.challenge(&phone).await;
        let code = app.code(&phone);
        let answers = at_once(50, |_| {
            let (app, id, code) = (app.clone(), id.clone(), code.clone());
            async move { app.verify(&id, &code).await }
        })
        .await;

        let Some(signed_in) = winner(&answers, 200, (410, "otp_expired")) else { continue };
        let sessions =
            app.get_as(signed_in.json["access_token"].as_str().unwrap(), "/v1/me/sessions").await;
        assert_eq!(sessions.assert_ok()["items"].as_array().map(Vec::len), Some(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn right_and_wrong_codes_at_once_are_no_more_than_five_tries_and_one_session() {
    let app = app().await;
    for round in 0..ROUNDS {
        let phone = phone(round);
        let id = app.challenge(&phone).await;
        let code = app.code(&phone);
        let answers = at_once(20, |index| {
            let (app, id) = (app.clone(), id.clone());
            let guess = if index % 2 == 0 { code.clone() } else { wrong(&code) };
            async move { app.verify(&id, &guess).await }
        })
        .await;

        let (right, tries) = (count(&answers, 200, ""), count(&answers, 400, "otp_incorrect"));
        assert!(
            right <= 1 && right + tries <= 5,
            "{right} right, {tries} wrong: {:?}",
            tally(&answers)
        );
        assert!(
            right == 1 || tries + late(&answers) >= 5,
            "{right} right, {tries} wrong: {:?}",
            tally(&answers)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_sends_at_once_are_one_text() {
    let app = app().await;
    for round in 0..ROUNDS {
        let phone = phone(round);
        let answers = at_once(50, |_| {
            let (app, phone) = (app.clone(), phone.clone());
            async move { app.send_code(&phone).await }
        })
        .await;

        let (sent, texts) =
            (winner(&answers, 202, (429, "resend_too_soon")), app.texts(&phone).len());
        assert!(texts <= 1, "{:?}", tally(&answers));
        let Some(sent) = sent else { continue };
        assert_eq!(texts, 1, "{:?}", tally(&answers));
        app.verify(sent.json["challenge_id"].as_str().unwrap(), &app.code(&phone))
            .await
            .assert_ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sends_again_at_once_are_one_text() {
    let app = app().await;
    for round in 0..ROUNDS {
        let phone = phone(round);
        let id = app.challenge(&phone).await;
        app.advance(30);
        let answers = at_once(20, |_| {
            let (app, id) = (app.clone(), id.clone());
            async move { app.resend(&id).await }
        })
        .await;

        let (sent, texts) = (count(&answers, 202, ""), app.texts(&phone).len());
        assert!(sent <= 1 && sent + late(&answers) >= 1, "{:?}", tally(&answers));
        assert!((1 + sent..=2).contains(&texts), "{texts} texts: {:?}", tally(&answers));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_sends_from_one_source_at_once_are_no_more_than_it_may_ask_for() {
    let app = TestApp::with(&[("OTP_SENDS_PER_IP_PER_HOUR", "7")]).await;
    for round in 0..ROUNDS {
        let before = app.aws.inbox.messages(None).len();
        let answers = at_once(50, |index| {
            let app = app.clone();
            async move { app.send_code(&phone(50 * round + index)).await }
        })
        .await;

        let (sent, texts) = (count(&answers, 202, ""), app.aws.inbox.messages(None).len() - before);
        assert!(sent <= 7 && sent + late(&answers) >= 7, "{:?}", tally(&answers));
        assert!((sent..=7).contains(&texts), "{texts} texts: {:?}", tally(&answers));

        app.advance(3600);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_refreshes_at_once_one_successor_can_be_used() {
    let app = app().await;
    for round in 0..ROUNDS {
        let person = app.sign_in(&phone(round)).await;
        let answers = at_once(50, |_| {
            let (app, token) = (app.clone(), person.refresh.clone());
            async move { app.refresh(&token).await }
        })
        .await;

        assert_eq!(count(&answers, 200, "") + late(&answers), 50, "{:?}", tally(&answers));
        let told = |name: &'static str| {
            answers.iter().filter_map(move |answer| answer.json[name].as_str())
        };
        let successors: BTreeSet<_> = told("refresh_token").collect();
        let [one, other, ..] = *successors.iter().collect::<Vec<_>>() else {
            panic!("{} successors", successors.len());
        };
        let next = app.refresh(one).await.assert_ok()["refresh_token"].as_str().unwrap().to_owned();

        app.refresh(other).await.assert_problem(401, "refresh_token_reused");
        app.refresh(&next).await.assert_problem(401, "token_invalid");

        let access = told("access_token").next().unwrap();
        app.get_as(access, "/v1/me").await.assert_problem(401, "token_invalid");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_and_an_honest_refresh_at_once_leave_no_session() {
    let app = app().await;
    for round in 0..ROUNDS {
        let person = app.sign_in(&phone(round)).await;
        let mut live = person.refresh.clone();
        for _ in 0..2 {
            let pair = app.refresh(&live).await;
            live = pair.assert_ok()["refresh_token"].as_str().unwrap().to_owned();
        }
        let answers = at_once(20, |index| {
            let (app, token) =
                (app.clone(), if index % 2 == 0 { live.clone() } else { person.refresh.clone() });
            async move { app.refresh(&token).await }
        })
        .await;

        assert!(count(&answers, 401, "refresh_token_reused") >= 1, "{:?}", tally(&answers));
        app.get_as(&person.access, "/v1/me").await.assert_problem(401, "token_invalid");

        let refreshed = answers.iter().filter_map(|answer| answer.json["refresh_token"].as_str());
        for token in refreshed.chain([live.as_str()]) {
            app.refresh(token).await.assert_problem(401, "token_invalid");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_outs_and_refreshes_at_once_leave_no_session() {
    let app = app().await;
    for round in 0..ROUNDS {
        let person = app.sign_in(&phone(round)).await;
        let answers = at_once(20, |index| {
            let (app, person) = (app.clone(), person.clone());
            async move {
                if index == 10 {
                    app.post_as(&person.access, "/v1/auth/logout", json!({})).await
                } else {
                    app.refresh(&person.refresh).await
                }
            }
        })
        .await;

        if late(&answers[10..11]) == 1 {
            app.post_as(&person.access, "/v1/auth/logout", json!({})).await;
        } else {
            assert_eq!(answers[10].status, 204);
        }
        app.get_as(&person.access, "/v1/me").await.assert_problem(401, "token_invalid");
        for token in answers.iter().filter_map(|answer| answer.json["refresh_token"].as_str()) {
            app.refresh(token).await.assert_problem(401, "token_invalid");
        }
    }
}
