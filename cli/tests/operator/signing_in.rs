//! Signing in, staying signed in, and what goes wrong.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};

use crate::terminal::{ADMIN, NOBODY, Operator, Service, totp};

#[test]
fn tokens_are_refreshed() {
    let service = Service::start(&[]);
    let operator = Operator::of(&service);
    operator.sign_in(ADMIN);

    let before = operator.tokens();
    // Refused like an expired one. A lifetime so short that it ends here could also end before a
    // slow machine has used the next token.
    operator.set_token("access_token", "x.y.z");

    // Several commands that run at the same time use the refresh token once.
    let running: Vec<_> =
        (0..4).map(|_| operator.command(&["whoami", "--json"]).spawn().unwrap()).collect();
    for child in running {
        assert_eq!(
            Operator::done(child.wait_with_output().unwrap()).succeeds().objects()[0]["phone"],
            ADMIN
        );
    }

    let after = operator.tokens();
    assert_ne!(before["access_token"], after["access_token"]);
    assert_ne!(before["refresh_token"], after["refresh_token"]);
    assert_eq!(fs::metadata(operator.file()).unwrap().permissions().mode() & 0o777, 0o600);

    // Without a valid refresh token, the session is over and is removed.
    operator.set_token("access_token", "x.y.z");
    operator.set_token("refresh_token", "lkr_of-somebody-else");
    operator.run(&["whoami"]).fails(3, "the session is over");
    assert_eq!(operator.tokens(), Value::Null);
}

#[test]
fn a_second_factor_is_asked_for() {
    let service = Service::start(&[]);
    let operator = Operator::of(&service);
    operator.sign_in(ADMIN);

    let token = operator.tokens()["access_token"].as_str().unwrap().to_owned();
    let secret = service.ask("POST", "/v1/me/totp", &token, &json!({}))["secret"]
        .as_str()
        .unwrap()
        .to_owned();
    let confirmed =
        service.ask("POST", "/v1/me/totp/confirm", &token, &json!({"code": totp(&secret)}));
    let recovery_code = confirmed["recovery_codes"][0].as_str().unwrap().to_owned();

    assert!(operator.run(&["whoami"]).succeeds().stdout.contains("mfa           totp\n"));

    // Administration needs both factors now. The command offers to sign in again, and goes on.
    operator.run(&["users", "list"]).fails(3, "(insufficient_user_authentication)");
    let done = operator.by_page(&["users", "list", "--json"], "y", |page, code| {
        page.submit(&[("user_code", code)]);
        page.sign_in(ADMIN, Some(&recovery_code));
        page.submit(&[]);
    });
    assert!(done.stderr.contains("Sign in again? [y/N]:"), "{}", done.stderr);
    assert_eq!(done.succeeds().objects().len(), 1);
    operator.run(&["users", "list"]).succeeds();
}

#[test]
fn a_failure_is_explained() {
    let service = Service::start(&[]);
    let operator = Operator::of(&service);

    // A page on which somebody has chosen Deny.
    let done = operator.by_page(&["login"], "", |page, code| {
        page.submit(&[("user_code", code)]);
        page.sign_in("+14155550142", None);
        page.submit(&[("action", "cancel")]);
    });
    done.fails(3, "denied");
    assert!(!operator.file().exists());

    // A user without permission.
    operator.sign_in("+14155550143");
    operator.run(&["users", "list"]).fails(4, "(forbidden)");

    // Wrong usage, and other URLs: a session is valid for one service only.
    operator.run(&["users", "roles", "x"]).fails(2, "--set");
    operator.run(&["whoami", "--url", "http://id.example.com"]).fails(2, "https://");
    operator.run(&["whoami", "--url", &format!("{}/x", service.url)]).fails(3, "not signed in");

    operator.run(&["login", "--url", NOBODY]).fails(8, &format!("cannot reach {NOBODY}: "));
    fs::write(operator.file(), "{").unwrap();
    operator.run(&["whoami"]).fails(1, "sessions.json cannot be read");
}
