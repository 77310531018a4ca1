//! The work of an operator, with the command as it is installed, against the whole service.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use aws_lc_rs::hmac;
use aws_sdk_dynamodb::types::AttributeValue;
use data_encoding::BASE32_NOPAD;
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::{
    audit::anchors::Anchors,
    aws::sdk_config,
    base::{Clock, Environment, Random},
    table::Store,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime};

const ADMIN: &str = "+14155550100";

/// A service of the test's own, in this process.
struct Service {
    url: String,
    runtime: Runtime,
}

impl Service {
    fn start(settings: &[(&str, &str)]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let defaults = [
            ("ADMIN_PHONE", ADMIN),
            ("JWT_ALGORITHM", "EdDSA"),
            ("OTP_RESEND_COOLDOWN_SECONDS", "1"),
        ];
        let environment: Environment = defaults.iter().chain(settings).copied().collect();
        let url = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let service = local::start(address, None, environment).await.unwrap();
            tokio::spawn(service.serve(listener, std::future::pending()));
            format!("http://{address}")
        });

        Self { url, runtime }
    }

    fn ask(&self, method: &str, path: &str, token: &str, body: &Value) -> Value {
        self.runtime.block_on(async {
            let request = reqwest::Client::new()
                .request(method.parse().unwrap(), format!("{}{path}", self.url));
            let request = if token.is_empty() { request } else { request.bearer_auth(token) };
            let request = if body.is_null() { request } else { request.json(body) };
            let response = request.send().await.unwrap();
            assert!(response.status().is_success(), "{path}: {}", response.text().await.unwrap());
            response.json().await.unwrap()
        })
    }

    /// Sends a request that is refused with this status.
    fn refuses(&self, path: &str, body: &Value, status: u16) {
        self.runtime.block_on(async {
            let request = reqwest::Client::new().post(format!("{}{path}", self.url)).json(body);
            assert_eq!(request.send().await.unwrap().status(), status);
        });
    }

    /// The tokens of the owner of a phone.
    fn tokens_of(&self, phone: &str) -> Value {
        let sent = self.ask("POST", "/v1/otp/send", "", &json!({"phone": phone}));
        let proof = json!({"challenge_id": sent["challenge_id"], "code": self.code(phone)});
        self.ask("POST", "/v1/otp/verify", "", &proof)
    }

    /// The code that was last sent to a phone.
    fn code(&self, to: &str) -> String {
        let path = format!("/_local/messages?to={}", to.replace('+', "%2B"));
        let messages = self.ask("GET", &path, "", &Value::Null);
        let bodies = messages.as_array().unwrap().iter().map(|it| it["body"].as_str().unwrap());
        // Notices have no code.
        let mut codes = bodies.filter_map(|body| {
            body.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6)
        });
        codes.next_back().unwrap().to_owned()
    }
}

/// A page in a browser, which keeps cookies.
struct Page<'a> {
    service: &'a Service,
    cookies: BTreeMap<String, String>,
    html: String,
}

impl<'a> Page<'a> {
    /// Opens a link.
    fn open(service: &'a Service, link: &str) -> Self {
        let mut page = Self { service, cookies: BTreeMap::new(), html: String::new() };
        page.send(reqwest::Client::new().get(link));
        page
    }

    /// Sends the form of the page, by its first button unless the fields name another.
    fn submit(&mut self, fields: &[(&str, &str)]) {
        let flow = self.value("flow");
        let mut all = BTreeMap::from([("flow", flow.as_str()), ("action", "continue")]);
        all.extend(fields.iter().copied());
        self.send(reqwest::Client::new().post(format!("{}/sign-in", self.service.url)).form(&all));
    }

    /// Signs in with a text, and with a recovery code if there is one.
    fn sign_in(&mut self, phone: &str, recovery_code: Option<&str>) {
        self.submit(&[("identifier", phone)]);
        let code = self.service.code(phone);
        self.submit(&[("code", &code)]);
        if let Some(code) = recovery_code {
            self.submit(&[("code", code)]);
        }
    }

    /// The value of an input.
    fn value(&self, name: &str) -> String {
        let input = self.html.split(&format!("name=\"{name}\" value=\"")).nth(1);
        let input = input.unwrap_or_else(|| panic!("no {name}: {}", self.html));
        input.split('"').next().unwrap().to_owned()
    }

