//! Flows across endpoints: signing in with a second factor, and attempts to get around it.

use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{
    OTHER_PHONE, PHONE, SignedIn, TestApp,
    accounts::{EMAIL, NEW_PASSWORD, PASSWORD, mentions},
    at_once, claims, count, late,
    second_factor::{Authenticator, mfa_required},
    tally, winner,
};

/// How often each race is run, since it is lost only by chance.
const ROUNDS: usize = 3;

/// Signs in with a texted code, up to the second factor. Returns the token for it.
async fn by_text(app: &TestApp, phone: &str) -> String {
    app.verify(&app.challenge(phone).await, &app.code(phone)).await.mfa_token()
}

/// How the user signed in, according to their access token: its `amr` and `acr` claims.
fn recognised(person: &SignedIn) -> (Value, Value) {
    let told = claims(&person.access);
    (told["amr"].clone(), told["acr"].clone())
}

#[tokio::test]
async fn every_first_factor_leads_to_the_second() {
    let app = TestApp::with_mail().await;
    let (me, authenticator) = app.protected(PHONE).await;
    assert_eq!(recognised(&me), (json!(["sms"]), json!("aal1")));

    let id = app.post_as(&me.access, "/v1/me/email", json!({"email": EMAIL})).await;
    id.assert_step_up(true);

    let both =
        app.totp(&app.first_factor(PHONE).await, &authenticator.code(&app)).await.signed_in();
    let id =
        app.post_as(&both.access, "/v1/me/email", json!({"email": EMAIL})).await.challenge_id();
    app.verify_as(&both.access, &id, &app.code(EMAIL)).await.assert_ok();

    app.advance(60);
    let texted = by_text(&app, PHONE).await;
    let mailed = app.verify(&app.mail_challenge(EMAIL).await, &app.code(EMAIL)).await.mfa_token();
    let password = app.login(json!({"email": EMAIL}), PASSWORD).await.mfa_token();

    let registered = {
        app.advance(60);
        let id =
            app.register(json!({"phone": PHONE, "password": NEW_PASSWORD})).await.challenge_id();
        app.verify(&id, &app.code(PHONE)).await.mfa_token()
    };
    for (token, method) in
        [(texted, "sms"), (mailed, "email"), (password, "pwd"), (registered, "sms")]
    {
        app.advance(30);
        let person = app.totp(&token, &authenticator.code(&app)).await.signed_in();
        assert_eq!(person.id(), me.id());
        assert_eq!(recognised(&person), (json!([method, "otp", "mfa"]), json!("aal2")));
    }
}

#[tokio::test]
async fn a_recovery_code_takes_the_place_of_the_authenticator_app_once() {
    let app = TestApp::start().await;
    let (me, authenticator) = app.protected(PHONE).await;
    let code = &authenticator.recovery_codes[7];
    app.advance(60);
    let person = app.recover(&by_text(&app, PHONE).await, code).await.signed_in();
    assert_eq!(
        (person.id(), recognised(&person)),
        (me.id(), (json!(["sms", "recovery_code", "mfa"]), json!("aal2")))
    );
    app.recover(&app.first_factor(PHONE).await, code).await.assert_wrong(Some(4));

    // A recovery code is as good as the authenticator app, also for setting up another one.
    app.remove_totp(&person, &authenticator.recovery_codes[0]).await.assert_done();

    app.authenticator(&person).await;
}

#[tokio::test]
async fn the_token_endpoint_says_how_to_go_on() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    let grant = [("grant_type", "password"), ("username", PHONE), ("password", PASSWORD)];
    let answer = app.form(None, "/oauth2/token", &grant).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (403, "application/json"));
    assert_eq!(answer.header("cache-control"), "no-store");

    let token = answer.json["mfa_token"].as_str().unwrap().to_owned();
    let mut expected = mfa_required(&token);
    expected["error"] = json!("mfa_required");
    expected["error_description"] = answer.json["error_description"].clone();
    assert_eq!(answer.json, expected);

    let person = app.totp(&token, &authenticator.code(&app)).await.signed_in();
    assert_eq!(recognised(&person), (json!(["pwd", "otp", "mfa"]), json!("aal2")));

    // A refresh needs no second factor: the session has had both.
    app.grant_refresh("default", &person.refresh).await.assert_ok();
}

