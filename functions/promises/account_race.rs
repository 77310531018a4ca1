//! Promises about accounts that hold however many requests arrive together.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use serde_json::json;
use shared::{
    base::Error,
    identifiers::{Address, Email},
    users::Password,
};

use crate::testing::{
    Answer, OTHER_PHONE, PHONE, SignedIn, TestApp,
    accounts::{EMAIL, NEW_PASSWORD, PASSWORD},
    at_once, count, late,
    second_factor::Authenticator,
    tally, winner,
};

/// How often each race is run, since it is lost only by chance.
const ROUNDS: usize = 5;
const TEST_PHONE: &str = "+15005550006";

/// A service whose clients may ask for any number of messages from one address. [`TEST_PHONE`] has
/// no cooldown.
async fn app() -> TestApp {
    TestApp::with_mail_and(&[
        ("OTP_SENDS_PER_IP_PER_HOUR", "1000000"),
        ("TEST_PHONE_NUMBERS", "+15005550006=123456"),
        ("TEST_PHONES_UNTIL", "2027-02-15"),
    ])
    .await
}

fn phone(index: usize) -> String {
    format!("+1415555{:04}", 2000 + index)
}

/// Asserts that nothing is half done: the owner of every identifier exists, and every user owns
/// their identifiers.
async fn assert_invariants(app: &TestApp) {
    let items = app.items().await;
    let of_kind = |kind: &'static str| {
        items.iter().filter(move |item| item["sk"].as_s().unwrap().starts_with(kind))
    };
    let users: BTreeMap<_, _> =
        of_kind("USER").map(|user| (user["id"].as_s().unwrap().clone(), user)).collect();
    let mut owned = BTreeMap::<_, usize>::new();
    for owner in of_kind("OWNER") {
        let id = owner["user_id"].as_s().unwrap();
        assert!(users.contains_key(id), "an identifier without a user: {owner:?}");
        *owned.entry(id.clone()).or_default() += 1;
    }

    for (id, user) in &users {
        let email = user.contains_key("email_verified").then_some("email");
        let identifiers =
            ["phone", "username"].into_iter().chain(email).filter(|name| user.contains_key(*name));
        assert_eq!(identifiers.count(), owned.get(id).copied().unwrap_or_default(), "{user:?}");
    }
}

/// As if the requests had been under way when the session ended.
#[tokio::test]
async fn a_change_that_is_under_way_does_not_outlive_its_session() {
    outlives_nothing(app().await).await;
    // With a delay, an account is erased in another way.
    outlives_nothing(TestApp::with_mail_and(&[("ERASURE_DELAY_DAYS", "30")]).await).await;
}

