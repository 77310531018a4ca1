//! `latchkey smoke`: signs in at a service, and looks whether each part of a session works.

use clap::{ArgGroup, Args};
use reqwest::Method;
use serde_json::{Value, json};
use shared::{base::Clock, tokens::access_token};

use crate::{
    api::{Api, Call, session_of},
    failure::Failure,
    finding::{Finding, Report},
    output::{Format, shown},
    sessions::Session,
    sign_in::ask,
};

/// The remedy of a service that does not work.
const DOCTOR: &str = "run latchkey doctor --stack NAME; the functions' log may say more";

#[derive(Args)]
#[command(group(ArgGroup::new("who").required(true).args(["test_phone", "phone"])))]
pub(crate) struct Arguments {
    /// A test phone and its code: one of TEST_PHONE_NUMBERS
    #[arg(long, value_name = "PHONE=CODE", value_parser = test_phone)]
    test_phone: Option<(String, String)>,
    /// Your own phone, like +14155550123: a code is sent to it, and you are asked for it
    #[arg(long)]
    phone: Option<String>,
}

fn test_phone(text: &str) -> Result<(String, String), String> {
    let (phone, code) =
        text.split_once('=').ok_or("give a phone and its code, like +15005550006=123456")?;
    Ok((phone.to_owned(), code.to_owned()))
}

/// Signs in, uses the session and ends it. The session is stored nowhere. A step that fails ends
/// the run, because the later ones need it.
///
/// # Errors
/// [`Failure::Problems`] if a step failed; [`Failure::Usage`] or [`Failure::Machine`] if the code
/// could not be asked for.
pub(crate) async fn run(api: &Api, arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let mut report = Report::new(format);
    match steps(api, arguments, &mut report).await {
        Ok(()) => {}
        Err(Stopped::At(finding)) => report.add(&finding)?,
        Err(Stopped::Unable(failure)) => return Err(failure),
    }
    report.finish()
}

/// Why no further step was tried.
enum Stopped {
    /// A step failed.
    At(Finding),
    /// This machine could not go on.
    Unable(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Unable(failure)
    }
}

async fn steps(api: &Api, arguments: &Arguments, report: &mut Report) -> Result<(), Stopped> {
    step("health", api.ask_as_nobody(&Call::get("/health")).await)?;
    report.add(&Finding::ok("health", format!("{} works.", api.url())))?;

    let keys = step("keys", api.ask_as_nobody(&Call::get("/.well-known/jwks.json")).await)?;
    report.add(&published(&keys)?)?;

    let answer = step("sign-in", sign_in(api, arguments).await)?;
    let session = step("sign-in", session_of(&answer))?;
    report.add(&Finding::ok("sign-in", "The code was sent and verified."))?;

    let metadata = Call::get("/.well-known/openid-configuration");
    let metadata = step("token", api.ask_as_nobody(&metadata).await)?;
    report.add(&verified(&session, &keys, &metadata)?)?;

    let me = step("me", api.ask_with(&Call::get("/v1/me"), &session.access_token).await)?;
    report.add(&Finding::ok("me", format!("Signed in as {}.", shown(&me, "id"))))?;

    let session = step("refresh", refresh(api, &session).await)?;
    step("refresh", api.ask_with(&Call::get("/v1/me"), &session.access_token).await)?;
    report.add(&Finding::ok("refresh", "The refresh token was exchanged for new tokens."))?;

    let sign_out = Call::with_body(Method::POST, "/v1/auth/logout", json!({}));
    step("sign-out", api.ask_with(&sign_out, &session.access_token).await)?;
    report.add(&Finding::ok("sign-out", "The session was ended."))?;

    report.add(&ended(refresh(api, &session).await)?)?;
    Ok(())
}

/// The result of a step. A failure stops the run.
fn step<T>(name: &'static str, result: Result<T, Failure>) -> Result<T, Stopped> {
    result.map_err(|failure| match failure {
        failure @ (Failure::Usage(_) | Failure::Machine(_) | Failure::OutputClosed) => {
            Stopped::Unable(failure)
        }
        failure => Stopped::At(Finding::problem(name, failure.to_string(), remedy(&failure))),
    })
}

/// The advice after a failure: for most of the caller's own mistakes, another run.
fn remedy(failure: &Failure) -> &'static str {
    if matches!(failure, Failure::NotSignedIn(_)) {
        return "run the command again, with the code of its newest text, or with another phone";
    }
    match failure.problem().map_or("", |problem| problem.code.as_str()) {
        "invalid_phone" | "undeliverable" => {
            "give a mobile number with its country code, like +14155550123"
        }
        "country_not_allowed" => {
            "give a number of a country in ALLOWED_COUNTRIES, or add the country there"
        }
        "otp_incorrect" | "otp_expired" => {
            "run the command again, with the code of its newest text; a test phone has its code in \
             TEST_PHONE_NUMBERS"
        }
        "resend_too_soon" | "sms_limit_reached" | "otp_locked" => {
            "wait as long as it says and run the command again, or give another phone"
        }
        _ => DOCTOR,
    }
}

