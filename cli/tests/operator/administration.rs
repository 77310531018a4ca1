//! Managing people, roles and apps.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use serde_json::json;

use crate::terminal::{ADMIN, Operator, Service};

#[test]
fn a_day_of_an_operator() {
    let service = Service::start(&[]);
    let operator = Operator::of(&service);
    operator.run(&["whoami"]).fails(3, "not signed in");

    // The page asks who it is, and whether the command may use the account.
    let done = operator.by_page(&["login", "--json"], "", |page, code| {
        assert_eq!(page.value("user_code"), code);
        page.submit(&[("user_code", code)]);
        page.sign_in(ADMIN, None);
        assert!(page.html.contains("Allow Latchkey on your device?"), "{}", page.html);
        page.submit(&[]);
    });
    let admin = done.succeeds().objects().remove(0);
    assert_eq!((&admin["phone"], &admin["roles"]), (&json!(ADMIN), &json!(["Admin", "User"])));

    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(operator.file()), mode(operator.file().parent().unwrap().to_owned())),
        (0o600, 0o700)
    );
    assert_eq!(
        operator.run(&["whoami", "--json"]).succeeds().objects(),
        std::slice::from_ref(&admin)
    );
    assert!(
        operator.run(&["whoami"]).succeeds().stdout.contains(&format!("phone         {ADMIN}\n"))
    );

    // With the administrator, these six users fill four pages of two.
    let token = operator.tokens()["access_token"].as_str().unwrap().to_owned();
    let mut ids = BTreeSet::from([admin["id"].as_str().unwrap().to_owned()]);
    for number in 1..=5 {
        let user =
            json!({"phone": format!("+1415555010{number}"), "name": format!("Ann {number}")});
        let user = service.ask("POST", "/v1/users", &token, &user);
        ids.insert(user["id"].as_str().unwrap().to_owned());
    }

    let ann = json!({"email": "ann@example.com", "name": "Ann", "external_id": "auth0|1&2"});
    ids.insert(service.ask("POST", "/v1/users", &token, &ann)["id"].as_str().unwrap().to_owned());

    let list = operator.run(&["users", "list", "--json", "--page-size", "2"]).succeeds();
    let listed: Vec<_> =
        list.objects().iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        (listed.len(), list.stderr.as_str()),
        (7, ""),
        "each user once, and no progress bar without a terminal"
    );
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), ids);

    let table = operator.run(&["users", "list", "--page-size", "3"]).succeeds().stdout;
    assert_eq!(table.lines().count(), 8);
    assert!(table.starts_with("ID ") && table.contains("+14155550105  -"), "{table}");

    let count = |arguments: &[&str]| {
        operator.run(&[&["users", "list", "--json"], arguments].concat()).succeeds().objects().len()
    };
    assert_eq!(count(&["--role", "Admin"]), 1);
    assert_eq!(count(&["--phone", "+14155550103"]), 1);
    assert_eq!(count(&["--email", "ann@example.com", "--status", "active"]), 1);
    assert_eq!(count(&["--external-id", "auth0|1&2"]), 1);
    assert_eq!(count(&["--external-id", "auth0|1"]), 0);

    // One user: found in three ways, disabled, enabled, and given roles.
    let found =
        operator.run(&["users", "find", "+14155550101", "--json"]).succeeds().objects().remove(0);
    let id = found["id"].as_str().unwrap();
    assert_eq!(
        operator.run(&["users", "find", id, "--json"]).succeeds().objects(),
        std::slice::from_ref(&found)
    );
    assert_eq!(
        operator.run(&["users", "find", "ann@example.com", "--json"]).succeeds().objects()[0]["name"],
        "Ann"
    );

    let lines = operator.run(&["users", "find", "ann@example.com"]).succeeds().stdout;
    assert!(lines.contains("external id   auth0|1&2\n"), "{lines}");

    operator
        .run(&["users", "find", "nobody@example.com"])
        .fails(5, "no user has the e-mail address nobody@example.com");
    operator.run(&["users", "find", "+14155550199"]).fails(5, "(not_found)");
    operator.run(&["users", "find", "+1415"]).fails(6, "(invalid_phone)");
    let lost = "01a22c8f-0a36-772b-b421-b2e9e125dea";
    operator.run(&["users", "find", lost]).fails(2, "or the id of a user like 0189");

    let disabled = operator.run(&["users", "disable", id, "--json"]).succeeds().objects().remove(0);
    assert_eq!((&disabled["id"], &disabled["status"]), (&json!(id), &json!("disabled")));
    assert_eq!(count(&["--status", "disabled"]), 1);
    assert!(
        operator
            .run(&["users", "enable", "+14155550101"])
            .succeeds()
            .stdout
            .contains("status        active\n")
    );

    operator.run(&["users", "disable", ADMIN]).fails(4, "(forbidden)");
    let set = |roles| operator.run(&["users", "roles", id, "--set", roles, "--json"]);
    assert_eq!(
        set("Guest,Visitors").succeeds().objects()[0]["roles"],
        json!(["Guest", "Visitors"])
    );
    assert_eq!(set("").succeeds().objects()[0]["roles"], json!([]));
    assert_eq!(set("Nobody").exit_code, 6);

    // The other lists.
    let roles = operator.run(&["roles", "list", "--json", "--page-size", "1"]).succeeds().objects();
    let roles: Vec<_> = roles.iter().map(|role| role["name"].as_str().unwrap()).collect();
    assert_eq!(roles, ["Admin", "Guest", "User", "Visitors"]);
    assert!(
        operator
            .run(&["apps", "list"])
            .succeeds()
            .stdout
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("default ")
    );

    let deliveries = operator.run(&["senders"]).succeeds().stdout;
    assert_eq!(deliveries, "DAY  SENDER  COUNTRY  SENT  DELIVERED  FAILED\n");
    operator.run(&["senders", "--days", "32"]).fails(2, "32 is not in 1..=31");

    let trail = operator.run(&["audit", "-n", "4", "--json"]).succeeds().objects();
    let actions: Vec<_> = trail.iter().map(|event| event["action"].as_str().unwrap()).collect();
    assert_eq!(actions.len(), 4);
    assert!(
        trail.windows(2).all(|pair| pair[0]["id"].as_str() < pair[1]["id"].as_str()),
        "oldest first: {trail:?}"
    );
    assert!(actions.iter().all(|action| action.starts_with("user")), "{actions:?}");

    assert!(
        operator.run(&["logout"]).succeeds().stderr.starts_with("Signed out of http://127.0.0.1:")
    );
    operator.run(&["logout"]).fails(3, "not signed in");
    operator.run(&["users", "list"]).fails(3, "not signed in");
}

