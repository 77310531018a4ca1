//! People who come from another service: their passwords go on, and nobody learns who they are.

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::testing::{
    Answer, OTHER_PHONE, PHONE, SignedIn, TestApp,
    accounts::{EMAIL, OTHER_EMAIL, PASSWORD},
    admin::values,
    apps::ADMIN_PHONE,
    at_once,
    hosted::{Browser, hosted_app},
    invariants::assert_invariants,
};

/// bcrypt's hash of `correct horse` with a cost of 10, as libxcrypt makes it.
const HASH: &str = "$2b$10$abcdefghijklmnopqrstuu23JPZtHcGhwXSF41f93o/7vBdDut3Xu";
const OLD_PASSWORD: &str = "correct horse";
const SUB: &str = "f3b4c812-7061-70a1-2f0c-5b4a9f2d1e11";

/// The service with a user pool of Cognito, and its administrator.
async fn with_pool() -> (TestApp, SignedIn) {
    let app = TestApp::with_mail_and(&[("ADMIN_PHONE", ADMIN_PHONE)]).await;
    let pool = app.aws.user_pool_environment().map(|(name, value)| (name, value.to_owned()));
    let settings: Vec<_> = pool.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let app = app.restarted(&settings);
    let admin = app.sign_in(ADMIN_PHONE).await;
    (app, admin)
}

fn ann() -> Value {
    json!({
        "sub": SUB, "cognito:username": SUB, "email": EMAIL, "email_verified": true,
        "phone_number": PHONE, "phone_number_verified": true, "name": "Ann Lee", "locale": "es",
    })
}

async fn login(app: &TestApp, email: &str, password: &str) -> Answer {
    app.login(json!({"email": email}), password).await
}

#[tokio::test]
async fn people_of_a_user_pool_keep_their_passwords() {
    let (app, admin) = with_pool().await;
    let pool = &app.aws.user_pool;
    pool.add(&[EMAIL, PHONE], OLD_PASSWORD, ann());

    login(&app, EMAIL, "wrong horse").await.assert_problem(401, "invalid_credentials");
    login(&app, OTHER_EMAIL, OLD_PASSWORD).await.assert_problem(401, "invalid_credentials");
    let me = login(&app, EMAIL, OLD_PASSWORD).await.signed_in();
    let user = app.user(&admin, me.id()).await.assert_ok().clone();
    for (field, value) in [
        ("external_id", json!(SUB)),
        ("email", json!(EMAIL)),
        ("email_verified", json!(true)),
        ("phone", json!(PHONE)),
        ("phone_verified", json!(true)),
        ("username", json!(null)),
        ("name", json!("Ann Lee")),
        ("locale", json!("es")),
        ("has_password", json!(true)),
        ("roles", json!(["User"])),
    ] {
        assert_eq!(user[field], value, "{field}");
    }
    assert!(app.texts(EMAIL).is_empty() && app.texts(PHONE).is_empty());
    let events = app.events(&admin).await;
    assert!(values(&events, "action").contains(&"user_import"));
    assert_invariants(&app).await;

    // A right password counts as no wrong one.
    let failures = events.iter().filter(|event| event["action"] == "sign_in");
    let failures = failures.filter(|event| event["result"] == "failure");
    let count: u64 = failures.map(|event| event["count"].as_u64().unwrap()).sum();
    assert_eq!(count, 2, "those that were refused");

    // From now on, the pool is not asked about them, whatever is typed.
    let tries = pool.tries();
    let again = app.login(json!({"phone": PHONE}), OLD_PASSWORD).await;
    assert_eq!(again.signed_in().id(), me.id());
    login(&app, EMAIL, "wrong horse").await.assert_problem(401, "invalid_credentials");
    assert_eq!(pool.tries(), tries);
    assert!(!app.stored_user(me.id()).await.password.unwrap().is_foreign());
}

