//! E-mails by SMTP: sent once, refunded if they certainly were not sent. The server of these tests speaks the protocol over
//! TLS, as servers do.

use std::{
    io::Write as _,
    sync::{Arc, Mutex},
};

use axum::http::Method;
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer},
};

use crate::testing::{Answer, TestApp, apps::ADMIN_PHONE};

const EMAIL: &str = "ann@example.org";

/// How a server treats an e-mail.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Server {
    /// TLS from the first byte.
    Implicit,
    /// TLS after STARTTLS.
    StartTls,
    /// No TLS, which the client must not accept.
    Plain,
    /// Refuses the recipient.
    Refuses,
    /// Takes the e-mail and never answers.
    Silent,
}

/// The input of a server: lines of the protocol, and e-mails as they came.
type Log = Arc<Mutex<Vec<String>>>;

/// A server. Its account is `shop` with the password `a secret`.
struct Smtp {
    url: String,
    root: NamedTempFile,
    log: Log,
}

impl Smtp {
    async fn start(server: Server) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let mut root = NamedTempFile::new().unwrap();
        root.write_all(made.cert.pem().as_bytes()).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (log, acceptor) = (Log::default(), TlsAcceptor::from(Arc::new(config)));
        let shared = log.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(server, socket, acceptor.clone(), shared.clone()));
            }
        });

        let scheme = if server == Server::Implicit { "smtps" } else { "smtp" };
        Self { url: format!("{scheme}://localhost:{port}"), root, log }
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    fn mails(&self) -> Vec<String> {
        self.log().into_iter().filter(|entry| entry.contains("Subject: ")).collect()
    }
}

/// One connection.
async fn serve(server: Server, mut socket: TcpStream, acceptor: TlsAcceptor, log: Log) {
    if server != Server::Implicit {
        let offer = if server == Server::Plain { "250 8BITMIME" } else { "250 STARTTLS" };
        socket.write_all(b"220 localhost\r\n").await.unwrap();
        let mut lines = BufReader::new(&mut socket).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            log.lock().unwrap().push(line.clone());
            let answer = match line.as_str() {
                "STARTTLS" => "220 go",
                "QUIT" => return,
                _ => offer,
            };
            let socket = lines.get_mut().get_mut();
            socket.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
            if line == "STARTTLS" {
                break;
            }
        }
    }
    if let Ok(socket) = acceptor.accept(socket).await {
        let greets = server == Server::Implicit;
        _ = converse(server, greets, socket, &log).await;
    }
}

/// The protocol after TLS has begun (RFC 5321).
async fn converse(
    server: Server,
    greets: bool,
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    log: &Log,
) -> std::io::Result<()> {
    if greets {
        socket.write_all(b"220 localhost\r\n").await?;
    }
    let mut lines = BufReader::new(socket).lines();
    let mut data: Option<String> = None;
    while let Some(line) = lines.next_line().await? {
        if let Some(mail) = &mut data {
            if line != "." {
                mail.push_str(&line);
                mail.push('\n');
                continue;
            }
            log.lock().unwrap().extend(data.take());
            if server == Server::Silent {
                std::future::pending::<()>().await;
            }
        } else {
            log.lock().unwrap().push(line.clone());
        }

        let answer = match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => "250-localhost\r\n250 AUTH PLAIN",
            "AUTH" if line == "AUTH PLAIN AHNob3AAYSBzZWNyZXQ=" => "235 welcome",
            "AUTH" => "535 wrong password",
            "RCPT" if server == Server::Refuses => "550 ann@example.org is unknown",
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 done",
        };
        if line == "DATA" {
            data = Some(String::new());
        }
        lines.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}

/// An instance that sends by a server, with the password out of the secret.
fn instance(app: &TestApp, smtp: &Smtp, name: &str) -> TestApp {
    let account = json!({"smtp": {"username": "shop", "password": "a secret"}});
    app.aws.secrets.create(name, account.to_string());
    let root = smtp.root.path().to_str().unwrap();
    app.restarted(&[
        ("EMAIL_SMTP_URL", &smtp.url),
        ("SENDERS_SECRET_ARN", name),
        ("SENDERS_CA_BUNDLE", root),
    ])
}

