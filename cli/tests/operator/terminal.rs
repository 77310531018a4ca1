//! A service in this process, and an operator at a terminal, who has a browser.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::PathBuf,
    process::{Command, Stdio},
};

use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;
use serde_json::{Value, json};
use shared::base::{Clock, Environment};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime};

pub(crate) const ADMIN: &str = "+14155550100";
/// Nobody listens at this URL: the port of a listener that is closed may be given to somebody else.
pub(crate) const NOBODY: &str = "http://127.0.0.1:1";

/// A service of the test's own, in this process.
pub(crate) struct Service {
    pub(crate) url: String,
    pub(crate) runtime: Runtime,
}

impl Service {
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let defaults = [
            ("ADMIN_PHONE", ADMIN),
            ("JWT_ALGORITHM", "EdDSA"),
            ("OTP_RESEND_COOLDOWN_SECONDS", "0"),
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

    pub(crate) fn ask(&self, method: &str, path: &str, token: &str, body: &Value) -> Value {
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
    pub(crate) fn refuses(&self, path: &str, body: &Value, status: u16) {
        self.runtime.block_on(async {
            let request = reqwest::Client::new().post(format!("{}{path}", self.url)).json(body);
            assert_eq!(request.send().await.unwrap().status(), status);
        });
    }

    /// The tokens of the owner of a phone.
    pub(crate) fn tokens_of(&self, phone: &str) -> Value {
        let sent = self.ask("POST", "/v1/otp/send", "", &json!({"phone": phone}));
        let proof = json!({"challenge_id": sent["challenge_id"], "code": self.code(phone)});
        self.ask("POST", "/v1/otp/verify", "", &proof)
    }

    /// The code that was last sent to a phone.
    pub(crate) fn code(&self, to: &str) -> String {
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
pub(crate) struct Page<'a> {
    pub(crate) service: &'a Service,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) html: String,
}

impl<'a> Page<'a> {
    /// Opens a link.
    pub(crate) fn open(service: &'a Service, link: &str) -> Self {
        let mut page = Self { service, cookies: BTreeMap::new(), html: String::new() };
        page.send(reqwest::Client::new().get(link));
        page
    }

    /// Sends the form of the page, by its first button unless the fields name another.
    pub(crate) fn submit(&mut self, fields: &[(&str, &str)]) {
        let flow = self.value("flow");
        let mut all = BTreeMap::from([("flow", flow.as_str()), ("action", "continue")]);
        all.extend(fields.iter().copied());
        self.send(reqwest::Client::new().post(format!("{}/sign-in", self.service.url)).form(&all));
    }

    /// Signs in with a text, and with a recovery code if there is one.
    pub(crate) fn sign_in(&mut self, phone: &str, recovery_code: Option<&str>) {
        self.submit(&[("identifier", phone)]);
        let code = self.service.code(phone);
        self.submit(&[("code", &code)]);
        if let Some(code) = recovery_code {
            self.submit(&[("code", code)]);
        }
    }

    /// The value of an input.
    pub(crate) fn value(&self, name: &str) -> String {
        let input = self.html.split(&format!("name=\"{name}\" value=\"")).nth(1);
        let input = input.unwrap_or_else(|| panic!("no {name}: {}", self.html));
        input.split('"').next().unwrap().to_owned()
    }

    pub(crate) fn send(&mut self, request: reqwest::RequestBuilder) {
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
pub(crate) struct Operator<'a> {
    pub(crate) service: &'a Service,
    pub(crate) home: TempDir,
}

/// The outcome of a command.
pub(crate) struct Done {
    pub(crate) exit_code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// Asserts success.
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.exit_code, 0, "{}", self.stderr);
        self
    }

    /// Asserts that it failed with this exit code, printed nothing to stdout, and explained it on
    /// stderr.
    pub(crate) fn fails(&self, exit_code: i32, said: &str) {
        assert_eq!((self.exit_code, self.stdout.as_str()), (exit_code, ""), "{}", self.stderr);
        assert!(self.stderr.contains(said), "{}", self.stderr);
    }

    pub(crate) fn objects(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl<'a> Operator<'a> {
    pub(crate) fn of(service: &'a Service) -> Self {
        Self { service, home: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
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
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        Self::done(self.command(arguments).stdin(Stdio::null()).output().unwrap())
    }

    pub(crate) fn done(output: std::process::Output) -> Done {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Done {
            exit_code: output.status.code().unwrap(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Keeps the tokens of the owner of a phone where the command keeps those of a sign-in.
    pub(crate) fn sign_in(&self, phone: &str) {
        let all = json!({&self.service.url: self.service.tokens_of(phone)});
        fs::create_dir_all(self.file().parent().unwrap()).unwrap();
        fs::write(self.file(), all.to_string()).unwrap();
    }

    /// Runs a command that signs in with a page, after it was answered `typed`. `visit` is what the
    /// person does on the page.
    pub(crate) fn by_page(
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
    pub(crate) fn converse(
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

    pub(crate) fn file(&self) -> PathBuf {
        self.home.path().join(".local/state/latchkey/sessions.json")
    }

    pub(crate) fn tokens(&self) -> Value {
        let all: Value = serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap();
        all[&self.service.url].clone()
    }

    pub(crate) fn set_token(&self, name: &str, value: &str) {
        let mut tokens = self.tokens();
        tokens[name] = json!(value);
        fs::write(self.file(), json!({&self.service.url: tokens}).to_string()).unwrap();
    }
}

pub(crate) fn right(code: &str) -> String {
    code.to_owned()
}

pub(crate) fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

/// The code that an authenticator app shows now (RFC 6238).
pub(crate) fn totp(secret: &str) -> String {
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