#[tokio::test]
async fn the_token_of_a_first_factor_opens_nothing_else() {
    let (app, admin) = TestApp::with_admin().await;
    let server = app.server(&admin, "server").await;
    let (me, authenticator) = app.protected(PHONE).await;
    let sessions = app.sessions_of(me.id()).await;
    let token = app.first_factor(PHONE).await;
    for path in ["/v1/me", "/v1/me/export", "/v1/me/sessions", "/oauth2/userinfo"] {
        assert_eq!(app.get_as(&token, path).await.status.as_u16(), 401, "{path}");
    }

    app.call_as(&token, Method::DELETE, "/v1/me").await.assert_problem(401, "token_invalid");
    app.call_as(&token, Method::POST, "/v1/me/totp").await.assert_problem(401, "token_invalid");
    app.post_as(&token, "/v1/auth/logout", json!({})).await.assert_problem(401, "token_invalid");
    app.refresh(&token).await.assert_problem(401, "token_invalid");
    app.grant_refresh("default", &token).await.assert_oauth(400, "invalid_grant");
    app.introspect(&server, &token).await.assert_inactive();
    app.verify(&token, &authenticator.code(&app)).await.assert_field("challenge_id");
    app.reset_by_link(&token, NEW_PASSWORD).await.assert_problem(401, "token_invalid");

    let revoked = app.form(Some(&server.basic()), "/oauth2/revoke", &[("token", &token)]).await;
    revoked.assert_empty_ok();
    assert_eq!(
        app.sessions_of(me.id()).await,
        sessions,
        "a session exists before the second factor"
    );
    app.totp(&token, &authenticator.code(&app)).await.assert_ok();
}

#[tokio::test]
async fn changing_account_security_requires_a_fresh_sign_in_with_all_factors() {
    let app = TestApp::with_mail().await;
    let me = app.person(PHONE).await;
    let calls = [
        (Method::POST, "/v1/me/totp", json!({})),
        (Method::POST, "/v1/me/phone", json!({"phone": OTHER_PHONE})),
        (Method::POST, "/v1/me/email", json!({"email": EMAIL})),
        (Method::DELETE, "/v1/me", json!({})),
    ];

    let refused = async |who: &SignedIn, multi_factor: bool| {
        for (method, path, body) in &calls {
            app.json_as(who, method.clone(), path, body.clone()).await.assert_step_up(multi_factor);
        }
    };
    app.advance(600);
    refused(&me, false).await;

    // Refreshing a token is not a fresh sign-in.
    let mut refreshed = me.clone();
    refreshed.access =
        app.refresh(&me.refresh).await.assert_ok()["access_token"].as_str().unwrap().to_owned();
    refused(&refreshed, false).await;

    let me = app.login(json!({"phone": PHONE}), PASSWORD).await.signed_in();
    let authenticator = app.authenticator(&me).await;

    // A fresh sign-in from before the second factor was set up lacks that factor.
    refused(&me, true).await;

    let both =
        app.totp(&app.first_factor(PHONE).await, &authenticator.code(&app)).await.signed_in();
    app.advance(599);
    app.json_as(&both, Method::POST, "/v1/me/phone", json!({"phone": OTHER_PHONE}))
        .await
        .challenge_id();
    app.json_as(&both, Method::POST, "/v1/me/email", json!({"email": EMAIL})).await.challenge_id();
    app.advance(1);
    refused(&both, true).await;

    let again =
        app.totp(&app.first_factor(PHONE).await, &authenticator.code(&app)).await.signed_in();
    app.delete_me(&again.access).await.assert_done();
}

#[tokio::test]
async fn a_password_that_is_reset_does_not_get_around_the_second_factor() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    app.advance(60);
    let id = app.forgot(json!({"phone": PHONE})).await.challenge_id();
    app.reset(&id, &app.code(PHONE), NEW_PASSWORD).await.assert_done();
    let token = app.login(json!({"phone": PHONE}), NEW_PASSWORD).await.mfa_token();
    app.totp(&token, &authenticator.code(&app)).await.assert_ok();
}

#[tokio::test]
async fn a_password_reset_gives_no_further_tries_at_the_second_factor() {
    let app = TestApp::with_mail().await;
    let (_, authenticator) = app.protected(PHONE).await;
    for _ in 0..2 {
        let token = app.first_factor(PHONE).await;
        for _ in 0..5 {
            app.totp(&token, &authenticator.wrong_code(&app)).await;
        }
    }
    app.advance(60);
    let id = app.forgot(json!({"phone": PHONE})).await.challenge_id();
    app.reset(&id, &app.code(PHONE), NEW_PASSWORD).await.assert_done();
    let token = app.login(json!({"phone": PHONE}), NEW_PASSWORD).await.mfa_token();
    app.totp(&token, &authenticator.code(&app)).await.assert_wait(429, "otp_locked");
    app.advance(900);
    let token = app.login(json!({"phone": PHONE}), NEW_PASSWORD).await.mfa_token();
    app.totp(&token, &authenticator.code(&app)).await.assert_ok();
}