#[test]
fn an_operator_unlocks_whom_strangers_keep_waiting() {
    let ann = "+14155550107";
    let service = Service::start(&[("OTP_RESEND_COOLDOWN_SECONDS", "600")]);
    let operator = Operator::of(&service);
    operator.sign_in(ADMIN);
    let token = operator.tokens()["access_token"].as_str().unwrap().to_owned();
    let id = service.ask("POST", "/v1/users", &token, &json!({"phone": ann}))["id"].clone();
    let id = id.as_str().unwrap();

    let stranger = Operator::of(&service);
    for who in [ann, id] {
        service.ask("POST", "/v1/otp/send", "", &json!({"phone": ann}));
        service.refuses("/v1/otp/send", &json!({"phone": ann}), 429);
        let done = operator.run(&["unlock", who]).succeeds();
        assert_eq!((done.stdout, done.stderr), (String::new(), format!("Unlocked {who}.\n")));
    }
    service.tokens_of(ann);

    // Nobody has to own the address.
    operator.run(&["unlock", "nobody@example.com"]).succeeds();
    operator.run(&["unlock", "12"]).fails(6, "(invalid_phone)");
    operator.run(&["unlock", "bad"]).fails(2, "no id: give a phone like +14155550123");
    operator.run(&["unlock", &uuid::Uuid::nil().to_string()]).fails(5, "(not_found)");
    stranger.run(&["unlock", ann]).fails(3, "not signed in");

    // A disabled user stays disabled.
    operator.run(&["users", "disable", id]).succeeds();
    operator.run(&["unlock", id]).fails(2, "this user is disabled");
    let user = operator.run(&["users", "find", id, "--json"]).succeeds().objects().remove(0);
    assert_eq!(user["status"], "disabled");
}
