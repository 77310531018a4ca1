use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{
    Answer, OTHER_PHONE, PHONE, SignedIn, TestApp,
    accounts::{EMAIL, NEW_PASSWORD, OTHER_EMAIL},
    admin::values,
    apps::ADMIN_PHONE,
    at_once,
    invariants::assert_invariants,
};

/// bcrypt's hash of [`OLD_PASSWORD`], as libxcrypt makes it.
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
const OLD_PASSWORD: &str = "correct horse";
/// The key of RFC 4226 appendix D.
const TOTP_SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

impl TestApp {
    async fn import(&self, who: &SignedIn, users: Value) -> Answer {
        self.json_as(who, Method::POST, "/v1/users/import", json!({"users": users})).await
    }

    /// The only result of a record.
    async fn import_one(&self, who: &SignedIn, user: Value) -> Value {
        let answer = self.import(who, json!([user])).await;
        answer.assert_ok()["results"][0].clone()
    }
}

fn ann() -> Value {
    json!({
        "external_id": "auth0|1", "phone": PHONE, "phone_verified": true, "email": EMAIL,
        "email_verified": true, "username": "ann", "name": "Ann Lee", "locale": "es-MX",
        "metadata": {"theme": "dark"}, "app_metadata": {"plan": "pro"}, "roles": ["guest"],
        "password_hash": HASH, "created_at": "2019-05-04T03:02:01Z",
    })
}

#[tokio::test]
async fn a_record_becomes_a_user_who_has_proven_what_they_had_proven() {
    let (app, admin) = TestApp::with_staff().await;
    let created = app.import_one(&admin, ann()).await;
    let id = created["id"].as_str().unwrap();
    assert_eq!(
        created,
        json!({
            "status": "created", "id": id, "external_id": "auth0|1", "left_out": [], "code": null,
            "reason": null
        })
    );
    let user = app.user(&admin, id).await.assert_ok().clone();
    assert_eq!(
        user,
        json!({
            "id": id, "phone": PHONE, "phone_verified": true, "email": EMAIL, "email_verified": true,
            "username": "ann", "external_id": "auth0|1", "name": "Ann Lee", "locale": "es-MX",
            "avatar_url": null, "avatar_thumbnail_url": null, "has_password": true, "mfa": [],
            "roles": ["Guest"], "status": "active", "created_at": "2019-05-04T03:02:01.000Z",
            "updated_at": app.now(), "last_sign_in_at": null, "metadata": {"theme": "dark"},
            "app_metadata": {"plan": "pro"}
        })
    );
    assert!(app.texts(PHONE).is_empty() && app.texts(EMAIL).is_empty(), "nothing is sent");
    assert_invariants(&app).await;

    // Each way in works: the old password, under each name, and a code.
    for who in [json!({"phone": PHONE}), json!({"email": EMAIL}), json!({"username": "ann"})] {
        app.login(who, OLD_PASSWORD).await.assert_ok();
    }
    let signed_in = app.sign_in(PHONE).await;
    assert_eq!((signed_in.id(), &signed_in.json["is_new_user"]), (id, &json!(false)));
    app.login(json!({"username": "ann"}), OLD_PASSWORD).await.assert_ok();
    let events = app.events(&admin).await;
    assert!(values(&events, "action").contains(&"user_import"));
}