#[tokio::test]
async fn secrets_and_codes_are_in_no_item_and_no_later_answer() {
    let app = TestApp::start().await;
    let me = app.person(PHONE).await;
    let enrolment = app.enrol(&me).await;
    let secret = enrolment.json["secret"].as_str().unwrap().to_owned();
    let mut authenticator = Authenticator::new(&enrolment);
    let raw = authenticator.secret().to_vec();

    let assert_hidden = async |needles: &[String]| {
        for item in app.items().await {
            for value in item.values() {
                assert!(!needles.iter().any(|needle| mentions(value, needle)), "{item:?}");
                let bytes = value.as_b().map(|blob| blob.as_ref().to_vec()).unwrap_or_default();
                assert!(!bytes.windows(raw.len()).any(|window| window == raw), "{item:?}");
            }
        }
    };

    let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut needles = vec![secret, hex];
    assert_hidden(&needles).await;

    authenticator.recovery_codes =
        app.confirm(&me, &authenticator.code(&app)).await.recovery_codes();
    for code in &authenticator.recovery_codes {
        needles.extend([code.clone(), code.replace('-', "")]);
    }

    app.advance(30);
    let token = app.first_factor(PHONE).await;
    needles.push(token[4..].to_owned());
    assert_hidden(&needles).await;

    let both = app.totp(&token, &authenticator.code(&app)).await.signed_in();
    assert_hidden(&needles).await;
    for path in ["/v1/me", "/v1/me/export", "/v1/me/sessions", "/oauth2/userinfo"] {
        let text = app.get_as(&both.access, path).await.text.to_ascii_lowercase();
        assert!(
            !needles.iter().any(|needle| text.contains(&needle.to_ascii_lowercase())),
            "{path}: {text}"
        );
    }

    assert!(
        app.texts(PHONE)
            .iter()
            .all(|text| !needles.iter().any(|needle| text.body.contains(needle)))
    );
}

