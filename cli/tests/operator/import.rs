//! Bringing users along from another service.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::terminal::{ADMIN, Done, Operator, Service};

/// The exports, with the options that they need: the users, those who can be brought along, and those of
/// them with a password.
const EXPORTS: [(&str, &str, &[&str], [u64; 3]); 14] = [
    ("cognito", "cognito.json", &[], [3, 2, 0]),
    ("cognito", "cognito.csv", &[], [3, 3, 0]),
    ("firebase", "firebase.json", &["--firebase-parameters", "firebase-parameters.txt"], [3, 2, 1]),
    ("firebase", "firebase.csv", &[], [1, 1, 0]),
    ("supabase", "supabase.csv", &[], [4, 2, 1]),
    ("supabase", "supabase.json", &[], [1, 1, 0]),
    ("auth0", "auth0.ndjson", &["--hashes", "auth0-hashes.ndjson"], [5, 4, 2]),
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
fn a_script_is_not_asked_and_nothing_is_sent_without_a_sign_in() {
    let service = Service::start(&[]);
    let operator = Operator::of(&service);
    let mut command =
        operator.command(&["import", "--from", "csv", &export("own.csv"), "--state", "state"]);
    let done = Operator::done(command.current_dir(operator.home.path()).output().unwrap());
    assert_eq!(done.exit_code, 3, "{}", done.stderr);
    assert!(!done.stderr.contains("Type yes"), "{}", done.stderr);
    assert!(done.stdout.contains("can be brought along"), "{}", done.stdout);
}

/// The password of the bcrypt hash in `clerk.csv`: `cli/tests/import/README.md`.
const PASSWORD: &str = "Kk4aPMeiaRpAs2OeX1NE";
const BCRYPT: &str = "$2b$10$U4C0ZY8OG8y41F9LusfKyu3HRMBL0rCZcKBVsXhgr.n8Ou6FPhzO2";

/// Runs an import in the operator's home.
fn import(operator: &Operator<'_>, file: &str, more: &[&str]) -> Done {
    let command = ["import", "--from", "csv", file, "--yes", "--json"];
    let mut command = operator.command(&[&command, more].concat());
    Operator::done(command.current_dir(operator.home.path()).output().unwrap())
}

/// The results of an import: created, updated, unchanged, refused.
fn results(done: &Done) -> [u64; 4] {
    let lines = done.objects();
    let summary = lines.last().unwrap();
    ["created", "updated", "unchanged", "refused"].map(|name| {
        summary[name].as_u64().unwrap_or_else(|| panic!("{name}: {summary}, {}", done.stderr))
    })
}

/// An export of sixty users with passwords. The last one has the address of the first one.
fn sixty_users() -> String {
    let mut csv = "external_id,email,email_verified,name,password_hash\n".to_owned();
    for number in 1..60 {
        csv += &format!("old-{number},user{number}@example.com,true,Ann {number},{BCRYPT}\n");
    }
    csv + &format!("old-60,user1@example.com,true,Ann 60,{BCRYPT}\n")
}

#[test]
fn the_service_takes_all_users_of_each_export_that_the_report_counts() {
    for (from, file, more, [users, usable, _]) in EXPORTS {
        let service = Service::start(&[]);
        let operator = Operator::of(&service);
        operator.sign_in(ADMIN);
        let state = ["--yes", "--json", "--state", "state"];
        let mut command = operator.command(&["import", "--from", from, &export(file)]);
        command.args(state).args(options(more)).current_dir(operator.home.path());
        let done = Operator::done(command.output().unwrap());
        let refused = fs::read_to_string(operator.home.path().join("refused.csv")).unwrap();
        assert_eq!(results(&done), [usable, 0, 0, users - usable], "{file}: {refused}");
        let left_out = &done.objects()[1]["left_out"];
        assert_eq!(left_out, &json!({}), "the report knows what is left out of {file}: {refused}");
    }
}

#[test]
fn users_are_brought_along_and_the_same_records_change_nothing() {
    let service = Service::start(&[]);
    let operator = Operator::of(&service);
    let at = |name: &str| operator.home.path().join(name);
    let read = |name: &str| fs::read_to_string(at(name)).unwrap();
    fs::write(at("users.csv"), sixty_users()).unwrap();
    assert_eq!(import(&operator, "users.csv", &[]).exit_code, 3, "nobody is signed in");

    operator.sign_in(ADMIN);
    let done = import(&operator, "users.csv", &[]);
    assert_eq!((results(&done), done.exit_code), ([59, 0, 0, 1], 1), "{}", done.stderr);
    assert!(done.stderr.contains("1 were not brought along: refused.csv says why"));
    let refused = read("refused.csv");
    assert!(refused.lines().nth(1).unwrap().starts_with("old-60,line 61,"), "{refused}");

    // Each id there has one here, in the order of the export.
    let ids = read("ids.csv");
    let pairs: Vec<_> = ids.lines().skip(1).map(|line| line.split_once(',').unwrap()).collect();
    let old: Vec<_> = (1..60).map(|number| format!("old-{number}")).collect();
    assert_eq!(pairs.iter().map(|(old, _)| *old).collect::<Vec<_>>(), old);
    let found = operator.run(&["users", "find", "user7@example.com", "--json"]);
    assert_eq!(found.succeeds().objects()[0]["id"], pairs[6].1);

    // The same password still signs them in.
    let login = json!({"email": "user7@example.com", "password": PASSWORD});
    assert!(service.ask("POST", "/v1/auth/login", "", &login)["access_token"].is_string());

    // A finished import is not sent again. Another one of the same export changes nothing.
    let again = import(&operator, "users.csv", &[]);
    assert_eq!((results(&again), again.exit_code), ([59, 0, 0, 1], 1));
    assert!(again.stderr.starts_with("This import is finished."), "{}", again.stderr);
    let lists = ["--ids", "ids2.csv", "--refused", "refused2.csv", "--state", "state2"];
    let done = import(&operator, "users.csv", &lists);
    assert_eq!(results(&done), [0, 0, 59, 1], "{}", done.stderr);
    assert_eq!(read("ids2.csv"), ids);
}

/// Users who have something of an earlier one, and what the service does with each.
const DUPLICATES: [(&str, &str); 14] = [
    ("1,+14155550101,true,ann@example.com,true,ann", "created"),
    ("2,,,ann@example.com,true,", "refused"),
    ("3,+14155550101,true,,,", "refused"),
    ("4,,,bob@example.com,true,Ann", "created"),
    ("5,,,bob@example.com,true,bob", "refused"),
    ("6,+14155550102,true,kim@example.com,false,", "created"),
    ("7,,,kim@example.com,true,", "created"),
    ("8,+14155550103,true,ann@example.com,false,", "created"),
    (",+14155550104,true,,,", "created"),
    (",+14155550104,true,leo@example.com,true,", "updated"),
    ("9,,,leo@example.com,true,", "updated"),
    ("9,+14155550105,true,,,", "updated"),
    (",+14155550106,true,,,", "created"),
    ("9,+14155550106,true,,,", "refused"),
];

#[test]
fn the_report_knows_which_duplicates_the_service_refuses() {
    let service = Service::start(&[]);
    let operator = Operator::of(&service);
    let at = |name: &str| operator.home.path().join(name);
    let mut csv = "external_id,phone,phone_verified,email,email_verified,username".to_owned();
    DUPLICATES.iter().for_each(|(user, _)| csv += &format!("\n{user}"));
    fs::write(at("users.csv"), csv).unwrap();
    operator.sign_in(ADMIN);

    let done = import(&operator, "users.csv", &[]);
    let count = |wanted: &str| {
        let count = DUPLICATES.iter().filter(|(_, result)| *result == wanted).count();
        u64::try_from(count).unwrap()
    };
    let expected = ["created", "updated", "unchanged", "refused"].map(count);
    let refused = fs::read_to_string(at("refused.csv")).unwrap();
    assert_eq!(results(&done), expected, "{refused}");

    let places = |what: &str| {
        let lines = (2..).zip(DUPLICATES).filter(|(_, (_, result))| *result == what);
        lines.map(|(line, _)| format!("line {line}")).collect::<Vec<_>>()
    };
    let listed: Vec<_> = refused.lines().skip(1).map(|it| it.split(',').nth(1).unwrap()).collect();
    let mut expected = places("refused");
    // The username is somebody's.
    expected.insert(2, "line 5".to_owned());
    assert_eq!(listed, expected);

    // The report, which comes first, has the same ones.
    let report = done.objects().remove(0);
    let told = |end: &str| {
        let groups = report["duplicates"].as_array().unwrap().iter();
        let groups = groups.filter(|group| group["reason"].as_str().unwrap().ends_with(end));
        let users = groups.flat_map(|group| group["examples"].as_array().unwrap());
        let mut lines: Vec<_> = users
            .map(|user| user.as_str().unwrap().split([' ', '(']).nth(1).unwrap())
            .map(|line| line.parse::<u32>().unwrap())
            .collect();
        lines.sort_unstable();
        lines.iter().map(|line| format!("line {line}")).collect::<Vec<_>>()
    };
    assert_eq!(told("the service will refuse the later one"), places("refused"));
    assert_eq!(told("the later one replaces what it names"), places("updated"));
    let file = at("users.csv");
    let check = ["import", "--from", "csv", "--check", file.to_str().unwrap()];
    let text = operator.run(&check).succeeds().stdout;
    for line in [
        "Duplicates:\n",
        "        1  the same username as an earlier user: the later one comes along without it\n",
        "           line 5 (4) as line 2\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn an_import_that_was_interrupted_goes_on() {
    let service = Service::start(&[]);
    let operator = Operator::of(&service);
    let at = |name: &str| operator.home.path().join(name);
    let read = |name: &str| fs::read_to_string(at(name)).unwrap();
    fs::write(at("users.csv"), sixty_users()).unwrap();
    operator.sign_in(ADMIN);
    assert_eq!(results(&import(&operator, "users.csv", &[])), [59, 0, 0, 1]);
    let (ids, refused) = (read("ids.csv"), read("refused.csv"));

    // This is what a machine leaves that fails after the second batch was sent, and before its progress
    // was written: the progress of the first one, and longer lists.
    let state = at("users.csv.latchkey-import.json");
    let mut progress: Value = serde_json::from_slice(&fs::read(&state).unwrap()).unwrap();
    let lines = |count: usize| ids.split_inclusive('\n').take(count).collect::<String>();
    progress["entries"] = json!(25);
    progress["ids_bytes"] = json!(lines(26).len());
    progress["refused_bytes"] = json!("old,place,reason\n".len());
    progress["counts"] =
        json!({"created": 25, "updated": 0, "unchanged": 0, "refused": 0, "left_out": {}});
    fs::write(&state, progress.to_string()).unwrap();
    fs::write(at("ids.csv"), lines(40)).unwrap();

    // The second batch and the third are sent again, and change nothing.
    let done = import(&operator, "users.csv", &[]);
    assert_eq!(results(&done), [25, 0, 34, 1], "{}", done.stderr);
    assert_eq!((read("ids.csv"), read("refused.csv")), (ids, refused));

    // An import does not go on with another export.
    progress["entries"] = json!(25);
    fs::write(&state, progress.to_string()).unwrap();
    fs::write(at("users.csv"), sixty_users() + "old-61,user61@example.com,true,Ann 61,\n").unwrap();
    let done = import(&operator, "users.csv", &[]);
    assert_eq!(done.exit_code, 2);
    assert!(done.stderr.contains("the export has changed since the import was begun"));
}