#[tokio::test]
async fn the_same_records_again_change_nothing() {
    let (app, admin) = TestApp::with_staff().await;
    let bob = json!({"phone": OTHER_PHONE, "totp_secret": TOTP_SECRET});
    let carl = json!({"email": OTHER_EMAIL, "password_hash": HASH});
    let users = json!([ann(), bob, carl]);
    let first = app.import(&admin, users.clone()).await;
    let statuses = |answer: &Answer| {
        let results = answer.assert_ok()["results"].as_array().unwrap().clone();
        results
            .iter()
            .map(|result| result["status"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(statuses(&first), ["created"; 3], "{}", first.text);
    app.advance(600);
    let events = app.audit_items().await.len();
    let again = app.import(&admin, users).await;
    assert_eq!(statuses(&again), ["unchanged"; 3], "{}", again.text);
    assert_eq!(app.audit_items().await.len(), events, "nothing is recorded");
    let ids = |answer: &Answer| {
        let results = answer.json["results"].as_array().unwrap().clone();
        results.iter().map(|result| result["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&first), ids(&again));
}

#[tokio::test]
async fn a_later_export_replaces_an_earlier_one_until_somebody_signs_in() {
    let (app, admin) = TestApp::with_staff().await;
    let id = app.import_one(&admin, ann()).await["id"].clone();
    let id = id.as_str().unwrap();
    let later = json!({
        "external_id": "auth0|1", "phone": OTHER_PHONE, "phone_verified": true, "name": "Ann Kim",
        "app_metadata": {"plan": null, "tenant": 7}, "roles": ["User"], "totp_secret": TOTP_SECRET,
    });
    assert_eq!(app.import_one(&admin, later.clone()).await["status"], "updated");
    let user = app.user(&admin, id).await.assert_ok().clone();
    for (field, value) in [
        ("phone", json!(OTHER_PHONE)),
        ("email", json!(EMAIL)),
        ("name", json!("Ann Kim")),
        ("username", json!("ann")),
        ("app_metadata", json!({"tenant": 7})),
        ("metadata", json!({"theme": "dark"})),
        ("roles", json!(["User"])),
        ("mfa", json!(["totp"])),
    ] {
        assert_eq!(user[field], value, "{field}");
    }
    assert_invariants(&app).await;

    // The authenticator app that they had there is asked for.
    let answer = app.login(json!({"email": EMAIL}), OLD_PASSWORD).await;
    let token = answer.assert_ok()["mfa_token"].as_str().unwrap().to_owned();
    let secret = shared::second_factors::TotpSecret::parse("", TOTP_SECRET).unwrap();
    let code = secret.code_at(app.latchkey.clock().now());
    let body = json!({"mfa_token": token, "method": "totp", "code": code});
    let me = app.post("/v1/auth/mfa", body).await.signed_in();
    assert_eq!(me.id(), id);

    // The account is theirs now.
    let before = app.user(&admin, id).await.assert_ok().clone();
    let takeover = json!({
        "external_id": "auth0|1", "phone": "+14155550191", "phone_verified": true, "name": "Eve",
        "password_hash": HASH, "roles": ["Guest"], "status": "disabled", "app_metadata": {"plan": "x"},
    });
    assert_eq!(app.import_one(&admin, takeover).await["status"], "unchanged");
    assert_eq!(app.user(&admin, id).await.assert_ok(), &before);
    app.get_as(&me.access, "/v1/me").await.assert_ok();
}

/// People who may import must not get into accounts that are in use.
#[tokio::test]
async fn a_record_adds_nothing_that_signs_in_to_an_account_in_use() {
    let (app, admin) = TestApp::with_staff().await;
    let me = app.person(PHONE).await;
    app.patch_me(&me.access, json!({"name": "Ann", "metadata": {"theme": "mine"}}))
        .await
        .assert_ok();
    let before = app.stored_user(me.id()).await;

    let mut record = ann();
    record["totp_secret"] = json!(TOTP_SECRET);
    record["status"] = json!("disabled");
    let result = app.import_one(&admin, record.clone()).await;
    assert_eq!(result["status"], "updated");
    assert_eq!(result["left_out"], json!(["email", "totp_secret"]));
    let user = app.user(&admin, me.id()).await.assert_ok().clone();
    for (field, value) in [
        ("external_id", json!("auth0|1")),
        ("name", json!("Ann")),
        ("username", json!("ann")),
        ("metadata", json!({"theme": "mine"})),
        ("app_metadata", json!({"plan": "pro"})),
        ("roles", json!(["Guest", "User"])),
        ("email", json!(null)),
        ("mfa", json!([])),
        ("status", json!("active")),
    ] {
        assert_eq!(user[field], value, "{field}");
    }
    let after = app.stored_user(me.id()).await;
    let used = after.last_used_at();
    assert_eq!(used, before.last_used_at());
    assert_eq!((after.password, after.sessions), (before.password, before.sessions));
    app.login(json!({"phone": PHONE}), OLD_PASSWORD)
        .await
        .assert_problem(401, "invalid_credentials");
    app.get_as(&me.access, "/v1/me").await.assert_ok();
    assert_eq!(app.import_one(&admin, record).await["status"], "unchanged");

    // Metadata that is there stays as it is.
    let other = app.person(OTHER_PHONE).await;
    let path = format!("/v1/users/{}", other.id());
    app.patch_as(&admin, &path, json!({"app_metadata": {"plan": "free"}})).await.assert_ok();
    let record =
        json!({"phone": OTHER_PHONE, "phone_verified": true, "app_metadata": {"plan": "pro"}});
    assert_eq!(app.import_one(&admin, record).await["status"], "updated");
    let user = app.user(&admin, other.id()).await.assert_ok().clone();
    assert_eq!(user["app_metadata"], json!({"plan": "free"}));

    // By an address that nobody has proven there, they are not found.
    let unproven = json!({"external_id": "auth0|2", "phone": PHONE});
    let refused = app.import_one(&admin, unproven).await;
    assert_eq!((&refused["status"], &refused["id"]), (&json!("refused"), &json!(null)));
    assert_eq!(refused["reason"], "phone: is already taken.");
}

#[tokio::test]
async fn an_address_that_was_not_proven_there_is_not_proven_here() {
    let (app, admin) = TestApp::with_staff().await;
    let record =
        json!({"phone": PHONE, "email": EMAIL, "password_hash": HASH, "totp_secret": TOTP_SECRET});
    let id = app.import_one(&admin, record).await["id"].clone();
    let user = app.user(&admin, id.as_str().unwrap()).await.assert_ok().clone();
    assert_eq!((&user["phone_verified"], &user["email_verified"]), (&json!(false), &json!(false)));
    // The first person who proves it is not necessarily the one who set the password.
    let proven = app.sign_in(PHONE).await;
    assert_eq!(json!(proven.id()), id);
    app.login(json!({"phone": PHONE}), OLD_PASSWORD)
        .await
        .assert_problem(401, "invalid_credentials");

    // Beside a proven address, an e-mail address stays unproven, and a phone is left out.
    let record = json!({"phone": OTHER_PHONE, "email": OTHER_EMAIL, "email_verified": true});
    let mixed = app.import_one(&admin, record).await;
    assert_eq!(mixed["left_out"], json!(["phone"]));
    let user = app.user(&admin, mixed["id"].as_str().unwrap()).await.assert_ok().clone();
    assert_eq!((&user["phone"], &user["email_verified"]), (&json!(null), &json!(true)));
    assert_invariants(&app).await;
}

#[tokio::test]
async fn a_bad_record_is_refused_with_its_reason_and_the_others_are_not() {
    let (app, admin) = TestApp::with_staff().await;
    app.import_one(&admin, ann()).await;
    let cases = [
        (json!({"phone": "12"}), "The phone number"),
        (json!({"phone": "+442071838750"}), ""),
        (json!({"external_id": "x"}), "phone: is missing"),
        (json!({"phone": OTHER_PHONE, "external_id": " x"}), "external_id: must be"),
        (json!({"phone": PHONE, "phone_verified": true, "external_id": "y"}), "phone: is already"),
        (json!({"phone": OTHER_PHONE, "roles": ["nobody"]}), "roles[0]: unknown role."),
        (json!({"phone": OTHER_PHONE, "password_hash": "$2b$17$"}), "password_hash: "),
        (json!({"phone": OTHER_PHONE, "password_hash": "md5"}), "password_hash: "),
        (json!({"phone": OTHER_PHONE, "totp_secret": "01"}), "totp_secret: must be base32"),
        (json!({"phone": OTHER_PHONE, "created_at": "yesterday"}), "created_at: must be"),
        (
            json!({"phone": OTHER_PHONE, "created_at": "2999-01-01T00:00:00Z"}),
            "created_at: must be",
        ),
        (json!({"phone": OTHER_PHONE, "metadata": {"a": {"b": {"c": {}}}}}), "metadata: must nest"),
        (json!({"phone": ADMIN_PHONE, "phone_verified": true}), ""),
        (json!({"phone": 12}), "phone: "),
        (json!({"phone": OTHER_PHONE, "sub": "1"}), "sub: unknown field."),
        (json!({"phone": OTHER_PHONE, "status": "banned"}), "status: "),
        (json!([1]), ""),
    ];
    let before = app.items().await.len();
    for (record, reason) in cases {
        let results =
            app.import(&admin, json!([record, ann()])).await.assert_ok()["results"].clone();
        assert_eq!(results[0]["status"], "refused", "{record} {results}");
        let told = results[0]["reason"].as_str().unwrap();
        assert!(told.starts_with(reason) && told.ends_with('.'), "{record}: {told}");
        assert_eq!(results[1]["status"], "unchanged", "{results}");
    }
    assert_eq!(app.items().await.len(), before, "nothing is half done");

    // A field that a person can do without is left out.
    let taken = json!({"phone": "+14155550193", "username": "ANN", "phone_verified": null});
    let result = app.import_one(&admin, taken).await;
    assert_eq!((&result["status"], &result["left_out"]), (&json!("created"), &json!(["username"])));
    let abroad = json!({"phone": "12", "email": OTHER_EMAIL, "email_verified": true});
    let result = app.import_one(&admin, abroad).await;
    assert_eq!((&result["status"], &result["left_out"]), (&json!("created"), &json!(["phone"])));
    let odd = json!({"phone": OTHER_PHONE, "username": "ann@example.com", "name": "\u{202e}", "locale": "x"});
    let result = app.import_one(&admin, odd).await;
    assert_eq!(result["status"], "created");
    assert_eq!(result["left_out"], json!(["username", "name", "locale"]));
}

#[tokio::test]
async fn a_request_that_is_no_list_of_records_is_refused_as_a_whole() {
    let (app, admin) = TestApp::with_staff().await;
    app.import(&admin, json!([])).await.assert_field("users");
    app.import(&admin, json!(vec![json!({"phone": PHONE}); 26])).await.assert_field("users");
    app.import(&admin, json!(null)).await.assert_field("users");
    app.import(&admin, json!([{"phone": "x".repeat(40_000)}])).await.assert_field("users[0].phone");

    let clerk = app.staff(&admin, OTHER_PHONE, "Clerk", &["users:read", "users:write"]).await;
    app.import(&clerk, json!([ann()])).await.assert_problem(403, "forbidden");
    let mover = app.staff(&admin, "+14155550192", "Mover", &["users:import"]).await;
    let refused = app.import_one(&mover, ann()).await;
    assert!(refused["reason"].as_str().unwrap().contains("roles:assign"), "{refused}");
    let mut record = ann();
    record.as_object_mut().unwrap().remove("roles");
    assert_eq!(app.import_one(&mover, record).await["status"], "created");
    // Nobody changes somebody with more rights, or themselves.
    for phone in [ADMIN_PHONE, "+14155550192"] {
        let record = json!({"external_id": "z", "phone": phone, "phone_verified": true});
        assert_eq!(app.import_one(&mover, record).await["status"], "refused", "{phone}");
    }
}

#[tokio::test]
async fn twenty_five_records_with_full_metadata_fit() {
    let (app, admin) = TestApp::with_staff().await;
    let record = |place: usize| {
        json!({
            "external_id": place.to_string(), "phone": format!("+1415555{:04}", 1000 + place),
            "metadata": {"a": "x".repeat(16_000)}, "app_metadata": {"b": "y".repeat(16_000)},
        })
    };
    let records: Vec<_> = (0..25).map(record).collect();
    let answer = app.import(&admin, json!(records)).await;
    let results = answer.assert_ok()["results"].as_array().unwrap();
    assert!(results.iter().all(|result| result["status"] == "created"), "{}", answer.text);
}

#[tokio::test]
async fn simultaneous_imports_of_one_record_make_one_user() {
    let (app, admin) = TestApp::with_staff().await;
    let import = |_| {
        let (app, admin) = (app.clone(), admin.clone());
        async move { app.import_one(&admin, ann()).await }
    };
    let results = at_once(6, import).await;
    let created = results.iter().filter(|result| result["status"] == "created").count();
    assert_eq!(created, 1, "{results:?}");
    assert!(results.iter().all(|result| result["id"] == results[0]["id"]), "{results:?}");
    assert_invariants(&app).await;
}

#[tokio::test]
async fn somebody_who_was_disabled_stays_so_and_an_old_phone_is_not_idle() {
    let (app, admin) = TestApp::with_staff().await;
    let mut record = ann();
    record["status"] = json!("disabled");
    let id = app.import_one(&admin, record).await["id"].clone();
    app.login(json!({"phone": PHONE}), OLD_PASSWORD).await.assert_problem(403, "user_disabled");
    app.import_one(&admin, ann()).await;
    let path = format!("/v1/users/{}", id.as_str().unwrap());
    assert_eq!(app.get_as(&admin.access, &path).await.assert_ok()["status"], "disabled");
    app.patch_as(&admin, &path, json!({"status": "active"})).await.assert_ok();

    // The account is of 2019, and its owner may come within the months after the move.
    app.advance(30 * 24 * 3600);
    let signed_in = app.sign_in(PHONE).await;
    assert_eq!(json!(signed_in.id()), id);
    let set = json!({"new_password": NEW_PASSWORD});
    app.post_as(&signed_in.access, "/v1/password/change", set).await.assert_field("old_password");
}

/// A record must not lead to the account of somebody else by an address that nobody has proven.
#[tokio::test]
async fn an_unproven_address_leads_to_nobody_who_has_proven_it() {
    let (app, admin) = TestApp::with_staff().await;
    let victim = json!({"email": EMAIL, "email_verified": true, "app_metadata": {"plan": "pro"}});
    let id = app.import_one(&admin, victim).await["id"].clone();
    let stranger = json!({
        "phone": PHONE, "phone_verified": true, "email": EMAIL, "password_hash": HASH,
    });
    let result = app.import_one(&admin, stranger).await;
    assert_eq!(result["status"], "created");
    assert_ne!(result["id"], id);
    let refused = app.import_one(&admin, json!({"email": EMAIL, "password_hash": HASH})).await;
    assert_eq!((&refused["status"], &refused["code"]), (&json!("refused"), &json!("conflict")));
    let before = app.user(&admin, id.as_str().unwrap()).await.assert_ok().clone();
    assert_eq!((&before["has_password"], &before["phone"]), (&json!(false), &json!(null)));

    // Nor does a later record take the proof away.
    let first = json!({"external_id": "1", "phone": OTHER_PHONE, "phone_verified": true});
    let id = app.import_one(&admin, first).await["id"].clone();
    let later = json!({"external_id": "1", "phone": "+14155550195", "email": OTHER_EMAIL});
    assert_eq!(app.import_one(&admin, later).await["left_out"], json!([]));
    let user = app.user(&admin, id.as_str().unwrap()).await.assert_ok().clone();
    assert_eq!((&user["phone"], &user["phone_verified"]), (&json!(OTHER_PHONE), &json!(true)));
    assert_eq!((&user["email"], &user["email_verified"]), (&json!(OTHER_EMAIL), &json!(false)));
    assert_invariants(&app).await;
}

/// Changes that an owner or an administrator made since the import stay.
#[tokio::test]
async fn a_record_undoes_no_reset_and_no_removal() {
    let (app, admin) = TestApp::with_staff().await;
    let id = app.import_one(&admin, ann()).await["id"].clone();
    let challenge = app.forgot(json!({"phone": PHONE})).await.challenge_id();
    app.reset(&challenge, &app.code(PHONE), NEW_PASSWORD).await.assert_done();
    let before = app.stored_user(id.as_str().unwrap()).await;
    assert_eq!(app.import_one(&admin, ann()).await["status"], "unchanged");
    assert_eq!(app.stored_user(id.as_str().unwrap()).await, before);
    app.login(json!({"phone": PHONE}), OLD_PASSWORD)
        .await
        .assert_problem(401, "invalid_credentials");

    // Somebody else has set the password there, and the owner proves the address here.
    let unproven = json!({"external_id": "2", "phone": OTHER_PHONE, "password_hash": HASH});
    app.import_one(&admin, unproven.clone()).await;
    let challenge = app.forgot(json!({"phone": OTHER_PHONE})).await.challenge_id();
    app.reset(&challenge, &app.code(OTHER_PHONE), NEW_PASSWORD).await.assert_done();
    assert_eq!(app.import_one(&admin, unproven).await["status"], "unchanged");
    app.login(json!({"phone": OTHER_PHONE}), NEW_PASSWORD).await.assert_ok();

    // A lost phone: an administrator has removed the authenticator app.
    let phone = "+14155550196";
    let record = json!({"phone": phone, "phone_verified": true, "totp_secret": TOTP_SECRET});
    let id = app.import_one(&admin, record.clone()).await["id"].clone();
    app.delete_as(&admin, &format!("/v1/users/{}/mfa", id.as_str().unwrap())).await.assert_done();
    assert_eq!(app.import_one(&admin, record).await["status"], "unchanged");
    assert_eq!(app.sign_in(phone).await.json["user"]["mfa"], json!([]));
}

/// The carrier has given the number to somebody else.
#[tokio::test]
async fn a_phone_that_nobody_came_with_for_long_opens_no_imported_account() {
    let (app, admin) = TestApp::with_admin_and(&[("PHONE_IDLE_DAYS", "30")]).await;
    let id =
        app.import_one(&admin, json!({"phone": PHONE, "phone_verified": true})).await["id"].clone();
    let old = app.sign_in(OTHER_PHONE).await;
    app.advance(20 * 24 * 3600);
    app.sign_in(ADMIN_PHONE).await;
    app.advance(20 * 24 * 3600);
    assert_ne!(json!(app.sign_in(PHONE).await.id()), id);

    // Filling in an account is not using it.
    let admin = app.sign_in(ADMIN_PHONE).await;
    let record = json!({"phone": OTHER_PHONE, "phone_verified": true, "name": "Ann"});
    assert_eq!(app.import_one(&admin, record).await["status"], "updated");
    assert_ne!(app.sign_in(OTHER_PHONE).await.id(), old.id());
}