async fn send(app: &TestApp, to: &str) -> Answer {
    app.post("/v1/otp/send", json!({"email": to})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_by_smtp_signs_in_with_tls_from_the_start_and_by_starttls() {
    let app = TestApp::with_mail().await;
    for (server, to) in [(Server::Implicit, EMAIL), (Server::StartTls, "bob@example.org")] {
        let smtp = Smtp::start(server).await;
        let app = instance(&app, &smtp, &format!("{server:?}"));
        let id = send(&app, to).await.challenge_id();

        let mail = smtp.mails().pop().unwrap();
        for part in ["text/plain", "text/html", "Subject: Your Latchkey code"] {
            assert!(mail.contains(part), "{mail}");
        }
        // The boundaries between the parts are random, and may contain as many digits as a code.
        let (before, _) = mail.split_once(" is your").unwrap();
        let code = before.split_whitespace().next_back().unwrap();
        let log = smtp.log();
        assert!(log.contains(&format!("RCPT TO:<{to}>")), "{log:?}");
        assert!(log.contains(&"MAIL FROM:<latchkey@example.com>".to_owned()), "{log:?}");
        assert_eq!(app.texts(to).len(), 0, "SES sent nothing");

        for name in ["b", "c", "d"] {
            send(&app, &format!("{name}.{to}")).await.challenge_id();
        }
        let greetings = smtp.log().iter().filter(|line| line.starts_with("AUTH")).count();
        assert_eq!(smtp.mails().len(), 4);
        assert!(greetings <= 2, "the connections stay open: {greetings}");
        app.verify(&id, code).await.assert_ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_s_own_mail_by_smtp_has_its_parts_and_no_more_headers() {
    let app = TestApp::with_mail_and(&[("ADMIN_PHONE", ADMIN_PHONE)]).await;
    let admin = app.sign_in(ADMIN_PHONE).await;
    let smtp = Smtp::start(Server::Implicit).await;
    let by_smtp = instance(&app, &smtp, "own");
    let path = "/v1/apps/default/messages/sign_in/en";
    for (words, to) in [
        (json!({"subject": "Código: {app}", "text": "Ours: {code}"}), EMAIL),
        (json!({"text": "Ours: {code}", "html": "<b>{code}</b>"}), "bob@example.org"),
    ] {
        app.json_as(&admin, Method::PUT, path, words.clone()).await.assert_ok();
        send(&by_smtp, to).await.challenge_id();
        let mail = smtp.mails().pop().unwrap();
        assert!(mail.contains("Ours: "), "{mail}");
        assert_eq!(mail.contains("text/html"), words["html"].is_string(), "{mail}");
        assert_eq!(mail.contains("multipart/alternative"), words["html"].is_string(), "{mail}");
        assert_eq!(mail.matches("Subject: ").count(), 1, "{mail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_mail_is_refunded_and_one_that_may_have_arrived_is_not() {
    let app = TestApp::with_mail().await;
    for server in [Server::Refuses, Server::Plain] {
        let smtp = Smtp::start(server).await;
        let by_smtp = instance(&app, &smtp, &format!("{server:?}"));
        send(&by_smtp, EMAIL).await.assert_problem(503, "unavailable");
        assert!(smtp.mails().is_empty(), "{server:?}");
        if server == Server::Plain {
            let log = smtp.log();
            assert!(!log.iter().any(|line| line.starts_with("AUTH")), "{log:?}");
        }
        // Nothing was counted: there is no cooldown.
        send(&app, EMAIL).await.challenge_id();
        app.advance(3600);
    }

    let smtp = Smtp::start(Server::Silent).await;
    let by_smtp = instance(&app, &smtp, "silent");
    send(&by_smtp, EMAIL).await.challenge_id();
    assert_eq!(smtp.mails().len(), 1, "it is not sent twice");
    send(&by_smtp, EMAIL).await.assert_wait(429, "resend_too_soon");
}