fn failed(name: &'static str, message: impl Into<String>) -> Stopped {
    Stopped::At(Finding::problem(name, message, DOCTOR))
}

fn published(keys: &Value) -> Result<Finding, Stopped> {
    match keys.get("keys").and_then(Value::as_array).map(Vec::len) {
        None | Some(0) => Err(failed("keys", "No key is published, so that nobody can sign in.")),
        Some(number) => Ok(Finding::ok("keys", format!("Keys that verify tokens: {number}."))),
    }
}

/// Signs in with the test phone's code, or with the one that is asked for.
async fn sign_in(api: &Api, arguments: &Arguments) -> Result<Value, Failure> {
    let (phone, code) = match (&arguments.test_phone, &arguments.phone) {
        (Some((phone, code)), _) => (phone, Some(code)),
        (None, Some(phone)) => (phone, None),
        (None, None) => return Err(Failure::Usage("give --test-phone or --phone".to_owned())),
    };

    let send = Call::with_body(Method::POST, "/v1/otp/send", json!({"phone": phone}));
    let challenge = api.ask_as_nobody(&send).await?;
    let id = challenge.get("challenge_id").cloned().unwrap_or_default();
    let proof = |code: &str| {
        Call::with_body(Method::POST, "/v1/otp/verify", json!({"challenge_id": id, "code": code}))
    };

    let answer = match code {
        Some(code) => api.ask_as_nobody(&proof(code)).await?,
        None => prove(api, &format!("Code sent to {}:", shown(&challenge, "to")), proof).await?,
    };
    if answer.get("mfa_required") == Some(&Value::Bool(true)) {
        return Err(Failure::NotSignedIn(
            "The phone's owner has a second factor: use the phone of somebody who has none."
                .to_owned(),
        ));
    }
    Ok(answer)
}

/// Asks for a code until it is right or no tries are left.
async fn prove(api: &Api, question: &str, proof: impl Fn(&str) -> Call) -> Result<Value, Failure> {
    let mut refusal: Option<String> = None;
    loop {
        let Some(code) = ask(api, question)? else {
            return Err(Failure::NotSignedIn(
                refusal.unwrap_or_else(|| "no code was entered: run the command again".to_owned()),
            ));
        };
        match api.ask_as_nobody(&proof(&code)).await {
            Err(Failure::Refused(problem)) => {
                match (problem.code.as_str(), problem.attempts_left) {
                    ("otp_incorrect", Some(1..)) => {
                        api.note(&problem.to_string());
                        refusal = Some("the code was wrong: run the command again".to_owned());
                    }
                    ("invalid_request", _) if problem.names("code") => {
                        api.note(&problem.to_string());
                        refusal = Some("the code was wrong: run the command again".to_owned());
                    }
                    ("otp_incorrect" | "otp_expired", _) => {
                        return Err(Failure::NotSignedIn(problem.to_string()));
                    }
                    _ => return Err(Failure::Refused(problem)),
                }
            }
            answer => return answer,
        }
    }
}

/// Verifies the access token as other services do: with the published keys.
fn verified(session: &Session, keys: &Value, metadata: &Value) -> Result<Finding, Stopped> {
    let issuer = metadata.get("issuer").and_then(Value::as_str).unwrap_or_default();
    let keys = serde_json::from_value(keys.clone())
        .map_err(|_| failed("token", "The published keys cannot be read."))?;
    match access_token::verify(&session.access_token, &keys, issuer, Clock::system().now()) {
        Ok(_) => Ok(Finding::ok(
            "token",
            format!("A published key verifies the access token, whose issuer is {issuer}."),
        )),
        Err(error) => Err(failed(
            "token",
            format!("No published key verifies the access token of issuer {issuer}: {error}"),
        )),
    }
}

async fn refresh(api: &Api, session: &Session) -> Result<Session, Failure> {
    let body = json!({"refresh_token": session.refresh_token});
    let answer =
        api.ask_as_nobody(&Call::with_body(Method::POST, "/v1/auth/refresh", body)).await?;
    session_of(&answer)
}

/// Whether the refresh token was refused after the session's end.
fn ended(refreshed: Result<Session, Failure>) -> Result<Finding, Stopped> {
    match refreshed {
        Err(failure) if failure.problem().is_some_and(|problem| problem.status == 401) => {
            Ok(Finding::ok("ended", "The refresh token no longer works."))
        }
        Err(failure) => Err(failed("ended", failure.to_string())),
        Ok(_) => Err(failed("ended", "The refresh token still works after signing out.")),
    }
}