#[tokio::test]
async fn the_password_is_taken_over_wherever_people_sign_in_with_one() {
    let (app, admin) = with_pool().await;
    let pool = &app.aws.user_pool;
    pool.add(&[EMAIL], OLD_PASSWORD, ann());
    app.public_app(&admin, "cli").await;
    let fields = [
        ("grant_type", "password"),
        ("client_id", "cli"),
        ("username", EMAIL),
        ("password", OLD_PASSWORD),
    ];
    app.form(None, "/oauth2/token", &fields).await.assert_ok();

    let claims = json!({"sub": "2", "email": OTHER_EMAIL, "email_verified": true});
    pool.add(&[OTHER_EMAIL], OLD_PASSWORD, claims);
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let page = browser.get(&client.url(&[])).await;
    let page = browser.submit(&page, &[("identifier", OTHER_EMAIL)]).await;
    let page = browser.submit(&page, &[("action", "password")]).await;
    let page = browser.submit(&page, &[("password", OLD_PASSWORD)]).await;
    assert!(!page.authorization_code(&client).is_empty(), "{}", page.text);
}

#[tokio::test]
async fn people_who_were_imported_without_a_password_bring_it_along() {
    let (app, admin) = with_pool().await;
    let pool = &app.aws.user_pool;
    pool.add(&[EMAIL], OLD_PASSWORD, ann());
    let record = json!({
        "external_id": SUB, "email": EMAIL, "email_verified": true, "name": "Ann Kim",
        "app_metadata": {"plan": "pro"}, "roles": ["Guest"],
    });
    let path = "/v1/users/import";
    let imported = app.post_as(&admin.access, path, json!({"users": [record]})).await;
    let id = imported.assert_ok()["results"][0]["id"].as_str().unwrap().to_owned();
    let me = login(&app, EMAIL, OLD_PASSWORD).await.signed_in();
    assert_eq!(me.id(), id);
    let user = app.user(&admin, &id).await.assert_ok().clone();
    assert_eq!((&user["roles"], &user["phone"]), (&json!(["Guest"]), &json!(PHONE)));
    assert_eq!(user["app_metadata"], json!({"plan": "pro"}));

    // Simultaneous first sign-ins make one account.
    pool.add(
        &[OTHER_EMAIL],
        OLD_PASSWORD,
        json!({"sub": "2", "email": OTHER_EMAIL, "email_verified": true}),
    );
    let sign_in = |_| {
        let app = app.clone();
        async move { login(&app, OTHER_EMAIL, OLD_PASSWORD).await.signed_in().id().to_owned() }
    };
    let ids = at_once(4, sign_in).await;
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_invariants(&app).await;
}