    fn send(&mut self, request: reqwest::RequestBuilder) {
        let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        let cookies = pairs.collect::<Vec<_>>().join("; ");
        self.service.runtime.block_on(async {
            let response = request.header("cookie", cookies).send().await.unwrap();
            for cookie in response.headers().get_all("set-cookie") {
                let pair = cookie.to_str().unwrap().split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
            self.html = response.text().await.unwrap();
        });
    }
}

/// A person at a terminal, with their own home directory.
struct Operator<'a> {
    service: &'a Service,
    home: TempDir,
}

/// The outcome of a command.
struct Done {
    exit_code: i32,
    stdout: String,
    stderr: String,
}

impl Done {
    /// Asserts success.
    fn succeeds(self) -> Self {
        assert_eq!(self.exit_code, 0, "{}", self.stderr);
        self
    }

    /// Asserts that it failed with this exit code, printed nothing to stdout, and explained it on
    /// stderr.
    fn fails(&self, exit_code: i32, said: &str) {
        assert_eq!((self.exit_code, self.stdout.as_str()), (exit_code, ""), "{}", self.stderr);
        assert!(self.stderr.contains(said), "{}", self.stderr);
    }

    fn objects(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl<'a> Operator<'a> {
    fn of(service: &'a Service) -> Self {
        Self { service, home: tempfile::tempdir().unwrap() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("LATCHKEY_URL", &self.service.url);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command without any input.
    fn run(&self, arguments: &[&str]) -> Done {
        Self::done(self.command(arguments).stdin(Stdio::null()).output().unwrap())
    }

    fn done(output: std::process::Output) -> Done {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Done {
            exit_code: output.status.code().unwrap(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Keeps the tokens of the owner of a phone where the command keeps those of a sign-in.
    fn sign_in(&self, phone: &str) {
        let all = json!({&self.service.url: self.service.tokens_of(phone)});
        fs::create_dir_all(self.file().parent().unwrap()).unwrap();
        fs::write(self.file(), all.to_string()).unwrap();
    }

    /// Runs a command that signs in with a page, after it was answered `typed`. `visit` is what the
    /// person does on the page.
    fn by_page(
        &self,
        arguments: &[&str],
        typed: &str,
        visit: impl FnOnce(&mut Page<'_>, &str),
    ) -> Done {
        let mut child = self.command(arguments).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{typed}").unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let link = loop {
            let mut line = String::new();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it exited early: {said}");
            said += &line;
            if let Some(link) = line.strip_prefix("Open ") {
                break link.trim_end().to_owned();
            }
        };
        let (_, code) = link.split_once("user_code=").unwrap();
        visit(&mut Page::open(self.service, &link), code);

        stderr.read_to_string(&mut said).unwrap();
        assert!(said.contains(&format!("shows the code {code}\n")), "{said}");
        let mut done = Self::done(child.wait_with_output().unwrap());
        done.stderr = said;
        done
    }

    /// Runs a command that asks for codes to a phone.
    fn converse(
        &self,
        arguments: &[&str],
        phone: &str,
        answers: &[&dyn Fn(&str) -> String],
    ) -> Done {
        let mut child = self.command(arguments).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();

        for answer in answers {
            // A question ends in a colon. The lines before it do not.
            loop {
                let mut line = String::new();
                assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it exited early: {said}");
                said += &line;
                if line.trim_end().ends_with(':') {
                    break;
                }
            }
            writeln!(stdin, "{}", answer(&self.service.code(phone))).unwrap();
        }

        drop(stdin);
        stderr.read_to_string(&mut said).unwrap();

        let mut done = Self::done(child.wait_with_output().unwrap());
        done.stderr = said;
        done
    }

    fn file(&self) -> PathBuf {
        self.home.path().join(".local/state/latchkey/sessions.json")
    }

    fn tokens(&self) -> Value {
        let all: Value = serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap();
        all[&self.service.url].clone()
    }

    fn set_token(&self, name: &str, value: &str) {
        let mut tokens = self.tokens();
        tokens[name] = json!(value);
        fs::write(self.file(), json!({&self.service.url: tokens}).to_string()).unwrap();
    }
}

fn right(code: &str) -> String {
    code.to_owned()
}

fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

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

    let ann = json!({"email": "ann@example.com", "name": "Ann"});
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

    operator
        .run(&["users", "find", "nobody@example.com"])
        .fails(5, "no user has the e-mail address nobody@example.com");
    operator.run(&["users", "find", "+14155550199"]).fails(5, "(not_found)");
    operator.run(&["users", "find", "+1415"]).fails(6, "(invalid_phone)");

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
    operator.run(&["unlock", &uuid::Uuid::nil().to_string()]).fails(5, "(not_found)");
    stranger.run(&["unlock", ann]).fails(3, "not signed in");

    // A disabled user stays disabled.
    operator.run(&["users", "disable", id]).succeeds();
    operator.run(&["unlock", id]).fails(2, "this user is disabled");
    let user = operator.run(&["users", "find", id, "--json"]).succeeds().objects().remove(0);
    assert_eq!(user["status"], "disabled");
}

#[test]
fn the_audit_trail_can_be_followed() {
    let service = Service::start(&[]);
    let operator = Operator::of(&service);
    operator.sign_in(ADMIN);

    let mut following = operator
        .command(&["audit", "--follow", "--interval", "1", "-n", "1", "--json"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap()).unwrap();
    let newest = next();

    operator.run(&["users", "find", ADMIN]).succeeds();
    operator.run(&["users", "list"]).succeeds();

    let (first, second) = (next(), next());

    // Failures of strangers are counted in one event, which is shown again when its count rises.
    for count in 1..3 {
        let body = json!({"username": "nobody", "password": "wrong password"});
        service.refuses("/v1/auth/login", &body, 401);
        let failures = next();
        let shown = (&failures["action"], &failures["target"], &failures["count"]);
        assert_eq!(shown, (&json!("sign_in"), &json!("anybody"), &json!(count)));
    }
    following.kill().unwrap();
    following.wait().unwrap();
    assert_eq!((&first["action"], &second["action"]), (&json!("user_read"), &json!("users_list")));
    assert!(newest["id"].as_str() < first["id"].as_str());
}

#[test]
fn a_change_of_the_audit_trail_is_found_with_access_to_aws() {
    let runtime = Runtime::new().unwrap();
    let (service, endpoint) = runtime.block_on(async {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let environment = [("JWT_ALGORITHM", "EdDSA")].into_iter().collect();
        let mut service = local::start(free, None, environment).await.unwrap();
        service.aws.serve_at(free).await.unwrap();
        (service, format!("http://{free}"))
    });
    let verify = |more: &[&str]| {
        let names = ["--table", "latchkey", "--bucket", "audit-anchors"];
        let output = Command::new(env!("CARGO_BIN_EXE_latchkey"))
            .args(["audit", "verify"])
            .args(names)
            .args(more)
            .env_clear()
            .envs(service.aws.environment())
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env_remove("AWS_ENDPOINT_URL_S3")
            .output();
        Operator::done(output.unwrap())
    };
    assert!(verify(&[]).stderr.contains("there are no anchors"));

    let environment: Environment = service.aws.environment().into_iter().collect();
    let dynamodb = sdk_config(&environment, "DYNAMODB");
    let table = aws_sdk_dynamodb::Client::new(&dynamodb);
    let id = "01890000-0000-7000-8000-000000000000";
    let put = |action: &str| {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let put = table
            .put_item()
            .table_name("latchkey")
            .item("pk", text("AUDIT#0"))
            .item("sk", text(id))
            .item("id", text(id))
            .item("action", text(action))
            .item("expires_at", AttributeValue::N("4000000000".to_owned()));
        runtime.block_on(put.send()).unwrap();
    };
    put("user_delete");
    let store = Store::of_config(&dynamodb, "latchkey", Random::system());
    let anchors = Anchors::new(store, &environment, Clock::system()).unwrap();
    assert_eq!(runtime.block_on(anchors.anchor()), Ok(1));
    let done = verify(&[]).succeeds();
    assert!(done.stdout.starts_with("1 events are as they were anchored"), "{}", done.stdout);

    put("user_read");
    let done = verify(&["--json"]);
    assert_eq!(done.exit_code, 1, "{}", done.stderr);
    assert_eq!(done.objects()[0]["id"], id);
    assert!(done.stderr.contains(&format!("event {id} of")), "{}", done.stderr);
    assert!(done.stderr.contains("was changed"), "{}", done.stderr);
    verify(&["--from", "2026-01-01T00:00:00Z"]).succeeds();
}

#[test]
fn tokens_are_refreshed() {
    let service = Service::start(&[("ACCESS_TOKEN_TTL_SECONDS", "1")]);
    let operator = Operator::of(&service);
    operator.sign_in(ADMIN);

    let before = operator.tokens();
    std::thread::sleep(Duration::from_millis(2100));

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

/// The code that an authenticator app shows now (RFC 6238).
fn totp(secret: &str) -> String {
    let key = hmac::Key::new(
        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        &BASE32_NOPAD.decode(secret.as_bytes()).unwrap(),
    );
    let step = u64::try_from(Clock::system().now().as_second() / 30).unwrap();
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let offset = usize::from(tag.as_ref()[19] & 15);
    let number =
        u32::from_be_bytes(tag.as_ref()[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;

    format!("{:06}", number % 1_000_000)
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

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let down = format!("http://{free}");
    operator.run(&["login", "--url", &down]).fails(8, &format!("cannot reach {down}: "));
    fs::write(operator.file(), "{").unwrap();
    operator.run(&["whoami"]).fails(1, "sessions.json cannot be read");
}

#[test]
fn a_replay_shows_which_texts_other_thresholds_would_have_stopped() {
    let service = Service::start(&[]);
    let operator = Operator::of(&service);
    let decided = |source: &str, id: u8, countries: usize, verdict: &str| {
        json!({"send_decision": {
            "at": "2026-11-21T12:00:00Z", "challenge_id": format!("01890000-0000-7000-8000-0000000000{id:02}"),
            "source": source, "prefix": "p", "number": "n", "country": "US", "micro_usd": 250_000,
            "signs": {
                "countries": countries, "sequence": 1, "source": {"texts": 1, "verified": 0},
                "prefix": {"texts": 1, "verified": 0}, "country": {"texts": 1, "verified": 0},
            },
            "reasons": [], "verdict": verdict,
        }})
    };
    let decision = |source: &str, id: u8, countries: usize| decided(source, id, countries, "sent");

    let log = operator.home.path().join("log");
    let lines = [
        "START RequestId: 1".to_owned(),
        format!("2026-11-21T12:00:00 {}", decision("honest", 1, 1)),
        decision("pump", 2, 3).to_string(),
        decision("pump", 3, 4).to_string(),
        decided("pump", 4, 4, "challenged").to_string(),
        json!({"code_verified": "01890000-0000-7000-8000-000000000002"}).to_string(),
        "{\"level\":\"INFO\"}".to_owned(),
    ];

    fs::write(&log, lines.join("\n")).unwrap();
    let log = log.to_str().unwrap();

    let done = operator.run(&["fraud", "replay", log, "--json"]);
    assert_eq!(done.exit_code, 0, "{}", done.stderr);
    let stopped: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(
        stopped,
        json!({"source": "pump", "texts": 1, "verified": 0, "challenged": 1, "usd": 0.25, "reasons": ["countries_of_source"]})
    );
    assert!(
        done.stderr.starts_with("1 of 3 texts would have been stopped, 0.25 of 0.75 USD saved; 0 "),
        "{}",
        done.stderr
    );

    let stricter = operator.run(&["fraud", "replay", log, "--countries-per-ip", "2"]);
    assert!(
        stricter
            .stdout
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("pump    2      1         1           0.5"),
        "{}",
        stricter.stdout
    );
    assert!(
        stricter.stderr.contains(
            "1 of the stopped texts led to a sign-in; 1 requests were asked for a proof of work"
        ),
        "{}",
        stricter.stderr
    );
    assert_eq!(operator.run(&["fraud", "replay", "/nowhere"]).exit_code, 1);
}

#[test]
fn a_log_tells_which_senders_codes_are_used() {
    let service = Service::start(&[]);
    let operator = Operator::of(&service);
    let id = |id: u8| format!("01890000-0000-7000-8000-0000000000{id:02}");
    let sent = |of: u8, minute: u8, sender: &str| {
        json!({"text_sent": {
            "at": format!("2027-01-15T12:{minute:02}:00Z"), "challenge_id": id(of),
            "sender": sender, "channel": "sms", "country": "US",
        }})
        .to_string()
    };
    let used = |of: u8| format!("2027-01-15T12:00:00 {}", json!({"code_verified": id(of)}));
    let lines = [
        sent(1, 1, "twilio"),
        used(1),
        sent(2, 2, "twilio"),
        // A person who asks again gets the same code by the next sender.
        sent(2, 4, "sns"),
        used(2),
        sent(3, 5, "twilio"),
        // The code of an e-mail.
        used(4),
        "{\"level\":\"INFO\"}".to_owned(),
    ];
    let log = operator.home.path().join("log");
    fs::write(&log, lines.join("\n")).unwrap();

    let table = operator.run(&["senders", "--log", log.to_str().unwrap()]).succeeds().stdout;
    let expected = "\
DAY         SENDER  CHANNEL  COUNTRY  SENT  USED  PERCENT
2027-01-15  sns     sms      US       1     1     100
2027-01-15  twilio  sms      US       3     1     33
";
    assert_eq!(table, expected);
    operator.run(&["senders", "--log", "-", "--days", "2"]).fails(2, "cannot be used with");
}

#[test]
fn a_smoke_test_signs_in_and_out() {
    let until = (Clock::system().now() + SignedDuration::from_hours(30 * 24)).to_string();
    let settings = [
        ("TEST_PHONE_NUMBERS", "+15005550006=123456,+15005550007=123456"),
        ("TEST_PHONES_UNTIL", until.split('T').next().unwrap()),
    ];
    let service = Service::start(&settings);
    let operator = Operator::of(&service);
    let all = ["health", "keys", "sign-in", "token", "me", "refresh", "sign-out", "ended"];

    // With a test phone.
    let done = operator.run(&["smoke", "--test-phone", "+15005550006=123456", "--json"]);
    let lines = done.succeeds().objects();
    let checks: Vec<_> = lines.iter().map(|line| line["check"].as_str().unwrap()).collect();
    assert_eq!(checks, all);
    assert!(lines.iter().all(|line| line["level"] == "ok"), "{lines:?}");
    assert!(!operator.file().exists(), "the session is stored nowhere");

    // With a text to a phone.
    let done =
        operator.converse(&["smoke", "--phone", "+14155550142"], "+14155550142", &[&wrong, &right]);
    let lines = done.succeeds().stdout;
    assert_eq!(lines.lines().count(), all.len(), "{lines}");
    assert!(lines.contains("ok       ended"), "{lines}");

    // The first step that fails is the last one, and names the reason.
    let done = operator.run(&["smoke", "--test-phone", "+15005550007=654321", "--json"]);
    let lines = done.objects();
    assert_eq!((done.exit_code, lines.len()), (1, 3), "{}", done.stderr);
    assert_eq!((&lines[2]["check"], &lines[2]["level"]), (&json!("sign-in"), &json!("problem")));
    assert!(lines[2]["message"].as_str().unwrap().contains("(otp_incorrect)"), "{lines:?}");
    assert_eq!(done.stderr, "error: 1 problem, 0 warnings\n");

    operator.run(&["smoke"]).fails(2, "--test-phone");
    operator.run(&["smoke", "--test-phone", "+15005550006"]).fails(2, "+15005550006=123456");
}

#[test]
fn a_doctor_who_reaches_nothing_says_so_for_each_question() {
    let service = Service::start(&[]);
    let operator = Operator::of(&service);
    operator.run(&["doctor"]).fails(2, "no region is set");

    // Nobody listens at this address.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let done = operator
        .command(&["doctor", "--region", "eu-central-1", "--json"])
        .env("AWS_ENDPOINT_URL", format!("http://{free}"))
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()
        .unwrap();
    let done = Operator::done(done);
    assert_eq!(done.exit_code, 1, "{}", done.stderr);

    let lines = done.objects();
    let level = |check: &str| {
        let line = lines.iter().find(|line| line["check"] == check).unwrap();
        (line["level"].as_str().unwrap().to_owned(), line["message"].as_str().unwrap().to_owned())
    };
    for check in ["stack", "texts-sandbox", "texts-delivery-log", "concurrency"] {
        let (level, message) = level(check);
        assert_eq!(level, "problem", "{check}");
        assert!(message.contains("Connection refused"), "{message}");
    }
    // The service itself works.
    for check in ["health", "signing-keys", "clock"] {
        assert_eq!(level(check).0, "ok", "{lines:?}");
    }
}
