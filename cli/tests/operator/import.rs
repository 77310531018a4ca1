//! Bringing users along from another service.

use std::{fs, path::PathBuf};

use serde_json::json;

use crate::terminal::{Operator, Service};

/// The exports, with the options that they need: the users, those who can be brought along, and those of
/// them with a password.
const EXPORTS: [(&str, &str, &[&str], [u64; 3]); 14] = [
    ("cognito", "cognito.json", &[], [3, 2, 0]),
    ("cognito", "cognito.csv", &[], [2, 2, 0]),
    ("firebase", "firebase.json", &["--firebase-parameters", "firebase-parameters.txt"], [3, 2, 1]),
    ("firebase", "firebase.csv", &[], [1, 1, 0]),
    ("supabase", "supabase.csv", &[], [4, 2, 1]),
    ("supabase", "supabase.json", &[], [1, 1, 0]),
    ("auth0", "auth0.ndjson", &["--hashes", "auth0-hashes.ndjson"], [4, 3, 1]),
    ("clerk", "clerk.csv", &[], [3, 2, 1]),
    ("keycloak", "keycloak.json", &["--roles", "manager=Guest"], [4, 3, 3]),
    ("django", "django.json", &["--verified", "email"], [3, 2, 1]),
    ("django", "django.csv", &["--region", "US", "--verified", "phone,email"], [1, 1, 1]),
    ("sqlalchemy", "fastapi-users.csv", &[], [2, 2, 1]),
    ("sqlalchemy", "flask-security.csv", &[], [1, 1, 0]),
    ("csv", "own.csv", &[], [3, 2, 1]),
];

/// The path of an export of `cli/tests/import`.
fn export(name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/import", name].iter().collect();
    path.to_str().unwrap().to_owned()
}

/// The options of an export, with the paths of files.
fn options(more: &[&str]) -> Vec<String> {
    let paths = more.iter().map(|it| if it.contains(".") { export(it) } else { (*it).to_owned() });
    paths.collect()
}

#[test]
fn each_export_is_checked_without_sending_anything() {
    let service = Service::start(&[]);
    let operator = Operator::of(&service);
    for (from, file, more, [users, usable, password]) in EXPORTS {
        let mut command =
            operator.command(&["import", "--from", from, &export(file), "--check", "--json"]);
        let done = Operator::done(command.args(options(more)).output().unwrap());
        let report = done.objects().remove(0);
        let counts = ["users", "usable", "password"].map(|name| report[name].clone());
        assert_eq!(
            counts,
            [users, usable, password].map(|count| json!(count)),
            "{file}: {report:#}"
        );
        assert_eq!(done.exit_code, i32::from(users != usable), "{file}: {}", done.stderr);
    }
}

#[test]
fn a_report_says_what_is_left_out_and_why() {
    let service = Service::start(&[]);
    let operator = Operator::of(&service);
    let keycloak = export("keycloak.json");
    let check = ["import", "--from", "keycloak", &keycloak, "--check", "--roles", "manager=Admin"];
    let done = operator.run(&check);
    assert_eq!((done.exit_code, done.stderr.as_str()), (1, "error: 1 cannot be brought along\n"));
    for line in [
        "users in the export             4\n",
        "can be brought along            3\n",
        "  with a second factor          1\n",
        "        1  neither a phone nor an e-mail address\n           user 4 (95985b21-d884-4bbd-b852-cb8cd365afc5)\n",
        "        1  social identities: google\n           user 2 (95985b21-d884-4bbd-b852-cb8cd365afc3)\n",
        "        2  default-roles-example: not brought along (--roles says as which)\n",
        "        1  manager: brought along as Admin\n",
    ] {
        assert!(done.stdout.contains(line), "{line}: {}", done.stdout);
    }
    // Neither hashes nor secrets are printed.
    for secret in ["pbkdf2", "AAECAwQFBgcICQoLDA0ODw", "Quohp7t2mrLMUwft3g90", "KF2W62DQG52DE3LS"] {
        assert!(!done.stdout.contains(secret), "{secret}");
    }

    let with = |from: &str, file: &str, more: &[&str]| {
        operator.run(&[&["import", "--check", "--from", from, &export(file)], more].concat())
    };
    with("clerk", "clerk.csv", &["--verified", "phone"])
        .fails(2, "--verified is not an option for --from clerk");
    with("csv", "own.csv", &["--hashes", "x"]).fails(2, "--hashes is not an option for --from csv");
    with("csv", "nothing.csv", &[]).fails(1, "nothing.csv: No such file");
    with("auth0", "auth0.ndjson", &["--hashes", &keycloak]).fails(2, "no line has _id.$oid");
    with("django", "django.csv", &["--region", "us"]).fails(2, "two capital letters of a country");
    with("django", "django.csv", &["--roles", "staff"]).fails(2, "like admin=Admin");
    with("firebase", "firebase.json", &["--firebase-parameters", &keycloak])
        .fails(2, "it has no base64_signer_key");
}

#[test]
fn nothing_is_sent_unless_the_operator_says_yes() {
    let service = Service::start(&[]);
    let operator = Operator::of(&service);
    let mut command =
        operator.command(&["import", "--from", "csv", &export("own.csv"), "--state", "state"]);
    let done = Operator::done(command.current_dir(operator.home.path()).output().unwrap());
    assert_eq!(done.exit_code, 2);
    assert!(done.stderr.contains("Send 2 users to http://127.0.0.1:"), "{}", done.stderr);
    assert!(done.stderr.ends_with("nothing was sent, because the answer was not yes\n"));
    assert_eq!(fs::read_dir(operator.home.path()).unwrap().count(), 0, "no file was made");
}