async fn outlives_nothing(app: TestApp) {
    let me = app.person(PHONE).await;
    let latchkey = &app.latchkey;
    let id = me.id().parse().unwrap();
    let user = latchkey.store().user(id).await.unwrap().unwrap();
    let sid = *user.sessions.keys().next_back().unwrap();
    let enrolled = Authenticator::new(&app.enrol(&me).await);
    let all = json!({"all": true});
    app.json_as(&me, Method::POST, "/v1/auth/logout", all).await.assert_done();

    let accounts = latchkey.accounts().await.unwrap();
    let factors = latchkey.second_factors().await.unwrap();
    let password = |text: &str| Password::parse("password", text.to_owned()).unwrap();
    let address = Address::Email(Email::parse(EMAIL).unwrap());
    let avatars = latchkey.avatars().await.unwrap();
    let (old, new) = (Some(password(PASSWORD)), password(NEW_PASSWORD));
    let refused = [
        accounts.change_password(&user, sid, old, new).await.err(),
        accounts.change_address((user.id, sid), &address).await.err(),
        accounts.erase((user.id, sid), &avatars).await.err(),
        factors.confirm((&user, sid), &enrolled.code(&app)).await.err(),
        factors.remove(user.id, sid).await.err(),
    ];
    assert_eq!(refused, [const { Some(Error::TokenInvalid) }; 5]);
    let after = latchkey.store().user(user.id).await.unwrap().unwrap();
    assert_eq!((after.password, after.email, after.totp), (user.password, user.email, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_sign_ups_of_one_phone_are_one_user() {
    let app = app().await;
    for round in 0..2 {
        let body =
            move |index| json!({"phone": TEST_PHONE, "username": format!("user-{round}-{index}")});
        let sent = at_once(50, |index| {
            let app = app.clone();
            async move { app.register(body(index)).await }
        })
        .await;
        let mut ids: Vec<_> =
            sent.iter().filter(|it| it.status == 202).map(Answer::challenge_id).collect();

        assert!(ids.len() > 1, "{:?}", tally(&sent));

        // Only the newest challenge is valid. Of the fifty, it may be one whose response came too
        // late on a busy machine.
        ids.push(app.register(body(50)).await.challenge_id());

        let proofs = at_once(ids.len() * 2, |index| {
            let (app, id) = (app.clone(), ids[index % ids.len()].clone());
            async move { app.verify(&id, "123456").await }
        })
        .await;
        let Some(me) = winner(&proofs, 200, (410, "otp_expired")) else { return };
        assert_eq!(app.items_like("USER").await.len(), 1);
        assert_invariants(&app).await;

        let me = me.signed_in();
        assert_eq!(me.json["is_new_user"], true);
        app.delete_me(&me.access).await.assert_done();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_sign_ups_of_one_address_send_one_message_and_are_one_user() {
    let app = app().await;
    let mut unknown = 0;
    for round in 0..ROUNDS {
        let (phone, email) = (phone(round), format!("ann{round}@example.org"));
        for (address, body) in
            [(&phone, json!({"phone": phone})), (&email, json!({"email": email}))]
        {
            let sent = at_once(50, |_| {
                let (app, body) = (app.clone(), body.clone());
                async move { app.register(body).await }
            })
            .await;
            let (winning, texts) =
                (winner(&sent, 202, (429, "resend_too_soon")), app.texts(address).len());
            assert!(texts <= 1, "{:?}", tally(&sent));
            let Some(winning) = winning else {
                unknown += 1;
                continue;
            };
            assert_eq!(texts, 1, "{:?}", tally(&sent));

            let id = winning.challenge_id();
            let code = app.code(address);
            let proofs = at_once(50, |_| {
                let (app, id, code) = (app.clone(), id.clone(), code.clone());
                async move { app.verify(&id, &code).await }
            })
            .await;

            unknown += usize::from(winner(&proofs, 200, (410, "otp_expired")).is_none());
        }

        let (users, most) = (app.items_like("USER").await.len(), 2 * (round + 1));
        assert!(users <= most && users + unknown >= most, "{users} users of {most}");
        assert_invariants(&app).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_sign_ups_with_one_username_are_fifty_users_and_one_has_it() {
    let app = app().await;
    for round in 0..2 {
        let mut proofs = Vec::new();
        for index in 0..50 {
            let phone = phone(50 * round + index);
            let spelling = if index % 2 == 0 { "ann" } else { "Ann" };
            let body = json!({"phone": phone, "username": format!("{spelling}{round}")});
            let id = app.register(body).await.challenge_id();
            proofs.push((id, app.code(&phone)));
        }

        let answers = at_once(50, |index| {
            let (app, (id, code)) = (app.clone(), proofs[index].clone());
            async move { app.verify(&id, &code).await }
        })
        .await;
        let late = late(&answers);
        assert_eq!(count(&answers, 200) + late, 50, "{:?}", tally(&answers));
        let signed_in = || answers.iter().filter(|answer| answer.status == 200);
        assert!(signed_in().all(|answer| answer.json["is_new_user"] == true));

        let holders = signed_in().filter(|it| !it.json["user"]["username"].is_null()).count();
        assert!(holders <= 1 && holders + late >= 1, "{holders} holders: {:?}", tally(&answers));
        assert_invariants(&app).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_changes_to_one_username_are_one_change() {
    let app = app().await;
    let mut people = Vec::new();
    for index in 0..20 {
        people.push(app.sign_in(&phone(index)).await);
    }

    for round in 0..ROUNDS {
        let answers = at_once(20, |index| {
            let (app, token) = (app.clone(), people[index].access.clone());
            async move { app.patch_me(&token, json!({"username": format!("ann{round}")})).await }
        })
        .await;
        winner(&answers, 200, (409, "conflict"));
        assert_invariants(&app).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_deletes_their_account_while_signing_in_is_complete_or_gone() {
    let app = app().await;
    for round in 0..4 * ROUNDS {
        let phone = phone(round);
        let me = app
            .sign_up(
                json!({"phone": phone, "password": PASSWORD, "username": format!("ann{round}")}),
            )
            .await;

        app.advance(60);
        let (id, code) = (app.challenge(&phone).await, app.code(&phone));
        let answers = at_once(4, |index| {
            let (app, me, id, code, phone) =
                (app.clone(), me.clone(), id.clone(), code.clone(), phone.clone());
            async move {
                match index {
                    0 => app.delete_me(&me.access).await,
                    1 => app.verify(&id, &code).await,
                    2 => app.login(json!({"phone": phone}), PASSWORD).await,
                    _ => app.refresh(&me.refresh).await,
                }
            }
        })
        .await;

        answers[0].assert_done();
        assert!([200, 410].contains(&answers[1].status.as_u16()), "{:?}", tally(&answers));
        assert!([200, 401].contains(&answers[2].status.as_u16()), "{:?}", tally(&answers));
        assert_invariants(&app).await;
        assert!(app.items_of(me.id()).await.is_empty(), "data of the deleted user is left");
        for signed_in in
            answers[1..3].iter().filter(|answer| answer.status == 200).map(Answer::signed_in)
        {
            let is_gone = signed_in.id() == me.id();
            let profile = app.get_as(&signed_in.access, "/v1/me").await;
            assert_eq!(profile.status.as_u16(), if is_gone { 401 } else { 200 });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_during_a_password_change_saves_no_other_session() {
    let app = app().await;
    app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;

    let passwords = [PASSWORD, NEW_PASSWORD];
    for round in 0..2 * ROUNDS {
        let (old, new) = (passwords[round % 2], passwords[(round + 1) % 2]);
        let mine = app.login(json!({"phone": PHONE}), old).await.signed_in();
        let other = app.login(json!({"phone": PHONE}), old).await.signed_in();
        let answers = at_once(4, |index| {
            let (app, mine, other) = (app.clone(), mine.clone(), other.clone());
            async move {
                // The change takes as long as two password hashes. The refreshes arrive before,
                // during and after it.
                tokio::time::sleep(std::time::Duration::from_millis([0, 30, 60, 60][index])).await;
                match index {
                    0 => {
                        let body = json!({"old_password": old, "new_password": new});
                        app.post_as(&mine.access, "/v1/password/change", body).await
                    }
                    1 | 2 => app.refresh(&other.refresh).await,
                    _ => app.refresh(&mine.refresh).await,
                }
            }
        })
        .await;

        answers[0].assert_done();
        let mut others = vec![(other.access, other.refresh)];
        for answer in answers[1..3].iter().filter(|answer| answer.status == 200) {
            let token = |name: &str| answer.json[name].as_str().unwrap().to_owned();
            others.push((token("access_token"), token("refresh_token")));
        }

        for (access, refresh) in others {
            app.get_as(&access, "/v1/me").await.assert_problem(401, "token_invalid");
            assert_eq!(app.refresh(&refresh).await.status, 401);
        }

        let kept = answers[3].assert_ok();
        app.get_as(kept["access_token"].as_str().unwrap(), "/v1/me").await.assert_ok();
        app.refresh(kept["refresh_token"].as_str().unwrap()).await.assert_ok();
        assert_invariants(&app).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_with_the_same_old_password_at_once_are_one_change() {
    let app = app().await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    let mut old = PASSWORD.to_owned();

    for round in 0..2 {
        let answers = at_once(6, |index| {
            let (app, token, old) = (app.clone(), me.access.clone(), old.clone());
            let body = json!({"old_password": old, "new_password": format!("staple number {round} {index}")});
            async move { app.post_as(&token, "/v1/password/change", body).await }
        })
        .await;

        winner(&answers, 204, (403, "invalid_credentials"));
        let Some(won) = answers.iter().position(|answer| answer.status == 204) else { return };
        old = format!("staple number {round} {won}");
        app.login(json!({"phone": PHONE}), &old).await.assert_ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_and_a_code_set_one_password_however_many_use_them_at_once() {
    let app = app().await;
    app.sign_up(json!({"email": EMAIL, "password": PASSWORD})).await;
    for _ in 0..3 {
        app.advance(3600);
        let id = app.forgot(json!({"email": EMAIL})).await.challenge_id();
        let (code, token) = (app.code(EMAIL), app.link_token(EMAIL));
        let answers = at_once(12, |index| {
            let (app, id, code, token) = (app.clone(), id.clone(), code.clone(), token.clone());
            let new = format!("staple number {index}");
            async move {
                if index == 0 {
                    app.reset(&id, &code, &new).await
                } else {
                    app.reset_by_link(&token, &new).await
                }
            }
        })
        .await;

        let by_link = count(&answers[1..], 204);
        assert!(by_link <= 1 && count(&answers, 204) >= 1, "{:?}", tally(&answers));
        assert_eq!(count(&answers[1..], 401), 11 - by_link, "{:?}", tally(&answers));
        app.reset_by_link(&token, PASSWORD).await.assert_problem(401, "token_invalid");
    }
}

async fn ask_for_email(app: &TestApp, me: &SignedIn, email: &str) -> (String, String) {
    let id = app.post_as(&me.access, "/v1/me/email", json!({"email": email})).await.challenge_id();
    (id, app.code(email))
}

#[tokio::test(flavor = "multi_thread")]
async fn when_two_people_prove_one_new_address_one_of_them_gets_it() {
    let app = app().await;
    for round in 0..2 * ROUNDS {
        let email = format!("ann{round}@example.org");
        let people =
            [app.sign_in(&phone(3 * round)).await, app.sign_in(&phone(3 * round + 1)).await];
        let first = ask_for_email(&app, &people[0], &email).await;
        app.advance(30);
        let second = ask_for_email(&app, &people[1], &email).await;

        app.advance(60);

        // A third person signs up with it. Theirs is a challenge of another purpose, so it stays
        // valid.
        let sign_up = (app.mail_challenge(&email).await, app.code(&email));
        let answers = at_once(3, |index| {
            let (app, people) = (app.clone(), people.clone());
            let (first, second, sign_up) = (first.clone(), second.clone(), sign_up.clone());
            async move {
                match index {
                    0 => app.verify_as(&people[0].access, &first.0, &first.1).await,
                    1 => app.verify_as(&people[1].access, &second.0, &second.1).await,
                    _ => app.verify(&sign_up.0, &sign_up.1).await,
                }
            }
        })
        .await;

        let taken = answers[..2].iter().filter(|answer| answer.status == 200).count();
        assert!(taken <= 1, "{:?}", tally(&answers));
        let third = answers[2].signed_in();
        // A person who proves an address that has a user by now is signed in as that user. Proving
        // one of the challenges of a purpose closes the other.
        match answers[..2].iter().position(|answer| answer.status == 200) {
            Some(winner) => assert_eq!(
                (third.id(), &third.json["is_new_user"]),
                (people[winner].id(), &json!(false))
            ),
            None => assert_eq!(third.json["is_new_user"], true),
        }
        for refused in answers[..2].iter().filter(|answer| answer.status != 200) {
            assert!([409, 410].contains(&refused.status.as_u16()), "{:?}", tally(&answers));
        }

        let items = app.items_like("USER").await;
        let holders: BTreeSet<_> = items
            .iter()
            .filter(|user| user.get("email").is_some_and(|it| it.as_s().unwrap() == &email))
            .map(|user| user["id"].as_s().unwrap().clone())
            .collect();

        assert_eq!(holders, BTreeSet::from([third.id().to_owned()]));
        assert_invariants(&app).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_wrong_passwords_at_once_are_ten_tries() {
    let app = app().await;
    app.sign_up(json!({"phone": PHONE, "password": PASSWORD, "username": "ann"})).await;
    for who in [json!({"phone": PHONE}), json!({"username": "ann"}), json!({"phone": OTHER_PHONE})]
    {
        let answers = at_once(100, |index| {
            let (app, who) = (app.clone(), who.clone());
            async move { app.login(who, &format!("wrong {index}")).await }
        })
        .await;
        assert_eq!(count(&answers, 200), 0);
        assert!((1..=10).contains(&count(&answers, 401)), "{:?}", tally(&answers));
        assert_eq!(
            count(&answers, 401) + count(&answers, 429) + count(&answers, 503),
            100,
            "{:?}",
            tally(&answers)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_password_among_a_hundred_gives_the_wrong_ones_no_extra_tries() {
    let app = app().await;
    for round in 0..2 {
        let phone = phone(round);
        app.sign_up(json!({"phone": phone, "password": PASSWORD})).await;

        let answers = at_once(100, |index| {
            let (app, phone) = (app.clone(), phone.clone());
            let password = if index == 50 { PASSWORD.to_owned() } else { format!("wrong {index}") };
            async move { app.login(json!({"phone": phone}), &password).await }
        })
        .await;

        // A right password resets the count: nine failures may come before it, and ten after it.
        let most = if answers[50].status == 200 { 19 } else { 10 };
        assert!(count(&answers, 401) <= most, "{:?}", tally(&answers));
        assert_eq!(count(&answers, 200), usize::from(answers[50].status == 200));
    }
}