/// The pool's word is not enough for an account that is in use here, or where it asks for more.
#[tokio::test]
async fn a_user_pool_lets_nobody_into_an_account_in_use_or_past_a_second_factor() {
    let (app, admin) = with_pool().await;
    let pool = &app.aws.user_pool;
    let me = app.sign_in(PHONE).await;
    let before = app.stored_user(me.id()).await;
    // Somebody has this phone there, or says so.
    pool.add(&[EMAIL, PHONE], OLD_PASSWORD, ann());
    app.login(json!({"phone": PHONE}), OLD_PASSWORD)
        .await
        .assert_problem(401, "invalid_credentials");
    assert_eq!(pool.tries(), 0, "somebody has the name here");
    login(&app, EMAIL, OLD_PASSWORD).await.assert_problem(401, "invalid_credentials");
    let after = app.stored_user(me.id()).await;
    assert_eq!((after.email, after.password), (before.email, before.password));
    assert_eq!(after.sessions, before.sessions);

    let unproven = json!({"sub": "2", "email": OTHER_EMAIL, "phone_number": PHONE});
    pool.add(&[OTHER_EMAIL], OLD_PASSWORD, unproven);
    login(&app, OTHER_EMAIL, OLD_PASSWORD).await.assert_problem(401, "invalid_credentials");

    // An account that an administrator has written down is not theirs to take, nor an administrator's.
    let written = json!({"phone": "+14155550181", "roles": ["Guest"]});
    let id = app.create_user(&admin, written).await.assert_created()["id"].clone();
    let record = json!({"email": "boss@example.org", "email_verified": true, "roles": ["Admin"]});
    let body = json!({"users": [record]});
    app.post_as(&admin.access, "/v1/users/import", body).await.assert_ok();
    let name = ["former@example.org"];
    let claims = json!({
        "sub": "4", "email": name[0], "email_verified": true, "phone_number": "+14155550181",
        "phone_number_verified": true,
    });
    pool.add(&name, OLD_PASSWORD, claims);
    login(&app, name[0], OLD_PASSWORD).await.assert_problem(401, "invalid_credentials");
    let user = app.user(&admin, id.as_str().unwrap()).await.assert_ok().clone();
    assert_eq!((&user["has_password"], &user["email"]), (&json!(false), &json!(null)));
    let name = ["boss@example.org"];
    pool.add(&name, OLD_PASSWORD, json!({"sub": "5", "email": name[0], "email_verified": true}));
    login(&app, name[0], OLD_PASSWORD).await.assert_problem(401, "invalid_credentials");
    let name = ["nothing@example.org"];
    pool.add(&name, OLD_PASSWORD, json!({"sub": "6", "email": name[0]}));
    login(&app, name[0], OLD_PASSWORD).await.assert_problem(401, "invalid_credentials");

    let claims = json!({"sub": "3", "email": "bea@example.org", "email_verified": true});
    let name = ["bea@example.org"];
    pool.add_with_challenge(&name, OLD_PASSWORD, claims, Some("SOFTWARE_TOKEN_MFA"));
    login(&app, name[0], OLD_PASSWORD).await.assert_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn people_of_here_sign_in_while_the_user_pool_is_down() {
    let (app, _) = with_pool().await;
    let pool = &app.aws.user_pool;
    pool.add(&[EMAIL], OLD_PASSWORD, ann());
    app.sign_up(json!({"phone": OTHER_PHONE, "password": PASSWORD})).await;
    pool.set_down(true);
    login(&app, EMAIL, OLD_PASSWORD).await.assert_problem(401, "invalid_credentials");
    app.login(json!({"phone": OTHER_PHONE}), PASSWORD).await.assert_ok();
    pool.set_down(false);
    login(&app, EMAIL, OLD_PASSWORD).await.assert_ok();
}

/// The time of a refusal in milliseconds: the median of some.
async fn refusal_time(app: &TestApp, who: &[Value]) -> u128 {
    let mut times = Vec::new();
    for who in who {
        let start = Instant::now();
        let refused = app.login(who.clone(), "wrong horse").await;
        times.push(start.elapsed().as_millis());
        refused.assert_problem(401, "invalid_credentials");
    }
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::test]
async fn a_refused_password_does_not_tell_who_came_from_elsewhere() {
    let (app, admin) = TestApp::with_staff().await;
    let phones = |first: usize| {
        (first..first + 5)
            .map(|place| json!({"phone": format!("+1415555{place}")}))
            .collect::<Vec<_>>()
    };
    let (imported, own, nobody) = (phones(2000), phones(3000), phones(4000));
    for person in &own {
        let body = json!({"phone": person["phone"], "password": PASSWORD});
        app.sign_up(body).await;
    }
    let records: Vec<_> = imported
        .iter()
        .map(|person| json!({"phone": person["phone"], "phone_verified": true, "password_hash": HASH}))
        .collect();
    let users = json!({"users": records});
    app.post_as(&admin.access, "/v1/users/import", users).await.assert_ok();
    // A process learns of it within a minute.
    app.advance(61);

    // A machine that is busy with something else gets more attempts.
    let mut seen = Vec::new();
    for _ in 0..6 {
        let times = [
            refusal_time(&app, &imported).await,
            refusal_time(&app, &own).await,
            refusal_time(&app, &nobody).await,
        ];
        let (least, most) = (*times.iter().min().unwrap(), *times.iter().max().unwrap());
        assert!(least >= 250, "{times:?}");
        if most - least <= least / 10 {
            return;
        }
        seen.push(times);
        app.advance(3600);
    }
    panic!("the time tells who came from elsewhere: {seen:?}");
}