#[tokio::test]
async fn the_second_factor_is_exported_and_erased_with_the_account() {
    let app = TestApp::start().await;
    let (me, authenticator) = app.protected(PHONE).await;
    app.recover(&app.first_factor(PHONE).await, &authenticator.recovery_codes[0]).await.assert_ok();

    let export = app.get_as(&me.access, "/v1/me/export").await;
    let told = json!({"created_at": "2027-01-15T08:00:00.000Z", "recovery_codes_left": 9});
    assert_eq!(export.assert_ok()["second_factor"], told);

    let other = app.sign_in(OTHER_PHONE).await;
    app.enrol(&other).await.assert_ok();
    assert_eq!(
        app.get_as(&other.access, "/v1/me/export").await.assert_ok()["second_factor"],
        Value::Null
    );
    app.delete_me(&other.access).await.assert_done();
    assert!(app.items_of(other.id()).await.is_empty());

    let both =
        app.totp(&app.first_factor(PHONE).await, &authenticator.code(&app)).await.signed_in();
    app.delete_me(&both.access).await.assert_done();
    assert!(app.items_of(me.id()).await.is_empty());
    for sort_key in ["SECOND_FACTOR", "ENROLMENT"] {
        assert!(app.items_like(sort_key).await.is_empty(), "{sort_key}");
    }

    // The next user of this phone has no second factor.
    app.advance(60);
    assert_eq!(app.sign_in(PHONE).await.json["user"]["mfa"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_arrives_twenty_times_at_once_is_one_session() {
    let app = TestApp::start().await;
    let (me, authenticator) = app.protected(PHONE).await;
    for round in 0..ROUNDS {
        let code = if round == 1 {
            authenticator.recovery_codes[0].clone()
        } else {
            authenticator.code(&app)
        };
        let method = if round == 1 { "recovery_code" } else { "totp" };
        let (sessions, token) = (app.sessions_of(me.id()).await, app.first_factor(PHONE).await);
        let answers = at_once(20, |_| {
            let (app, token, code) = (app.clone(), token.clone(), code.clone());
            async move { app.mfa(&token, method, &code).await }
        })
        .await;

        let won = count(&answers, 200);
        assert!(won <= 1 && won + late(&answers) >= 1, "{:?}", tally(&answers));
        let now = app.sessions_of(me.id()).await;
        assert!((sessions + won..=sessions + 1).contains(&now), "{now}, {sessions} before");

        app.advance(900);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_arrives_with_many_tokens_at_once_is_one_session() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    for round in 0..ROUNDS {
        let mut tokens = Vec::new();
        for _ in 0..8 {
            tokens.push(app.first_factor(PHONE).await);
        }

        let is_recovery = round % 2 == 1;
        let code = if is_recovery {
            authenticator.recovery_codes[round].clone()
        } else {
            authenticator.code(&app)
        };
        let answers = at_once(8, |index| {
            let (app, token, code) = (app.clone(), tokens[index].clone(), code.clone());
            async move {
                app.mfa(&token, if is_recovery { "recovery_code" } else { "totp" }, &code).await
            }
        })
        .await;

        winner(&answers, 200, (400, "otp_incorrect"));
        app.advance(24 * 3600);

        // Consecutive failures outlive a round. Only the next success resets them.
        app.totp(&app.first_factor(PHONE).await, &authenticator.code(&app)).await.signed_in();
        app.advance(24 * 3600);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_at_once_have_no_more_tries_than_one_after_the_other() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    let token = app.first_factor(PHONE).await;
    let answers = at_once(20, |_| {
        let (app, token, code) = (app.clone(), token.clone(), authenticator.wrong_code(&app));
        async move { app.totp(&token, &code).await }
    })
    .await;

    let (compared, late) = (count(&answers, 400), late(&answers));
    assert!(compared <= 5 && compared + late >= 5, "{:?}", tally(&answers));
    assert_eq!(count(&answers, 429), 20 - compared - late, "{:?}", tally(&answers));
    app.totp(&token, &authenticator.code(&app)).await.assert_problem(429, "otp_locked");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_confirmations_at_once_give_one_set_of_codes_and_it_works() {
    for _ in 0..ROUNDS {
        let app = TestApp::start().await;
        let me = app.person(PHONE).await;
        let authenticator = Authenticator::new(&app.enrol(&me).await);
        let code = authenticator.code(&app);
        let answers = at_once(10, |_| {
            let (app, me, code) = (app.clone(), me.clone(), code.clone());
            async move { app.confirm(&me, &code).await }
        })
        .await;

        let Some(won) = winner(&answers, 200, (409, "conflict")) else { continue };
        let codes = won.recovery_codes();
        for code in &codes {
            app.recover(&app.first_factor(PHONE).await, code).await.assert_ok();
        }

        assert_eq!(app.texts(PHONE).len(), 2, "the code of the sign-up, and one notice");
    }
}

#[tokio::test]
async fn a_sign_in_that_waits_for_its_second_factor_ends_with_its_password() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    let pending = app.first_factor(PHONE).await;
    app.advance(60);
    let id = app.forgot(json!({"phone": PHONE})).await.challenge_id();
    app.reset(&id, &app.code(PHONE), NEW_PASSWORD).await.assert_done();
    app.totp(&pending, &authenticator.code(&app)).await.assert_problem(401, "token_invalid");

    app.advance(30);
    let again = app.login(json!({"phone": PHONE}), NEW_PASSWORD).await.mfa_token();
    app.totp(&again, &authenticator.code(&app)).await.assert_ok();
}

#[tokio::test]
async fn a_stranger_who_knows_the_password_an_administrator_set_does_not_stay_an_owner() {
    let (app, admin) = TestApp::with_staff().await;
    app.create_user(&admin, json!({"phone": PHONE, "password": PASSWORD})).await.assert_created();

    let stranger = app.login(json!({"phone": PHONE}), PASSWORD).await.signed_in();
    for (path, body) in
        [("/v1/me/email", json!({"email": EMAIL})), ("/v1/me/phone", json!({"phone": OTHER_PHONE}))]
    {
        app.post_as(&stranger.access, path, body).await.assert_problem(409, "conflict");
    }

    app.authenticator(&stranger).await;
    let id = app.forgot(json!({"phone": PHONE})).await.challenge_id();
    app.reset(&id, &app.code(PHONE), NEW_PASSWORD).await.assert_done();
    app.get_as(&stranger.access, "/v1/me").await.assert_problem(401, "token_invalid");

    let owner = app.login(json!({"phone": PHONE}), NEW_PASSWORD).await.signed_in();
    assert_eq!(app.me(&owner.access).await["mfa"], json!([]));

    app.post_as(&owner.access, "/v1/me/email", json!({"email": EMAIL})).await.challenge_id();
}
