//! `latchkey login`, `logout` and `whoami`.

use std::io;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    api::{Api, Call},
    failure::{Failure, Problem},
    output::{Format, shown},
    users::USER,
};

/// Signs in with a code that is sent to a phone or e-mail address, and with a second factor if the
/// user has one.
pub(crate) async fn login(
    api: &Api,
    address: Option<String>,
    format: Format,
) -> Result<(), Failure> {
    let address = match address {
        Some(address) => address,
        None => ask(api, "Phone (like +14155550123) or e-mail address:")?
            .ok_or_else(|| Failure::Usage("enter a phone or an e-mail address".to_owned()))?,
    };

    let answer = sign_in(api, &address).await?;
    let user = answer.get("user").cloned().unwrap_or_default();
    match format {
        Format::Json => format.print_one(&user, USER),
        Format::Text => {
            let name =
                if user.get("phone").is_some_and(Value::is_string) { "phone" } else { "email" };
            api.note(&format!("Signed in to {} as {}.", api.url(), shown(&user, name)));
            Ok(())
        }
    }
}

/// Signs the same person in again, because an operation needs a fresh sign-in. Returns whether that
/// was wanted: without an answer to the question, no code is sent.
pub(crate) async fn again(api: &Api) -> Result<bool, Failure> {
    let me = api.ask_now(&Call::get("/v1/me")).await?;
    let is_verified = |name: &str| me.get(format!("{name}_verified")) == Some(&Value::Bool(true));
    let name = if is_verified("phone") { "phone" } else { "email" };
    let address = shown(&me, name);

    let question = format!("This needs a fresh sign-in. Send a code to {address}? [y/N]:");
    match ask(api, &question)?.as_deref() {
        Some("y" | "Y" | "yes") => sign_in(api, &address).await.map(|_| true),
        _ => Ok(false),
    }
}

/// Signs in, and stores the tokens.
async fn sign_in(api: &Api, address: &str) -> Result<Value, Failure> {
    let field = if address.contains('@') { "email" } else { "phone" };
    let challenge = send_code(api, field, address).await?;

    let question = format!("Code sent to {}:", shown(&challenge, "to"));
    let id = challenge.get("challenge_id").cloned().unwrap_or_default();
    let proof = |code: &str| {
        Call::with_body(Method::POST, "/v1/otp/verify", json!({"challenge_id": id, "code": code}))
    };
    let mut answer = prove(api, &question, proof).await?;

    if answer.get("mfa_required") == Some(&Value::Bool(true)) {
        let token = answer.get("mfa_token").cloned().unwrap_or_default();
        let proof = |code: &str| {
            // Recovery codes are longer.
            let digits = code.len() <= 8 && code.bytes().all(|byte| byte.is_ascii_digit());
            let method = if digits { "totp" } else { "recovery_code" };
            let body = json!({"mfa_token": token, "method": method, "code": code});
            Call::with_body(Method::POST, "/v1/auth/mfa", body)
        };
        answer = prove(api, "Code from your authenticator app, or a recovery code:", proof).await?;
    }

    api.sign_in(&answer)?;
    Ok(answer)
}

/// Has a code sent. If the service asks for a proof of work, the command solves it and asks again.
async fn send_code(api: &Api, field: &str, address: &str) -> Result<Value, Failure> {
    let device = api.device_token()?;
    let send = |proof: Option<String>| {
        // A missing device token or proof is null, which reads as none.
        let body = json!({field: address, "device_token": device, "proof": proof});
        Call::with_body(Method::POST, "/v1/otp/send", body)
    };
    let problem = match api.ask_as_nobody(&send(None)).await {
        Err(Failure::Refused(problem)) => problem,
        answer => return answer,
    };
    let Some(proof) = &problem.proof else { return Err(Failure::Refused(problem)) };

    api.note("The service asks for a proof of work: solving it…");
    let solved = proof.solve().map_err(|error| Failure::Machine(error.to_string()))?;
    api.ask_as_nobody(&send(Some(solved))).await
}

/// Asks for a code until it is right or no tries are left.
pub(crate) async fn prove(
    api: &Api,
    question: &str,
    proof: impl Fn(&str) -> Call,
) -> Result<Value, Failure> {
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

/// Asks for a line of input, typed or piped in. `None` if the line is empty or the input has ended.
fn ask(api: &Api, question: &str) -> Result<Option<String>, Failure> {
    api.note(question);
    let mut line = String::new();
    io::stdin()
        .read_line(&mut line)
        .map_err(|error| Failure::Machine(format!("cannot read the input: {error}")))?;
    let line = line.trim();
    Ok((!line.is_empty()).then(|| line.to_owned()))
}

/// Ends the session. The tokens here are deleted also if the service no longer accepts them.
pub(crate) async fn logout(api: &Api) -> Result<(), Failure> {
    match api.ask(&Call::with_body(Method::POST, "/v1/auth/logout", json!({}))).await {
        Ok(_) => {}
        Err(failure)
            if failure.problem().is_some_and(|problem: &Problem| problem.status == 401) => {}
        Err(failure) => return Err(failure),
    }
    api.forget()?;
    api.note(&format!("Signed out of {}.", api.url()));
    Ok(())
}

/// Shows who is signed in.
pub(crate) async fn whoami(api: &Api, format: Format) -> Result<(), Failure> {
    format.print_one(&api.ask(&Call::get("/v1/me")).await?, USER)
}
